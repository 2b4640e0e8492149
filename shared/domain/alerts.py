"""Alerts: what a source reported, normalised."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.domain.signals import Reading, Signal


@dataclass(frozen=True)
class Alert:
    """One alert of one source. (`fingerprint`, `starts_at`) is its episode: one firing.

    `signal` is None when the alert does not say which signal it is about; `reading` is what it carried.
    `references` name what it is known by elsewhere (see `shared.domain.response.Heard`).
    """

    source: str
    fingerprint: str
    starts_at: datetime
    firing: bool
    name: str
    labels: Mapping[str, str]
    signal: Signal | None = None
    reading: Reading = field(default_factory=lambda: Reading.unknown("the alert carries no value"))
    summary: str = ""
    url: str = ""
    references: Mapping[str, str] = field(default_factory=dict)

    @property
    def episode(self) -> str:
        """The identity of this firing, the same for every notification of it."""
        return f"{self.fingerprint}/{self.starts_at.isoformat()}"


@dataclass(frozen=True)
class AlertDigest:
    """What a response keeps of an alert."""

    episode: str
    name: str
    source: str
    starts_at: datetime
    firing: bool
    summary: str = ""
    url: str = ""

    @classmethod
    def of(cls, alert: Alert) -> "AlertDigest":
        """Return the digest of an alert."""
        return cls(
            episode=alert.episode,
            name=alert.name,
            source=alert.source,
            starts_at=alert.starts_at,
            firing=alert.firing,
            summary=alert.summary[:300],
            url=alert.url[:1000],
        )
