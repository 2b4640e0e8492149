from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.escalation import Escalation, Level, Path, acknowledged, called_by, moot
from shared.domain.reasons import Reason
from shared.domain.response import Event, Heard, Outcome, Response, Rolled, Step, Word
from shared.domain.services import Catalogue, Mode, Service
from tests.domain.examples import NOW, a_response, a_service

EVERYBODY: Path = {"on_call": True, "team_lead": True, "platform": True, "cto": False}


def the_escalation(paths: Mapping[str, Path] | None = None, *services: Service) -> Escalation:
    known = services or (a_service(team="payments", customer_facing=True),)
    template = a_service(name="", mode=Mode.OBSERVE)
    catalogue = Catalogue("prod", known, template, namespaces=("production",))
    return Escalation(catalogue, {"payments": EVERYBODY} if paths is None else paths)


def ended(outcome: Outcome, reason: Reason, **fields: Any) -> Response:
    return a_response(phase=outcome.value, ended_at=NOW, reason=reason, team="payments", **fields)


def heard(verb: str, **references: str) -> Heard:
    return Heard(words=(Word(verb, "alice", NOW),), references=references)


def an_event(code: str, number: int = 7) -> Event:
    return Event(number, number - 1, NOW, "assess", code, "backout", {"detail": "as found"})


def levels(escalation: Escalation, response: Response, code: str) -> list[object]:
    return [task.facts["level"] for task in escalation.owed(response, an_event(code))]


class TestWhenSomebodyIsCalled:
    def test_the_on_call_engineer_not_before_what_pages_by_itself_has_had_time_to_tell_us(self) -> None:
        waiting = replace(the_escalation(), grace=timedelta(seconds=20))
        [call] = waiting.owed(a_response(team="payments"), an_event("holding"))
        assert call.due_at == a_response().started_at + timedelta(seconds=20)

    def test_everybody_else_at_once(self) -> None:
        waiting = replace(the_escalation(), grace=timedelta(seconds=20))
        failed = ended(Outcome.FAILED, Reason.ROLLOUT_FAILED)
        due = {task.facts["level"]: task.due_at for task in waiting.owed(failed, an_event("ended"))}
        assert due["team_lead"] == NOW


class TestWhoIsCalled:
    @pytest.mark.parametrize("code", ["asked", "holding", "alerts_again"])
    def test_the_on_call_engineer_first(self, code: str) -> None:
        assert called_by(a_response(), code) == [Level.ON_CALL]

    def test_the_team_lead_too_when_a_rollback_is_stuck_and_a_remedy_is_asked_for(self) -> None:
        stuck = a_response(rolled=Rolled(NOW, by_us=True), asks=(Reason.REMEDY_ASKS,))
        assert called_by(stuck, "asked") == [Level.ON_CALL, Level.TEAM_LEAD]

    def test_the_on_call_engineer_when_nobody_answered(self) -> None:
        assert called_by(ended(Outcome.REFUSED, Reason.APPROVAL_EXPIRED), "ended") == [Level.ON_CALL]

    @pytest.mark.parametrize(
        ("outcome", "reason"),
        [(Outcome.FAILED, Reason.ROLLOUT_FAILED), (Outcome.INCONCLUSIVE, Reason.HEALTH_FAILED)],
    )
    def test_the_team_lead_when_a_rollback_fails_or_is_inconclusive(
        self, outcome: Outcome, reason: Reason
    ) -> None:
        assert called_by(ended(outcome, reason), "ended") == [Level.ON_CALL, Level.TEAM_LEAD]

    @pytest.mark.parametrize(
        "reason",
        [Reason.CLUSTER_UNREACHABLE, Reason.FORBIDDEN, Reason.INTERNAL, Reason.SIGNALS_UNKNOWN],
    )
    def test_the_platform_team_when_the_platform_is_at_fault(self, reason: Reason) -> None:
        assert Level.PLATFORM in called_by(ended(Outcome.FAILED, reason), "ended")
        assert called_by(ended(Outcome.REFUSED, reason), "ended") == [Level.PLATFORM]

    def test_the_platform_team_when_a_person_is_asked_because_nothing_can_be_measured(self) -> None:
        asked = a_response(phase=Step.APPROVE.value, asks=(Reason.LIVE_UNKNOWN,))
        assert called_by(asked, "asked") == [Level.ON_CALL, Level.PLATFORM]
        assert called_by(replace(asked, asks=(Reason.STORM,)), "asked") == [Level.ON_CALL]

    @pytest.mark.parametrize(
        ("outcome", "reason"),
        [
            (Outcome.COMPLETED, Reason.HELD),
            (Outcome.DISMISSED, Reason.RECOVERED),
            (Outcome.REFUSED, Reason.NO_CANDIDATE),
            (Outcome.ABORTED, Reason.ABORTED_BY_PERSON),
        ],
    )
    def test_nobody_when_it_ends_as_it_should_or_as_somebody_wanted(
        self, outcome: Outcome, reason: Reason
    ) -> None:
        assert called_by(ended(outcome, reason), "ended") == []

    @pytest.mark.parametrize("code", ["assessed", "rolled_back", "verified", "joined", "acknowledge", ""])
    def test_nobody_by_any_other_event(self, code: str) -> None:
        assert called_by(a_response(), code) == []


