import json
from datetime import UTC, datetime
from math import nan
from time import time

import pytest

from shared.adapters.checks import health, secret_references, signals, table
from shared.domain.prerequisites import State
from shared.domain.services import SignalQuery
from shared.domain.signals import Signal
from shared.errors import ConfigurationError, PermanentError, TemporaryError
from tests.domain.examples import a_service
from tests.fakes.health import FakeHealth
from tests.fakes.http_server import Answer, serving
from tests.fakes.records import FakeRecords
from tests.fakes.signals import FakeSignals

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def test_a_table_whose_keys_and_indexes_answer_is_found() -> None:
    [finding] = table.check(FakeRecords(), NOW)

    assert finding.state is State.OK


@pytest.mark.parametrize(("call", "part"), [("read", "keys"), ("due", "due"), ("recent", "recent")])
def test_what_a_table_lacks_is_named(call: str, part: str) -> None:
    records = FakeRecords()
    records.fail(call, PermanentError("ValidationException"))

    [finding] = table.check(records, NOW)

    assert finding.state is State.BROKEN
    assert part in finding.detail
    assert "backout table create" in finding.mend


def test_no_table_is_missing_and_one_that_is_away_broken() -> None:
    records = FakeRecords()
    records.fail("read", ConfigurationError("it does not exist"), TemporaryError("it does not answer"))

    assert [table.check(records, NOW)[0].state for _ in range(2)] == [State.MISSING, State.BROKEN]


def test_a_health_endpoint_that_is_not_well_is_named() -> None:
    urls = ("http://a/health", "http://b/health")

    [well] = health.check(FakeHealth(), "checkout", urls)
    [ill] = health.check(FakeHealth({urls[1]: "503 Service Unavailable"}), "checkout", urls)

    assert (well.name, well.state) == ("health of checkout", State.OK)
    assert (ill.state, ill.detail) == (State.BROKEN, "http://b/health: 503 Service Unavailable")


def test_every_reading_of_a_service_is_listed() -> None:
    source = FakeSignals()
    source.says({Signal.ERROR_RATE: 0.02})

    [finding] = signals.service(source, a_service())

    assert (finding.name, finding.state) == ("signals of checkout", State.OK)
    assert "error_rate 0.02" in finding.detail
    assert "memory_usage unknown" in finding.detail


def test_a_service_of_which_nothing_can_be_measured_is_broken() -> None:
    source = FakeSignals()
    source.says({}, traffic=nan)

    [finding] = signals.service(source, a_service())

    assert finding.state is State.BROKEN
    assert finding.mend


def test_a_query_of_the_services_own_that_gives_nothing_is_broken() -> None:
    source = FakeSignals()
    source.says({Signal.ERROR_RATE: 0.02})

    [finding] = signals.service(source, a_service(queries={"latency_p95": SignalQuery("nonsense", 60)}))

    assert finding.state is State.BROKEN
    assert "latency_p95" in finding.mend


def test_prometheus_is_asked_a_query() -> None:
    result = {"resultType": "vector", "result": [{"metric": {}, "value": [time(), "1"]}]}
    body = json.dumps({"status": "success", "data": result}).encode()
    with serving(lambda _: Answer(200, body)) as server:
        [well] = signals.source(server.url, headers={"X-Scope-OrgID": "shop"}, timeout_seconds=4)
    with serving(lambda _: Answer(401)) as other:
        [ill] = signals.source(other.url, headers={}, timeout_seconds=4)

    assert well.state is State.OK
    assert server.requests[0].headers["x-scope-orgid"] == "shop"
    assert (ill.state, ill.detail) == (State.BROKEN, "the source answered 401")


def test_a_secret_is_found_or_missing_and_never_told() -> None:
    def missing() -> str:
        raise ConfigurationError("missing or empty")

    checks = secret_references.checks({"env:THERE": lambda: "s3cret", "ssm:/not/there": missing})
    [there], [not_there] = (check() for check in checks.values())

    assert (there.name, there.state, there.detail) == ("secret env:THERE", State.OK, "found")
    assert (not_there.name, not_there.state) == ("secret ssm:/not/there", State.MISSING)
    assert "ssm:GetParameter" in not_there.mend
