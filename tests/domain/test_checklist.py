from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from shared.domain.alerts import AlertDigest
from shared.domain.changes import Scalar
from shared.domain.checklist import Item, Standing, checklist, logs, passed, unpassed
from shared.domain.reasons import Reason
from shared.domain.response import Event, Heard, Outcome, Response, Task, Word
from tests.domain.examples import NOW, a_response

VERIFIED = {"ready": "3/3", "image": "shop:1.8", "health": "2 answered"}
HELD = {
    "samples": 20,
    "good": 20,
    "bad": 0,
    "unknown": 0,
    "idle": 0,
    "error_rate": 0.0004,
    "latency_p95": 0.2,
}
ROLLED = ("rolled_back", "rollback", {"to_revision": 8})
GOOD = (ROLLED, ("verified", "verify", VERIFIED), ("held", "stabilise", HELD))


def history(*told: tuple[str, str, Mapping[str, Scalar]]) -> list[Event]:
    """Make events a minute apart."""
    return [
        Event(i + 1, i, at(i), phase, code, "backout", facts) for i, (code, phase, facts) in enumerate(told)
    ]


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def an_alert_heard(name: str = "HighErrorRate", *, firing: bool = False) -> AlertDigest:
    return AlertDigest(name, name, "alertmanager", NOW, firing)


def a_message(channel: str, result: str = "told: x", **fields: object) -> Task:
    known = Task("r", f"tell#000009#{channel}", "tell", None, {"channel": channel}, 1, result, ended_at=at(9))
    return replace(known, **fields)  # type: ignore[arg-type]


def item(
    name: str, events: Sequence[Event] = (), tasks: Sequence[Task] = (), response: Response | None = None
) -> Item:
    found = checklist(response or a_response(), events, tasks)
    return next(each for each in found if name in each.name)


def failed(reason: Reason, detail: str) -> Response:
    return a_response(phase=Outcome.FAILED.value, ended_at=at(3), reason=reason, detail=detail)


def test_there_are_the_runbooks_eight_items_whatever_is_known() -> None:
    assert [each.standing for each in checklist(a_response(), [], [])] == [
        Standing.UNKNOWN,
        Standing.UNKNOWN,
        Standing.UNKNOWN,
        Standing.UNKNOWN,
        Standing.ASKED,
        Standing.ASKED,
        Standing.ASKED,
        Standing.ASKED,
    ]


def test_a_rollback_that_held_passes_what_was_measured_with_its_time() -> None:
    found = checklist(a_response(), history(*GOOD), [])[:4]

    assert {each.standing for each in found} == {Standing.PASS}
    assert [each.at for each in found] == [at(2), at(1), at(2), at(2)]
    assert [each.evidence for each in found][2:] == ["0.04 %", "200 ms"]


@pytest.mark.parametrize(("rate", "standing"), [(0.001, Standing.FAIL), (0.00099, Standing.PASS)])
def test_the_error_rate_has_to_be_below_its_target(rate: float, standing: Standing) -> None:
    events = history(ROLLED, ("held", "stabilise", {**HELD, "error_rate": rate}))

    assert item("Error rate", events).standing is standing


def test_what_was_measured_before_the_rollback_proves_nothing_after_it() -> None:
    events = history(("assessed", "assess", {"error_rate": 0.0}), ROLLED)

    assert item("Error rate", events).standing is Standing.UNKNOWN


def test_a_number_that_is_missing_from_the_last_measurement_is_not_taken_from_an_older_one() -> None:
    idle = {"samples": 20, "good": 0, "bad": 0, "idle": 20}
    events = history(ROLLED, ("watching_again", "stabilise", HELD), ("held", "stabilise", idle))

    assert item("p95", events).standing is Standing.UNKNOWN
    assert "traffic" in item("p95", events).evidence


def test_what_was_verified_before_the_pods_were_restarted_proves_nothing() -> None:
    events = history(ROLLED, ("verified", "verify", VERIFIED), ("restarted", "remedy", {}))

    assert item("pods", events).standing is Standing.UNKNOWN
    assert item("Health", events).standing is Standing.UNKNOWN


def test_pods_that_were_not_ready_in_a_sample_are_told_by_the_verification() -> None:
    events = history(*GOOD[:2], ("held", "stabilise", {**HELD, "good": 19, "bad": 1}))

    assert item("pods", events) == Item("All pods running", Standing.PASS, "3/3 ready", at(1))


@pytest.mark.parametrize(
    ("reason", "detail", "name"),
    [
        (Reason.ROLLOUT_TIMEOUT, "1 of 3 pods ready", "pods"),
        (Reason.STILL_BREACHED, "1 of 3 pods ready", "pods"),
        (Reason.HEALTH_FAILED, "/health answers 500", "Health"),
    ],
)
def test_an_end_that_says_so_fails_its_item(reason: Reason, detail: str, name: str) -> None:
    events = history(*GOOD[:2], ("ended", "failed", {}))

    assert item(name, events, response=failed(reason, detail)) == Item(
        item(name).name, Standing.FAIL, detail, at(2)
    )


def test_without_a_health_endpoint_a_person_is_asked() -> None:
    events = history(("verified", "verify", {**VERIFIED, "health": "no endpoint configured"}))

    assert item("Health", events).standing is Standing.ASKED


@pytest.mark.parametrize(
    ("alerts", "count", "standing"),
    [
        ((), 0, Standing.ASKED),
        ((an_alert_heard(),), 1, Standing.PASS),
        ((an_alert_heard(firing=True),), 1, Standing.FAIL),
        ((an_alert_heard(),), 60, Standing.UNKNOWN),
    ],
)
def test_alerts_are_cleared_once_all_are_resolved(
    alerts: tuple[AlertDigest, ...], count: int, standing: Standing
) -> None:
    response = a_response(heard=Heard(alerts=alerts, alert_count=count))

    assert item("alerts", response=response).standing is standing


