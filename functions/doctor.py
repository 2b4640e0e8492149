"""GET /doctor: every prerequisite, what was found of it, and how to mend it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import partial
from typing import TYPE_CHECKING

from flask import Request, Response
from werkzeug.routing import Map, Rule

from functions import answers, doors, edges
from shared import bootstrap
from shared.bootstrap import Door, Engine, clusters
from shared.bootstrap.outlooks import support_channels
from shared.domain import prerequisites
from shared.domain.prerequisites import Finding, State
from shared.settings import SecretRef, Settings, Slack
from shared.settings.model import GoogleCalendar, Ses, Smtp

if TYPE_CHECKING:
    from shared.adapters.checks import Check
    from shared.adapters.kubernetes.connection import Connection

SECONDS = 20.0
"""How long all checks together may take: below the 30 s after which API Gateway and clients give up."""


def examined(engine: Engine, *, kubeconfig: str | None = None, seconds: float = SECONDS) -> list[Finding]:
    """Run every check that the configuration gives rise to, side by side; tell what is off, too."""
    from shared.adapters.checks import running
    from shared.adapters.kubernetes.connection import Connection

    door = engine.door
    access = clusters.access_of(door.settings, door.secrets, kubeconfig=kubeconfig)
    connection = Connection(access=access)
    try:
        checks = {
            **_of_cluster(engine.door.settings, connection),
            **_of_table(engine.door),
            **_of_services(engine),
            **_of_owners(engine, connection),
            **_of_remedies(engine),
            **_of_integrations(engine.door),
            **_of_meetings(engine.door),
            **_of_secrets(engine.door),
        }
        found = running.findings(checks, seconds=seconds)
    finally:
        connection.close()
    return [*found, *_off(engine.door.settings)]


def _of_cluster(settings: Settings, connection: "Connection") -> "dict[str, Check]":
    """Return the checks of the cluster; where no service is named, any kind may be discovered."""
    from shared.adapters.checks import cluster

    checks: dict[str, Check] = {cluster.NAME: partial(cluster.reachable, connection)}
    for namespace in settings.rails.namespaces:
        kinds = {s.workload.kind for s in settings.services if s.workload.namespace == namespace}
        name = f"cluster rights in {namespace}"
        checks[name] = partial(cluster.rights, connection, namespace, kinds)
    return checks


def _of_table(door: Door) -> "dict[str, Check]":
    from shared.adapters.checks import table

    return {table.NAME: lambda: table.check(door.records, door.clock())}


def _of_services(engine: Engine) -> "dict[str, Check]":
    from shared.adapters.checks import alertmanager, health, signals

    settings, outside = engine.door.settings, engine.outside
    checks: dict[str, Check] = {}
    if prometheus := settings.prometheus:
        checks[signals.SOURCE] = lambda: signals.source(
            prometheus.url,
            headers=engine.door.secrets.headers(prometheus.headers),
            timeout_seconds=prometheus.timeout_seconds,
        )
    if (alerts := outside.alerts) is not None:
        checks[alertmanager.NAME] = partial(alertmanager.check, alerts)
    for service in settings.services:
        if service.measured:
            checks[f"signals of {service.name}"] = partial(signals.service, outside.signals, service)
        if service.health:
            name = f"health of {service.name}"
            checks[name] = partial(health.check, outside.health, service.name, service.health)
    return checks


def _of_owners(engine: Engine, connection: "Connection") -> "dict[str, Check]":
    """Return the checks of those that manage workloads: what reaches them, and the owner of each service."""
    from shared.adapters.checks import argo_cd, helm, owners

    configured, value, outside = engine.door.settings.owners, engine.door.secrets.value, engine.outside
    checks: dict[str, Check] = {}
    if (argo := configured.argo_cd) is not None:
        windows = engine.door.settings.gate.argo_cd
        checks[argo_cd.NAME] = lambda: argo_cd.check(argo.url, value(argo.token), windows=windows)
    if configured.helm_program:
        checks[helm.NAME] = partial(helm.check, configured.helm_program)
    for service in engine.door.settings.services:
        look = partial(owners.check, outside.workloads, outside.owners, connection, service)
        checks[f"owner of {service.name}"] = look
    return checks


def _of_remedies(engine: Engine) -> "dict[str, Check]":
    """Return the checks of what remedies need: the caches, and the databases that may be restored."""
    from shared.adapters.checks import rds, redis
    from shared.bootstrap.owners import cache_of

    settings, outside = engine.door.settings, engine.outside
    known = [s.remedies for s in settings.services]
    used = [remedies.cache for remedies in known if remedies.cache is not None]
    prefixes = {name: sorted({use.prefix for use in used if use.name == name}) for name in settings.caches}
    caches = {name: cache_of(cache, engine.door.secrets) for name, cache in settings.caches.items()}
    databases = sorted({remedies.database for remedies in known if remedies.database})
    return {**redis.checks(caches, prefixes), **rds.checks(lambda: outside.databases, databases)}


def _of_integrations(door: Door) -> "dict[str, Check]":
    """Return a check for each integration that is configured; a token that is missing is told by it."""
    from shared.adapters.checks import github, github_app, pagerduty, slack, status_page
    from shared.bootstrap import filing

    settings, value = door.settings, door.secrets.value
    checks: dict[str, Check] = {}
    if (pd := settings.pagerduty) is not None:
        checks[pagerduty.NAME] = lambda: pagerduty.check(pd.url, value(pd.token), pd.sender)
    if (chat := settings.slack) is not None:
        checks[slack.NAME] = lambda: slack.check(chat.url, value(chat.token))
        for channel in sorted({settings.support_channel, *support_channels(settings).values()} - {""}):
            checks[f"{slack.SUPPORT} {channel}"] = partial(_support, door, chat, channel)
    if (git := settings.github) is not None:
        issues = sorted({s.github_issue for s in settings.services if s.github_issue})
        reverted = sorted({s.repository for s in settings.services if s.reverts and s.repository})
        filed = filing.repositories_of(settings)
        checks[github.NAME] = lambda: github.check(git.url, value(git.token), issues, reverted, filed)
        if (app := git.app) is not None:
            wanted = github_app.rights(
                marks=settings.gate.github_status, reads_reviews=settings.gate.fix_opens
            )
            brought = sorted({s.repository for s in settings.services if s.repository})
            checks[github_app.NAME] = lambda: github_app.check(
                git.url, app.id, value(app.key), brought, wanted
            )
    if (page := settings.status_page) is not None:
        token = page.token
        if page.kind == "statuspage" and token is not None:
            checks[status_page.NAME] = lambda: status_page.statuspage(page.url, page.page, value(token))
        else:
            checks[status_page.NAME] = lambda: status_page.endpoint(page.url, value(token) if token else "")
    return checks


def _of_meetings(door: Door) -> "dict[str, Check]":
    """Return the checks of what invites to meetings, and of the files that holidays are read from."""
    from shared.adapters.checks import meetings as check
    from shared.adapters.meetings.ses import SesMeetings, make_client
    from shared.bootstrap.meetings import calendar_of, server_of

    settings, secrets = door.settings, door.secrets
    files = sorted({team.holidays_file for team in settings.teams.values() if team.holidays_file})
    today = door.clock().date()
    checks: dict[str, Check] = {
        f"holidays {path}": partial(check.holidays_file, path, today) for path in files
    }
    if (configured := settings.meetings) is None:
        return checks
    match configured.by:
        case Smtp() as smtp:
            server = partial(server_of, smtp, secrets)
            checks[check.NAME] = partial(check.mail_server, server, configured.sender)
        case Ses(region=region):
            meetings = SesMeetings(configured.sender, partial(make_client, region))
            checks[check.NAME] = partial(check.ses, meetings)
        case GoogleCalendar() as google:
            checks[check.NAME] = partial(check.google, partial(calendar_of, google, secrets))
    return checks


def _support(door: Door, chat: Slack, channel: str) -> Sequence[Finding]:
    from shared.adapters.checks import slack

    return slack.readable(chat.url, door.secrets.value(chat.token), channel)


def _of_secrets(door: Door) -> "dict[str, Check]":
    from shared.adapters.checks import secret_references

    found = dict.fromkeys(references(door.settings))
    return secret_references.checks({str(ref): partial(door.secrets.value, ref) for ref in found})


def references(settings: object) -> Iterator[SecretRef]:
    """Yield every secret that settings name, wherever in them it stands."""
    if isinstance(settings, SecretRef):
        yield settings
    elif is_dataclass(settings):
        for part in fields(settings):
            yield from references(getattr(settings, part.name))
    elif isinstance(settings, Mapping):
        for value in settings.values():
            yield from references(value)
    elif isinstance(settings, tuple | list):
        for value in settings:
            yield from references(value)


def _off(settings: Settings) -> Iterator[Finding]:
    """Yield what is not configured."""
    parts = {
        "guardrails.namespaces": settings.rails.namespaces,
        "prometheus": settings.prometheus,
        "alertmanager": settings.alertmanager,
        "pagerduty": settings.pagerduty,
        "slack": settings.slack,
        "support": settings.support_channel or support_channels(settings),
        "github": settings.github,
        "meetings": settings.meetings,
        "owners.argo_cd": settings.owners.argo_cd,
        "owners.helm": settings.owners.helm_program,
        "status_page": settings.status_page,
        "approval_links": settings.approval_links,
    }
    for name, part in parts.items():
        if not part:
            yield Finding(name, State.OFF, "not configured")


def _show(
    door: Door, request: Request, *, engine: Engine | None = None, kubeconfig: str | None = None
) -> Response:
    doors.admit(door, request, "read")
    findings = examined(engine or bootstrap.deployed_engine(), kubeconfig=kubeconfig)
    answer = answers.answer({"findings": findings, "ok": prerequisites.ok(findings)})
    answer.headers["Cache-Control"] = "no-store"
    return answer


def respond(
    door: Door, request: Request, engine: Engine | None = None, kubeconfig: str | None = None
) -> Response:
    """Tell what was found; `kubeconfig` is that of the engine's cluster, where it is not the default one."""
    call = partial(_show, engine=engine, kubeconfig=kubeconfig)
    routes = Map([Rule(path, endpoint=call, methods=["GET"]) for path in ("/", "/doctor")])
    return edges.routed(routes, door, request)


main = edges.target(respond)
handler = edges.lambda_handler(respond)
