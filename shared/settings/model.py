"""Settings: the configuration as the program uses it. Frozen, and free of secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from shared.domain.guardrails import Rails
from shared.domain.services import DEFAULT_ALIASES, Aliases, Service
from shared.domain.signals import Signal
from shared.domain.workloads import WorkloadRef
from shared.settings.references import SecretRef


@dataclass(frozen=True)
class Credential:
    """What one endpoint accepts: references by the name of who holds them, or `open` (spelled ``none``)."""

    named: Mapping[str, tuple[SecretRef, ...]] = field(default_factory=dict)
    open: bool = False


@dataclass(frozen=True)
class Auth:
    """The credential of each endpoint; None where none is configured, so that the endpoint answers 503."""

    alertmanager: Credential | None = None
    invoke: Credential | None = None
    read: Credential | None = None
    pagerduty: Credential | None = None
    pagerduty_actions: Credential | None = None
    slack: Credential | None = None


@dataclass(frozen=True)
class Prometheus:
    """The signal source. A header's value is a text or a SecretRef."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    window_seconds: float = 60.0
    timeout_seconds: float = 5.0


@dataclass(frozen=True)
class Team:
    """A team that owns services."""

    timezone: str = "UTC"


@dataclass(frozen=True)
class People:
    """How people are told: a webhook that is posted JSON; None writes to the log only."""

    webhook: SecretRef | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """The whole configuration. `warnings` are things that are allowed and probably not meant.

    `defaults` is a service that is nobody's: the template of workloads that have no entry of their own.
    """

    cluster: str
    defaults: Service
    services: tuple[Service, ...] = ()
    aliases: Aliases = field(default_factory=lambda: DEFAULT_ALIASES)
    rails: Rails = field(default_factory=Rails)
    signals_by_alert: Mapping[str, Signal] = field(default_factory=dict)
    auth: Auth = field(default_factory=Auth)
    prometheus: Prometheus | None = None
    teams: Mapping[str, Team] = field(default_factory=dict)
    people: People = field(default_factory=People)
    ignored_annotations: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def discovered_service(self, ref: WorkloadRef, name: str) -> Service:
        """Return the service of a workload that only an alert's labels name; it must still have opted in."""
        return replace(self.defaults, name=name, workload=ref, match={}, discovered=True)
