"""Reading a workload: few round trips, those that do not need each other side by side."""

from collections.abc import Collection
from dataclasses import dataclass

from msgspec import Raw

from shared.adapters.kubernetes import errors, owners, pods, resources, revisions, templates, wire
from shared.adapters.kubernetes.connection import Answer, Budget, Connection, Pending
from shared.adapters.kubernetes.kinds import Kind, kind_of
from shared.adapters.kubernetes.revisions import Held
from shared.adapters.kubernetes.templates import Template
from shared.domain.changes import MARKER
from shared.domain.workloads import Autoscaler, Pod, Workload, WorkloadRef

ANNOTATIONS = "backout.dev/"
WARNINGS = "type=Warning,involvedObject.kind=Pod"


@dataclass(frozen=True)
class Look:
    """What a change of the template needs to know of a workload: the object, its template, its history."""

    object: wire.Workload
    template: Template
    held: tuple[Held, ...]

    @property
    def uid(self) -> str:
        return self.object.metadata.uid

    @property
    def generation(self) -> int:
        return self.object.metadata.generation


class Reader:
    """Reads workloads of one cluster; `ignored_annotations` make no version of a template."""

    def __init__(self, connection: Connection, ignored_annotations: Collection[str]) -> None:
        self._connection = connection
        self._ignored = frozenset(ignored_annotations)

    def read(
        self, ref: WorkloadRef, budget: Budget, *, usage: bool, events: bool = False
    ) -> tuple[Workload, Look] | None:
        """Return the workload in the rules' words and the look that it was made of, or None if there is none.

        Two round trips: the workload together with the namespace's autoscalers; then, by its selector, its
        history, its pods and their usage. With `events` the pods that are being deleted are read too, and the
        newest warning of each.
        """
        kind = kind_of(ref.kind)
        if not can_exist(ref):
            return None
        autoscalers = self._start(resources.list_of(resources.AUTOSCALERS, ref.namespace), budget)
        found = self._object(ref, kind, budget)
        if found is None:
            return None
        selector = found.spec.selector
        history = self._start(resources.list_of(kind.history, ref.namespace, selector), budget)
        running = self._start(resources.list_of(resources.PODS, ref.namespace, selector), budget)
        metrics = (
            self._start(resources.list_of(resources.POD_METRICS, ref.namespace, selector), budget)
            if usage
            else None
        )
        warned = (
            self._start(resources.list_of(resources.EVENTS, ref.namespace, fields=WARNINGS), budget)
            if events
            else None
        )
        look = self._look(found, kind, history.answer())
        owner_uids = {found.metadata.uid, *(h.uid for h in look.held)}
        own = pods.active(running.answer().read(wire.Items[wire.Pod]).items or [], owner_uids, ending=events)
        used = {} if metrics is None else pods.usage(metrics)
        told = pods.described(
            own, used, held=look.held, warnings=None if warned is None else pods.warnings(warned)
        )
        scaler = _autoscaler(autoscalers.answer(), kind, ref.name)
        return _workload(ref, kind, look, scaler=scaler, running=told), look

    def look(self, ref: WorkloadRef, budget: Budget) -> Look | None:
        """Return only what a change of the template needs to know, or None when there is no such workload."""
        kind = kind_of(ref.kind)
        found = self._object(ref, kind, budget) if can_exist(ref) else None
        if found is None:
            return None
        listing = resources.list_of(kind.history, ref.namespace, found.spec.selector)
        return self._look(found, kind, self._connection.send(listing, budget))

    def _start(self, request: resources.Request, budget: Budget) -> Pending:
        return self._connection.start(request, budget)

    def _object(self, ref: WorkloadRef, kind: Kind, budget: Budget) -> wire.Workload | None:
        answer = self._connection.send(resources.get(kind.resource, ref.namespace, ref.name), budget)
        return None if answer.missing else answer.read(wire.Workload)

    def _look(self, found: wire.Workload, kind: Kind, history: Answer) -> Look:
        with errors.intelligible(history.request):
            held = kind.held(history, found.metadata.uid, self._template)
            return Look(found, self._template(found.spec.template), tuple(held))

    def _template(self, raw: Raw) -> Template:
        return templates.read(raw, self._ignored)


def can_exist(ref: WorkloadRef) -> bool:
    """Return whether a cluster can have it; other names must not get into a path."""
    return resources.is_name(ref.namespace) and resources.is_name(ref.name)


def _workload(
    ref: WorkloadRef, kind: Kind, look: Look, *, scaler: Autoscaler | None, running: tuple[Pod, ...]
) -> Workload:
    found, metadata = look.object, look.object.metadata
    told = revisions.history(look.held, look.template, found)
    return Workload(
        ref=ref,
        uid=metadata.uid,
        generation=metadata.generation,
        resource_version=metadata.resource_version,
        replicas=kind.replicas(found),
        ready_replicas=kind.ready(found),
        paused=found.spec.paused,
        template_id=look.template.id,
        revisions=told.revisions,
        rollout=kind.rollout(found),
        rollout_began_at=told.rollout_began_at,
        pods=running,
        owner=owners.owner(metadata, kind=kind.name, namespace=ref.namespace),
        autoscaler=scaler,
        marker=metadata.annotations.get(MARKER, ""),
        annotations={k: v for k, v in metadata.annotations.items() if k.startswith(ANNOTATIONS)},
        ordered=found.spec.pod_management_policy == "OrderedReady",
    )


def _autoscaler(answer: Answer, kind: Kind, name: str) -> Autoscaler | None:
    """Return the autoscaler that targets the workload.

    A cluster without the API has none. Without the right to list them there is none to be seen either: a
    rollback does not need it, and capacity is then added at the workload itself.
    """
    if answer.status in (403, 404):
        return None
    for found in answer.read(wire.Items[wire.Autoscaler]).items or []:
        target = found.spec.scale_target_ref
        if (target.api_version.partition("/")[0], target.kind, target.name) == ("apps", kind.name, name):
            return Autoscaler(
                name=found.metadata.name,
                resource_version=found.metadata.resource_version,
                minimum=found.spec.min_replicas,
                maximum=found.spec.max_replicas,
            )
    return None
