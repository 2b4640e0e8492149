"""Run a stand-in cluster in this process: a real API over HTTP, with controllers behind it."""

from __future__ import annotations

import asyncio
import json
import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

import uvicorn

from sandbox.cluster import custom
from sandbox.cluster.application import Application
from sandbox.cluster.audit import AuditEntry
from sandbox.cluster.behaviours import Behaviour
from sandbox.cluster.errors import no_such_path
from sandbox.cluster.faults import Denial, Fault
from sandbox.cluster.objects import Object, clone, is_controlled_by, is_ready
from sandbox.cluster.resources import DAEMONSETS, DEPLOYMENTS, NAMESPACES, PODS, REPLICASETS, STATEFULSETS
from sandbox.cluster.state import State
from sandbox.cluster.storage import Change
from sandbox.running import Running
from sandbox.serving import listening

T = TypeVar("T")
KEEP_ALIVE_SECONDS = 600
START_SECONDS = 30
WORKLOADS = {one.kind.lower(): one for one in (DEPLOYMENTS, STATEFULSETS, DAEMONSETS, REPLICASETS)}


class Cluster(Running):
    """A cluster on 127.0.0.1 for as long as the `with` block lasts.

    `start_seconds` is how long pods take to come up (0 is possible), `stop_seconds` how long they take to
    go; `behaviours` says what images do that are not well-behaved. Without `operators` nobody acts on custom
    resources. All methods may be called from any thread, and from `on_change` callbacks.
    """

    def __init__(
        self, *, nodes: int = 2, start_seconds: float = 0.2, stop_seconds: float = 0.05,
        autoscaler_seconds: float = 1.0, behaviours: Mapping[str, Behaviour] | None = None,
        operators: bool = True, token: str = "", port: int = 0,
    ) -> None:  # fmt: skip
        self._settings = {
            "nodes": nodes, "start_seconds": start_seconds, "stop_seconds": stop_seconds,
            "autoscaler_seconds": autoscaler_seconds, "behaviours": behaviours or {}, "operators": operators,
        }  # fmt: skip
        self._token = token
        self._port = port
        self._started: Future[tuple[asyncio.AbstractEventLoop, State, uvicorn.Server]] = Future()
        self._thread = threading.Thread(target=self._run, name="sandbox-cluster", daemon=True)

    def start(self) -> None:
        self._socket = listening(self._port)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._directory = tempfile.TemporaryDirectory(prefix="cluster-")
        self.kubeconfig_path = Path(self._directory.name) / "kubeconfig"
        self.write_kubeconfig(self.kubeconfig_path)
        self._thread.start()
        self._loop, self._state, self._server = self._started.result(timeout=START_SECONDS)

    def stop(self) -> None:
        """End the server, its watches and its thread."""
        self._call(self._state.stop)
        self._server.should_exit = True
        self._thread.join()
        self._directory.cleanup()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        state = State(**self._settings)  # type: ignore[arg-type]
        config = uvicorn.Config(
            Application(state, self._token, self._cut), http="h11", ws="none", lifespan="off",
            log_level="warning", access_log=False, timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        server = uvicorn.Server(config)
        self._started.set_result((asyncio.get_running_loop(), state, server))
        await server.serve(sockets=[self._socket])

    def _cut(self, client: object) -> None:
        for connection in list(self._server.server_state.connections):
            if getattr(connection, "client", None) == client:
                connection.transport.abort()

    def _call(self, function: Callable[[], T]) -> T:
        """Call the function on the server's thread, where all state lives."""
        if threading.current_thread() is self._thread:
            return function()

        async def called() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(called(), self._loop).result()

    def kubeconfig(self) -> str:
        """Return a kubeconfig for this cluster; JSON, which is YAML too."""
        user = {"token": self._token} if self._token else {}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "sandbox", "cluster": {"server": self.url}}],
            "users": [{"name": "sandbox", "user": user}],
            "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": "sandbox"}}],
            "current-context": "sandbox",
        }
        return json.dumps(content, indent=2)

    def write_kubeconfig(self, path: Path) -> None:
        path.write_text(self.kubeconfig(), encoding="utf-8")
        path.chmod(0o600)

    @property
    def audit(self) -> list[AuditEntry]:
        """Return every accepted change that a client asked for, oldest first."""
        return self._call(lambda: list(self._state.audit))

    def pods(self, namespace: str = "") -> list[Object]:
        """Return a copy of the pods as they are now, of all namespaces if none is given."""
        return self._call(lambda: [clone(pod) for pod in self._state.storage.objects(PODS, namespace)])

    def running_images(self, namespace: str, kind: str, name: str) -> list[str]:
        """Return the images of the workload's ready pods, one for each container; `kind` in any case."""
        return self._call(lambda: self._running_images(namespace, kind, name))

    def _running_images(self, namespace: str, kind: str, name: str) -> list[str]:
        rollouts = custom.rollouts(self._state.catalogue)
        resource = rollouts if kind.lower() == "rollout" else WORKLOADS.get(kind.lower())
        if resource is None:
            raise no_such_path()
        storage = self._state.storage
        workload = storage.get(resource, namespace, name)
        owners = [workload]
        if resource in (DEPLOYMENTS, rollouts):
            sets = storage.objects(REPLICASETS, namespace)
            owners = [one for one in sets if is_controlled_by(one, workload)]
        ready = [pod for pod in storage.objects(PODS, namespace) if is_ready(pod)]
        mine = [pod for pod in ready if any(is_controlled_by(pod, owner) for owner in owners)]
        return [container["image"] for pod in mine for container in pod["spec"]["containers"]]

    def define_rollouts(self) -> None:
        """Install Argo Rollouts: serve its resource, which its controller here acts on."""
        self._call(lambda: self._state.define(custom.ROLLOUTS))

    def define_scaled_objects(self) -> None:
        """Install KEDA, likewise."""
        self._call(lambda: self._state.define(custom.SCALED_OBJECTS))

    def create_namespace(self, name: str) -> None:
        namespace = {"metadata": {"name": name}}
        self._call(lambda: self._state.registry.create(NAMESPACES, "", namespace))

    def put_behaviour(self, image: str, behaviour: Behaviour) -> None:
        """Change how an image behaves, for the pods that run it already too."""
        self._call(lambda: self._state.put_behaviour(image, behaviour))

    def add_fault(self, fault: Fault) -> None:
        self._call(lambda: self._state.faults.add(fault))

    def clear_faults(self) -> None:
        self._call(self._state.faults.clear)

    def deny(self, denial: Denial) -> None:
        """Forbid requests from now on, and say so in SelfSubjectAccessReviews."""
        self._call(lambda: self._state.access.deny(denial))

    def on_change(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call back on the server's thread with every change; returns what ends it. Do not block in it."""
        unsubscribe = self._call(lambda: self._state.storage.subscribe(callback))
        return lambda: self._call(unsubscribe)