class TestWhatIsOwed:
    def test_a_call_is_a_task_of_its_event_with_what_the_event_says(self) -> None:
        [task] = the_escalation().owed(a_response(team="payments"), an_event("asked", 12))

        assert (task.name, task.kind, task.due_at) == ("escalate#000012#on_call", "escalate", NOW)
        assert task.facts == {"detail": "as found", "by": "backout", "code": "asked", "level": "on_call"}

    def test_the_last_level_is_a_timer_from_the_beginning(self) -> None:
        [task] = the_escalation().owed(a_response(), an_event("accepted", 1))

        assert (task.name, task.due_at) == ("escalate#000001#cto", NOW + timedelta(minutes=30))

    def test_no_two_events_make_the_same_task(self) -> None:
        escalation, response = the_escalation(), a_response(team="payments")
        first = escalation.owed(response, an_event("asked", 5))
        second = escalation.owed(response, an_event("holding", 6))

        assert not {task.name for task in first} & {task.name for task in second}

    def test_nothing_where_nobody_is_configured(self) -> None:
        assert levels(the_escalation({}), a_response(team="payments"), "asked") == []
        assert levels(the_escalation({"search": EVERYBODY}), a_response(team="payments"), "asked") == []
        assert levels(the_escalation({"payments": {"cto": True}}), a_response(), "asked") == []

    def test_no_timer_for_what_customers_do_not_notice(self) -> None:
        inside = a_service(team="payments", customer_facing=False)

        assert levels(the_escalation(None, inside), a_response(), "accepted") == []
        assert levels(the_escalation(None, inside), a_response(), "asked") == ["on_call"]

    def test_nothing_for_a_service_that_is_only_observed(self) -> None:
        observed = a_service(team="payments", customer_facing=True, mode=Mode.OBSERVE)

        assert levels(the_escalation(None, observed), a_response(), "accepted") == []

    def test_a_workload_whose_team_is_not_known_yet_may_turn_out_to_be_anyone_s(self) -> None:
        elsewhere = a_service(name="other", workload=replace(a_service().workload, name="other"))
        escalation = the_escalation(None, elsewhere)

        assert levels(escalation, a_response(), "accepted") == ["cto"]
        assert levels(escalation, a_response(team="payments"), "asked") == ["on_call"]
        assert levels(escalation, a_response(team="search"), "asked") == []

    def test_the_team_that_the_response_was_assessed_with_counts(self) -> None:
        assert the_escalation().team_of(a_response()) == "payments"
        assert the_escalation().team_of(a_response(team="search")) == "search"


class TestWhatStopsIt:
    @pytest.mark.parametrize("verb", ["acknowledge", "approve", "now", "abort"])
    @pytest.mark.parametrize("level", [Level.ON_CALL, Level.TEAM_LEAD, Level.PLATFORM])
    def test_a_person_who_is_on_it_stops_the_climbing(self, level: Level, verb: str) -> None:
        response = ended(Outcome.FAILED, Reason.ROLLOUT_FAILED, heard=heard(verb))

        assert moot(response, level, EVERYBODY, "ended") == f"alice said {verb}"

    def test_the_last_level_is_stopped_only_where_its_contact_says_so(self) -> None:
        response = a_response(heard=heard("acknowledge"))

        assert moot(response, Level.CTO, EVERYBODY, "accepted") == ""
        assert moot(response, Level.CTO, {"cto": True}, "accepted") == "alice said acknowledge"

    @pytest.mark.parametrize("verb", ["order", "refused"])
    def test_other_words_are_no_acknowledgement(self, verb: str) -> None:
        assert acknowledged(a_response(heard=heard(verb))) is None

    def test_what_pages_already_is_not_paged_for_twice(self) -> None:
        response = a_response(heard=Heard(references={"pagerduty": "Q1"}))

        assert moot(response, Level.ON_CALL, EVERYBODY, "asked") == "PagerDuty's incident Q1 pages already"
        assert moot(response, Level.TEAM_LEAD, EVERYBODY, "ended") == ""

    @pytest.mark.parametrize("outcome", [Outcome.COMPLETED, Outcome.DISMISSED])
    @pytest.mark.parametrize(("level", "code"), [(Level.ON_CALL, "asked"), (Level.CTO, "accepted")])
    def test_what_has_been_solved_meanwhile_needs_nobody(
        self, level: Level, code: str, outcome: Outcome
    ) -> None:
        response = ended(outcome, Reason.HELD)

        assert moot(response, level, EVERYBODY, code) == f"the response is {outcome.value}"

    def test_alerts_that_fire_again_are_new_trouble(self) -> None:
        response = ended(Outcome.COMPLETED, Reason.HELD, heard=heard("approve"))

        assert moot(response, Level.ON_CALL, EVERYBODY, "alerts_again") == ""

    @pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.REFUSED])
    def test_what_was_not_solved_stays_open(self, outcome: Outcome) -> None:
        assert moot(ended(outcome, Reason.NO_CANDIDATE), Level.CTO, EVERYBODY, "accepted") == ""

    @pytest.mark.parametrize("reason", [Reason.MODE_OBSERVE, Reason.NOT_OPTED_IN, Reason.ASSESSED])
    def test_what_was_only_looked_at_is_not_open(self, reason: Reason) -> None:
        assert moot(ended(Outcome.REFUSED, reason), Level.CTO, EVERYBODY, "accepted")

    def test_a_level_that_is_not_configured_any_more_is_not_called(self) -> None:
        assert moot(a_response(), Level.PLATFORM, {"cto": True}, "asked") == (
            "no platform is configured for the team"
        )
