"""Services: entries of the configuration, and which of them an alert is about."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum

from shared.domain.matrix import Matrix
from shared.domain.remedies import Remedies
from shared.domain.signals import Signal
from shared.domain.workloads import KINDS, WorkloadRef


class Mode(StrEnum):
    """How far Backout may go by itself for a service."""

    OBSERVE = "observe"
    APPROVE = "approve"
    AUTO = "auto"


@dataclass(frozen=True)
class SignalQuery:
    """A query of the signal source and the time it looks back over, in seconds."""

    query: str
    window_seconds: float


@dataclass(frozen=True)
class Timing:
    """How long things may take and must last, in seconds. Defaults are the runbook's budgets."""

    assess: float = 120.0
    approve: float = 900.0
    hold: float = 180.0
    settle: float = 180.0
    rollback: float = 60.0
    verify: float = 180.0
    stabilise: float = 300.0
    poll: float = 5.0
    scrape: float = 15.0
    cooldown: float = 900.0
    recent_rollout: float = 14400.0


@dataclass(frozen=True)
class Targets:
    """What counts as healthy again (the runbook's verification checklist): 0.1 % errors, p95 of 500 ms."""

    error_rate: float = 0.001
    latency_p95: float = 0.5


LOG_ERRORS = (
    r"(?i:\b(?:level|lvl|severity)[\"']?\s*[=:]\s*[\"']?(?:err(?:or)?|fatal|critical|panic|alert|emerg))"
    r"|\b(?:ERROR|FATAL|CRITICAL|PANIC)\b|^panic: |^E\d{4} |Traceback \(most recent call last\)"
    r"|^(?:Exception in thread|Unhandled|Uncaught)\b"
)
"""What an error looks like where the service does not say: as logfmt, JSON, klog, Go, Python and Java do."""


