"""Every call to the outside ends before the lease under which it is made.

So a worker that is killed at its time limit leaves nothing that could change the world under its successor.
"""

import ast
from datetime import timedelta
from pathlib import Path

import pytest

from shared.adapters import json_api, redis_connection
from shared.adapters.checks.answering import TIMEOUT_SECONDS
from shared.adapters.pagerduty.reading import WITHIN_SECONDS
from shared.engine.hands import LEASE, RENEW_BELOW
from shared.ports import CALL_SECONDS

ADAPTERS = Path(__file__).resolve().parents[2] / "shared" / "adapters"
NAMED = {
    "TELL_SECONDS": json_api.TELL_SECONDS,
    "CALL_SECONDS": redis_connection.CALL_SECONDS,
    "TIMEOUT_SECONDS": TIMEOUT_SECONDS,
    "WITHIN_SECONDS": WITHIN_SECONDS,
}
LIMITS = ("seconds", "timeout_seconds", "within_seconds")


def limits() -> dict[str, float]:
    """Return the time limit that each adapter is made with, unless it is told another."""
    found: dict[str, float] = {}
    for path in sorted(ADAPTERS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                asked = node.args
                last = asked.args[len(asked.args) - len(asked.defaults) :]
                given = [
                    *zip(asked.kwonlyargs, asked.kw_defaults, strict=True),
                    *zip(last, asked.defaults, strict=True),
                ]
                for argument, default in given:
                    if argument.arg in LIMITS and default is not None:
                        found[f"{path.relative_to(ADAPTERS)} {argument.arg}"] = _value(default)
    return found


def _value(default: ast.expr) -> float:
    if isinstance(default, ast.Name):
        return NAMED[default.id]
    value: float = ast.literal_eval(default)
    return value


@pytest.mark.parametrize(("where", "seconds"), limits().items())
def test_an_adapter_s_calls_end_in_the_time_that_a_port_allows(where: str, seconds: float) -> None:
    assert 0.0 < seconds < CALL_SECONDS


def test_there_are_adapters_with_a_limit() -> None:
    assert len(limits()) > 10


def test_what_is_begun_under_a_lease_ends_under_it() -> None:
    """A step reads, measures and makes a change at the most; it is only begun with this much of the lease."""
    assert timedelta(seconds=3 * CALL_SECONDS) <= RENEW_BELOW < LEASE
