"""What people say while a response runs: an answer counts once, for what was asked; the first word wins."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.response import Outcome, Step
from shared.domain.services import Mode
from shared.domain.signals import Signal
from shared.engine.joining import KEPT_WORDS, Said
from tests.engine.world import BAD, GOOD, RAISED, World, a_service, an_alert


def holding() -> tuple[World, str]:
    """Return a world in which a response waits for a veto."""
    world = World(readings={BAD: RAISED})
    world.story()
    [answer] = world.send(an_alert(value=0.08, at=world.now))
    world.run(until=lambda: "holding" in world.codes(answer.response_id))
    return world, answer.response_id


def asking() -> tuple[World, str]:
    """Return a world in which a response asks for approval."""
    world = World([a_service(mode=Mode.APPROVE)])
    world.story()
    [answer] = world.send(an_alert(at=world.now))
    world.run(until=lambda: "asked" in world.codes(answer.response_id))
    return world, answer.response_id


def facts_of(world: World, response_id: str, code: str) -> Sequence[object]:
    return [dict(e.facts) for e in world.records.events(response_id) if e.code == code]


def test_now_ends_a_hold_at_once_and_says_by_whom() -> None:
    world, response_id = holding()
    said_at = world.now

    assert world.say(response_id, "now") is Said.TAKEN
    world.run(until=lambda: bool(world.workloads.applied))

    assert world.now - said_at < timedelta(seconds=10)
    [hurried] = [e for e in world.records.events(response_id) if e.code == "hurried"]
    assert hurried.facts["by"] == "alice"
    world.run()
    assert world.image() == GOOD
    assert world.response(response_id).phase == Outcome.COMPLETED
    assert world.rollbacks() == 1


def test_now_stands_in_for_signals_that_cannot_be_had() -> None:
    world, response_id = holding()
    world.blind = True

    world.say(response_id, "now")
    world.run(until=lambda: bool(world.workloads.applied), limit=timedelta(minutes=1))

    assert world.rollbacks() == 1


def test_now_does_not_roll_back_what_has_recovered() -> None:
    world, response_id = holding()
    world.override = {Signal.ERROR_RATE: 0.0, Signal.HTTP_5XX_PER_MINUTE: 0.0}

    world.say(response_id, "now")
    world.run()

    assert world.response(response_id).phase == Outcome.DISMISSED
    assert world.rollbacks() == 0


def test_now_where_approval_is_asked_is_an_approval() -> None:
    world, response_id = asking()

    assert world.say(response_id, "now") is Said.TAKEN
    assert world.say(response_id, "approve") is Said.REPEATED
    world.run()

    assert world.response(response_id).approved is not None
    assert world.rollbacks() == 1


def test_now_where_nothing_waits_is_not_asked_for() -> None:
    world = World()
    world.story()
    [answer] = world.send(an_alert(at=world.now))
    world.run(until=lambda: bool(world.workloads.applied))

    assert world.say(answer.response_id, "now") is Said.NOT_ASKED


@pytest.mark.parametrize("verb", ["approve", "now"])
def test_an_answer_to_another_question_than_the_one_asked_counts_for_nothing(verb: str) -> None:
    world, response_id = asking()

    said = world.door.listener.say(response_id, verb, by="alice", question="some>other")

    assert said is Said.NOT_ASKED
    assert world.response(response_id).heard.words == ()


def test_an_answer_to_the_question_that_is_asked_counts() -> None:
    world, response_id = asking()
    question = world.response(response_id).question

    assert world.door.listener.say(response_id, "approve", by="alice", question=question) is Said.TAKEN


def test_after_a_no_a_yes_comes_too_late() -> None:
    world, response_id = asking()

    assert world.say(response_id, "abort") is Said.TAKEN
    assert world.say(response_id, "approve") is Said.NOT_ASKED
    world.run()

    assert world.response(response_id).phase == Outcome.ABORTED
    assert world.rollbacks() == 0


def test_an_acknowledgement_is_recorded_once_and_changes_nothing() -> None:
    world, response_id = holding()

    assert world.say(response_id, "acknowledge") is Said.TAKEN
    assert world.say(response_id, "acknowledge") is Said.REPEATED
    world.run(until=lambda: world.response(response_id).phase != Step.HOLD)

    assert world.codes(response_id).count("acknowledge") == 1
    assert "hold_over" in world.codes(response_id)


def test_a_word_that_was_refused_is_recorded_once_for_each_person_and_counts_for_nothing() -> None:
    world, response_id = asking()
    listener = world.door.listener

    assert listener.refuse(response_id, "approve", by="mallory") is Said.TAKEN
    assert listener.refuse(response_id, "approve", by="mallory") is Said.REPEATED
    assert listener.refuse(response_id, "abort", by="mallory") is Said.TAKEN
    assert world.step()

    assert world.response(response_id).phase == Step.APPROVE
    assert facts_of(world, response_id, "refused") == [{"reason": "approve"}, {"reason": "abort"}]


def test_an_acknowledgement_counts_after_the_end_and_brings_nothing_back_to_life() -> None:
    world, response_id = holding()
    world.say(response_id, "abort")
    world.run()
    ended = world.response(response_id)
    assert ended.phase == Outcome.ABORTED

    assert world.say(response_id, "acknowledge") is Said.TAKEN
    assert world.say(response_id, "acknowledge") is Said.REPEATED
    assert world.say(response_id, "abort") is Said.ENDED

    assert world.codes(response_id)[-1] == "acknowledge"
    [state] = world.records.read(responses=[response_id]).states.values()
    assert (state.due_at, state.lease.owner) == (None, None)
    assert replace(state.response, heard=ended.heard) == ended
    assert world.record().live is None


def test_what_is_said_again_and_again_is_kept_in_the_history_and_never_outgrows_the_response() -> None:
    world, response_id = holding()
    world.say(response_id, "now")
    world.ended(response_id)
    for n in range(2 * KEPT_WORDS):
        world.sleep(seconds=1)
        assert world.say(response_id, "complaints" if n % 2 else "no-complaints") is Said.TAKEN
    words = world.response(response_id).heard.words
    assert [word.verb for word in words[:1]] == ["now"]
    assert len(words) == 1 + KEPT_WORDS
    assert words[-1].verb == "complaints"
    assert world.codes(response_id).count("complaints") == KEPT_WORDS
