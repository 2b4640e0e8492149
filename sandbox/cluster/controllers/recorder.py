"""Record Events, as controllers do: one object for each reason and subject, counted up when it repeats."""

from __future__ import annotations

from sandbox.cluster.objects import Object, clone, is_deleting, name_of, namespace_of, timestamp, uid_of
from sandbox.cluster.registry import Registry, random_suffix
from sandbox.cluster.resources import EVENTS, NAMESPACES

KEPT_EVENTS = 1_000


class Recorder:
    """Write Events for one component; the oldest go when there are more than KEPT_EVENTS in all."""

    def __init__(self, registry: Registry, component: str) -> None:
        self._registry = registry
        self._component = component
        self._known: dict[tuple[str, str, str], str] = {}

    def record(self, subject: Object, reason: str, message: str, kind: str = "Normal") -> None:
        """Say what happened to `subject`; `kind` is Normal or Warning."""
        namespace = namespace_of(subject) or "default"
        home = self._registry.storage.find(NAMESPACES, "", namespace)
        if home is None or is_deleting(home):
            return
        identity = (uid_of(subject), reason, message)
        known = self._registry.storage.find(EVENTS, namespace, self._known.get(identity, ""))
        if known is not None:
            again = clone(known) | {"count": known["count"] + 1, "lastTimestamp": timestamp()}
            self._registry.update(EVENTS, known, again)
            return
        event = self._registry.create(
            EVENTS, namespace, self._event(subject, namespace, reason, message, kind)
        )
        self._known[identity] = name_of(event)
        self._forget_oldest()

    def _event(self, subject: Object, namespace: str, reason: str, message: str, kind: str) -> Object:
        reference = {field: subject[field] for field in ("apiVersion", "kind")}
        reference |= {"name": name_of(subject), "namespace": namespace_of(subject), "uid": uid_of(subject)}
        now = timestamp()
        return {
            "metadata": {
                "name": f"{name_of(subject)}.{random_suffix()}{random_suffix()}",
                "namespace": namespace,
            },
            "involvedObject": reference,
            "reason": reason,
            "message": message,
            "type": kind,
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "source": {"component": self._component},
            "reportingComponent": self._component,
        }

    def _forget_oldest(self) -> None:
        events = self._registry.storage.objects(EVENTS)
        for event in events[: max(0, len(events) - KEPT_EVENTS)]:
            self._registry.delete(EVENTS, event)
        if len(self._known) > 2 * KEPT_EVENTS:
            self._known.clear()
