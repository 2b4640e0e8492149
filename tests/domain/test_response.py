from dataclasses import replace
from datetime import timedelta

import pytest

from shared import wire
from shared.domain.alerts import AlertDigest
from shared.domain.changes import Intent, SetReplicas
from shared.domain.reasons import Reason
from shared.domain.response import (
    Capacity,
    Choice,
    Ending,
    Heard,
    Order,
    Outcome,
    Response,
    Rolled,
    Seen,
    Step,
    Wanted,
    Watch,
    Word,
)
from shared.domain.signals import Reading, Signal
from tests.domain.examples import CHECKOUT, CHOICE, NOW, a_response, an_alert

FIRING, RESOLVED = (AlertDigest.of(an_alert(firing=firing)) for firing in (True, False))
YES = Word("approve", "alice", NOW, question=CHOICE.question)


class TestHeard:
    @pytest.mark.parametrize(
        ("alerts", "count", "resolved"),
        [
            ((), 0, False),
            ((FIRING,), 1, False),
            ((RESOLVED,), 1, True),
            ((RESOLVED, FIRING), 2, False),
            ((FIRING, RESOLVED), 2, False),
            ((RESOLVED, RESOLVED), 2, True),
        ],
    )
    def test_all_is_resolved_when_something_fired_and_nothing_does(
        self, alerts: tuple[AlertDigest, ...], count: int, resolved: bool
    ) -> None:
        assert Heard(alerts, count).all_resolved is resolved

    def test_of_alerts_that_were_not_kept_nobody_knows_whether_they_resolved(self) -> None:
        assert not Heard((RESOLVED,) * 50, alert_count=51).all_resolved

    def test_the_first_word_of_its_kind_is_found(self) -> None:
        said = Heard(words=(Word("abort", "bob", NOW), YES, replace(YES, by="carol")))
        assert said.word("approve") == YES
        assert said.word("order") is None

    def test_a_word_may_be_asked_for_by_its_question(self) -> None:
        said = Heard(words=(replace(YES, question="t9>t7"), YES))
        assert said.word("approve", CHOICE.question) == YES
        assert said.word("approve", "scale") is None


class TestApproval:
    def test_a_yes_counts_for_the_change_that_was_asked_about(self) -> None:
        assert a_response(choice=CHOICE, heard=Heard(words=(YES,))).approved == YES

    @pytest.mark.parametrize(
        "other", [replace(CHOICE, to_template_id="t7"), replace(CHOICE, from_template_id="t10"), None]
    )
    def test_a_yes_counts_for_no_other_change(self, other: Choice | None) -> None:
        assert a_response(choice=other, heard=Heard(words=(YES,))).approved is None

    def test_without_a_revision_the_question_is_whether_to_scale(self) -> None:
        yes = replace(YES, question="scale")
        assert a_response(heard=Heard(words=(yes,))).approved == yes

    def test_a_response_is_automatic_until_a_person_orders_or_approves(self) -> None:
        assert a_response(choice=CHOICE).automatic
        assert not a_response(choice=CHOICE, heard=Heard(words=(YES,))).automatic
        assert not a_response(order=Order(Wanted.ROLLBACK, "alice", NOW)).automatic


class TestPhases:
    def test_a_live_response_is_in_a_step(self) -> None:
        response = a_response(phase="verify")
        assert response.live
        assert response.step is Step.VERIFY

    def test_an_ended_response_is_in_none(self) -> None:
        response = a_response(phase=Outcome.COMPLETED.value, ended_at=NOW)
        assert not response.live
        with pytest.raises(ValueError, match="completed"):
            _ = response.step

    def test_no_outcome_has_the_name_of_a_step(self) -> None:
        assert not set(Step) & set(Outcome)

    def test_entering_a_step_starts_its_time_and_its_counters_afresh(self) -> None:
        later = NOW + timedelta(minutes=1)
        before = a_response(faults=3, moved=2, takeovers=1, told="holding", scaled=True, choice=CHOICE)
        after = before.entered(Step.ROLLBACK, later)
        assert after == a_response(phase="rollback", step_started_at=later, scaled=True, choice=CHOICE)

    def test_a_response_has_acted_once_a_rollback_was_made_by_whomever(self) -> None:
        assert not a_response().acted
        assert a_response(rolled=Rolled(NOW, by_us=False)).acted


def test_a_response_survives_being_stored_whole() -> None:
    change = SetReplicas(CHECKOUT, "r1", "70", 3, 5)
    full: Response = a_response(
        deadline_at=NOW,
        heard=Heard((FIRING, RESOLVED), 2, {Signal.ERROR_RATE: Reading.unknown("away")}, (YES,)),
        order=Order(Wanted.SCALE, "ci", NOW, "load", "bob", 8, 5, ("storm",)),
        plan=tuple(Step),
        asks=(Reason.STORM, Reason.MODE_APPROVE),
        asked_at=NOW,
        choice=CHOICE,
        seen=Seen(7, "t9", NOW),
        delay=Reason.FREEZE,
        intent=Intent.of(change, step="scale"),
        capacity=Capacity("", 3, 0, 5, 0),
        rolled=Rolled(NOW, by_us=True, completed_at=NOW),
        baseline={Signal.LATENCY_P95: Reading.number(0.1), Signal.ERROR_RATE: Reading.idle(2)},
        watch=Watch(NOW, 1, 2, 3, 4, "last"),
        ending=Ending(Outcome.FAILED, Reason.ROLLOUT_FAILED, "why"),
        reason=Reason.HELD,
    )
    assert wire.decode(Response, wire.encode(full)) == full
