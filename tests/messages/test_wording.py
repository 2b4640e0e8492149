import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from shared import wire
from shared.domain.changes import Scalar
from shared.domain.reasons import Reason, sentence
from shared.domain.response import Event, Outcome, Response, Rolled, Task
from shared.domain.signals import Signal
from shared.messages.routing import QUIET_ENDS, TOLD, Routing, always
from shared.messages.wording import Wording
from shared.ports import Message
from tests.domain.examples import CHOICE, NOW, a_decision, a_response

ROUTING = Routing({"log": always})

MEETING: Mapping[str, Scalar] = {"at": "2026-03-03T09:00:00+00:00", "zone": "Europe/Berlin"}
FACTS: Mapping[str, Mapping[str, Scalar]] = {
    "asked": {"asks": "storm, mode_approve", "expires_at": "2026-03-02T12:15:00+00:00"},
    "holding": {"until": "2026-03-02T12:03:00+00:00"},
    "delayed": {"reason": "freeze", "detail": "global, by alice: peak sale"},
    "rolled_back": {"to_revision": 8},
    "found_rolled_back": {"to_revision": 8},
    "scaled": {"before": 3, "after": 5, "autoscaler": ""},
    "scale_not_possible": {"replicas": 3, "kind": "daemonset"},
    "capacity_left_alone": {"added": 5},
    "owner_stopped": {"owner": "Argo CD argocd/shop"},
    "owner_resumed": {"owner": "Argo CD argocd/shop"},
    "owner_left_alone": {"owner": "Argo CD argocd/shop"},
    "still_stopped": {"owner": "Argo CD argocd/shop"},
    "reverted": {"url": "https://github.com/shop/checkout/commit/5e0", "commit": "5e0", "pull_request": 0},
    "revert_failed": {"detail": "main is protected"},
    "flag_off": {"flag": "new-prices"},
    "flag_on": {"flag": "new-prices", "by": "alice"},
    "flag_refused": {"flag": "new-prices", "detail": "a change request is needed"},
    "report_filed": {"url": "https://github.com/shop/checkout/issues/31"},
    "follow_ups": {"short_term": "Within 24 hours, by Tue: this; that", "url": ""},
    "overdue": {
        "term": "short_term",
        "open": "Open the pull request with the fix",
        "url": "https://x.example/1",
    },
    "task_given_up": {"kind": "follow_up", "detail": "given up after 20 attempts: GitHub: answered 503"},
    "meeting": {**MEETING, "attendees": "ann@example.com", "refused": "bob@example.com"},
    "meeting_cancelled": {**MEETING, "by": "alice", "cancel": True},
    "meeting_shared": {**MEETING, "of": "r0"},
    "meeting_yours": {**MEETING, "detail": "the mail server answered 550"},
    "gate_failed": {"barrier": "argo_cd", "detail": "its account lacks a right"},
    "stuck": {"cause": "crash_loop", "told": "2 of 3 pods crash again and again", "pods": 2},
    "evicted": {"pods": "checkout-1, checkout-2"},
    "forced_down": {"replicas_before": 3},
    "forced": {"replicas": 3},
    "migration_started": {"job": "backout-r1"},
    "migrated": {"job": "backout-r1", "log": "down to 41", "detail": ""},
    "restore_started": {"at": "2026-03-02T02:30:00+00:00"},
    "database_restored": {"instance": "shop-r1", "endpoint": "shop-r1.rds.example:5432"},
    "flushed": {"cache": "sessions", "prefix": "everything"},
    "restarted": {},
    "ended": {"outcome": "failed", "reason": "rollout_failed", "detail": "deadline exceeded"},
    "checked": {
        "passed": 6,
        "of": 8,
        "fail": "Monitoring alerts cleared",
        "asked": "No customer complaints",
        "logs": "12 lines of 3 pods look like errors since 03:02:10Z; read them",
    },
    "alerts_again": {"alert": "HighErrorRate", "because": "error_rate_high"},
}
"""What each event leaves for its message; `alerts_again` is what a recheck finds."""

