"""The cluster that is measured on: the sandbox's in a process of its own, or a real one.

`BACKOUT_BENCH_KUBECONFIG` names a real one; all that is made there is in one new namespace, which is deleted
at the end.
"""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec

from benchmarks.programs import Failed, found, running, until

GOOD, BAD = "registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.10"
REPLICAS = 3
ROLLOUT_SECONDS = 120.0


class _Container(msgspec.Struct):
    image: str = ""


class _PodSpec(msgspec.Struct):
    containers: list[_Container] = []


class _Template(msgspec.Struct):
    spec: _PodSpec


class _Spec(msgspec.Struct):
    template: _Template


class _Status(msgspec.Struct, rename="camel"):
    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    available_replicas: int = 0


class _Metadata(msgspec.Struct):
    name: str
    generation: int = 0


class _Deployment(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec
    status: _Status

    @property
    def rolled_out(self) -> bool:
        """Whether all pods are of the current template and up, and no other is left."""
        status = self.status
        seen = status.observed_generation >= self.metadata.generation
        return seen and status.replicas == status.updated_replicas == status.available_replicas == REPLICAS


class _Listed(msgspec.Struct):
    items: list[_Deployment]


class _Event(msgspec.Struct):
    type: str
    object: _Deployment


@dataclass(frozen=True)
class Cluster:
    """A namespace of a cluster. `url` answers without a credential (a real cluster's by way of a proxy)."""

    url: str
    kubeconfig: str
    namespace: str
    note: str

    @property
    def deployments(self) -> str:
        """The URL of the namespace's Deployments."""
        return f"{self.url}/apis/apps/v1/namespaces/{self.namespace}/deployments"

    def create(self, names: Sequence[str], image: str) -> None:
        """Deploy for the first time."""
        for name in names:
            httpx.post(self.deployments, json=_manifest(name, image), timeout=10).raise_for_status()

    def deploy(self, names: Sequence[str], image: str) -> None:
        """Deploy another image, as a pipeline would."""
        containers = [{"name": "app", "image": image}]
        patch = {"spec": {"template": {"spec": {"containers": containers}}}}
        kind = {"Content-Type": "application/strategic-merge-patch+json"}
        for name in names:
            httpx.patch(f"{self.deployments}/{name}", json=patch, headers=kind, timeout=10).raise_for_status()

    def wait_until_rolled_out(self) -> None:
        """Wait until every Deployment runs its current template, and nothing else."""

        def complete() -> bool:
            answer = httpx.get(self.deployments, timeout=10).raise_for_status()
            return all(d.rolled_out for d in msgspec.json.decode(answer.content, type=_Listed).items)

        until(complete, what="the rollouts", seconds=ROLLOUT_SECONDS)


def _manifest(name: str, image: str) -> dict[str, object]:
    labels = {"app": name}
    resources = {"limits": {"cpu": "100m", "memory": "32Mi"}}
    container = {"name": "app", "image": image, "resources": resources}
    spec = {"terminationGracePeriodSeconds": 1, "containers": [container]}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {"replicas": REPLICAS, "selector": {"matchLabels": labels}, "template": template},
    }


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Give a new namespace of the sandbox's cluster, or of the real one that the environment names."""
    with ExitStack() as stack:
        namespace = f"backout-bench-{uuid4().hex[:6]}"
        real = os.environ.get("BACKOUT_BENCH_KUBECONFIG", "")
        if real:
            command = [found("kubectl", "kubernetes-client"), "proxy", "--port=0"]
            ready = running(command, environment={"KUBECONFIG": real}, ready=lambda told: "serve on" in told)
            url = f"http://{stack.enter_context(ready).split()[-1]}"
            made = Cluster(url, real, namespace, "the real cluster of BACKOUT_BENCH_KUBECONFIG")
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="backout-bench-"))
            path = str(Path(folder, "kubeconfig"))
            command = [sys.executable, "-m", "sandbox.cluster", "--kubeconfig", path]
            ready = running(command, environment={}, ready=lambda told: told.endswith("\n"))
            made = Cluster(stack.enter_context(ready).strip(), path, namespace, "the sandbox's cluster")
        namespaces = f"{made.url}/api/v1/namespaces"
        httpx.post(namespaces, json={"metadata": {"name": namespace}}, timeout=10).raise_for_status()
        if real:
            stack.callback(httpx.delete, f"{namespaces}/{namespace}", timeout=30)
        yield made


class Watch:
    """When which image was first seen in a Deployment's template, by a watch, on this process's clock."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._seen: dict[tuple[str, str], float] = {}
        self._changed = threading.Condition()
        self._client = httpx.Client(timeout=httpx.Timeout(10, read=None))
        self._stream = self._client.stream("GET", cluster.deployments, params={"watch": "1"})

    @contextmanager
    def running(self) -> Iterator["Watch"]:
        """Watch while the block lasts. Of what is there already, each object comes as an event first."""
        answer = self._stream.__enter__().raise_for_status()
        thread = threading.Thread(target=self._follow, args=(answer,), name="watch", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._client.close()

    def changed_at(self, name: str, image: str, *, after: float, seconds: float = 20.0) -> float:
        """Return when the image was seen for the first time after a moment; wait for it if need be."""
        ends_at = time.monotonic() + seconds
        with self._changed:
            while self._seen.get((name, image), 0.0) < after:
                if not self._changed.wait(max(0.0, ends_at - time.monotonic())):
                    raise Failed(f"{name} did not get back to {image} in {seconds:g} s")
            return self._seen[name, image]

    def _follow(self, answer: httpx.Response) -> None:
        images: dict[str, str] = {}
        try:
            for line in answer.iter_lines():
                at = time.monotonic()
                event = msgspec.json.decode(line, type=_Event)
                name, image = event.object.metadata.name, event.object.spec.template.spec.containers[0].image
                if images.get(name) != image:
                    images[name] = image
                    with self._changed:
                        self._seen[name, image] = at
                        self._changed.notify_all()
        except (httpx.HTTPError, httpx.StreamError, OSError):
            return
