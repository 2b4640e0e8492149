import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from sandbox.receivers import PagerDuty
from sandbox.receivers.pagerduty import TOKEN
from sandbox.receivers.pagerduty_events import ROUTING_KEY
from shared.adapters.pagerduty.telling import PagerDutyChanges, PagerDutyPeople
from shared.errors import BackoutError, PermanentError, TemporaryError
from shared.ports import Message, People

ID = "20260302-120000-0a1b2c3d"
DEDUP_KEY = f"backout-{ID}"
ROLLED_BACK = Message(
    key=f"{ID}/tell#000006#pagerduty",
    title="checkout: rolled back to revision 8 (shop:1.8); verifying",
    lines=("error_rate_high: 0.25 (threshold 0.1, P0)", "hält bis 12:05 UTC"),
    response_id=ID,
    severity="P0",
    links={"dashboard": "https://grafana.example.com/d/checkout"},
    code="rolled_back",
    service="checkout",
    team="payments",
    phase="verify",
    timeline=("+0 s assess: accepted", "+9 s rollback: rolled back"),
)
ASKED = replace(ROLLED_BACK, key=f"{ID}/tell#000003#pagerduty", code="asked", phase="approve", title="may I?")
HOLDING = replace(ROLLED_BACK, key=f"{ID}/tell#000004#pagerduty", code="holding", phase="hold")
ENDED = replace(ROLLED_BACK, key=f"{ID}/tell#000009#pagerduty", code="ended", phase="completed", title="held")
FAILED = replace(ENDED, phase="failed")


@pytest.fixture
def pagerduty() -> Iterator[PagerDuty]:
    with PagerDuty() as server:
        yield server


def people(pagerduty: PagerDuty, **options: Any) -> PagerDutyPeople:
    known: Mapping[str, Any] = {"sender": "bot@example.com", "events_url": pagerduty.url, "seconds": 6.0}
    return PagerDutyPeople(pagerduty.url, TOKEN, **{**known, **options})


def on(incident_id: str, message: Message) -> Message:
    return replace(message, references={"pagerduty": incident_id})


def opened(pagerduty: PagerDuty) -> str:
    return pagerduty.open_incident(title="Checkout is failing").id


def test_each_turn_is_a_note_on_the_incident_that_pages_already(pagerduty: PagerDuty) -> None:
    incident = opened(pagerduty)
    tells = people(pagerduty, routing_key=ROUTING_KEY)

    receipts = [tells.tell(on(incident, message)) for message in (ASKED, HOLDING, ROLLED_BACK, FAILED)]

    assert [note.id for note in pagerduty.notes] == receipts
    assert {note.incident for note in pagerduty.notes} == {incident}
    assert pagerduty.notes[2].text.splitlines() == [
        ROLLED_BACK.title,
        *ROLLED_BACK.lines,
        "dashboard: https://grafana.example.com/d/checkout",
        f"[backout:{ROLLED_BACK.key}]",
    ]
    assert not pagerduty.events
    assert len(pagerduty.incidents) == 1


def test_the_last_note_tells_the_story(pagerduty: PagerDuty) -> None:
    people(pagerduty).tell(on(opened(pagerduty), ENDED), anchor="PN1")

    assert "+9 s rollback: rolled back" in pagerduty.notes[0].text


def test_followers_hear_when_something_was_done_and_when_it_ended(pagerduty: PagerDuty) -> None:
    incident, tells = opened(pagerduty), people(pagerduty)
    for message in (ASKED, HOLDING, ROLLED_BACK, ENDED):
        tells.tell(on(incident, message), anchor="PN1")

    assert [update.text for update in pagerduty.status_updates] == [ROLLED_BACK.title, ENDED.title]


def test_an_account_without_status_updates_gets_its_notes() -> None:
    with PagerDuty(abilities=()) as pagerduty:
        receipt = people(pagerduty).tell(on(opened(pagerduty), ROLLED_BACK))

    assert [note.id for note in pagerduty.notes] == [receipt]
    assert not pagerduty.status_updates


def test_the_priority_is_set_once_by_severity(pagerduty: PagerDuty) -> None:
    incident = opened(pagerduty)
    tells = people(pagerduty, priorities={"P0": "PRIO0", "P1": "PRIO1"})
    receipt = tells.tell(on(incident, HOLDING))
    tells.tell(on(incident, ROLLED_BACK), anchor=receipt)

    assert pagerduty.incidents[incident].priority == "PRIO0"
    assert len(pagerduty.requests("PUT", f"/incidents/{incident}")) == 1


def test_a_priority_that_someone_has_set_stays(pagerduty: PagerDuty) -> None:
    incident = opened(pagerduty)
    people(pagerduty, priorities={"P0": "PRIO2"}, sender="alice@example.com").tell(on(incident, HOLDING))
    people(pagerduty, priorities={"P0": "PRIO0"}).tell(on(incident, HOLDING))

    assert pagerduty.incidents[incident].priority == "PRIO2"


