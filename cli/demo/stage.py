"""The stage: a stand-in cluster and a shop, Prometheus and Alertmanager, and the whole of Backout.

Everything listens on 127.0.0.1 on free ports, speaks its real protocol over HTTP, and ends with the block.
"""

import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx

from cli.demo import cast as casting
from cli.demo.cast import Cast
from functions import warming
from sandbox.cluster import Behaviour, Cluster
from sandbox.servers import Monitoring, monitoring
from sandbox.shop import ImageBehaviour, Shop, shop_rules
from shared import bootstrap, settings
from shared.adapters.dynamodb import DynamoRecords, embedded_table
from shared.errors import ConfigurationError
from shared.ports import Message

if TYPE_CHECKING:
    from cli.demo.gitops import GitOps

NAMESPACE, NAME = "production", "checkout"
GOOD, BAD = "registry.example/checkout:1.4.1", "registry.example/checkout:1.4.2"
DEPLOYMENT, STATEFUL_SET = "deployment", "statefulset"
REPLICAS = 3
WINDOW = "5s"
TOKEN = "BACKOUT_DEMO_TOKEN"  # noqa: S105 the variable's name

BEHAVIOURS = {GOOD: ImageBehaviour(error_ratio=0.0), BAD: ImageBehaviour(error_ratio=0.25)}

CONFIGURATION = """
cluster: demo
prometheus: {{url: "{prometheus}", window: 5s}}
auth: {{alertmanager: "env:{token}", invoke: {{alice: "env:{token}"}}, read: "env:{token}", {auth}}}
timing: {{hold: 5s, settle: 15s, verify: {verify}, stabilise: 8s, poll: 1s, scrape: 1s, cooldown: 1m}}
guardrails: {{namespaces: [production]}}
services:
  - name: checkout
    workload: production/{kind}/checkout
    selector: 'namespace="production",deployment="checkout"'
    match: {{namespace: production, deployment: checkout}}
    mode: {mode}
    customer_facing: true
    health: ["{shop}/health"]
"""
"""The configuration of the demo: the runbook's budgets shortened, so that it ends within a minute."""


@dataclass(frozen=True)
class _Audience:
    """People who are told on the screen."""

    hear: Callable[[Message], None]

    def tell(self, message: Message, *, anchor: str = "", again: bool = False) -> str:
        self.hear(message)
        return ""


