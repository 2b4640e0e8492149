"""Alertmanager's webhook (version 4 of its body), and Grafana's look-alike (version 1).

Keys that are not known are ignored and those that came late (0.32 and after) are not asked for.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from shared.domain.alerts import Alert
from shared.domain.signals import UNITS, Reading, Signal, Unit
from shared.errors import InvalidRequest
from shared.intake import bodies, values
from shared.wire import decoder

_HINT = (
    "This is not the body of Alertmanager's webhook (version 4) or of Grafana's; "
    "a receiver that overrides it with `payload` cannot be understood: remove `payload`."
)
_LONGEST_FINGERPRINT = 64


@dataclass(frozen=True)
class Notification:
    """One delivery. `truncated` is how many alerts the sender left out, `source` which program it is."""

    source: str
    alerts: tuple[Alert, ...]
    group_key: str
    receiver: str
    truncated: int


class _Alert(msgspec.Struct, rename={"starts_at": "startsAt", "generator_url": "generatorURL"}):
    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    starts_at: str
    annotations: dict[str, str] | None = None
    fingerprint: str | None = None
    generator_url: str | None = None
    values: Any = None  # Grafana: the numbers by refId


class _Body(
    msgspec.Struct, rename={"group_key": "groupKey", "truncated": "truncatedAlerts", "org_id": "orgId"}
):
    alerts: list[_Alert]
    group_key: str | None = None
    receiver: str | None = None
    truncated: int | None = None
    version: str | int | None = None
    org_id: Any = None


_DECODER = decoder(_Body)


def parse(body: bytes, *, signals_by_alert: Mapping[str, Signal]) -> Notification:
    """Parse a delivery. `signals_by_alert` says what an alert is about that has no label ``signal``.

    Raises InvalidRequest (400, 413, 422) and nothing else, whatever the bytes.
    """
    sent = bodies.decoded(body, _DECODER, hint=_HINT)
    source = "grafana" if str(sent.version) == "1" or sent.org_id is not None else "alertmanager"
    return Notification(
        source=source,
        alerts=tuple(
            _alert(alert, source=source, path=f"$.alerts[{i}]", signals_by_alert=signals_by_alert)
            for i, alert in enumerate(sent.alerts)
        ),
        group_key=sent.group_key or "",
        receiver=sent.receiver or "",
        truncated=max(0, sent.truncated or 0),
    )


def delivery_key(notification: Notification, alerts: Iterable[Alert]) -> str:
    """Return the key under which a repeat of this delivery, as far as these alerts go, is known again.

    Alertmanager sends no delivery id, so it is made of the content: the group and, of each alert, its
    episode and status. Annotations do not count: a retry may carry newer ones.
    """
    told = sorted((a.fingerprint, a.starts_at.isoformat(), a.firing) for a in alerts)
    return hashlib.sha256(msgspec.json.encode([notification.group_key, told])).hexdigest()


def _alert(sent: _Alert, *, source: str, path: str, signals_by_alert: Mapping[str, Signal]) -> Alert:
    annotations = sent.annotations or {}
    name = sent.labels.get("alertname", "")
    signal = _signal(sent.labels.get("signal"), signals_by_alert.get(name))
    url = sent.generator_url or ""
    return Alert(
        source=source,
        fingerprint=_fingerprint(sent),
        starts_at=_time(sent.starts_at, path=f"{path}.startsAt"),
        firing=sent.status == "firing",
        name=name,
        labels=sent.labels,
        signal=signal,
        reading=_reading(sent, annotations, signal),
        summary=annotations.get("summary") or annotations.get("description") or name,
        url=url if url.startswith(("http://", "https://")) else "",
    )


def _signal(label: str | None, by_name: Signal | None) -> Signal | None:
    if not label:
        return by_name
    return Signal(label) if label in set(Signal) else None


def _reading(sent: _Alert, annotations: Mapping[str, str], signal: Signal | None) -> Reading:
    """Return the number that the alert carries: annotation ``value``, Grafana's only value, description.

    A resolved alert still carries the number of its last firing, which says nothing of now. A flag needs
    no number: that its alert fires is what there is to say.
    """
    if sent.status == "resolved":
        return Reading.unknown("the alert has resolved")
    if signal is None:
        return Reading.unknown("the alert does not say which signal it is about")
    if "value" in annotations:
        return values.reading(annotations["value"], signal)
    if UNITS[signal] is Unit.FLAG:
        return Reading.number(1.0)
    only = list(sent.values.values()) if isinstance(sent.values, dict) else []
    if len(only) == 1 and isinstance(only[0], int | float) and not isinstance(only[0], bool):
        return values.number(only[0], signal)
    return values.leading(annotations.get("description", ""), signal)


def _fingerprint(sent: _Alert) -> str:
    if sent.fingerprint and len(sent.fingerprint) <= _LONGEST_FINGERPRINT:
        return sent.fingerprint
    return hashlib.sha256(msgspec.json.encode(sorted(sent.labels.items()))).hexdigest()[:16]


def _time(text: str, *, path: str) -> datetime:
    """Read an RFC 3339 time with any offset; what is finer than a microsecond is cut off."""
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f"{text[:40]!r} is not an RFC 3339 time - at `{path}`.") from error
    raise InvalidRequest(f"{text[:40]!r} lacks its offset from UTC - at `{path}`.")