def test_an_alert_that_fired_on_after_the_end_is_not_cleared() -> None:
    response = a_response(heard=Heard(alerts=(an_alert_heard(),), alert_count=1))
    again = Task("r", "recheck#1", "recheck", None, {"alert": "HighErrorRate"}, created_at=at(20))

    assert item("alerts", tasks=[again], response=response) == Item(
        "Monitoring alerts cleared", Standing.FAIL, "HighErrorRate fired on after the end", at(20)
    )


@pytest.mark.parametrize(
    ("tasks", "standing"),
    [
        ([], Standing.ASKED),
        ([a_message("slack")], Standing.PASS),
        ([a_message("slack", "given up: no channel")], Standing.FAIL),
        ([a_message("slack", "attempt 1: 503", due_at=NOW)], Standing.UNKNOWN),
        ([a_message("slack", "given up: no"), a_message("webhook")], Standing.PASS),
        ([a_message("slack"), a_message("slack", "given up: no", name="tell#000010#slack")], Standing.FAIL),
        ([a_message("log"), a_message("pagerduty_changes"), a_message("status_page")], Standing.ASKED),
    ],
)
def test_the_team_has_been_notified_by_the_newest_message_of_a_channel(
    tasks: list[Task], standing: Standing
) -> None:
    assert item("Team", tasks=tasks).standing is standing


@pytest.mark.parametrize(
    ("tasks", "standing"),
    [
        ([a_message("slack")], Standing.ASKED),
        ([a_message("status_page")], Standing.UNKNOWN),
        ([a_message("status_page", receipt="inc1")], Standing.PASS),
        ([a_message("status_page", "given up: 401")], Standing.FAIL),
    ],
)
def test_the_status_page_is_updated_once_it_has_taken_an_update(
    tasks: list[Task], standing: Standing
) -> None:
    assert item("Status page", tasks=tasks).standing is standing


def a_look(nth: int = 1, *, minutes: float = 30, **facts: Scalar) -> Task:
    return Task("r", f"check#000009#{nth:03d}", "check", None, facts, created_at=at(9), ended_at=at(minutes))


def test_what_was_looked_at_last_is_told_with_its_time_and_examples() -> None:
    looks = [
        a_look(1, complaints="fail", complaints_said="1 incident"),
        a_look(2, minutes=35, complaints="asked", complaints_said="2 messages", complaints_details="a\nb"),
        Task("r", "check#000009#003", "check", NOW, {"nth": 3}),
    ]

    assert item("complaints", tasks=looks) == Item(
        "No customer complaints", Standing.ASKED, "2 messages", at(35), ("a", "b")
    )


@pytest.mark.parametrize(
    ("verb", "standing"), [("no-complaints", Standing.PASS), ("complaints", Standing.FAIL)]
)
def test_what_a_person_says_of_complaints_counts_more_than_what_was_heard(
    verb: str, standing: Standing
) -> None:
    response = a_response(heard=Heard(words=(Word(verb, "alice", at(40), "asked support"),)))
    look = a_look(complaints="asked", complaints_said="2 messages")

    found = item("complaints", tasks=[look], response=response)

    assert (found.standing, found.at) == (standing, at(40))
    assert found.evidence.startswith("alice: ")


def test_what_the_logs_hold_is_told_beside_the_eight() -> None:
    assert logs([]) is None
    assert logs([a_look(logs="asked", logs_said="2 lines", logs_details="x")]) == Item(
        "Logs", Standing.ASKED, "2 lines", at(30), ("x",)
    )
    assert len(checklist(a_response(), [], [a_look(logs="asked", logs_said="2 lines")])) == 8


FIRING, RESOLVED = an_alert_heard(firing=True), an_alert_heard()
BY_PAGERDUTY = replace(FIRING, source="pagerduty")


@pytest.mark.parametrize(
    ("heard", "looked", "standing"),
    [
        (FIRING, "pass", Standing.PASS),
        (RESOLVED, "fail", Standing.FAIL),
        (RESOLVED, "asked", Standing.ASKED),
        (RESOLVED, "unknown", Standing.UNKNOWN),
        (FIRING, "unknown", Standing.FAIL),
        (BY_PAGERDUTY, "pass", Standing.FAIL),
    ],
)
def test_alertmanager_is_believed_of_its_own_alerts(
    heard: AlertDigest, looked: str, standing: Standing
) -> None:
    response = a_response(heard=Heard(alerts=(heard,), alert_count=1))

    assert (
        item("alerts", tasks=[a_look(alerts=looked, alerts_said="x")], response=response).standing is standing
    )


@pytest.mark.parametrize(("minutes", "standing"), [(20, Standing.FAIL), (40, Standing.PASS)])
def test_an_alert_that_fired_on_after_the_look_is_not_cleared(minutes: float, standing: Standing) -> None:
    again = Task("r", "recheck#1", "recheck", None, {"alert": "HighErrorRate"}, created_at=at(30))
    look = a_look(minutes=minutes, alerts="pass", alerts_said="none is active")

    assert item("alerts", tasks=[again, look]).standing is standing


def test_the_items_are_summed_up_by_how_they_stand() -> None:
    items = checklist(a_response(), history(*GOOD), [a_message("slack"), a_message("status_page")])

    assert passed(items) == 5
    assert unpassed(items) == {
        Standing.UNKNOWN: ["Status page updated"],
        Standing.ASKED: ["No customer complaints", "Monitoring alerts cleared"],
    }