def test_nothing_is_acknowledged_or_resolved_unless_configured(pagerduty: PagerDuty) -> None:
    incident, tells = opened(pagerduty), people(pagerduty)
    for message in (HOLDING, ROLLED_BACK, ENDED):
        tells.tell(on(incident, message))

    assert pagerduty.incidents[incident].status == "triggered"
    assert pagerduty.requests("PUT", f"/incidents/{incident}") == []


def test_where_configured_it_is_acknowledged_once_something_was_done(pagerduty: PagerDuty) -> None:
    incident, tells = opened(pagerduty), people(pagerduty, acknowledge=True)

    tells.tell(on(incident, ASKED))
    tells.tell(on(incident, HOLDING))
    assert pagerduty.incidents[incident].status == "triggered"
    tells.tell(on(incident, ROLLED_BACK))
    assert pagerduty.incidents[incident].status == "acknowledged"


@pytest.mark.parametrize(
    ("phase", "status"),
    [
        ("completed", "resolved"),
        ("failed", "triggered"),
        ("inconclusive", "triggered"),
        ("aborted", "triggered"),
        ("dismissed", "triggered"),
        ("refused", "triggered"),
    ],
)
def test_where_configured_it_is_resolved_by_a_completed_response_only(
    pagerduty: PagerDuty, phase: str, status: str
) -> None:
    incident = opened(pagerduty)
    people(pagerduty, resolve=True).tell(on(incident, replace(ENDED, phase=phase)), anchor="PN1")

    assert pagerduty.incidents[incident].status == status


def test_an_incident_that_is_resolved_already_is_left_as_it_is(pagerduty: PagerDuty) -> None:
    incident = opened(pagerduty)
    people(pagerduty, resolve=True, sender="alice@example.com").tell(on(incident, ENDED), anchor="PN1")
    tells = people(pagerduty, resolve=True, acknowledge=True, priorities={"P0": "PRIO0"})
    tells.tell(on(incident, ROLLED_BACK))
    tells.tell(on(incident, ENDED), anchor="PN1")

    assert len(pagerduty.notes) == 3
    assert len(pagerduty.requests("PUT", f"/incidents/{incident}")) == 1


def test_a_priority_that_does_not_exist_shows_and_costs_nothing_else(pagerduty: PagerDuty) -> None:
    incident = opened(pagerduty)
    with pytest.raises(PermanentError, match="Priority PNONE not found"):
        people(pagerduty, priorities={"P0": "PNONE"}).tell(on(incident, ROLLED_BACK))

    assert len(pagerduty.notes) == 1
    assert len(pagerduty.status_updates) == 1


def test_a_note_whose_answer_was_lost_is_not_written_again(pagerduty: PagerDuty) -> None:
    incident, tells = opened(pagerduty), people(pagerduty)
    pagerduty.lose_answers(path=f"/incidents/{incident}/notes")
    with pytest.raises(TemporaryError):
        tells.tell(on(incident, ROLLED_BACK))
    receipt = tells.tell(on(incident, ROLLED_BACK), again=True)

    assert [note.id for note in pagerduty.notes] == [receipt]
    assert len(pagerduty.status_updates) == 1


def test_a_status_update_that_failed_is_tried_again_and_the_note_is_not(pagerduty: PagerDuty) -> None:
    incident, tells = opened(pagerduty), people(pagerduty)
    pagerduty.fail(1, status=500, path=f"/incidents/{incident}/status_updates")
    with pytest.raises(TemporaryError):
        tells.tell(on(incident, ROLLED_BACK))
    tells.tell(on(incident, ROLLED_BACK), again=True)

    assert (len(pagerduty.notes), len(pagerduty.status_updates)) == (1, 1)


def test_another_attempt_at_another_message_is_written(pagerduty: PagerDuty) -> None:
    incident, tells = opened(pagerduty), people(pagerduty)
    tells.tell(on(incident, HOLDING))
    tells.tell(on(incident, ROLLED_BACK), again=True)

    assert len(pagerduty.notes) == 2


@pytest.mark.parametrize(
    "message",
    [ASKED, FAILED, replace(FAILED, phase="inconclusive"), replace(ENDED, code="alerts_again")],
    ids=["asked", "failed", "inconclusive", "alerts again"],
)
def test_what_has_no_incident_and_needs_a_person_pages_by_an_event(
    pagerduty: PagerDuty, message: Message
) -> None:
    receipt = people(pagerduty, routing_key=ROUTING_KEY).tell(message)

    [event] = pagerduty.events
    assert receipt == DEDUP_KEY
    assert (event["event_action"], event["dedup_key"]) == ("trigger", DEDUP_KEY)
    assert event["payload"]["summary"] == message.title
    assert (event["payload"]["severity"], event["payload"]["component"]) == ("critical", "checkout")
    assert event["links"] == [{"href": "https://grafana.example.com/d/checkout", "text": "dashboard"}]


@pytest.mark.parametrize("message", [HOLDING, ROLLED_BACK, replace(ENDED, phase="aborted")])
def test_what_needs_nobody_pages_nobody(pagerduty: PagerDuty, message: Message) -> None:
    assert people(pagerduty, routing_key=ROUTING_KEY).tell(message) == ""
    assert not pagerduty.received