@dataclass(frozen=True)
class Service:
    """One service: what it is matched by, what it runs as, and how it is treated.

    `discovered` services have no entry of their own: they are named by an alert's labels, and the workload
    must opt in by the annotation ``backout.dev/mode``. `queries` are the service's own, by signal name or
    ``traffic`` (requests a minute); what is missing comes from `profile`. `github_issue` is
    ``owner/repository#number``; `status_components` says what each component of the status page is while the
    service is in trouble, like ``partial_outage``. `repository` (``owner/name``) and `branch` are where it is
    deployed from, `environment` the one of the repository that it is deployed to (empty: any); with `reverts`
    a rollback is followed by a revert there. `flags` are the feature flags that are switched off after one.
    `log_errors` is what a line of a log that tells of an error matches; empty: no log is read.
    `schema_at_least` is the oldest database schema whose code works with the database as it is now, where
    pod templates do not declare it.
    """

    name: str
    workload: WorkloadRef
    match: Mapping[str, str] = field(default_factory=dict)
    mode: Mode = Mode.OBSERVE
    team: str = ""
    customer_facing: bool = False
    matrix: Matrix = field(default_factory=Matrix)
    timing: Timing = field(default_factory=Timing)
    targets: Targets = field(default_factory=Targets)
    min_requests_per_minute: float = 10.0
    trust_alerts: bool = False
    measured: bool = True
    health: tuple[str, ...] = ()
    profile: str = "http_requests"
    selector: str = ""
    queries: Mapping[str, SignalQuery] = field(default_factory=dict)
    discovered: bool = False
    pagerduty_service: str = ""
    github_issue: str = ""
    repository: str = ""
    branch: str = ""
    environment: str = ""
    reverts: bool = False
    remedies: Remedies = field(default_factory=Remedies)
    schema_at_least: int | None = None
    flags: tuple[str, ...] = ()
    log_errors: str = LOG_ERRORS
    status_components: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MaintenanceWindow:
    """A weekly window in which nothing is touched, by the wall clock of its zone.

    `days` are those on which it opens, Monday = 0. One whose end is not after its start ends the next day.
    """

    days: frozenset[int]
    start: time
    end: time
    zone: tzinfo
    namespaces: tuple[str, ...] = ()

    def closes_at(self, now: datetime, namespace: str) -> datetime | None:
        """Return when the window that is open at `now` for the namespace closes, in UTC, or None.

        An end that the clock shows twice, or never, as it is put back or forward, is the next to come.
        """
        if self.namespaces and namespace not in self.namespaces:
            return None
        local = now.astimezone(self.zone)
        for days_back in (0, 1):
            day = local.date() - timedelta(days=days_back)
            if day.weekday() not in self.days:
                continue
            opens = datetime.combine(day, self.start, self.zone)
            last_day = day if self.end > self.start else day + timedelta(days=1)
            closes = datetime.combine(last_day, self.end, self.zone)
            if opens <= local < closes:
                ends = (closes.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
                return min(end for end in ends if end > now)
        return None


Aliases = Mapping[str, Sequence[str]]
"""For each canonical label the label names it may come under, the preferred first."""

DEFAULT_ALIASES: Aliases = {
    "namespace": ("namespace", "exported_namespace", "destination_workload_namespace", "k8s_namespace_name"),
    "deployment": ("deployment", "destination_workload", "k8s_deployment_name"),
    "statefulset": ("statefulset", "k8s_statefulset_name"),
    "daemonset": ("daemonset", "k8s_daemonset_name"),
    "service": ("service", "exported_service"),
}


def canonical(labels: Mapping[str, str], aliases: Aliases) -> dict[str, str]:
    """Return the labels with each canonical name set from the first of its aliases that is there."""
    found = dict(labels)
    for name, candidates in aliases.items():
        value = next((labels[c] for c in candidates if labels.get(c)), None)
        if value is not None:
            found[name] = value
    return found


def matching(labels: Mapping[str, str], services: Iterable[Service], aliases: Aliases) -> list[Service]:
    """Return the services whose whole `match` the labels fulfil."""
    known = canonical(labels, aliases)
    return [s for s in services if s.match and all(known.get(k) == v for k, v in s.match.items())]


def discovered(
    labels: Mapping[str, str],
    aliases: Aliases,
    *,
    cluster: str,
    namespaces: Sequence[str],
) -> WorkloadRef | None:
    """Return the workload that the labels name in an allowed namespace, or None."""
    known = canonical(labels, aliases)
    namespace = known.get("namespace", "")
    if namespace not in namespaces:
        return None
    kind = next((kind for kind in KINDS if known.get(kind)), None)
    return WorkloadRef(cluster, namespace, kind, known[kind]) if kind else None


QUERYABLE: tuple[Signal, ...] = (
    Signal.ERROR_RATE,
    Signal.HTTP_5XX_PER_MINUTE,
    Signal.LATENCY_P95,
    Signal.MEMORY_USAGE,
    Signal.CPU_USAGE,
)
"""Signals that are measured by a query; `latency_regression` is computed from two of `latency_p95`."""


ANNOTATION = "backout.dev/"


def annotated(service: Service, annotations: Mapping[str, str]) -> Service | None:
    """Return a discovered service as its workload's annotations describe it; None if it has not opted in.

    A service with an entry of its own is returned as it is: configuration beats annotations. Raises
    ValueError, naming the annotation, for a value that is not allowed.
    """
    if not service.discovered:
        return service
    own = {k.removeprefix(ANNOTATION): v.strip() for k, v in annotations.items() if k.startswith(ANNOTATION)}
    if "mode" not in own:
        return None
    health = tuple(url for part in own.get("health", "").split(",") if (url := part.strip()))
    facing = _allowed(own, "customer-facing", ("true", "false")) if "customer-facing" in own else None
    return replace(
        service,
        mode=Mode(_allowed(own, "mode", tuple(Mode))),
        team=own.get("team", service.team),
        health=health or service.health,
        profile=own.get("profile", service.profile),
        selector=own.get("selector", service.selector),
        customer_facing=service.customer_facing if facing is None else facing == "true",
    )


def _allowed(own: Mapping[str, str], name: str, values: Sequence[str]) -> str:
    if own[name] not in values:
        raise ValueError(f"annotation {ANNOTATION}{name} is {own[name]!r}; allowed: {', '.join(values)}")
    return own[name]


@dataclass(frozen=True)
class Catalogue:
    """The services of the installation, and how alerts find them.

    `template` is what a discovered service is made of; `namespaces` those in which one may be discovered.
    """

    cluster: str
    services: tuple[Service, ...]
    template: Service
    namespaces: tuple[str, ...] = ()
    aliases: Aliases = field(default_factory=lambda: DEFAULT_ALIASES)

    def find(self, labels: Mapping[str, str]) -> list[Service]:
        """Return the services that an alert's labels mean; one discovered if no entry has the workload.

        An entry whose `match` the labels do not fulfil is not meant, though they name its workload.
        """
        found = matching(labels, self.services, self.aliases)
        if found:
            return found
        ref = discovered(labels, self.aliases, cluster=self.cluster, namespaces=self.namespaces)
        if ref is None:
            return []
        service = self.of_workload(ref)
        return [service] if service is not None and service.discovered else []

    def of_workload(self, ref: WorkloadRef) -> Service | None:
        """Return the service of a workload: its entry, or one discovered in an allowed namespace."""
        entry = next((s for s in self.services if s.workload == ref), None)
        if entry is not None or ref.namespace not in self.namespaces:
            return entry
        return replace(self.template, name=ref.name, workload=ref, discovered=True)

    def named(self, name: str) -> Service | None:
        """Return the entry of that name."""
        return next((s for s in self.services if s.name == name), None)

    def of(self, name: str, ref: WorkloadRef) -> Service | None:
        """Return the service of a response: its entry as it is now, or the discovered one."""
        entry = self.named(name)
        return entry if entry is not None and entry.workload == ref else self.of_workload(ref)
