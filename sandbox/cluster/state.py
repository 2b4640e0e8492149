"""Put the parts of one cluster together: what is kept, who acts on it, and what tests may turn."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from sandbox.cluster.audit import AuditEntry
from sandbox.cluster.behaviours import Behaviour, Behaviours
from sandbox.cluster.controllers.argo.rollouts import Rollouts
from sandbox.cluster.controllers.autoscalers import Autoscalers
from sandbox.cluster.controllers.daemonsets import DaemonSets
from sandbox.cluster.controllers.definitions import Definitions
from sandbox.cluster.controllers.deployments import Deployments
from sandbox.cluster.controllers.disruptions import Disruptions
from sandbox.cluster.controllers.garbage import Garbage, Namespaces
from sandbox.cluster.controllers.jobs import Jobs
from sandbox.cluster.controllers.loop import ControllerLoop
from sandbox.cluster.controllers.pods import Pods
from sandbox.cluster.controllers.replicasets import ReplicaSets
from sandbox.cluster.controllers.scaledobjects import ScaledObjects
from sandbox.cluster.controllers.statefulsets import StatefulSets
from sandbox.cluster.faults import Access, Faults
from sandbox.cluster.objects import Object, timestamp
from sandbox.cluster.registry import Registry
from sandbox.cluster.resources import DEFINITIONS, NAMESPACES, NODES, Catalogue, defined_by
from sandbox.cluster.storage import Storage
from sandbox.cluster.verbs import Verbs
from sandbox.cluster.watches import Watches

FIRST_NAMESPACES = ("default", "kube-system", "kube-public")


class State:
    """Everything that one cluster is made of; to be made and used on its event loop's thread."""

    def __init__(
        self, *, nodes: int, start_seconds: float, stop_seconds: float, autoscaler_seconds: float,
        behaviours: Mapping[str, Behaviour], operators: bool,
    ) -> None:  # fmt: skip
        self.ended = asyncio.Event()
        self.storage = Storage()
        self.catalogue = Catalogue()
        self.registry = Registry(self.storage, self.catalogue)
        self.behaviours = Behaviours(behaviours)
        self.faults = Faults()
        self.access = Access()
        self.audit: list[AuditEntry] = []
        self.watches = Watches(self.storage)
        self.verbs = Verbs(self.registry, self.behaviours, self.access)
        self._pods = Pods(
            self.registry, self.behaviours, start_seconds=start_seconds, stop_seconds=stop_seconds
        )
        of_custom_resources = (
            Rollouts(self.registry, self.catalogue), ScaledObjects(self.registry, self.catalogue),
        )  # fmt: skip
        self._controllers = ControllerLoop(self.storage, (
            self._pods,
            ReplicaSets(self.registry),
            Deployments(self.registry),
            StatefulSets(self.registry),
            DaemonSets(self.registry),
            Jobs(self.registry),
            Autoscalers(self.registry, self.catalogue, interval_seconds=autoscaler_seconds),
            Disruptions(self.registry),
            Garbage(self.registry),
            Namespaces(self.registry),
            Definitions(self.registry, self.catalogue),
            *(of_custom_resources if operators else ()),
        ))  # fmt: skip
        for name in FIRST_NAMESPACES:
            self.registry.create(NAMESPACES, "", {"metadata": {"name": name}})
        for number in range(1, nodes + 1):
            self._add_node(number)

    def _add_node(self, number: int) -> None:
        name = f"node-{number}"
        labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
        node = self.registry.create(NODES, "", {"metadata": {"name": name, "labels": labels}, "spec": {}})
        self.registry.update(NODES, node, node | {"status": _node_status(name, number)}, subresource="status")

    def define(self, definition: Object) -> None:
        """Serve a custom resource from now on."""
        self.registry.create(DEFINITIONS, "", definition)
        self.catalogue.add(defined_by(definition))

    def put_behaviour(self, image: str, behaviour: Behaviour) -> None:
        """Change how an image behaves, for the pods that run it already too."""
        self.behaviours.put(image, behaviour)
        for key in (*self._pods.keys_of(scheduled=True), *self._pods.keys_of(scheduled=False)):
            self._controllers.enqueue(self._pods, key)

    def stop(self) -> None:
        """Let everything go that waits, so that the server can end."""
        self.ended.set()
        self._controllers.stop()
        self.watches.close()


def _node_status(name: str, number: int) -> Object:
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is ready"}
    capacity = {"cpu": "4", "memory": "16Gi", "pods": "110"}
    return {
        "addresses": [
            {"type": "InternalIP", "address": f"10.0.0.{number}"}, {"type": "Hostname", "address": name},
        ],
        "capacity": capacity,
        "allocatable": capacity,
        "conditions": [ready | {"lastTransitionTime": timestamp(), "lastHeartbeatTime": timestamp()}],
        "nodeInfo": {"kubeletVersion": "v1.32.0", "architecture": "amd64", "operatingSystem": "linux"},
    }  # fmt: skip