@dataclass(frozen=True)
class Stage:
    """What is running."""

    cluster: Cluster
    shop: Shop
    monitoring: Monitoring
    door: bootstrap.Door
    url: str
    kind: str = DEPLOYMENT
    gitops: "GitOps | None" = None

    def deploy(self, image: str) -> datetime:
        """Deploy an image, by a push or as a pipeline would; return when."""
        if self.gitops is not None:
            self.gitops.push(image)
            return datetime.now(UTC)
        patch = {"spec": {"template": {"spec": {"containers": [{"name": NAME, "image": image}]}}}}
        answer = httpx.patch(
            f"{_collection(self.cluster, self.kind)}/{NAME}",
            params={"fieldManager": "pipeline"},
            headers={"Content-Type": "application/strategic-merge-patch+json", "User-Agent": "pipeline"},
            json=patch,
            timeout=10,
        )
        answer.raise_for_status()
        return datetime.now(UTC)

    def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Call Backout as alice does, who may read and order."""
        headers = {"Authorization": f"Bearer {os.environ[TOKEN]}"}
        return httpx.request(method, f"{self.url}{path}", json=body, headers=headers, timeout=10)

    def images(self) -> list[str]:
        """Return the images of the pods that are ready now."""
        return sorted(set(self.cluster.running_images(NAMESPACE, self.kind, NAME)))

    def rolled_out(self) -> bool:
        """Return whether the workload is complete."""
        status = self.workload().get("status", {})
        return bool(status.get("updatedReplicas") == status.get("availableReplicas") == REPLICAS)

    def workload(self) -> dict[str, Any]:
        """Return the workload as the cluster has it."""
        path = f"{_collection(self.cluster, self.kind)}/{NAME}"
        found: dict[str, Any] = httpx.get(path, timeout=10).raise_for_status().json()
        return found

    def rollbacks(self) -> int:
        """Return how often the template was changed back from the bad image to the good one."""
        moved = [e for e in self.cluster.audit if e.name == NAME and e.template_changed]
        return len([e for e in moved if BAD in e.images_from.values() and GOOD in e.images_to.values()])


@contextmanager
def stage(
    *,
    tell: Callable[[Message], None],
    cast: Cast | None = None,
    by_git: bool = False,
    kind: str = DEPLOYMENT,
    prefer_real: bool = True,
) -> Iterator[Stage]:
    """Set everything up with the good version running under traffic; tear it down again at the end.

    With a `cast` the service is in mode approve and people are told by the systems in it; without, by `tell`.
    A StatefulSet's bad version crashes in its second pod, which its rollout and every rollback wait for.
    `by_git` has Argo CD deploy what is in a repository, and heal what is changed beside it.
    """
    with ExitStack() as running:
        jammed = {BAD: Behaviour(crash_in=(f"{NAME}-1",))} if kind == STATEFUL_SET else None
        cluster = running.enter_context(Cluster(start_seconds=0.5, behaviours=jammed))
        cluster.create_namespace(NAMESPACE)
        gitops = running.enter_context(_gitops(cluster)) if by_git else None
        if gitops is None:
            _first_deploy(cluster, kind)
        shop = running.enter_context(
            Shop(cluster_url=cluster.url, behaviours=BEHAVIOURS, namespace=NAMESPACE)
        )
        door_socket = running.enter_context(_free_socket())
        url = f"http://127.0.0.1:{door_socket.getsockname()[1]}"
        os.environ[TOKEN] = secrets.token_urlsafe(16)
        running.callback(os.environ.pop, TOKEN, None)
        watching = running.enter_context(
            monitoring(
                targets=[shop.url],
                rules=shop_rules(window=WINDOW, for_="2s", namespace=NAMESPACE, deployment=NAME),
                webhook_url=f"{url}/alertmanager",
                token=os.environ[TOKEN],
                prefer_real=prefer_real,
            )
        )
        text = _configuration(watching, shop, cast, gitops, kind=kind)
        client = running.enter_context(embedded_table("backout-demo"))
        configured = settings.parse(text, named="the demo's configuration")
        outside = bootstrap.outside_of(
            configured, settings.Secrets(), kubeconfig=str(cluster.kubeconfig_path)
        )
        for warning in warming.warm(outside):
            raise ConfigurationError(f"the demo's own installation does not answer: {warning}")
        local = bootstrap.local(
            configured,
            DynamoRecords(client, "backout-demo"),
            outside=outside
            if cast
            else replace(outside, channels={**outside.channels, "log": _Audience(tell)}),
        )
        running.callback(local.close)
        running.enter_context(_served(local, door_socket, str(cluster.kubeconfig_path)))
        yield Stage(cluster, shop, watching, local.door, url, kind, gitops)


def _gitops(cluster: Cluster) -> AbstractContextManager["GitOps"]:
    from cli.demo.gitops import gitops

    return gitops(cluster.url, _manifest(DEPLOYMENT), GOOD)


def _configuration(
    watching: Monitoring, shop: Shop, cast: Cast | None, gitops: "GitOps | None", *, kind: str
) -> str:
    text = CONFIGURATION.format(
        prometheus=watching.prometheus_url,
        shop=shop.url,
        token=TOKEN,
        auth=casting.AUTH if cast else "",
        mode="approve" if cast else "auto",
        kind=kind,
        verify="16s" if kind == STATEFUL_SET else "30s",
    )
    if gitops is not None:
        from cli.demo.gitops import SERVICE_KEYS

        return f"{text.rstrip()}{SERVICE_KEYS}{gitops.configuration()}"
    return f"{text.rstrip()}{casting.SERVICE_KEYS}{cast.configuration()}" if cast else text


def _collection(cluster: Cluster, kind: str) -> str:
    return f"{cluster.url}/apis/apps/v1/namespaces/{NAMESPACE}/{kind}s"


def _manifest(kind: str) -> dict[str, Any]:
    labels = {"app": NAME}
    container = {
        "name": NAME,
        "image": GOOD,
        "ports": [{"containerPort": 8080}],
        "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}},
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet" if kind == STATEFUL_SET else "Deployment",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "replicas": REPLICAS,
            "selector": {"matchLabels": labels},
            "template": template,
            **({"serviceName": NAME} if kind == STATEFUL_SET else {}),
        },
    }


def _first_deploy(cluster: Cluster, kind: str) -> None:
    httpx.post(_collection(cluster, kind), json=_manifest(kind), timeout=10).raise_for_status()


@contextmanager
def _free_socket() -> Iterator[socket.socket]:
    """Hold a free port of 127.0.0.1, so that others can be told of it before anyone answers there."""
    held = socket.socket()
    try:
        held.bind(("127.0.0.1", 0))
        yield held
    finally:
        held.close()


@contextmanager
def _served(local: bootstrap.Local, door_socket: socket.socket, kubeconfig: str) -> Iterator[None]:
    from waitress import create_server, wasyncore

    from functions.app import create

    channels: dict[int, object] = {}
    app = create(local.door, engine=local.engine, kubeconfig=kubeconfig)
    server = create_server(app, map=channels, sockets=[door_socket], threads=8)
    thread = threading.Thread(target=server.run, name="demo-door", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.trigger.pull_trigger(lambda: wasyncore.close_all(channels))
        server.task_dispatcher.shutdown()
        thread.join(5)
