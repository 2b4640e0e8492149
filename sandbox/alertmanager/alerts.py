"""Alerts as Alertmanager takes, keeps and shows them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

RESOLVE_TIMEOUT = timedelta(minutes=5)
"""How long an alert lives whose sender gave no end."""

_MATCHER = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)=("(?:[^"\\]|\\["\\n])*")')
_ZERO_TIME = datetime.min.replace(tzinfo=UTC)
_FNV_OFFSET, _FNV_PRIME, _UINT64 = 0xCBF29CE484222325, 0x100000001B3, 0xFFFFFFFFFFFFFFFF
_SEPARATOR = b"\xff"


class PostedAlert(msgspec.Struct):
    """One element of the body of `POST /api/v2/alerts`."""

    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: datetime | None = msgspec.field(default=None, name="startsAt")
    ends_at: datetime | None = msgspec.field(default=None, name="endsAt")
    generator_url: str = msgspec.field(default="", name="generatorURL")


@dataclass(frozen=True)
class Alert:
    """One firing episode of one label set, over from `ends_at` on."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime
    updated_at: datetime
    generator_url: str

    @property
    def fingerprint(self) -> str:
        """Hash the labels as Prometheus's common library does: 64-bit FNV-1a, 16 hexadecimal digits."""
        digest = _FNV_OFFSET
        for name, value in sorted(self.labels.items()):
            for byte in name.encode() + _SEPARATOR + value.encode() + _SEPARATOR:
                digest = ((digest ^ byte) * _FNV_PRIME) & _UINT64
        return f"{digest:016x}"

    def resolved(self, now: datetime) -> bool:
        """Tell whether the episode is over."""
        return self.ends_at <= now


def accept(posted: PostedAlert, *, now: datetime) -> Alert:
    """Take an alert in; raise `ValueError` when Alertmanager would answer 400."""
    labels = {name: value for name, value in posted.labels.items() if value}
    if not labels:
        raise ValueError("at least one label pair required")
    given_end = None if posted.ends_at == _ZERO_TIME else posted.ends_at
    starts_at = posted.starts_at if posted.starts_at and posted.starts_at != _ZERO_TIME else given_end or now
    ends_at = given_end or now + RESOLVE_TIMEOUT
    if ends_at < starts_at:
        raise ValueError("start time must be before end time")
    return Alert(labels, posted.annotations, starts_at, ends_at, now, posted.generator_url)


def merge(old: Alert, new: Alert) -> Alert:
    """Let a newer post replace an older one: the same episode, if they overlap, keeps its first start."""
    if new.starts_at <= old.ends_at and new.ends_at >= old.starts_at:
        return replace(new, starts_at=min(old.starts_at, new.starts_at))
    return new


def utc_now() -> datetime:
    """Tell the time."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """Write a time as Go does: UTC, with Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_matcher(text: str) -> tuple[str, str]:
    """Read a matcher that wants a label to have a value, the only sort known here."""
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise ValueError(f"bad matcher format: {text}")
    return found[1], msgspec.json.decode(found[2], type=str)


def fulfils(alert: Alert, wanted: Iterable[tuple[str, str]]) -> bool:
    """Tell whether an alert has all the labels that are wanted."""
    return all(alert.labels.get(name, "") == value for name, value in wanted)


def shown(alert: Alert, *, receiver: str) -> dict[str, Any]:
    """Write an alert as `GET /api/v2/alerts` does."""
    return {
        "annotations": dict(alert.annotations),
        "endsAt": rfc3339(alert.ends_at),
        "fingerprint": alert.fingerprint,
        "receivers": [{"name": receiver}],
        "startsAt": rfc3339(alert.starts_at),
        "status": {"inhibitedBy": [], "silencedBy": [], "state": "active"},
        "updatedAt": rfc3339(alert.updated_at),
        "generatorURL": alert.generator_url,
        "labels": dict(alert.labels),
    }
