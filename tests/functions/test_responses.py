from datetime import timedelta

import pytest

from shared.domain.signals import Signal
from tests.functions.installation import BAD, CHECKOUT, GOOD, Installation, bearer, problem, results


def opened(installation: Installation) -> str:
    [result] = results(installation.notify())
    found: str = result["response_id"]
    return found


def asked(installation: Installation) -> str:
    """Have a response that asks a person: checkout's is made to by a deploy that is long ago."""
    installation.deployed_badly()
    installation.now += timedelta(hours=5)
    response_id = opened(installation)
    installation.engine.handle(response_id)
    return response_id


def test_the_days_responses_are_listed(installation: Installation) -> None:
    installation.deployed_badly()
    response_id = opened(installation)
    installation.engine.handle(response_id)

    told = installation.get("/responses").get_json()

    assert told["day"] == "2026-08-22"
    [summary] = told["responses"]
    assert summary["id"] == response_id
    assert (summary["service"], summary["workload"]) == ("checkout", "production/deployment/checkout")
    assert (summary["severity"], summary["phase"], summary["outcome"]) == ("P0", "stabilise", None)
    assert (summary["from_image"], summary["to_image"]) == (BAD, GOOD)


def test_another_day_and_another_service_are_other_lists(installation: Installation) -> None:
    opened(installation)

    assert installation.get("/responses?day=2026-08-21").get_json()["responses"] == []
    assert installation.get("/responses?service=payments").get_json()["responses"] == []
    assert len(installation.get("/responses?service=checkout").get_json()["responses"]) == 1


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "22.08.2026"])
def test_a_day_that_is_none_is_a_problem(installation: Installation, day: str) -> None:
    assert "YYYY-MM-DD" in problem(installation.get(f"/responses?day={day}"), 422)


def test_a_response_is_shown_with_its_history_and_tasks(installation: Installation) -> None:
    installation.deployed_badly()
    response_id = opened(installation)
    installation.engine.handle(response_id)

    told = installation.get(f"/responses/{response_id}").get_json()

    assert [event["code"] for event in told["events"]][:4] == [
        "accepted",
        "assessed",
        "intended",
        "rolled_back",
    ]
    assert [event["previous"] for event in told["events"]][1:] == [e["number"] for e in told["events"]][:-1]
    assert told["workload"] == "production/deployment/checkout"
    assert told["cluster"] == "prod"
    assert any(task["kind"] == "tell" and task["result"] for task in told["tasks"])
    assert told["reason_text"] is None


def test_an_ended_response_says_why_in_words(installation: Installation) -> None:
    response_id = opened(installation)
    installation.engine.handle(response_id)

    told = installation.get(f"/responses/{response_id}").get_json()

    assert (told["phase"], told["reason"]) == ("refused", "not_found")
    assert told["reason_text"] == "The cluster has no such workload."


@pytest.mark.parametrize(
    "path", ["/responses/none", f"/responses/{'x' * 3000}", "/responses/a/b", "/responses/"]
)
def test_what_is_not_there_is_404(installation: Installation, path: str) -> None:
    if path == "/responses/":
        assert installation.get(path).status_code == 404
    assert problem(installation.get(path), 404)


def test_a_yes_lets_a_response_that_asks_go_on(installation: Installation) -> None:
    response_id = asked(installation)
    path = f"/responses/{response_id}/approve"

    first = installation.client.post(path, json={"reason": "go"}, headers=bearer("alice-token"))
    again = installation.client.post(path, headers=bearer("alice-token"))

    assert (first.status_code, first.get_json()["repeated"]) == (202, False)
    assert (again.status_code, again.get_json()["repeated"]) == (202, True)
    installation.engine.handle(response_id)
    assert len(installation.workloads.applied) == 1
    assert installation.workloads.read(CHECKOUT).image == GOOD  # type: ignore[union-attr]


def test_a_yes_to_what_asks_nothing_is_a_conflict(installation: Installation) -> None:
    response_id = opened(installation)

    answer = installation.client.post(f"/responses/{response_id}/approve", headers=bearer("alice-token"))

    assert "asks nothing" in problem(answer, 409)


