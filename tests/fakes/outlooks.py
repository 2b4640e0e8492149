"""What is looked at for the checklist, in memory, by the rules of its ports: logs, alerts and complaints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.domain.clearing import StandingAlert
from shared.domain.complaints import Complaint, Listened
from shared.domain.logs import PodLog
from shared.domain.services import Service
from shared.domain.workloads import Pod, WorkloadRef
from shared.errors import BackoutError


@dataclass
class Failing:
    """The next calls raise what is in `errors`."""

    errors: list[BackoutError] = field(default_factory=list, kw_only=True)

    def fail_if_told(self) -> None:
        if self.errors:
            raise self.errors.pop(0)


@dataclass
class FakeLogs(Failing):
    """What each image's containers write as they start; `looks` counts the calls."""

    lines: dict[str, tuple[str, ...]] = field(default_factory=dict)
    looks: int = 0

    def read(self, ref: WorkloadRef, pods: Sequence[Pod], *, since: datetime) -> Sequence[PodLog]:
        self.looks += 1
        self.fail_if_told()
        return [
            PodLog(
                pod.name,
                container,
                self.lines.get(image, ()) if pod.created_at is None or pod.created_at >= since else (),
            )
            for pod in pods
            for container, image in pod.images.items()
            if not pod.waiting
        ]


@dataclass
class FakeAlerts(Failing):
    """The alerts that fire."""

    alerts: list[StandingAlert] = field(default_factory=list)

    def firing(self, filters: Sequence[Mapping[str, str]]) -> Sequence[StandingAlert]:
        self.fail_if_told()
        return [
            each for each in self.alerts if any(each.labels.items() >= wanted.items() for wanted in filters)
        ]


@dataclass
class FakeComplaints(Failing):
    """A place in which `said` is heard of every service; None: there is no such place."""

    said: Listened | None = None

    def listen(self, service: Service, *, since: datetime) -> Listened | None:
        self.fail_if_told()
        if self.said is None:
            return None
        return replace(self.said, complaints=tuple(c for c in self.said.complaints if c.at >= since))


def a_complaint(at: datetime, **fields: object) -> Complaint:
    return replace(Complaint(at, "https://chat.example.com/1"), **fields)  # type: ignore[arg-type]
