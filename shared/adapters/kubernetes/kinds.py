"""What differs between the kinds of workload, one row each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from msgspec import Raw

from shared.adapters.kubernetes import argo_rollouts, resources, revisions, rollouts, wire
from shared.adapters.kubernetes.connection import Answer
from shared.adapters.kubernetes.resources import Resource
from shared.adapters.kubernetes.revisions import Held
from shared.adapters.kubernetes.standing import Stands, as_written
from shared.adapters.kubernetes.templates import Template
from shared.domain.reasons import Reason
from shared.errors import PermanentError


@dataclass(frozen=True)
class Kind:
    """A kind of workload: its name in the API, where it and its history are kept, how either is read.

    `progress_dates` says whether its condition Progressing can date a rollout.
    """

    name: str
    resource: Resource
    history: Resource
    held: Callable[[Answer, str, Callable[[Raw], Template]], list[Held]]
    standing: Stands
    replicas: Callable[[wire.Workload], int]
    ready: Callable[[wire.Workload], int]
    scalable: bool
    progress_dates: bool = False


def _wanted(workload: wire.Workload) -> int:
    return 1 if workload.spec.replicas is None else workload.spec.replicas


KINDS: Mapping[str, Kind] = {
    "deployment": Kind(
        name="Deployment",
        resource=resources.DEPLOYMENTS,
        history=resources.REPLICA_SETS,
        held=revisions.of_replica_sets,
        standing=as_written(rollouts.of_deployment),
        replicas=_wanted,
        ready=lambda workload: workload.status.ready_replicas,
        scalable=True,
        progress_dates=True,
    ),
    "statefulset": Kind(
        name="StatefulSet",
        resource=resources.STATEFUL_SETS,
        history=resources.CONTROLLER_REVISIONS,
        held=revisions.of_controller_revisions,
        standing=as_written(rollouts.of_stateful_set),
        replicas=_wanted,
        ready=lambda workload: workload.status.ready_replicas,
        scalable=True,
    ),
    "daemonset": Kind(
        name="DaemonSet",
        resource=resources.DAEMON_SETS,
        history=resources.CONTROLLER_REVISIONS,
        held=revisions.of_controller_revisions,
        standing=as_written(rollouts.of_daemon_set),
        replicas=lambda workload: workload.status.desired_number_scheduled,
        ready=lambda workload: workload.status.number_ready,
        scalable=False,
    ),
    "rollout": Kind(
        name="Rollout",
        resource=resources.ROLLOUTS,
        history=resources.REPLICA_SETS,
        held=argo_rollouts.held,
        standing=argo_rollouts.standing,
        replicas=_wanted,
        ready=lambda workload: workload.status.ready_replicas,
        scalable=True,
    ),
}


def kind_of(name: str) -> Kind:
    """Return the kind of that lower-case name. Raises PermanentError for one that is not supported."""
    kind = KINDS.get(name)
    if kind is None:
        known = ", ".join(KINDS)
        raise PermanentError(
            f"the kind {name!r} is not supported, only {known}", reason=Reason.KIND_NOT_SUPPORTED
        )
    return kind
