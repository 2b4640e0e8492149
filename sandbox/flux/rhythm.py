"""What Flux's kinds have in common: when one is looked at again, and what its status then says."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from sandbox.flux.api import Object
from sandbox.prometheus.durations import parse_duration_ms

REQUESTED = "reconcile.fluxcd.io/requestedAt"


class Rhythm:
    """Knows what is due: by its interval, or because its spec or a request for it has moved."""

    def __init__(self) -> None:
        self._looked_at: dict[str, float] = {}

    def is_due(self, obj: Object, *, moved: bool = False) -> bool:
        """Say whether to look now, and count that as having looked; nothing suspended is ever due.

        `moved` says that what the object is made from has.
        """
        if obj["spec"].get("suspend"):
            return False
        uid, status, now = obj["metadata"]["uid"], obj.get("status") or {}, time.monotonic()
        asked = status.get("observedGeneration") != obj["metadata"]["generation"] or (
            status.get("lastHandledReconcileAt", "") != requested_at(obj)
        )
        interval_seconds = parse_duration_ms(obj["spec"].get("interval", "1m")) / 1000
        late = now - self._looked_at.get(uid, -interval_seconds) >= interval_seconds
        if moved or asked or late:
            self._looked_at[uid] = now
            return True
        return False


def requested_at(obj: Object) -> str:
    """Return what a person or program last wrote to have the object looked at."""
    return str((obj["metadata"].get("annotations") or {}).get(REQUESTED, ""))


def begun(obj: Object, message: str) -> Object:
    """Return what the status of an object says while it is being reconciled."""
    return {
        "conditions": [
            _condition(obj, "Reconciling", "True", reason="Progressing", message=message),
            _condition(obj, "Ready", "Unknown", reason="Progressing", message="Reconciliation in progress"),
        ]
    }


def status(obj: Object, *, reason: str, message: str, ready: bool = True) -> Object:
    """Return what the status of an object says that has been looked at."""
    handled = requested_at(obj)
    return {
        "observedGeneration": obj["metadata"]["generation"],
        "conditions": [
            _condition(obj, "Ready", "True" if ready else "False", reason=reason, message=message)
        ],
        **({"lastHandledReconcileAt": handled} if handled else {}),
    }


def _condition(obj: Object, kind: str, value: str, *, reason: str, message: str) -> Object:
    """Return a condition, which keeps the time since when it has been so."""
    conditions = (obj.get("status") or {}).get("conditions") or []
    before: Object = next((one for one in conditions if (one["type"], one["status"]) == (kind, value)), {})
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "type": kind,
        "status": value,
        "reason": reason,
        "message": message,
        "observedGeneration": obj["metadata"]["generation"],
        "lastTransitionTime": before.get("lastTransitionTime", now),
    }
