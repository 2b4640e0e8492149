"""When a group of alerts is worth a message, and what the message says."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sandbox.alertmanager.alerts import Alert, rfc3339

_FIRING_END = "0001-01-01T00:00:00Z"
_QUOTED_META = str.maketrans({character: f"\\{character}" for character in "\\.+*?()|[]{}^$"})


@dataclass(frozen=True)
class Sent:
    """What a receiver was last told of a group: fingerprints, and when."""

    firing: frozenset[str]
    resolved: frozenset[str]
    at: datetime


@dataclass(frozen=True)
class Snapshot:
    """The alerts of a group at one moment."""

    alerts: Sequence[Alert]
    now: datetime

    def as_sent(self) -> Sent:
        """Say what a receiver knows that has been told of this."""
        resolved = {alert.fingerprint for alert in self.alerts if alert.resolved(self.now)}
        every = {alert.fingerprint for alert in self.alerts}
        return Sent(frozenset(every - resolved), frozenset(resolved), self.now)


def reason_to_send(snapshot: Snapshot, last: Sent | None, *, repeat_interval: timedelta) -> str | None:
    """Name why the receiver must be told, in Alertmanager's own words; None when it need not be.

    Only label sets count, so a changed annotation alone is no reason. What fired and ended between two
    messages is never mentioned.
    """
    current = snapshot.as_sent()
    if last is None:
        return "first notification" if current.firing else None
    if not current.firing <= last.firing:
        return "new alerts added"
    if not current.firing:
        return "all alerts resolved" if last.firing else None
    if not current.resolved <= last.resolved:
        return "some alerts resolved"
    return "repeat interval elapsed" if last.at < snapshot.now - repeat_interval else None


def quoted_labels(labels: Mapping[str, str]) -> str:
    """Write a label set as Alertmanager does in group keys."""
    pairs = []
    for name, value in sorted(labels.items()):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        pairs.append(f'{name}="{escaped}"')
    return f"{{{', '.join(pairs)}}}"


def webhook_body(
    snapshot: Snapshot, *, reason: str, receiver: str, group_labels: Mapping[str, str], external_url: str
) -> dict[str, Any]:
    """Write the body of a webhook, version 4."""
    ordered = sorted(snapshot.alerts, key=_order)
    return {
        "receiver": receiver.translate(_QUOTED_META),
        "status": "firing" if snapshot.as_sent().firing else "resolved",
        "alerts": [_alert(alert, snapshot.now) for alert in ordered],
        "notification_reason": reason,
        "groupLabels": dict(group_labels),
        "commonLabels": _common(alert.labels for alert in ordered),
        "commonAnnotations": _common(alert.annotations for alert in ordered),
        "routeLabels": {},
        "externalURL": external_url,
        "version": "4",
        "groupKey": f"{{}}:{quoted_labels(group_labels)}",
        "truncatedAlerts": 0,
    }


def _order(alert: Alert) -> tuple[str, str, list[tuple[str, str]]]:
    return alert.labels.get("job", ""), alert.labels.get("instance", ""), sorted(alert.labels.items())


def _alert(alert: Alert, now: datetime) -> dict[str, Any]:
    resolved = alert.resolved(now)
    return {
        "status": "resolved" if resolved else "firing",
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "startsAt": rfc3339(alert.starts_at),
        "endsAt": rfc3339(alert.ends_at) if resolved else _FIRING_END,
        "generatorURL": alert.generator_url,
        "fingerprint": alert.fingerprint,
    }


def _common(sets: Iterable[Mapping[str, str]]) -> dict[str, str]:
    first, *others = (dict(each) for each in sets)
    return {name: value for name, value in first.items() if all(each.get(name) == value for each in others)}
