"""Workloads as the rules see them: what a cluster says of one of those that Backout rolls back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

KINDS = ("deployment", "statefulset", "daemonset", "rollout")


@dataclass(frozen=True, order=True)
class WorkloadRef:
    """Names a workload: cluster, namespace, kind in lower case, name."""

    cluster: str
    namespace: str
    kind: str
    name: str

    @classmethod
    def parse(cls, text: str, *, cluster: str) -> Self:
        """Read `namespace/kind/name` (``production/deployment/checkout``).

        Raises ValueError when the text has another shape. A kind that is not supported is accepted here:
        the guardrail `kind_not_supported` refuses it with a reason.
        """
        parts = text.split("/")
        if len(parts) != 3 or not all(parts):
            raise ValueError(f"{text!r} is not namespace/kind/name, like production/deployment/checkout")
        namespace, kind, name = parts
        return cls(cluster, namespace, kind.lower(), name)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.kind}/{self.name}"


@dataclass(frozen=True)
class Revision:
    """One distinct pod template in a workload's history.

    `template_id` is a hash of the template without what does not make a version (the pod-template-hash
    label, ``kubectl.kubernetes.io/restartedAt``, annotations listed in the configuration): it is the
    revision's identity. `name` is the ReplicaSet or ControllerRevision that holds the template to restore,
    `number` what people see in ``kubectl rollout history``. `began_at` is when the revision was first rolled
    out, None where the cluster no longer tells (a revision that was used again).

    `schema` is the database schema that the revision was built for (template annotation
    ``backout.dev/schema``); `schema_at_least` the oldest such number whose code still works with the
    database once this revision has run (``backout.dev/schema-at-least``). None where not declared. `commit`
    is the git commit that the template says it was built from (``org.opencontainers.image.revision``).
    """

    template_id: str
    name: str
    number: int
    images: Mapping[str, str]
    began_at: datetime | None
    change_cause: str = ""
    schema: int | None = None
    schema_at_least: int | None = None
    commit: str = ""


class RolloutState(StrEnum):
    """Where a rollout stands, as ``kubectl rollout status`` or ``kubectl argo rollouts status`` has it."""

    COMPLETE = "complete"
    PROGRESSING = "progressing"
    FAILED = "failed"


@dataclass(frozen=True)
class Rollout:
    """The state of the current rollout, with kubectl's sentence for people."""

    state: RolloutState
    message: str


@dataclass(frozen=True)
class Pod:
    """One pod of a workload. `cpu_cores` and `memory_bytes` are None where the cluster has no metrics API.

    `waiting` is why a container waits (``CrashLoopBackOff``), `unschedulable` why the scheduler has no room
    for the pod, `deleting_since` when it was asked to end. `template_id` is the revision that it was made
    from, empty where its controller is not known; `trouble` the newest warning that the events hold of it.
    """

    name: str
    phase: str
    ready: bool
    restarts: int
    images: Mapping[str, str]
    waiting: str = ""
    cpu_cores: float | None = None
    memory_bytes: float | None = None
    uid: str = ""
    created_at: datetime | None = None
    deleting_since: datetime | None = None
    unschedulable: str = ""
    template_id: str = ""
    trouble: str = ""


@dataclass(frozen=True)
class Owner:
    """Who else manages a workload, by the marks on it, and whether it would undo a change of ours.

    `namespace` is where the owner itself lives; empty where the marks do not tell.
    """

    kind: str
    name: str
    undoes_us: bool
    why: str
    namespace: str = ""


@dataclass(frozen=True)
class Autoscaler:
    """What scales a workload: its HorizontalPodAutoscaler, or the KEDA ScaledObject that writes that one.

    The former has no generation: compare the resource version. `kind` is the API's word.
    """

    name: str
    resource_version: str
    minimum: int
    maximum: int
    kind: str = "HorizontalPodAutoscaler"


@dataclass(frozen=True)
class Workload:
    """One consistent look at a workload.

    `generation` is what a template change compares and swaps on, `resource_version` what a scale does.
    `revisions` are distinct, newest first, and hold the current one. `rollout_began_at` is when the current
    template was rolled out (not merely restarted), None where the cluster does not tell. `marker` is the
    id of the response that last changed the workload's template, if one did. `annotations` are those that
    begin with ``backout.dev/``. `stable_template_id` is, of an Argo Rollout whose update is under way, the
    template that aborting it would go back to; of an aborted one, `template_id` is that of what serves.
    `ordered` is whether its pods come one after the other (a StatefulSet's OrderedReady), so that a broken
    one holds up the rest.
    """

    ref: WorkloadRef
    uid: str
    generation: int
    resource_version: str
    replicas: int
    ready_replicas: int
    paused: bool
    template_id: str
    revisions: tuple[Revision, ...]
    rollout: Rollout
    rollout_began_at: datetime | None
    pods: tuple[Pod, ...] = ()
    owner: Owner | None = None
    autoscaler: Autoscaler | None = None
    marker: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    stable_template_id: str = ""
    ordered: bool = False

    @property
    def current(self) -> Revision:
        """The revision that the workload's template is now."""
        return next(r for r in self.revisions if r.template_id == self.template_id)

    @property
    def image(self) -> str:
        """The current images, in the template's order, for people."""
        return ", ".join(self.current.images.values())

    def revision(self, template_id: str) -> Revision | None:
        """Return the revision of that identity, or None when the history no longer holds it."""
        return next((r for r in self.revisions if r.template_id == template_id), None)
