"""What scales a workload: its HorizontalPodAutoscaler, or the KEDA ScaledObject that writes that one.

KEDA puts its HorizontalPodAutoscaler back to what the ScaledObject says, so only the latter can be changed.
"""

from shared.adapters.kubernetes import resources, wire
from shared.adapters.kubernetes.connection import Answer
from shared.adapters.kubernetes.kinds import Kind
from shared.adapters.kubernetes.resources import Request
from shared.domain.workloads import Autoscaler

SCALED_OBJECT = "ScaledObject"


def target(answer: Answer, kind: Kind, name: str) -> wire.Autoscaler | None:
    """Return the autoscaler that targets the workload.

    A cluster without the API has none. Without the right to list them there is none to be seen either: a
    rollback does not need it, and capacity is then added at the workload itself.
    """
    if answer.status in (403, 404):
        return None
    wanted = (kind.resource.group, kind.name, name)
    for found in answer.read(wire.Items[wire.Autoscaler]).items or []:
        aim = found.spec.scale_target_ref
        if (aim.api_version.partition("/")[0], aim.kind, aim.name) == wanted:
            return found
    return None


def scaled_object(found: wire.Autoscaler, namespace: str) -> Request | None:
    """Return the request for the ScaledObject that an autoscaler is written by, None where there is none."""
    controller = found.metadata.controller
    if controller is None or controller.kind != SCALED_OBJECT:
        return None
    return resources.get(resources.SCALED_OBJECTS, namespace, controller.name)


def described(found: wire.Autoscaler | None, above: Answer | None) -> Autoscaler | None:
    """Return the autoscaler in the rules' words; `above` is what was answered for its ScaledObject, if any.

    One that may not be read has the autoscaler's own bounds and no resource version, which no change of it
    passes for. One that is gone writes the autoscaler no more.
    """
    if found is None:
        return None
    least, most = found.spec.min_replicas, found.spec.max_replicas
    controller = found.metadata.controller
    if above is None or above.status == 404 or controller is None:
        return Autoscaler(found.metadata.name, found.metadata.resource_version, least, most)
    if above.status == 403:
        return Autoscaler(controller.name, "", least, most, kind=SCALED_OBJECT)
    scaled = above.read(wire.ScaledObject)
    version = scaled.metadata.resource_version
    return Autoscaler(controller.name, version, *scaled.spec.bounds, kind=SCALED_OBJECT)
