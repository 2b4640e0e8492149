"""Reading a workload: few round trips, those that do not need each other side by side."""

from collections.abc import Collection
from dataclasses import dataclass

from msgspec import Raw

from shared.adapters.kubernetes import (
    argo_rollouts,
    autoscalers,
    errors,
    owners,
    pods,
    resources,
    revisions,
    templates,
    wire,
)
from shared.adapters.kubernetes.connection import Answer, Budget, Connection, Pending
from shared.adapters.kubernetes.kinds import Kind, kind_of
from shared.adapters.kubernetes.revisions import Held
from shared.adapters.kubernetes.standing import Standing
from shared.adapters.kubernetes.templates import Template
from shared.domain.changes import MARKER
from shared.domain.workloads import Autoscaler, Pod, Workload, WorkloadRef

ANNOTATIONS = "backout.dev/"
WARNINGS = "type=Warning,involvedObject.kind=Pod"


@dataclass(frozen=True)
class Look:
    """What a change of the template needs to know of a workload: the object, its history, where it stands.

    `written` is the template in its spec.
    """

    object: wire.Workload
    held: tuple[Held, ...]
    standing: Standing
    written: Template

    @property
    def template(self) -> Template:
        return self.standing.template

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
        history, its pods and their usage, together with the ScaledObject where KEDA scales it. With `events`
        the pods that are being deleted are read too, and the newest warning of each.
        """
        kind = kind_of(ref.kind)
        if not can_exist(ref):
            return None
        scalers = self._start(resources.list_of(resources.AUTOSCALERS, ref.namespace), budget)
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
        target = autoscalers.target(scalers.answer(), kind, ref.name)
        above = None if target is None else autoscalers.scaled_object(target, ref.namespace)
        scaled = self._start(above, budget) if above is not None else None
        look = self._look(found, kind, history.answer())
        listed = running.answer().read(wire.Items[wire.Pod]).items or []
        own = pods.active(listed, look.standing.pods_of, ending=events)
        used = {} if metrics is None else pods.usage(metrics)
        told = {} if warned is None else pods.warnings(warned)
        scaler = autoscalers.described(target, None if scaled is None else scaled.answer())
        seen = pods.described(own, used, held=look.held, warnings=told)
        return _workload(ref, kind, look, scaler=scaler, running=seen), look

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
        if answer.missing:
            return None
        found = answer.read(wire.Workload)
        argo_rollouts.check(ref, found)
        return found

    def _look(self, found: wire.Workload, kind: Kind, history: Answer) -> Look:
        with errors.intelligible(history.request):
            held = tuple(kind.held(history, found.metadata.uid, self._template))
            written = self._template(found.spec.template)
            return Look(found, held, kind.standing(found, written, held), written)

    def _template(self, raw: Raw) -> Template:
        return templates.read(raw, self._ignored)


def can_exist(ref: WorkloadRef) -> bool:
    """Return whether a cluster can have it; other names must not get into a path."""
    return resources.is_name(ref.namespace) and resources.is_name(ref.name)


def _workload(
    ref: WorkloadRef, kind: Kind, look: Look, *, scaler: Autoscaler | None, running: tuple[Pod, ...]
) -> Workload:
    found, metadata, standing = look.object, look.object.metadata, look.standing
    dating = found if kind.progress_dates else None
    told = revisions.history(standing.ran, standing.template, dating)
    return Workload(
        ref=ref,
        uid=metadata.uid,
        generation=metadata.generation,
        resource_version=metadata.resource_version,
        replicas=kind.replicas(found),
        ready_replicas=kind.ready(found),
        paused=found.spec.paused,
        template_id=standing.template.id,
        revisions=told.revisions,
        rollout=standing.rollout,
        rollout_began_at=told.rollout_began_at,
        pods=running,
        owner=owners.owner(metadata, group=kind.resource.group, kind=kind.name, namespace=ref.namespace),
        autoscaler=scaler,
        marker=metadata.annotations.get(MARKER, ""),
        annotations={k: v for k, v in metadata.annotations.items() if k.startswith(ANNOTATIONS)},
        ordered=found.spec.pod_management_policy == "OrderedReady",
        stable_template_id=standing.stable_id,
    )