def test_one_response_is_one_alert_and_its_good_end_resolves_it(pagerduty: PagerDuty) -> None:
    tells = people(pagerduty, routing_key=ROUTING_KEY)
    tells.tell(ASKED)
    tells.tell(ASKED, again=True)
    assert [incident.status for incident in pagerduty.incidents.values()] == ["triggered"]
    tells.tell(ENDED, anchor=DEDUP_KEY)

    assert [incident.status for incident in pagerduty.incidents.values()] == ["resolved"]


@pytest.mark.parametrize("severity", ["P0", "P1", "P2", ""])
def test_every_severity_is_one_that_events_have(pagerduty: PagerDuty, severity: str) -> None:
    people(pagerduty, routing_key=ROUTING_KEY).tell(replace(ASKED, severity=severity))

    assert len(pagerduty.events) == 1


def test_an_alert_of_our_own_is_resolved_although_an_incident_came_later(pagerduty: PagerDuty) -> None:
    tells = people(pagerduty, routing_key=ROUTING_KEY)
    receipt = tells.tell(ASKED)
    incident = opened(pagerduty)
    tells.tell(on(incident, FAILED), anchor=receipt)
    assert [event["event_action"] for event in pagerduty.events] == ["trigger"]
    tells.tell(on(incident, ENDED), anchor=receipt)

    assert [event["event_action"] for event in pagerduty.events] == ["trigger", "resolve"]
    assert len(pagerduty.notes) == 2


def test_without_incident_and_routing_key_nothing_is_sent(pagerduty: PagerDuty) -> None:
    assert people(pagerduty).tell(ASKED) == ""
    assert not pagerduty.received


def test_a_rollback_is_a_change_event(pagerduty: PagerDuty) -> None:
    receipt = PagerDutyChanges(pagerduty.url, routing_key=ROUTING_KEY).tell(ROLLED_BACK)

    [change] = pagerduty.change_events
    assert receipt == ""
    assert change["payload"]["summary"] == ROLLED_BACK.title
    assert change["payload"]["custom_details"]["response"] == ID


def test_a_title_is_cut_to_what_a_summary_may_have(pagerduty: PagerDuty) -> None:
    long = replace(ASKED, title="x" * 5000)
    people(pagerduty, routing_key=ROUTING_KEY).tell(long)
    PagerDutyChanges(pagerduty.url, routing_key=ROUTING_KEY).tell(long)

    assert len(pagerduty.events[0]["payload"]["summary"]) == 1024
    assert len(pagerduty.change_events) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_or_broken_pagerduty_is_worth_another_try(pagerduty: PagerDuty, status: int) -> None:
    pagerduty.fail(status=status, retry_after=7)
    told: list[tuple[People, Message]] = [
        (people(pagerduty), on(opened(pagerduty), HOLDING)),
        (people(pagerduty, routing_key=ROUTING_KEY), ASKED),
        (PagerDutyChanges(pagerduty.url, routing_key=ROUTING_KEY), ROLLED_BACK),
    ]
    for tells, message in told:
        with pytest.raises(TemporaryError) as caught:
            tells.tell(message)
        assert caught.value.retry_after == 7


def test_a_web_page_from_in_between_is_worth_another_try(pagerduty: PagerDuty) -> None:
    pagerduty.html()
    with pytest.raises(TemporaryError, match="web page"):
        people(pagerduty).tell(on(opened(pagerduty), HOLDING))


def test_a_slow_pagerduty_is_left_in_time(pagerduty: PagerDuty) -> None:
    pagerduty.slow(30)
    started = time.monotonic()
    with pytest.raises(TemporaryError):
        people(pagerduty, seconds=0.6).tell(on(opened(pagerduty), HOLDING))

    assert time.monotonic() - started < 2.0


@pytest.mark.parametrize("options", [{"sender": "nobody@example.com"}, {"sender": ""}])
def test_a_sender_that_is_no_user_is_given_up(pagerduty: PagerDuty, options: dict[str, str]) -> None:
    with pytest.raises(PermanentError):
        people(pagerduty, **options).tell(on(opened(pagerduty), HOLDING))


def test_a_wrong_token_or_routing_key_is_given_up_and_not_shown(pagerduty: PagerDuty) -> None:
    wrong = "5ec2e70000000000000000000000abcd"
    tells = PagerDutyPeople(
        pagerduty.url, wrong, sender="bot@example.com", events_url=pagerduty.url, routing_key=wrong
    )
    shown = ""
    for message in (on(opened(pagerduty), HOLDING), ASKED):
        with pytest.raises(PermanentError) as caught:
            tells.tell(message)
        shown += "".join(traceback.format_exception(caught.value))

    assert "401" in shown
    assert "Invalid routing key" in shown
    assert wrong not in shown


@pytest.mark.parametrize("incident", ["QNONE", "../users/PVE0ZR9", "Q1?x=y#z"])
def test_an_incident_that_is_not_there_is_given_up(pagerduty: PagerDuty, incident: str) -> None:
    with pytest.raises(BackoutError) as caught:
        people(pagerduty).tell(on(incident, HOLDING))

    assert isinstance(caught.value, PermanentError)
    assert [request.method for request in pagerduty.received] == ["POST"]
