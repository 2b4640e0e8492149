import logging

import pytest

from functions.edges import app_of
from shared.errors import ConfigurationError, PermanentError
from tests.functions.installation import Installation, problem


def test_a_process_that_answers_is_alive(installation: Installation) -> None:
    installation.fake_records.away = True

    assert installation.client.get("/healthz").get_json() == {"status": "ok"}


def test_a_process_whose_table_answers_is_ready(installation: Installation) -> None:
    assert installation.client.get("/readyz").get_json() == {"status": "ready"}


def test_a_process_whose_table_is_away_is_not_ready_and_tells_nobody_why(installation: Installation) -> None:
    installation.fake_records.fail("read", ConfigurationError("table of account 123 is missing"))

    assert "123" not in problem(installation.client.get("/readyz"), 503)


def test_requests_and_results_are_counted(installation: Installation) -> None:
    installation.notify()
    installation.notify()
    installation.client.get("/some/where")

    told = installation.get("/metrics").text.splitlines()
    assert {
        'backout_requests_total{endpoint="alertmanager",status="202"} 2.0',
        'backout_requests_total{endpoint="none",status="404"} 1.0',
        'backout_alerts_total{outcome="created",source="alertmanager"} 1.0',
        'backout_alerts_total{outcome="repeated",source="alertmanager"} 1.0',
        "backout_duplicates_absorbed_total 1.0",
    } <= set(told)


def test_an_unexpected_error_tells_the_log_everything_and_the_caller_nothing(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    installation.fake_records.fail("read", PermanentError("a secret of the house"))

    with caplog.at_level(logging.ERROR, logger="backout.http"):
        detail = problem(installation.notify(), 500)

    assert "secret" not in detail
    assert "a secret of the house" in caplog.text


def test_a_fault_of_the_program_is_told_the_same_way() -> None:
    def broken(_door: object, _request: object) -> object:
        raise ZeroDivisionError("a secret of the house")

    client = app_of(broken, lambda: None).test_client()  # type: ignore[arg-type,return-value]

    assert "secret" not in problem(client.get("/"), 500)
