"""Argo Rollouts: which version serves, what aborting an update goes back to, and how far a rollout is.

The API server fills defaults into the template of a ReplicaSet and not into that of a custom resource, so one
version reads differently in the two. A Rollout's versions are therefore those of its ReplicaSets, and its
status tells by their hashes which one the spec means and which one is stable. Facts are those of Argo
Rollouts 1.0 and newer, whose controller writes the phase itself.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from shared.adapters.kubernetes import revisions, rollouts, wire
from shared.adapters.kubernetes.connection import Answer
from shared.adapters.kubernetes.revisions import Held
from shared.adapters.kubernetes.rollouts import complete, progressing
from shared.adapters.kubernetes.standing import Standing
from shared.adapters.kubernetes.templates import Template
from shared.domain.reasons import Reason
from shared.domain.workloads import Rollout, RolloutState, WorkloadRef
from shared.errors import PermanentError
from shared.wire import decoder

ANNOTATIONS = "rollout.argoproj.io/"
EPHEMERAL = "rollout.argoproj.io/ephemeral-metadata"
ABORTED = "RolloutAborted"


def check(ref: WorkloadRef, found: wire.Workload) -> None:
    """Raise PermanentError for a Rollout whose versions cannot be told from its ReplicaSets."""
    if found.spec.workload_ref is not None:
        holder = f"the {found.spec.workload_ref.kind} {found.spec.workload_ref.name}"
        text = f"the template of {ref} is that of {holder} (spec.workloadRef)"
        raise PermanentError(f"{text}; roll that one back by hand", reason=Reason.KIND_NOT_SUPPORTED)
    strategy = found.spec.strategy.canary or found.spec.strategy.blue_green
    if strategy is not None and strategy.anti_affinity is not None:
        text = f"{ref} has antiAffinity in its strategy, which changes the templates of its ReplicaSets"
        raise PermanentError(f"{text}; roll back by hand", reason=Reason.KIND_NOT_SUPPORTED)


def held(answer: Answer, owner_uid: str, template: Callable[[Raw], Template]) -> list[Held]:
    """Return what a Rollout's ReplicaSets hold, without what belongs to their part in an update only."""
    listed = answer.read(wire.Items[wire.ReplicaSet]).items or []
    own = [found for found in listed if found.metadata.is_of(owner_uid)]
    return [revisions.of_replica_set(found, template(_plain(found)), ANNOTATIONS) for found in own]


def _plain(found: wire.ReplicaSet) -> Raw:
    """Return the template without the labels and annotations of ``canaryMetadata`` and the like."""
    told = found.metadata.annotations.get(EPHEMERAL)
    if not told:
        return found.spec.template
    added = decoder(wire.EphemeralMetadata).decode(told)
    template = decoder(dict[str, Any]).decode(found.spec.template)
    metadata = template.get("metadata") or {}
    for part, keys in (("labels", added.labels), ("annotations", added.annotations)):
        metadata[part] = {key: value for key, value in (metadata.get(part) or {}).items() if key not in keys}
    return Raw(msgspec.json.encode({**template, "metadata": metadata}))


def standing(found: wire.Workload, written: Template, held: Sequence[Held]) -> Standing:
    """Return where a Rollout stands.

    An aborted one is what its stable ReplicaSet holds, though its spec still says otherwise. Revisions
    numbered past the stable one were tried and never got to serve all of the traffic. A template that the
    controller has yet to see takes an abort back.
    """
    stable = of_hash(held, found.status.stable_rs)
    meant, is_sure = _meant(found, written, held)
    is_moving = stable is not None and stable.template.id != meant.id
    tried = of_hash(held, found.status.current_pod_hash)
    is_aborted = is_moving and found.status.abort and (tried is None or tried.template.id == meant.id)
    current = stable.template if stable is not None and is_aborted else meant
    rollout = _rollout(found, stable, is_aborted=is_aborted)
    return Standing(
        template=current,
        rollout=rollout,
        ran=[h for h in held if h.template.id == current.id or not _was_only_tried(h, stable)],
        pods_of=_serving(found, current, held, rollout),
        stable_id=stable.template.id if stable is not None and is_moving and not is_aborted else "",
        is_sure=is_sure,
    )