def test_a_no_stops_a_response_before_it_acts(installation: Installation) -> None:
    response_id = asked(installation)

    answer = installation.client.post(
        f"/responses/{response_id}/abort", json={"reason": "it is the database"}, headers=bearer("ci-token")
    )
    installation.engine.handle(response_id)

    assert answer.status_code == 202
    told = installation.get(f"/responses/{response_id}").get_json()
    assert (told["phase"], told["detail"]) == ("aborted", "ci: it is the database")
    assert installation.workloads.applied == []


def test_nothing_can_be_said_to_what_has_ended(installation: Installation) -> None:
    response_id = opened(installation)
    installation.engine.handle(response_id)

    answer = installation.client.post(f"/responses/{response_id}/abort", headers=bearer("alice-token"))

    assert "has ended" in problem(answer, 409)


def test_no_owner_is_started_again_that_was_not_stopped(installation: Installation) -> None:
    response_id = opened(installation)
    installation.engine.handle(response_id)

    answer = installation.client.post(f"/responses/{response_id}/resume", headers=bearer("alice-token"))

    assert "has left no owner stopped" in problem(answer, 409)


def test_nothing_can_be_said_to_what_is_not_there(installation: Installation) -> None:
    assert problem(installation.client.post("/responses/none/abort", headers=bearer("alice-token")), 404)


@pytest.mark.parametrize(
    ("body", "status"), [(b"no", 400), (b'{"reson": "x"}', 422), (b'{"reason": 1}', 422)]
)
def test_a_word_of_another_shape_is_not_taken(installation: Installation, body: bytes, status: int) -> None:
    response_id = opened(installation)

    answer = installation.client.post(
        f"/responses/{response_id}/abort", data=body, headers=bearer("alice-token")
    )

    assert problem(answer, status)


def test_responses_have_no_other_methods(installation: Installation) -> None:
    answer = installation.client.delete("/responses/r1", headers=bearer("alice-token"))

    assert problem(answer, 405) == "Only GET, HEAD is answered here."


def test_a_response_is_told_as_an_incident_report(installation: Installation) -> None:
    installation.deployed_badly()
    response_id = opened(installation)
    installation.engine.handle(response_id)

    answer = installation.get(f"/responses/{response_id}/report")

    assert (answer.status_code, answer.content_type) == (200, "text/markdown; charset=utf-8")
    assert answer.text.startswith("# checkout: still in progress, in stabilise (P0)")
    assert f"from revision 2 (`{BAD}`) to revision 1 (`{GOOD}`)" in answer.text


def test_a_report_needs_the_right_to_read_and_a_response(installation: Installation) -> None:
    response_id = opened(installation)

    assert problem(installation.get(f"/responses/{response_id}/report", token="other"), 401)
    assert problem(installation.get("/responses/none/report"), 404)


def rolled_back(installation: Installation) -> str:
    """Have a response roll back, hold and be looked at."""
    installation.deployed_badly()
    response_id = opened(installation)
    installation.engine.handle(response_id)
    installation.signals.says({Signal.ERROR_RATE: 0.0, Signal.LATENCY_P95: 0.2})
    for _ in range(200):
        installation.now += timedelta(seconds=15)
        installation.engine.handle(response_id)
    return response_id


def test_the_checklist_is_shown_with_its_evidence(installation: Installation) -> None:
    told = installation.get(f"/responses/{rolled_back(installation)}").get_json()

    assert told["ended_at"]
    assert len(told["checklist"]) == 8
    pods = told["checklist"][0]
    assert set(pods) == {"name", "standing", "evidence", "at", "details"}
    assert (pods["name"], pods["standing"]) == ("All pods running", "pass")
    assert told["logs"] is None
    assert [task["facts"]["code"] for task in told["tasks"] if task["kind"] == "tell"].count("checked") == 1


def test_a_person_says_whether_customers_complain_once_it_has_ended(installation: Installation) -> None:
    response_id = rolled_back(installation)
    path = f"/responses/{response_id}/no-complaints"

    answer = installation.client.post(path, json={"reason": "asked support"}, headers=bearer("alice-token"))

    assert (answer.status_code, answer.get_json()["word"]) == (202, "no-complaints")
    told = installation.get(f"/responses/{response_id}").get_json()["checklist"][4]
    assert (told["standing"], told["evidence"]) == ("pass", "alice: none, asked support")


def test_complaints_count_after_the_end_alone(installation: Installation) -> None:
    response_id = asked(installation)

    answer = installation.client.post(f"/responses/{response_id}/complaints", headers=bearer("alice-token"))

    assert "count after its end" in problem(answer, 409)
