from datetime import timedelta
from typing import Any

import pytest

from shared.domain.reasons import Reason
from shared.domain.signals import Signal
from shared.errors import PermanentError, TemporaryError
from tests.functions.installation import (
    BAD,
    CHECKOUT,
    CONFIG,
    GOOD,
    Installation,
    problem,
    results,
    with_tokens,
)


def rehearsal(installation: Installation, **order: Any) -> dict[str, Any]:
    answer = installation.order(**order, dry_run=True)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.get_json()
    return told


def test_an_order_opens_a_response_in_the_name_of_the_credential(installation: Installation) -> None:
    [result] = results(
        installation.order(
            "ci-token", service="checkout", action="rollback", reason="bad", requested_by="bob"
        )
    )

    assert result["outcome"] == "created"
    order = installation.get(f"/responses/{result['response_id']}").get_json()["order"]
    assert (order["by"], order["requested_by"], order["wanted"]) == ("ci", "bob", "rollback")


def test_an_order_may_name_the_workload(installation: Installation) -> None:
    [result] = results(installation.order(workload="production/Deployment/checkout", action="assess"))

    assert result["service"] == "checkout"


def test_the_same_idempotency_key_acts_once(installation: Installation) -> None:
    first = results(installation.order(key="build-17", service="checkout", action="rollback"))
    installation.now += timedelta(hours=24)

    assert results(installation.order(key="build-17", service="checkout", action="rollback")) == first


def test_an_idempotency_key_is_its_holders_own(installation: Installation) -> None:
    results(installation.order("ci-token", key="1", service="checkout", action="rollback"))

    [result] = results(installation.order("alice-token", key="1", service="payments", action="rollback"))

    assert result["service"] == "payments"


def test_an_order_without_a_key_joins_what_runs(installation: Installation) -> None:
    [first] = results(installation.order(service="checkout", action="rollback"))
    [second] = results(installation.order(service="checkout", action="rollback"))

    assert (second["outcome"], second["response_id"]) == ("joined", first["response_id"])


def test_an_unknown_service_is_told_the_known_ones(installation: Installation) -> None:
    detail = problem(installation.order(service="chekout", action="rollback"), 422)

    assert "'chekout'" in detail
    assert "checkout, payments" in detail


def test_a_workload_outside_the_allowed_namespaces_is_told_so(installation: Installation) -> None:
    answer = installation.order(workload="kube-system/deployment/coredns", action="rollback")

    assert "guardrails.namespaces" in problem(answer, 422)


@pytest.mark.parametrize(
    "order",
    [
        {"action": "rollback"},
        {"service": "checkout"},
        {"service": "checkout", "action": "explode"},
        {"service": "checkout", "workload": "production/deployment/checkout", "action": "rollback"},
        {"service": "checkout", "action": "rollback", "dryrun": True},
        {"service": "checkout", "action": "rollback", "override": ["owner"], "reason": "x"},
        {"service": "checkout", "action": "rollback", "signals": {"error_rate": 12}},
        {"service": "checkout", "action": "scale"},
    ],
)
def test_an_order_that_can_never_be_right_does_nothing(
    installation: Installation, order: dict[str, Any]
) -> None:
    assert problem(installation.order(**order), 422)
    assert not installation.fake_records.calls["commit"]


def test_a_key_that_is_too_long_is_refused(installation: Installation) -> None:
    assert problem(installation.order(key="k" * 201, service="checkout", action="rollback"), 422)


def test_a_dry_run_tells_the_plan_and_stores_nothing(installation: Installation) -> None:
    installation.deployed_badly()

    told = rehearsal(installation, service="checkout", action="rollback")

    assert told["dry_run"] is True
    assert told["outcome"] == "planned"
    assert told["plan"] == ["assess", "rollback", "verify", "stabilise"]
    assert (told["choice"]["from_image"], told["choice"]["to_image"]) == (BAD, GOOD)
    assert told["decision"]["action"] == "rollback_now"
    assert told["facts"]["error_rate"] == 0.25
    assert told["joins"] is None
    assert not installation.fake_records.calls["commit"]
    assert installation.workloads.applied == []


def test_a_dry_run_of_a_flush_names_the_remedy_that_would_be_taken(installation: Installation) -> None:
    installation.deployed_badly()

    told = rehearsal(installation, service="checkout", action="flush")

    assert (told["plan"], told["remedy"], told["offers"]) == (["assess", "remedy"], "flush", [])


def test_a_dry_run_of_a_rollback_across_a_schema_tells_what_a_person_could_allow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_tokens(monkeypatch)
    remedies = "mode: auto, schema_at_least: 42, remedies: {job: production/migrate-down}"
    installation = Installation(config=CONFIG.replace("mode: auto", remedies))
    installation.deployed_badly()

    told = rehearsal(installation, service="checkout", action="rollback")

    assert (told["outcome"], told["offers"]) == ("planned", ["migrate"])
    assert told["plan"] == ["assess", "approve", "remedy"]


def test_a_dry_run_names_the_response_that_it_would_join(installation: Installation) -> None:
    installation.deployed_badly()
    [running] = results(installation.notify())

    assert rehearsal(installation, service="checkout", action="rollback")["joins"] == running["response_id"]


def test_a_dry_run_tells_a_refusal_with_its_reason(installation: Installation) -> None:
    told = rehearsal(installation, service="checkout", action="rollback")

    assert (told["outcome"], told["reason"], told["plan"]) == ("refused", "not_found", [])
    assert told["detail"].startswith("The cluster has no such workload.")


def test_a_dry_run_tells_what_a_freeze_would_hold_back(installation: Installation) -> None:
    installation.deployed_badly()
    installation.door.freezer.freeze("global", by="alice", reason="launch day")

    told = rehearsal(installation, service="checkout", action="rollback")

    assert (told["outcome"], told["reason"]) == ("delayed", "freeze")
    assert "launch day" in told["detail"]


def test_a_dry_run_tells_why_the_cluster_refuses(installation: Installation) -> None:
    installation.workloads.fail(PermanentError("deployments is forbidden", reason=Reason.FORBIDDEN))

    told = rehearsal(installation, service="checkout", action="rollback")

    assert (told["outcome"], told["reason"]) == ("failed", "forbidden")
    assert "deployments is forbidden" in told["detail"]


def test_a_dry_run_without_a_cluster_is_to_be_tried_again(installation: Installation) -> None:
    installation.workloads.fail(TemporaryError("the cluster does not answer"))

    assert "does not answer" in problem(
        installation.order(service="checkout", action="rollback", dry_run=True), 503
    )


def test_an_order_carries_the_readings_it_was_given(installation: Installation) -> None:
    [result] = results(
        installation.order(service="checkout", action="rollback", signals={"latency_p95": 6.5})
    )

    rows = {row["row"]: row["verdict"] for row in result["decision"]["rows"]}
    assert rows[Signal.LATENCY_P95] == "matched"


def test_the_clusters_workload_is_the_one_that_is_read(installation: Installation) -> None:
    installation.deployed_badly()
    rehearsal(installation, workload=str(CHECKOUT), action="rollback")

    assert installation.workloads.reads == 1