ACTED = a_response(phase="verify", choice=CHOICE, rolled=Rolled(NOW, by_us=True))
ENDED = replace(
    ACTED,
    phase=Outcome.FAILED.value,
    ended_at=NOW,
    reason=Reason.ROLLOUT_FAILED,
    detail="deadline exceeded",
)
every_code = pytest.mark.parametrize("code", sorted({*TOLD, "alerts_again"}))


def an_event(code: str, facts: Mapping[str, Scalar] | None = None, number: int = 4) -> Event:
    return Event(number, number - 1, NOW, "verify", code, "backout", facts or FACTS.get(code, {}))


def a_task(code: str, **facts: Scalar) -> Task:
    return Task(ENDED.id, "tell#000004", "tell", NOW, {**FACTS[code], **facts, "code": code})


def worded(code: str, response: Response | None = None, **facts: Scalar) -> Message:
    known = response or (ENDED if code == "ended" else ACTED)
    return Wording({"history": "https://backout.example.com/{response_id}"}).word(
        known, a_task(code, **facts)
    )


def text(message: Message) -> str:
    return "\n".join((message.title, *message.lines))


def ended(outcome: Outcome, reason: Reason, **fields: object) -> Response:
    return replace(a_response(), phase=outcome.value, ended_at=NOW, reason=reason, **fields)  # type: ignore[arg-type]


class TestWhatIsTold:
    def test_each_code_that_is_told_is_tried_here(self) -> None:
        assert set(FACTS) == {*TOLD, "alerts_again"}

    @pytest.mark.parametrize("code", sorted(TOLD))
    def test_an_event_that_people_hear_of_owes_one_message_at_once(self, code: str) -> None:
        [task] = ROUTING.owed(ENDED, an_event(code))
        assert (task.kind, task.due_at, task.created_at) == ("tell", NOW, NOW)
        assert (task.response_id, task.attempts, task.ended_at) == (ENDED.id, 0, None)
        assert task.facts == {**FACTS[code], "code": code, "by": "backout", "channel": "log"}

    @pytest.mark.parametrize("code", ["accepted", "assessed", "intended", "joined", "verifying", "fault", ""])
    def test_other_events_owe_none(self, code: str) -> None:
        assert ROUTING.owed(ACTED, an_event(code)) == []

    def test_what_is_held_back_at_the_door_is_told_as_any_delay_is(self) -> None:
        facts: dict[str, Scalar] = {"action": "rollback_now", "delayed": "freeze", "detail": "by alice"}
        [task] = ROUTING.owed(a_response(), an_event("accepted", facts))
        assert Wording().word(a_response(), task).title == "checkout: held back: A freeze is in force."

    @pytest.mark.parametrize("code", sorted(TOLD))
    def test_the_same_event_owes_the_same_task_however_often_it_is_asked(self, code: str) -> None:
        assert ROUTING.owed(ENDED, an_event(code)) == ROUTING.owed(ENDED, an_event(code))

    def test_each_event_has_a_task_of_its_own_in_the_order_of_the_history(self) -> None:
        names = [ROUTING.owed(ACTED, an_event("rolled_back", number=n))[0].name for n in (2, 9, 10, 999)]
        assert names == sorted(set(names))

    @pytest.mark.parametrize("reason", sorted(QUIET_ENDS))
    def test_a_quiet_end_owes_none(self, reason: Reason) -> None:
        assert ROUTING.owed(ended(Outcome.REFUSED, reason), an_event("ended")) == []

    @pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.DISMISSED])
    def test_every_other_end_owes_one(self, outcome: Outcome) -> None:
        assert len(ROUTING.owed(ended(outcome, Reason.INTERNAL), an_event("ended"))) == 1

    def test_nobody_hears_of_what_was_dismissed_before_anything_was_said_or_done(self) -> None:
        assert ROUTING.owed(ended(Outcome.DISMISSED, Reason.RECOVERED), an_event("ended")) == []

    @pytest.mark.parametrize(
        "announced",
        [
            {"rolled": Rolled(NOW, by_us=True)},
            {"scaled": True},
            {"asked_at": NOW},
            {"told": "holding"},
        ],
    )
    def test_people_who_were_asked_or_told_of_something_hear_that_it_was_dismissed(
        self, announced: dict[str, object]
    ) -> None:
        response = ended(Outcome.DISMISSED, Reason.RECOVERED, **announced)
        assert len(ROUTING.owed(response, an_event("ended"))) == 1


