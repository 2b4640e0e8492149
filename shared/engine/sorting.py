"""Sorting: which workloads a message's alerts are about, one request each."""

from collections.abc import Callable, Sequence

from shared.domain.alerts import Alert
from shared.domain.reasons import Reason
from shared.domain.services import Catalogue, Service
from shared.domain.workloads import WorkloadRef
from shared.engine.accepting import Acceptance, Answer, Request

KeyOf = Callable[[Sequence[Alert]], str]
"""Names the part of a delivery that these alerts are."""


def requests_of(
    catalogue: Catalogue, source: str, alerts: Sequence[Alert], *, key_of: KeyOf, keyed_by_id: bool = False
) -> tuple[list[Request], list[Answer]]:
    """Return a request for each workload that the alerts are about, and answers for those about none.

    The order of the alerts changes nothing: requests come sorted by workload. Several services of one
    workload are one request, for the first of them by name.
    """
    found: dict[WorkloadRef, tuple[Service, list[Alert]]] = {}
    ignored: dict[Reason, list[str]] = {}
    for alert in alerts:
        services = _services(catalogue, alert)
        if isinstance(services, Reason):
            ignored.setdefault(services, []).append(alert.name)
            continue
        for service in services:
            known, gathered = found.setdefault(service.workload, (service, []))
            gathered.append(alert)
            if service.name < known.name:
                found[service.workload] = (service, gathered)
    requests = []
    for ref, (service, gathered) in sorted(found.items()):
        alerts = _distinct(gathered)
        key = f"{key_of(alerts)}/{ref}"
        requests.append(Request(service, source, key, keyed_by_id=keyed_by_id, alerts=tuple(alerts)))
    return requests, [Answer(Acceptance.IGNORED, reason) for reason in sorted(ignored)]


def _distinct(alerts: Sequence[Alert]) -> list[Alert]:
    """Return each firing and each resolution once, by episode, those that fire first."""
    found = {(a.episode, not a.firing): a for a in alerts}
    return [found[key] for key in sorted(found)]


def _services(catalogue: Catalogue, alert: Alert) -> list[Service] | Reason:
    cluster = alert.labels.get("cluster")
    if cluster and cluster != catalogue.cluster:
        return Reason.OTHER_CLUSTER
    return catalogue.find(alert.labels) or Reason.UNKNOWN_SERVICE


def target(catalogue: Catalogue, *, service: str = "", workload: str = "") -> Service | None:
    """Return the service that an order names, by its name or by its workload; None when there is none."""
    if service:
        return catalogue.named(service)
    return catalogue.of_workload(WorkloadRef.parse(workload, cluster=catalogue.cluster))
