"""Clearing: which alerts that the alerting system holds are about a service, and whether any is active."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain.evidence import Evidence, Standing
from shared.domain.response import Response
from shared.domain.services import Catalogue, Service

ALERTMANAGER = "alertmanager"


@dataclass(frozen=True)
class StandingAlert:
    """An alert that fires now; `suppressed` says by what it is kept from being told, empty: by nothing."""

    fingerprint: str
    name: str
    labels: Mapping[str, str]
    starts_at: datetime
    suppressed: str = ""


def filters(service: Service, catalogue: Catalogue) -> tuple[Mapping[str, str], ...]:
    """Return which labels to ask for; what fulfils any of the mappings may be about the service.

    A label that goes by several names cannot be asked for at once, so one such is asked for by each of its
    names; `about` looks at the others.
    """
    ref = service.workload
    match = service.match or {"namespace": ref.namespace, ref.kind: ref.name}
    exact = {name: value for name, value in match.items() if name not in catalogue.aliases}
    named = next((name for name in catalogue.aliases if name in match), None)
    if named is None:
        return (exact,)
    return tuple({**exact, alias: match[named]} for alias in catalogue.aliases[named])


def about(response: Response, catalogue: Catalogue, alerts: Sequence[StandingAlert]) -> list[StandingAlert]:
    """Return those that came to the response, or would come to its service now; none of another cluster's."""
    heard = {
        alert.episode.rpartition("/")[0] for alert in response.heard.alerts if alert.source == ALERTMANAGER
    }

    def is_meant(alert: StandingAlert) -> bool:
        if alert.labels.get("cluster", catalogue.cluster) not in {"", catalogue.cluster}:
            return False
        found = catalogue.find(alert.labels)
        return alert.fingerprint in heard or any(s.workload == response.workload for s in found)

    return [alert for alert in alerts if is_meant(alert)]


def evidence(alerts: Sequence[StandingAlert]) -> Evidence:
    """Return how the alerts of a workload stand; one that is silenced fires all the same."""
    active = sorted({alert.name for alert in alerts if not alert.suppressed})
    quiet = sorted({f"{alert.name} ({alert.suppressed})" for alert in alerts if alert.suppressed})
    told = f"; kept quiet and firing: {', '.join(quiet)}" if quiet else ""
    if active:
        return Evidence(Standing.FAIL, f"active in Alertmanager: {', '.join(active)}{told}")
    if quiet:
        return Evidence(Standing.ASKED, f"none is active in Alertmanager{told}")
    return Evidence(Standing.PASS, "no alert of the workload is active in Alertmanager")