class TestTheWords:
    @every_code
    def test_every_message_names_the_service_and_says_what_happened_in_words(self, code: str) -> None:
        title = worded(code).title
        assert title.startswith("checkout: ")
        assert not re.search(r"[a-z]_[a-z]|None|\{|\}", title)
        assert len(title.removeprefix("checkout: ").split()) >= 2

    def test_no_two_messages_have_the_same_title(self) -> None:
        assert len({worded(code).title for code in FACTS}) == len(FACTS)

    @every_code
    def test_every_message_names_the_workload_the_reading_and_the_response(self, code: str) -> None:
        message = worded(code)
        assert message.lines[0] == "Workload production/deployment/checkout"
        assert message.lines[1] == "error_rate_high: 25 % (threshold 10 %, P0)"
        assert message.lines[-1] == f"Response {ENDED.id}"
        assert all(message.lines)
        assert (message.response_id, message.severity) == (ENDED.id, "P0")

    @every_code
    def test_each_attempt_to_send_a_message_has_the_same_key(self, code: str) -> None:
        assert worded(code).key == f"{ENDED.id}/tell#000004" == worded(code, detail="more").key

    @every_code
    def test_a_fact_that_no_message_is_made_of_stays_out_of_it(self, code: str) -> None:
        message = worded(code, authorization="Bearer s3cr3t", error="https://user:s3cr3t@prometheus")
        assert "s3cr3t" not in wire.encode(message).decode()

    def test_a_question_names_both_sides_its_reasons_and_how_to_answer(self) -> None:
        message = worded("asked")
        assert message.title == "checkout: may I roll back to revision 8 (shop:1.8)?"
        assert sentence(Reason.STORM) in message.lines
        assert sentence(Reason.MODE_APPROVE) in message.lines
        assert f"backout approve {ENDED.id}" in text(message)
        assert f"backout abort {ENDED.id}" in text(message)
        assert "until 12:15:00Z with" in text(message)

    def test_a_question_about_no_revision_is_put_too(self) -> None:
        assert worded("asked", replace(ACTED, choice=None)).title == "checkout: may I act?"

    def test_a_question_without_reasons_or_an_end_is_worded_too(self) -> None:
        message = worded("asked", asks=None, expires_at=None)
        assert "Answer with: backout approve" in text(message)
        assert "None" not in text(message)

    def test_a_question_keeps_its_reasons_when_it_is_sent_after_the_answer(self) -> None:
        assert sentence(Reason.STORM) in worded("asked", replace(ACTED, asks=())).lines

    def test_a_veto_window_says_until_when_and_how_to_stop_it(self) -> None:
        message = worded("holding")
        assert "at 12:03:00Z unless someone says no" in message.title
        assert f"Stop it with: backout abort {ENDED.id}" in message.lines

    def test_a_time_on_another_day_has_its_date(self) -> None:
        message = worded("holding", until="2026-03-03T00:03:00.431768+00:00")
        assert "at 2026-03-03 00:03:00Z unless someone says no" in message.title

    @pytest.mark.parametrize(
        ("by", "named"),
        [
            ("slack:U01ALICE (alice)", "alice (Slack)"),
            ("pagerduty:PALICE1", "PALICE1 (PagerDuty)"),
            ("link:payments", "payments (by link)"),
            ("dora", "dora"),
        ],
    )
    def test_the_story_names_who_said_what_and_never_a_code(self, by: str, named: str) -> None:
        facts: Mapping[str, Scalar] = {"action": "rollback_now"}
        events = [replace(an_event("assessed", facts), phase="assess"), replace(an_event("approve"), by=by)]
        message = Wording().word(ACTED, a_task("scaled"), events)
        assert message.timeline == ("+0 s assessed: roll back now", f"+0 s {named} says yes")

    def test_a_delay_says_why_and_whose_it_is(self) -> None:
        message = worded("delayed")
        assert message.title == "checkout: held back: A freeze is in force."
        assert "global, by alice: peak sale" in message.lines

    def test_a_rollback_says_to_what(self) -> None:
        assert worded("rolled_back").title == "checkout: rolled back to revision 8 (shop:1.8); verifying"

    def test_a_message_about_the_rollback_does_not_tell_of_what_came_later(self) -> None:
        assert ENDED.detail not in text(worded("rolled_back", ENDED))

    def test_more_capacity_says_from_what_to_what(self) -> None:
        assert worded("scaled").title == "checkout: capacity raised from 3 to 5"

    def test_an_end_says_the_outcome_the_reason_and_the_detail(self) -> None:
        message = worded("ended")
        assert message.title == f"checkout: failed: {sentence(Reason.ROLLOUT_FAILED)}"
        assert "deadline exceeded" in message.lines

    @pytest.mark.parametrize("reason", list(Reason))
    def test_an_end_is_worded_for_every_reason(self, reason: Reason) -> None:
        title = worded("ended", ended(Outcome.FAILED, reason)).title
        assert title == f"checkout: failed: {sentence(reason)}"

    def test_an_end_asks_a_team_to_meet_that_is_not_invited(self) -> None:
        asked = "Schedule the meeting to find the root cause: nobody has been invited to one."
        invited = Wording(invited={ENDED.team}).word(ENDED, a_task("ended"))
        assert asked in worded("ended").lines
        assert asked not in invited.lines
        assert asked not in worded("ended", ended(Outcome.DISMISSED, Reason.RECOVERED)).lines

    def test_an_end_without_a_reason_says_the_outcome_alone(self) -> None:
        assert worded("ended", replace(ENDED, reason=None)).title == "checkout: failed"

    def test_an_alert_that_goes_on_says_what_still_breaches(self) -> None:
        assert "Because: error_rate_high" in worded("alerts_again").lines

    def test_a_decision_without_a_severity_has_none_in_its_message(self) -> None:
        calm = replace(ACTED, decision=a_decision({Signal.ERROR_RATE: 0.0}))
        assert worded("scaled", calm).severity == ""

    @pytest.mark.parametrize("code", ["made_by_a_newer_version", ""])
    def test_a_code_that_is_not_known_is_sent_as_readable_as_can_be(self, code: str) -> None:
        task = replace(a_task("scaled"), facts={"code": code, "reason": "newer"})
        assert Wording().word(ACTED, task).title == f"checkout: {code.replace('_', ' ')}"

    def test_a_reason_that_is_not_known_is_told_as_it_is(self) -> None:
        assert worded("delayed", reason="newer").title == "checkout: held back: newer"


class TestLinks:
    def links(self, **links: str) -> Mapping[str, str]:
        response = replace(ACTED, service="check out/eu")
        return Wording(links).word(response, a_task("scaled")).links

    def test_a_link_is_filled_in_with_the_response_and_the_service(self) -> None:
        assert self.links(history="https://b/{response_id}", graphs="https://g/?service={service}") == {
            "history": f"https://b/{ENDED.id}",
            "graphs": "https://g/?service=check%20out%2Feu",
        }

    @pytest.mark.parametrize(
        "link", ["https://g/?q={job}", "https://g/?q={", "https://g/{}", "https://g/{0}"]
    )
    def test_other_braces_are_the_links_own(self, link: str) -> None:
        assert self.links(graphs=link) == {"graphs": link}

    def test_without_links_there_are_none(self) -> None:
        assert self.links() == {}
