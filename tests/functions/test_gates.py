from typing import Any

import pytest

from tests.functions.installation import CONFIG, Installation, bearer, problem, results, with_tokens

ENFORCED = (
    CONFIG
    + """
owners: {argo_cd: {url: "http://127.0.0.1:9", token: "env:READER"}}
gate: {argo_cd: true}
"""
)


@pytest.fixture
def rolled_back(installation: Installation) -> str:
    """Have checkout rolled back; return the response's id."""
    installation.deployed_badly()
    [result] = results(installation.notify())
    response_id: str = result["response_id"]
    installation.engine.handle(response_id)
    return response_id


def test_the_gate_of_a_service_that_was_never_rolled_back_is_open(installation: Installation) -> None:
    assert installation.get("/gates/checkout").get_json() == {"service": "checkout", "gate": "open"}


def test_a_rollback_closes_it_and_says_why_and_how_to_open_it(
    installation: Installation, rolled_back: str
) -> None:
    detail = problem(installation.get("/gates/checkout"), 423)

    assert f"response {rolled_back} rolled it back" in detail
    assert "gate_closed" in detail
    assert "backout ungate checkout" in detail


def test_a_person_opens_it_and_the_history_tells_who_and_why(
    installation: Installation, rolled_back: str
) -> None:
    answer = installation.client.delete(
        "/gates/checkout", json={"reason": "the fix is in"}, headers=bearer("alice-token")
    )

    assert answer.get_json() == {"service": "checkout", "gate": "open", "opened": True}
    assert installation.get("/gates/checkout").status_code == 200
    last = installation.records.events(rolled_back)[-1]
    assert (last.code, last.by, last.facts["reason"]) == ("ungate", "alice", "the fix is in")


def test_opening_it_twice_changes_nothing(installation: Installation, rolled_back: str) -> None:
    for opened in (True, False):
        answer = installation.client.delete("/gates/checkout", headers=bearer("alice-token"))
        assert answer.get_json()["opened"] is opened


def test_a_service_that_is_not_known_has_no_gate(installation: Installation) -> None:
    assert "known are" in problem(installation.get("/gates/nobody"), 404)


def test_whoever_has_no_right_learns_and_opens_nothing(installation: Installation, rolled_back: str) -> None:
    assert installation.get("/gates/checkout", token="").status_code == 401
    assert installation.client.delete("/gates/checkout", headers=bearer("read-token")).status_code == 401
    problem(installation.get("/gates/checkout"), 423)


def listed(installation: Installation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = installation.get("/gates").get_json()["gates"]
    return found


def enforced(monkeypatch: pytest.MonkeyPatch, *, refuses: bool = False) -> tuple[Installation, str]:
    with_tokens(monkeypatch)
    installation = Installation(ENFORCED)
    installation.barrier.refuses = refuses
    installation.deployed_badly()
    [result] = results(installation.notify())
    installation.engine.handle(result["response_id"])
    return installation, str(result["response_id"])


def test_gates_that_are_closed_are_listed(installation: Installation, rolled_back: str) -> None:
    [gate] = listed(installation)
    assert (gate["service"], gate["gate"], gate["response_id"]) == ("checkout", "closed", rolled_back)
    assert gate["outside"] == []

    installation.client.delete("/gates/checkout", headers=bearer("alice-token"))
    assert listed(installation) == []


def test_what_is_closed_outside_is_listed_until_it_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    installation, response_id = enforced(monkeypatch)
    [gate] = listed(installation)
    told = {"barrier": "argo_cd", "place": "shop/checkout", "state": "closed"}
    assert gate["outside"] == [told | {"detail": "shop/checkout is closed"}]

    installation.client.delete("/gates/checkout", headers=bearer("alice-token"))
    [gate] = listed(installation)
    assert gate["gate"] == "open"
    [outside] = gate["outside"]
    assert outside["state"] == "unsettled"

    installation.engine.tasks.run_due(response_id)
    assert listed(installation) == []
    assert not installation.barrier.closed


def test_what_could_not_be_closed_is_listed_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    installation, _ = enforced(monkeypatch, refuses=True)
    [gate] = listed(installation)
    [outside] = gate["outside"]
    assert outside["state"] == "unsettled"
    assert "lacks the right" in outside["detail"]


def test_the_list_needs_the_right_to_read(installation: Installation) -> None:
    assert installation.get("/gates", token="").status_code == 401
