"""Building: the conformed document made into settings, with what its keys mean together checked."""

from dataclasses import dataclass, replace
from datetime import timedelta

from shared.domain.guardrails import Rails
from shared.domain.services import DEFAULT_ALIASES, MaintenanceWindow, Service
from shared.domain.workloads import WorkloadRef
from shared.settings import integrations, meetings, paperwork, schema, teams
from shared.settings.conforming import Problems
from shared.settings.model import Alertmanager, Auth, Credential, People, Prometheus, Settings
from shared.settings.references import SecretRef, is_reference
from shared.settings.shapes import check_id, check_url, time_of_day, zone
from shared.settings.treatments import Builder
from shared.settings.warnings import warnings

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})


def build(document: schema.Document, problems: Problems) -> Settings:
    """Return the settings; where a key does not make sense, say so in `problems`."""
    cluster = document.cluster.strip()
    if not cluster:
        problems.append("cluster: expected the cluster's name; found nothing")
    builder = _Services(document, Builder(document.teams, document.caches, problems), problems)
    defaults = builder.defaults()
    settings = Settings(
        cluster=cluster,
        defaults=defaults,
        services=tuple(builder.service(defaults, i) for i in range(len(document.services))),
        aliases={**DEFAULT_ALIASES, **{name: _listed(said) for name, said in document.labels.items()}},
        rails=_rails(document.guardrails, problems),
        signals_by_alert=dict(document.alerts),
        auth=_auth(document.auth),
        prometheus=_prometheus(document.prometheus, problems),
        alertmanager=_alertmanager(document.alertmanager, problems),
        teams={name: teams.team(said, f"teams.{name}", problems) for name, said in document.teams.items()},
        people=People(
            webhook=document.people.webhook,
            headers=_headers(document.people.headers, "people.headers", problems),
        ),
        ignored_annotations=tuple(document.ignored_annotations),
        links=dict(document.links),
        pagerduty=integrations.pagerduty(document.pagerduty, problems),
        slack=integrations.slack(document.slack, problems),
        support_channel=teams.support_channel(document.support, "support", problems),
        github=integrations.github(document.github, problems),
        gate=integrations.gate(document, problems),
        kubernetes=integrations.kubernetes(document.kubernetes, document.owners, problems),
        owners=integrations.owners(document.owners, problems),
        caches=integrations.caches(document.caches, problems),
        flags=integrations.flags(document.flags, problems),
        meetings=meetings.meetings(document.meetings, problems),
        status_page=integrations.status_page(document.status_page, problems),
        approval_links=integrations.approval_links(document.approval_links, problems),
        report=paperwork.report(document.report, problems),
        follow_ups=paperwork.follow_ups(document.follow_ups, problems),
    )
    _check_distinct(settings.services, problems)
    return replace(settings, warnings=tuple(warnings(settings)))


@dataclass(frozen=True)
class _Services:
    document: schema.Document
    builder: Builder
    problems: Problems

    def defaults(self) -> Service:
        """Return the template of all services: the file's top, then its `defaults`."""
        top = schema.Treatment(matrix=self.document.matrix, timing=self.document.timing)
        nobody = Service(name="", workload=WorkloadRef(self.document.cluster, "", "", ""))
        service = self.builder.treated(nobody, top, "")
        return self._measured(self.builder.treated(service, self.document.defaults, "defaults"))

    def service(self, defaults: Service, index: int) -> Service:
        """Return one service of the list."""
        entry, path = self.document.services[index], f"services[{index}]"
        if not entry.name.strip():
            self.problems.append(f"{path}.name: expected a name; found nothing")
        service = self.builder.treated(defaults, entry, path)
        for i, url in enumerate(entry.health):
            check_url(url, f"{path}.health[{i}]", self.problems)
        if entry.pagerduty_service:
            check_id(entry.pagerduty_service, "pagerduty", f"{path}.pagerduty_service", self.problems)
        workload = self._workload(entry.workload, f"{path}.workload")
        return self._measured(
            replace(
                service,
                name=entry.name.strip(),
                workload=workload,
                match=self._match(entry, workload, f"{path}.match"),
                health=tuple(entry.health),
                pagerduty_service=entry.pagerduty_service,
                status_components=dict(entry.status_components),
            )
        )

    def _measured(self, service: Service) -> Service:
        source = self.document.prometheus is not None
        return replace(service, measured=source and (service.profile != "none" or bool(service.queries)))

    def _workload(self, text: str, path: str) -> WorkloadRef:
        try:
            return WorkloadRef.parse(text, cluster=self.document.cluster.strip())
        except ValueError as error:
            self.problems.append(f"{path}: {error}")
            return WorkloadRef(self.document.cluster, "", "", "")

    def _match(self, entry: schema.Entry, workload: WorkloadRef, path: str) -> dict[str, str]:
        if entry.match is None:
            return {"namespace": workload.namespace, workload.kind: workload.name}
        if not entry.match:
            self.problems.append(f"{path}: expected at least one label; an empty match would match nothing")
        self.problems.extend(
            f"{path}.{label}: expected the label's value; found nothing"
            for label, value in entry.match.items()
            if not value
        )
        return dict(entry.match)


