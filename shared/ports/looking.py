"""What is looked at: signals, health, logs, alerts, complaints."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from shared.domain.clearing import StandingAlert
from shared.domain.complaints import Listened
from shared.domain.logs import PodLog
from shared.domain.services import Service
from shared.domain.signals import Reading, Signal
from shared.domain.workloads import Pod, WorkloadRef


@dataclass(frozen=True)
class Measured:
    """Readings of one moment. `windows` are the seconds that each reading looks back over."""

    readings: Mapping[Signal, Reading]
    traffic_per_minute: Reading
    windows: Mapping[Signal, float] = field(default_factory=dict)

    @property
    def longest_window(self) -> float:
        """The longest time that a reading looks back over, in seconds."""
        return max(self.windows.values(), default=0.0)


class Signals(Protocol):
    """The signal source: measures a service now or at a time in the past."""

    def measure(
        self,
        service: Service,
        wanted: Collection[Signal],
        *,
        at: datetime | None = None,
        p95_before: Reading | None = None,
    ) -> Measured:
        """Measure the wanted signals that can be queried, all at once.

        `p95_before` (seconds) is what `latency_regression` is computed against; without it that signal is
        unknown. A source that is away, slow, or answers nonsense gives unknown readings, never an error.
        Idle is applied (`min_requests_per_minute`).
        """
        ...


@dataclass(frozen=True)
class HealthCheck:
    """What one health endpoint answered."""

    url: str
    ok: bool
    detail: str


class Health(Protocol):
    """Asks a service's health endpoints."""

    def check(self, urls: Sequence[str]) -> Sequence[HealthCheck]:
        """Ask every endpoint once, side by side; one that cannot be reached is not ok."""
        ...


class Logs(Protocol):
    """The logs of a workload's pods."""

    def read(self, ref: WorkloadRef, pods: Sequence[Pod], *, since: datetime) -> Sequence[PodLog]:
        """Return what the containers of these pods have written since then, each bounded.

        A container that has not begun, or a pod that is gone, has none. Raises TemporaryError when the
        cluster cannot be reached, PermanentError when it refuses.
        """
        ...


class Alerts(Protocol):
    """The alerting system: which alerts fire."""

    def firing(self, filters: Sequence[Mapping[str, str]]) -> Sequence[StandingAlert]:
        """Return each alert that fires and has all labels of one of the filters, suppressed ones too, once.

        Raises TemporaryError when it cannot be reached, PermanentError when it refuses.
        """
        ...


class Complaints(Protocol):
    """A place where it is heard that a service is in trouble: a support channel, the incidents of a pager."""

    def listen(self, service: Service, *, since: datetime) -> Listened | None:
        """Return what was said there of the service since then; None where it has no such place.

        Raises TemporaryError when it cannot be reached, PermanentError when it refuses.
        """
        ...
