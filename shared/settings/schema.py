"""The schema of the configuration file: its keys, their shapes and what may be left out.

A key that is None was not given. What keys mean together is checked where they are built into settings.
"""

from typing import Literal

import msgspec

from shared.domain.matrix import Action, Severity
from shared.domain.remedies import WhenStuck
from shared.domain.services import Mode
from shared.domain.signals import Signal
from shared.settings.durations import Seconds
from shared.settings.references import SecretRef

OFF = Literal["off", "false"]
NONE = Literal["none"]
Profile = Literal["http_requests", "istio", "nginx", "otel", "none"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
StatusPageKind = Literal["statuspage", "json"]
Tls = Literal["starttls", "tls", "none"]
Impact = Literal["operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage"]
Threshold = str

Named = dict[str, SecretRef | list[SecretRef]]
Door = NONE | SecretRef | list[SecretRef] | Named | None
Signed = SecretRef | list[SecretRef] | None


class Prometheus(msgspec.Struct, frozen=True):
    url: str
    headers: dict[str, str] = {}
    window: Seconds = Seconds(60)
    timeout: Seconds = Seconds(5)


class Alertmanager(msgspec.Struct, frozen=True):
    url: str
    headers: dict[str, str] = {}


class Auth(msgspec.Struct, frozen=True):
    alertmanager: Door = None
    invoke: Door = None
    read: Door = None
    pagerduty: Signed = None
    pagerduty_actions: Signed = None
    slack: Signed = None
    github: Signed = None


class Timing(msgspec.Struct, frozen=True):
    assess: Seconds | None = None
    approve: Seconds | None = None
    hold: Seconds | None = None
    settle: Seconds | None = None
    rollback: Seconds | None = None
    verify: Seconds | None = None
    stabilise: Seconds | None = None
    poll: Seconds | None = None
    scrape: Seconds | None = None
    cooldown: Seconds | None = None
    recent_rollout: Seconds | None = None


class Storm(msgspec.Struct, frozen=True):
    rollbacks: int = 3
    per: Seconds = Seconds(600)


class Maintenance(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    days: list[Day]
    start: str
    end: str
    timezone: str = "UTC"
    namespaces: list[str] = []


class Guardrails(msgspec.Struct, frozen=True):
    namespaces: list[str] = []
    storm: Storm = Storm()
    maintenance: list[Maintenance] = []


class RowOverride(msgspec.Struct, frozen=True):
    threshold: Threshold | None = None
    signal: Signal | None = None
    action: Action | None = None
    severity: Severity | None = None
    asks: bool | None = None


MatrixOverrides = dict[str, OFF | RowOverride]


class Query(msgspec.Struct, frozen=True):
    query: str
    window: Seconds = Seconds(60)


class Queries(msgspec.Struct, frozen=True):
    profile: Profile | None = None
    error_rate: str | Query | None = None
    http_5xx_per_minute: str | Query | None = None
    latency_p95: str | Query | None = None
    latency_regression: str | Query | None = None
    memory_usage: str | Query | None = None
    cpu_usage: str | Query | None = None
    traffic: str | Query | None = None


class Targets(msgspec.Struct, frozen=True):
    error_rate: Threshold | None = None
    latency_p95: Threshold | None = None


class Repository(msgspec.Struct, frozen=True):
    repository: str
    issue: int | None = None
    branch: str = ""
    environment: str = ""
    revert: bool = False


class CacheUse(msgspec.Struct, frozen=True):
    name: str
    prefix: str = ""
    after_rollback: bool = False
    restart: bool = True


class Remedies(msgspec.Struct, frozen=True):
    stuck: WhenStuck | OFF | None = None
    job: str = ""
    job_timeout: Seconds = Seconds(600)
    database: str = ""
    database_timeout: Seconds = Seconds(3600)
    cache: CacheUse | None = None


class Logs(msgspec.Struct, frozen=True):
    errors: str | None = None


class Treatment(msgspec.Struct, frozen=True, kw_only=True):
    """How a service is treated: what `defaults` and each entry of `services` may say."""

    mode: Mode | None = None
    team: str | None = None
    customer_facing: bool | None = None
    queries: Profile | Queries | None = None
    selector: str | None = None
    min_requests_per_minute: float | None = None
    trust_alerts: bool | None = None
    matrix: MatrixOverrides = {}
    timing: Timing = Timing()
    targets: Targets = Targets()
    github: Repository | None = None
    remedies: Remedies | None = None
    schema_at_least: int | None = None
    flags: list[str] | None = None
    logs: Logs = Logs()


class Entry(Treatment, frozen=True, kw_only=True):
    """One entry of `services`."""

    name: str
    workload: str
    match: dict[str, str] | None = None
    health: list[str] = []
    pagerduty_service: str = ""
    status_components: dict[str, Impact] = {}


class Contact(msgspec.Struct, frozen=True):
    pagerduty_policy: str = ""
    pagerduty_user: str = ""
    slack: str = ""
    webhook: SecretRef | None = None


class LastContact(Contact, frozen=True):
    stops_on_acknowledgement: bool = False


class Escalation(msgspec.Struct, frozen=True):
    """Who is called at each level; the keys are `shared.domain.escalation.Level`."""

    on_call: Contact | None = None
    team_lead: Contact | None = None
    platform: Contact | None = None
    cto: LastContact | None = None


class TeamSlack(msgspec.Struct, frozen=True):
    channel: str = ""
    approvers: list[str] = []


class WorkingHours(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    days: list[Day] | None = None
    start: str = "09:00"
    end: str = "17:00"


class TeamMeeting(msgspec.Struct, frozen=True):
    attendees: list[str] = []


class Support(msgspec.Struct, frozen=True):
    slack: str = ""


class Team(msgspec.Struct, frozen=True):
    timezone: str = "UTC"
    owner: str = ""
    working_hours: WorkingHours = WorkingHours()
    holidays: list[str] = []
    holidays_file: str = ""
    meeting: TeamMeeting = TeamMeeting()
    slack: TeamSlack = TeamSlack()
    support: Support = Support()
    escalation: Escalation = Escalation()


class People(msgspec.Struct, frozen=True):
    webhook: SecretRef | None = None
    headers: dict[str, str] = {}


class PagerDuty(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    token: SecretRef
    sender: str
    url: str = "https://api.pagerduty.com"
    events_url: str = "https://events.pagerduty.com"
    routing_key: SecretRef | None = None
    acknowledge: bool = False
    resolve: bool = False
    priorities: dict[str, str] = {}
    wait_for_incident: Seconds = Seconds(20.0)


class Slack(msgspec.Struct, frozen=True):
    token: SecretRef
    channel: str
    url: str = "https://slack.com/api/"


class GitHubApp(msgspec.Struct, frozen=True):
    id: str
    key: SecretRef


class GitHub(msgspec.Struct, frozen=True):
    token: SecretRef
    url: str = "https://api.github.com"
    app: GitHubApp | None = None


class Gate(msgspec.Struct, frozen=True):
    github: Literal["status", "off", "false"] = "off"
    context: str = "backout/deploy-gate"
    argo_cd: bool = False
    fix_opens: bool = False


class ArgoCd(msgspec.Struct, frozen=True):
    url: str
    token: SecretRef


class Helm(msgspec.Struct, frozen=True):
    program: str = "helm"


class Cache(msgspec.Struct, frozen=True):
    url: str
    user: str = ""
    password: SecretRef | None = None
    ca: str = ""
    all_databases: bool = False


FlagVendor = Literal["unleash", "launchdarkly", "flagsmith"]


class Flags(msgspec.Struct, frozen=True):
    vendor: FlagVendor
    token: SecretRef
    environment: str
    url: str = ""
    project: str = "default"


class Smtp(msgspec.Struct, frozen=True):
    host: str
    port: int = 587
    tls: Tls = "starttls"
    user: str = ""
    password: SecretRef | None = None


class Ses(msgspec.Struct, frozen=True):
    region: str = ""


class GoogleCalendar(msgspec.Struct, frozen=True):
    calendar: str
    key: SecretRef
    subject: str = ""
    url: str = "https://www.googleapis.com/calendar/v3"


class Meetings(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    sender: str = ""
    smtp: Smtp | None = None
    ses: Ses | None = None
    google: GoogleCalendar | None = None
    length: Seconds = Seconds(3600)


class Eks(msgspec.Struct, frozen=True):
    name: str
    region: str = ""
    role: str = ""


class Kubernetes(msgspec.Struct, frozen=True):
    eks: Eks | None = None
    kubeconfig: str = ""


class Owners(msgspec.Struct, frozen=True):
    argo_cd: ArgoCd | None = None
    helm: Helm | None = None


class StatusWording(msgspec.Struct, frozen=True):
    name: str | None = None
    identified: str | None = None
    monitoring: str | None = None
    resolved: str | None = None
    unresolved: str | None = None


class StatusPage(msgspec.Struct, frozen=True):
    kind: StatusPageKind
    url: str | None = None
    page: str = ""
    token: SecretRef | None = None
    ask: bool = False
    wording: StatusWording = StatusWording()


class ReportIssue(msgspec.Struct, frozen=True):
    repository: str = ""
    template: str = ".github/ISSUE_TEMPLATE/incident.yml"
    labels: list[str] = []


class Report(msgspec.Struct, frozen=True):
    github: ReportIssue | None = None
    directory: str = ""
    after: Seconds = Seconds(300)


class FollowUps(msgspec.Struct, frozen=True, rename={"filed_as": "as"}):
    repository: str = ""
    filed_as: Literal["checklist", "issues"] = "checklist"
    labels: list[str] = []


class ApprovalLinks(msgspec.Struct, frozen=True):
    url: str
    secret: SecretRef


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    cluster: str
    prometheus: Prometheus | None = None
    alertmanager: Alertmanager | None = None
    auth: Auth = Auth()
    guardrails: Guardrails = Guardrails()
    labels: dict[str, str | list[str]] = {}
    alerts: dict[str, Signal] = {}
    matrix: MatrixOverrides = {}
    timing: Timing = Timing()
    defaults: Treatment = Treatment()
    teams: dict[str, Team] = {}
    services: list[Entry] = []
    ignored_annotations: list[str] = []
    people: People = People()
    pagerduty: PagerDuty | None = None
    slack: Slack | None = None
    support: Support = Support()
    github: GitHub | None = None
    gate: Gate = Gate()
    kubernetes: Kubernetes = Kubernetes()
    owners: Owners = Owners()
    caches: dict[str, Cache] = {}
    flags: Flags | None = None
    meetings: Meetings | None = None
    status_page: StatusPage | None = None
    approval_links: ApprovalLinks | None = None
    report: Report = Report()
    follow_ups: OFF | FollowUps | None = None
    links: dict[str, str] = {}