def _check_distinct(services: tuple[Service, ...], problems: Problems) -> None:
    names: dict[str, int] = {}
    places: dict[tuple[WorkloadRef, frozenset[tuple[str, str]]], int] = {}
    for i, service in enumerate(services):
        first = names.setdefault(service.name, i)
        if first != i:
            problems.append(f"services[{i}].name: {service.name!r} is also services[{first}]")
        place = (service.workload, frozenset(service.match.items()))
        first = places.setdefault(place, i)
        if first != i:
            problems.append(f"services[{i}]: has the match and the workload of services[{first}]")


def _rails(said: schema.Guardrails, problems: Problems) -> Rails:
    if said.storm.rollbacks < 0:
        problems.append(f"guardrails.storm.rollbacks: expected 0 or more; found {said.storm.rollbacks}")
    if not 1 <= said.storm.per <= 86400:
        problems.append(f"guardrails.storm.per: expected 1s to 1d; found {said.storm.per:g}s")
    windows = [
        _window(window, f"guardrails.maintenance[{i}]", problems) for i, window in enumerate(said.maintenance)
    ]
    return Rails(
        namespaces=tuple(said.namespaces),
        storm_limit=said.storm.rollbacks,
        storm_per=timedelta(seconds=min(said.storm.per, 86400)),
        maintenance=tuple(windows),
    )


def _window(said: schema.Maintenance, path: str, problems: Problems) -> MaintenanceWindow:
    if not said.days:
        problems.append(f"{path}.days: expected at least one of {', '.join(_DAYS)}")
    return MaintenanceWindow(
        days=frozenset(_DAYS.index(day) for day in said.days),
        start=time_of_day(said.start, f"{path}.from", problems),
        end=time_of_day(said.end, f"{path}.to", problems),
        zone=zone(said.timezone, f"{path}.timezone", problems),
        namespaces=tuple(said.namespaces),
    )


def _auth(said: schema.Auth) -> Auth:
    return Auth(**{name: _credential(getattr(said, name), name) for name in schema.Auth.__struct_fields__})


def _credential(said: schema.Door, name: str) -> Credential | None:
    if said is None:
        return None
    if said == "none":
        return Credential(open=True)
    named = said if isinstance(said, dict) else {name: said}
    return Credential({who: tuple(refs if isinstance(refs, list) else [refs]) for who, refs in named.items()})


def _prometheus(said: schema.Prometheus | None, problems: Problems) -> Prometheus | None:
    if said is None:
        return None
    check_url(said.url, "prometheus.url", problems)
    if not 0.1 <= said.timeout <= 10:
        problems.append(f"prometheus.timeout: expected 0.1s to 10s; found {said.timeout:g}s")
    if not 1 <= said.window <= 3600:
        problems.append(f"prometheus.window: expected 1s to 1h; found {said.window:g}s")
    headers = _headers(said.headers, "prometheus.headers", problems)
    return Prometheus(said.url.rstrip("/"), headers, float(said.window), float(said.timeout))


def _alertmanager(said: schema.Alertmanager | None, problems: Problems) -> Alertmanager | None:
    if said is None:
        return None
    check_url(said.url, "alertmanager.url", problems)
    return Alertmanager(said.url.rstrip("/"), _headers(said.headers, "alertmanager.headers", problems))


def _headers(said: dict[str, str], path: str, problems: Problems) -> dict[str, str]:
    problems.extend(
        f"{path}.{name}: expected a reference to a secret (env:NAME, ssm:/path, secretsmanager:name)"
        for name, value in said.items()
        if name.lower() in _SECRET_HEADERS and not is_reference(value)
    )
    return {name: SecretRef(value) if is_reference(value) else value for name, value in said.items()}


def _listed(said: str | list[str]) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(said)