def of_hash(held: Sequence[Held], pod_hash: str) -> Held | None:
    """Return the ReplicaSet that the status names by a hash."""
    return next((h for h in held if pod_hash and h.pod_hash == pod_hash), None)


def _meant(found: wire.Workload, written: Template, held: Sequence[Held]) -> tuple[Template, bool]:
    """Return the version that the spec means, and whether that is sure.

    A template out of a ReplicaSet is that one's, which the controller need not say first. Any other spec that
    it has not seen is taken for the one before (most are a new number of replicas), but nothing may be
    decided on that.
    """
    known = of_hash(held, found.status.current_pod_hash)
    if known is not None and found.is_observed:
        return known.template, True
    same = next((h for h in held if h.template.id == written.id), None)
    if same is not None:
        return same.template, True
    return (written, True) if known is None else (known.template, False)


def _was_only_tried(candidate: Held, stable: Held | None) -> bool:
    return stable is not None and candidate.number > stable.number and not candidate.used_again


def _serving(
    found: wire.Workload, current: Template, held: Sequence[Held], rollout: Rollout
) -> frozenset[str]:
    """Return the ReplicaSets whose pods count.

    Where traffic is routed, those left behind run on for a while (``scaleDownDelaySeconds``) and get none.
    """
    done = rollout.state is RolloutState.COMPLETE and _is_routed(found)
    return frozenset(h.uid for h in held if not done or h.template.id == current.id)


def _is_routed(found: wire.Workload) -> bool:
    strategy = found.spec.strategy
    return strategy.blue_green is not None or (
        strategy.canary is not None and strategy.canary.traffic_routing is not None
    )


def _rollout(found: wire.Workload, stable: Held | None, *, is_aborted: bool) -> Rollout:
    """Return how far it is, as ``kubectl argo rollouts status`` says; an abort is complete in its own way."""
    status = found.status
    if not found.is_observed:
        return progressing("waiting for rollout spec update to be observed")
    if status.controller_pause and not status.pause_conditions and not status.abort:
        return progressing("waiting for rollout to unpause")
    told = " - ".join(filter(None, (status.phase, status.message)))
    if status.phase == "Degraded" and _is_degraded_by_abort(found) and stable is not None:
        return _of_aborted(found, stable, is_moving=is_aborted)
    if status.phase == "Degraded":
        return Rollout(RolloutState.FAILED, told)
    if status.phase == "Healthy":
        astray = _astray(found)
        return progressing(astray) if astray else complete(f'rollout "{found.metadata.name}" is healthy')
    return progressing(told or "waiting for the controller of Argo Rollouts")


def _is_degraded_by_abort(found: wire.Workload) -> bool:
    condition = rollouts.progress(found)
    is_invalid = any(c.type == "InvalidSpec" for c in found.status.conditions)
    return found.status.abort and condition is not None and condition.reason == ABORTED and not is_invalid


def _of_aborted(found: wire.Workload, stable: Held, *, is_moving: bool) -> Rollout:
    """Return how far an abort is: all stable pods available, and none but them reached by traffic."""
    wanted = 1 if found.spec.replicas is None else found.spec.replicas
    if stable.available < wanted:
        return progressing(f"aborted: {stable.available} of {wanted} stable pods are available")
    left = found.status.updated_replicas if is_moving and not _is_routed(found) else 0
    if left:
        return progressing(f"aborted: {left} pods of the aborted revision are still there")
    astray = _astray(found)
    if astray:
        return progressing(f"aborted: {astray}")
    return complete(f'rollout "{found.metadata.name}" is aborted, its stable revision serves')


def _astray(found: wire.Workload) -> str:
    """Say what traffic does not go to the stable revision; nothing when all of it does, or none is routed."""
    strategy, status = found.spec.strategy, found.status
    if strategy.blue_green is not None and status.blue_green.active_selector != status.stable_rs:
        return "the active service does not select the stable revision"
    if strategy.canary is None or strategy.canary.traffic_routing is None:
        return ""
    weights = status.canary.weights
    if weights is None:
        return "the traffic weights are not known"
    if weights.stable.weight != 100:
        return f"{weights.stable.weight} % of the traffic go to the stable revision"
    return "the load balancer has not taken the weights yet" if weights.verified is False else ""
