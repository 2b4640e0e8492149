import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.response import Wanted
from shared.domain.signals import Signal
from shared.errors import InvalidRequest
from shared.intake import invoke
from shared.intake.invoke import Invocation


def parsed(**body: Any) -> Invocation:
    return invoke.parse(json.dumps(body).encode())


def test_an_order_is_understood_whole() -> None:
    order = parsed(
        workload="production/deployment/checkout",
        action="rollback",
        to_revision=42,
        signals={"error_rate": 0.12, "critical_function_broken": True},
        override=["cooldown", "storm", "cooldown"],
        reason=" the fix is out ",
        requested_by="alice",
        dry_run=True,
    )

    assert (order.service, order.workload) == ("", "production/deployment/checkout")
    assert (order.wanted, order.to_revision, order.dry_run) == (Wanted.ROLLBACK, 42, True)
    assert order.override == ("cooldown", "storm")
    assert (order.reason, order.requested_by) == ("the fix is out", "alice")
    assert order.signals[Signal.ERROR_RATE].value == 0.12
    assert order.signals[Signal.CRITICAL_FUNCTION_BROKEN].value == 1.0


def test_a_short_order_acts_on_a_service() -> None:
    assert parsed(service="checkout", action="assess") == Invocation("checkout", "", Wanted.ASSESS)
    assert parsed(service="checkout", action="scale", replicas=6).replicas == 6


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"dryrun": True}, "dry_run"),
        ({"dry_run": "yes"}, "$.dry_run"),
        ({"action": "undo"}, "rollback"),
        ({"action": None}, "$.action"),
        ({"service": ""}, "either"),
        ({"workload": "production/deployment/checkout"}, "either"),
        ({"service": "", "workload": "checkout"}, "production/deployment/checkout"),
        ({"to_revision": 0}, "$.to_revision"),
        ({"to_revision": True}, "$.to_revision"),
        ({"action": "scale"}, "replicas"),
        ({"replicas": 3}, "replicas"),
        ({"action": "scale", "replicas": 0}, "$.replicas"),
        ({"action": "assess", "to_revision": 3}, "to_revision"),
        ({"override": ["schema"], "reason": "I know"}, "recent_rollout"),
        ({"override": ["storm"]}, "reason"),
        ({"override": ["storm"], "reason": "  "}, "reason"),
        ({"signals": {"mood": 1}}, "error_rate"),
        ({"signals": {"error_rate": 12}}, "write 12% or 0.12"),
        ({"signals": {"error_rate": -0.1}}, "$.signals.error_rate"),
        ({"signals": {"error_rate": True}}, "a number"),
        ({"signals": {"error_rate": "12%"}}, "$.signals"),
        ({"signals": {"security_vulnerability": 1}}, "true or false"),
    ],
)
def test_an_order_that_cannot_be_right_is_a_422_that_says_what_to_do(
    changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parsed(**{"service": "checkout", "action": "rollback", **changes})
    assert refused.value.status == 422
    assert told in str(refused.value)


def test_the_error_lists_the_known_keys() -> None:
    with pytest.raises(InvalidRequest, match="dry_run"):
        parsed(service="checkout", action="rollback", dry_rnu=True)


@given(st.binary(max_size=100))
def test_no_bytes_raise_anything_but_invalid_request(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        invoke.parse(body)
