"""Where a rollout stands, by the rules and in the words of ``kubectl rollout status``.

The rules are those of kubectl's ``pkg/polymorphichelpers/rollout_status.go``. kubectl refuses to answer for
the strategy OnDelete; here it gets a sentence of its own, for the pods still tell how far it is.
"""

from shared.adapters.kubernetes import wire
from shared.domain.workloads import Rollout, RolloutState

DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"


def progressing(message: str) -> Rollout:
    return Rollout(RolloutState.PROGRESSING, message)


def complete(message: str) -> Rollout:
    return Rollout(RolloutState.COMPLETE, message)


def progress(workload: wire.Workload) -> wire.Condition | None:
    """Return a Deployment's condition Progressing."""
    return next((c for c in workload.status.conditions if c.type == "Progressing"), None)


def of_deployment(workload: wire.Workload) -> Rollout:
    """Return how far a Deployment is; only a Deployment can fail, by its progress deadline."""
    name, status = workload.metadata.name, workload.status
    wanted = 1 if workload.spec.replicas is None else workload.spec.replicas
    if not workload.is_observed:
        return progressing("Waiting for deployment spec update to be observed")
    condition = progress(workload)
    if condition is not None and condition.reason == DEADLINE_EXCEEDED:
        return Rollout(RolloutState.FAILED, f'deployment "{name}" exceeded its progress deadline')
    waiting = f'Waiting for deployment "{name}" rollout to finish: '
    if status.updated_replicas < wanted:
        return progressing(
            f"{waiting}{status.updated_replicas} out of {wanted} new replicas have been updated"
        )
    if status.replicas > status.updated_replicas:
        old = status.replicas - status.updated_replicas
        return progressing(f"{waiting}{old} old replicas are pending termination")
    if status.available_replicas < status.updated_replicas:
        available = f"{status.available_replicas} of {status.updated_replicas}"
        return progressing(f"{waiting}{available} updated replicas are available")
    return complete(f'deployment "{name}" successfully rolled out')


def of_daemon_set(workload: wire.Workload) -> Rollout:
    """Return how far a DaemonSet is."""
    name, status = workload.metadata.name, workload.status
    if not workload.is_observed:
        return progressing("Waiting for daemon set spec update to be observed")
    updated, wanted = status.updated_number_scheduled, status.desired_number_scheduled
    if workload.spec.update_strategy.type != "RollingUpdate":
        return _on_delete(name, updated, wanted)
    waiting = f'Waiting for daemon set "{name}" rollout to finish: '
    if updated < wanted:
        return progressing(f"{waiting}{updated} out of {wanted} new pods have been updated")
    if status.number_available < wanted:
        return progressing(f"{waiting}{status.number_available} of {wanted} updated pods are available")
    return complete(f'daemon set "{name}" successfully rolled out')


def of_stateful_set(workload: wire.Workload) -> Rollout:
    """Return how far a StatefulSet is; with a partition, only the pods past it count."""
    status, strategy = workload.status, workload.spec.update_strategy
    wanted = 1 if workload.spec.replicas is None else workload.spec.replicas
    if status.observed_generation == 0 or not workload.is_observed:
        return progressing("Waiting for statefulset spec update to be observed")
    if strategy.type != "RollingUpdate":
        return _on_delete(workload.metadata.name, status.updated_replicas, wanted)
    if status.ready_replicas < wanted:
        return progressing(f"Waiting for {wanted - status.ready_replicas} pods to be ready")
    if strategy.rolling_update is not None:
        past = wanted - (strategy.rolling_update.partition or 0)
        if status.updated_replicas < past:
            return progressing(
                "Waiting for partitioned roll out to finish: "
                f"{status.updated_replicas} out of {past} new pods have been updated"
            )
        return complete(
            f"partitioned roll out complete: {status.updated_replicas} new pods have been updated"
        )
    if status.update_revision != status.current_revision:
        pods = f"{status.updated_replicas} pods at revision {status.update_revision}"
        return progressing(f"waiting for statefulset rolling update to complete {pods}")
    pods = f"{status.current_replicas} pods at revision {status.current_revision}"
    return complete(f"statefulset rolling update complete {pods}")


def _on_delete(name: str, updated: int, wanted: int) -> Rollout:
    told = (
        f'"{name}" updates a pod only when it is deleted (OnDelete): {updated} of {wanted} pods are updated'
    )
    return complete(told) if updated >= wanted else progressing(told)
