"""Settings: the configuration as the program uses it. Frozen, and free of secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from shared.domain.guardrails import Rails
from shared.domain.meetings import Hours
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
    github: Credential | None = None


@dataclass(frozen=True)
class Prometheus:
    """The signal source. A header's value is a text or a SecretRef."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    window_seconds: float = 60.0
    timeout_seconds: float = 5.0


@dataclass(frozen=True)
class Alertmanager:
    """The alerting system, asked after a rollback. A header's value is a text or a SecretRef."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Contact:
    """Who is called at one level of the escalation path, in exactly one way.

    `slack` is a mention (``<@U77>``), posted in the team's channel; `webhook` is posted JSON. Only the last
    level can do without `stops_on_acknowledgement`: the others always stop.
    """

    pagerduty_policy: str = ""
    pagerduty_user: str = ""
    slack: str = ""
    webhook: SecretRef | None = None
    stops_on_acknowledgement: bool = True


@dataclass(frozen=True)
class Team:
    """A team that owns services.

    `approvers` are Slack ids of users and user groups; without `slack_channel` the team reads the channel
    that is configured for all. `escalation` is by level (`shared.domain.escalation.Level`). `owner` is the
    login at GitHub of who owns what is to be done. `attendees` are invited to meetings within `hours`, on the
    clock of `timezone`; `holidays_file` (iCalendar) is read when its days are needed. `support_channel` is
    where its customers are heard, in Slack.
    """

    timezone: str = "UTC"
    owner: str = ""
    hours: Hours = field(default_factory=Hours)
    holidays_file: str = ""
    attendees: tuple[str, ...] = ()
    slack_channel: str = ""
    support_channel: str = ""
    approvers: tuple[str, ...] = ()
    escalation: Mapping[str, Contact] = field(default_factory=dict)


@dataclass(frozen=True)
class PagerDuty:
    """PagerDuty's REST API, and its Events API where `routing_key` is given.

    `sender` is the e-mail address of the user in whose name is written. `priorities` are PagerDuty's ids by
    severity (``P0``). `wait_for_incident_seconds` is how long after its beginning a response waits for
    PagerDuty's own incident before it calls the on-call engineer, so that nobody is paged twice.
    """

    token: SecretRef
    sender: str
    url: str = "https://api.pagerduty.com"
    events_url: str = "https://events.pagerduty.com"
    routing_key: SecretRef | None = None
    acknowledge: bool = False
    resolve: bool = False
    priorities: Mapping[str, str] = field(default_factory=dict)
    wait_for_incident_seconds: float = 20.0


@dataclass(frozen=True)
class Slack:
    """Slack's Web API. `channel` is read by who has no team, or a team without a channel."""

    token: SecretRef
    channel: str
    url: str = "https://slack.com/api/"


@dataclass(frozen=True)
class GitHubApp:
    """A GitHub App: its id or client id, and its private key (PEM)."""

    id: str
    key: SecretRef


@dataclass(frozen=True)
class GitHub:
    """GitHub's REST API. `app` is who sets commit statuses and answers deployments; else the token does."""

    token: SecretRef
    url: str = "https://api.github.com"
    app: GitHubApp | None = None


@dataclass(frozen=True)
class Gate:
    """What enforces deploy gates: a commit status at GitHub under `context`, sync windows at Argo CD.

    With `fix_opens` a merged and approved pull request that names a response opens the gate that it closed.
    """

    github_status: bool = False
    context: str = "backout/deploy-gate"
    argo_cd: bool = False
    fix_opens: bool = False

    @property
    def barriers(self) -> tuple[str, ...]:
        """The names of what is configured, as tasks know them."""
        known = {"github": self.github_status, "argo_cd": self.argo_cd}
        return tuple(name for name, wanted in known.items() if wanted)


@dataclass(frozen=True)
class ArgoCd:
    """Argo CD's API server."""

    url: str
    token: SecretRef


@dataclass(frozen=True)
class Cache:
    """A Redis: ``redis://`` or ``rediss://`` with host, port and database; `ca` is a file of certificates.

    With `all_databases` a flush of everything flushes every database of the server.
    """

    url: str
    user: str = ""
    password: SecretRef | None = None
    ca: str = ""
    all_databases: bool = False


