"""Checks the signal source, and what it can tell of each service."""

from collections.abc import Mapping, Sequence

from shared.adapters.http_client import HttpClient
from shared.adapters.prometheus.querying import QueryApi
from shared.domain.prerequisites import Finding, State
from shared.domain.services import QUERYABLE, Service
from shared.domain.signals import Reading
from shared.ports import Signals

SOURCE = "Prometheus"
_STALE_SECONDS = 60.0


def source(url: str, *, headers: Mapping[str, str], timeout_seconds: float) -> Sequence[Finding]:
    """Ask the source for the number 1."""
    http = HttpClient(headers=headers, timeout_seconds=timeout_seconds)
    answer = QueryApi(url, http=http, stale_after_seconds=_STALE_SECONDS).ask("vector(1)")
    if answer.is_unknown:
        mend = "Check prometheus.url and prometheus.headers, and that the server can reach it."
        return [Finding(SOURCE, State.BROKEN, answer.why, mend)]
    return [Finding(SOURCE, State.OK, "it answers queries")]


def service(signals: Signals, measured: Service) -> Sequence[Finding]:
    """Measure the service and list each reading.

    It is broken when nothing can be measured, or when a query of the service's own gives nothing; that a
    profile's query does (no memory limit is set, say) is told and is no fault.
    """
    name = f"signals of {measured.name}"
    told = signals.measure(measured, QUERYABLE)
    readings: dict[str, Reading] = {str(s): reading for s, reading in sorted(told.readings.items())}
    readings["traffic"] = told.traffic_per_minute
    detail = "; ".join(f"{what} {_said(what, reading)}" for what, reading in readings.items())
    own = [what for what in measured.queries if what in readings and readings[what].is_unknown]
    if own:
        mend = f"Mend the queries of the service: {', '.join(own)}. Try them in Prometheus."
        return [Finding(name, State.BROKEN, detail, mend)]
    if all(reading.is_unknown for reading in readings.values()):
        mend = "Choose the profile that counts its requests (`queries`), set `selector`, or give own queries."
        return [Finding(name, State.BROKEN, detail, mend)]
    return [Finding(name, State.OK, detail)]


def _said(what: str, reading: Reading) -> str:
    if reading.value is not None:
        return f"{reading.value:.4g}"
    why = reading.why.removeprefix(f"{what}: ")
    return f"{reading.kind.value} ({why})" if why else reading.kind.value
