"""Lines of the log: what they are about, and that they are whole."""

import json
import logging
from typing import Any

import pytest

from shared.bootstrap.logs import JsonLines
from shared.subjects import about, present


def line(message: str, **extra: str) -> dict[str, Any]:
    record = logging.LogRecord("backout.slack", logging.WARNING, __file__, 1, message, (), None)
    record.__dict__.update(extra)
    told: dict[str, Any] = json.loads(JsonLines().format(record))
    return told


def test_a_line_names_response_workload_and_step_of_the_call_it_was_logged_in() -> None:
    with about("advance", response="r1"), about("run", workload="prod/shop", step="verify"):
        told = line("slow")
    assert {name: told[name] for name in ("response", "workload", "step")} == {
        "response": "r1",
        "workload": "prod/shop",
        "step": "verify",
    }
    assert told["level"] == "warning"
    assert told["logger"] == "backout.slack"
    assert told["message"] == "slow"
    assert told["time"].endswith("+00:00")


def test_what_comes_with_the_record_goes_first() -> None:
    with about("run", step="verify"):
        assert line("done", step="stabilise")["step"] == "stabilise"


def test_a_line_that_is_about_nothing_names_nothing() -> None:
    assert set(line("stopped")) == {"time", "level", "logger", "message"}


def test_what_a_call_was_about_is_over_with_it() -> None:
    with pytest.raises(ValueError, match="broken"), about("run", response="r1", step="verify"):
        raise ValueError("broken")
    assert present().told() == {}


def test_a_traceback_is_in_the_same_line() -> None:
    error = ValueError("broken\nin two lines")
    trouble = (ValueError, error, None)
    record = logging.LogRecord("backout", logging.ERROR, __file__, 1, "ended", (), trouble)
    told = JsonLines().format(record)
    assert "\n" not in told
    assert "in two lines" in json.loads(told)["exception"]