@dataclass(frozen=True)
class Flags:
    """A vendor of feature flags: one project and environment of it."""

    vendor: str
    url: str
    token: SecretRef
    environment: str
    project: str = "default"


@dataclass(frozen=True)
class Smtp:
    """A mail server; `tls` is ``starttls``, ``tls`` (from the start) or ``none``."""

    host: str
    port: int = 587
    tls: str = "starttls"
    user: str = ""
    password: SecretRef | None = None


@dataclass(frozen=True)
class Ses:
    """Amazon SES; without `region` in the one that AWS's own settings name."""

    region: str = ""


@dataclass(frozen=True)
class GoogleCalendar:
    """A calendar at Google; `key` is the JSON key of a service account, which acts as `subject`."""

    calendar: str
    key: SecretRef
    subject: str = ""
    url: str = "https://www.googleapis.com/calendar/v3"


@dataclass(frozen=True)
class Meetings:
    """How teams are invited to meetings, and how long these last; `sender` is whom mail comes from."""

    by: Smtp | Ses | GoogleCalendar
    sender: str = ""
    length: timedelta = timedelta(hours=1)


@dataclass(frozen=True)
class Eks:
    """An EKS cluster by its name; `role` is one to take first."""

    name: str
    region: str = ""
    role: str = ""


@dataclass(frozen=True)
class Kubernetes:
    """How the cluster is reached: `eks`, or a kubeconfig, a path or a secret; else as the client finds it."""

    eks: Eks | None = None
    kubeconfig: str | SecretRef = ""


@dataclass(frozen=True)
class Owners:
    """How those are reached that manage workloads besides Backout; Flux needs nothing but the cluster.

    `helm_program` is a path or a name; empty: of a Helm release only the pod template is rolled back.
    """

    argo_cd: ArgoCd | None = None
    helm_program: str = ""


@dataclass(frozen=True)
class StatusPage:
    """The public status page: Atlassian's (``statuspage``) or an endpoint that takes JSON (``json``).

    `ask` publishes only after a person's yes. `wording` holds own templates, by ``name`` (the incident's),
    ``identified``, ``monitoring``, ``resolved`` and ``unresolved``.
    """

    kind: str
    url: str
    page: str = ""
    token: SecretRef | None = None
    ask: bool = False
    wording: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ApprovalLinks:
    """Signed links that answer a question: where this installation is reached, and what signs them."""

    url: str
    secret: SecretRef


@dataclass(frozen=True)
class ReportIssue:
    """The report as an issue; without `repository` in that of the service."""

    repository: str = ""
    template: str = ""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """Where the report of a response that acted is filed, and how long after its end."""

    github: ReportIssue | None = None
    directory: str = ""
    after_seconds: float = 300.0


@dataclass(frozen=True)
class FollowUps:
    """How the runbook's lists are handed over: told, or `in_github` as an issue (`each`: as one an item)."""

    in_github: bool = False
    repository: str = ""
    labels: tuple[str, ...] = ()
    each: bool = False


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
    alertmanager: Alertmanager | None = None
    teams: Mapping[str, Team] = field(default_factory=dict)
    people: People = field(default_factory=People)
    ignored_annotations: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    pagerduty: PagerDuty | None = None
    slack: Slack | None = None
    support_channel: str = ""
    github: GitHub | None = None
    gate: Gate = Gate()
    kubernetes: Kubernetes = Kubernetes()
    owners: Owners = Owners()
    caches: Mapping[str, Cache] = field(default_factory=dict)
    flags: Flags | None = None
    meetings: Meetings | None = None
    status_page: StatusPage | None = None
    approval_links: ApprovalLinks | None = None
    report: Report = Report()
    follow_ups: FollowUps | None = None
    warnings: tuple[str, ...] = ()

    def discovered_service(self, ref: WorkloadRef, name: str) -> Service:
        """Return the service of a workload that only an alert's labels name; it must still have opted in."""
        return replace(self.defaults, name=name, workload=ref, match={}, discovered=True)
