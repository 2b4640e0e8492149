"""Other people change the workload too: their change is never undone, and never judged as ours."""

from datetime import timedelta

import pytest

from shared.domain.reasons import Reason
from shared.domain.response import Outcome, Step
from shared.domain.signals import Signal
from shared.engine.accepting import Acceptance
from tests.engine.world import BAD, BROKEN, CHECKOUT, GOOD, HEALTHY, QUICK, RAISED, World, a_service, an_alert
from tests.fakes.records import Moment

OLDER, FIX, WORSE = "shop:1.4.0", "shop:1.4.3", "shop:1.4.3-rc1"


def alerted(world: World) -> str:
    [answer] = world.send(an_alert(at=world.now))
    assert answer.outcome is Acceptance.CREATED
    return answer.response_id


def test_a_fix_deployed_during_the_veto_window_is_left_alone() -> None:
    world = World(readings={BAD: RAISED})
    world.story()
    response_id = alerted(world)
    world.run_to(response_id, Step.HOLD)
    world.deploy(FIX)
    assert world.ended(response_id) == (Outcome.DISMISSED, Reason.SUPERSEDED)
    assert (world.image(), world.rollbacks()) == (FIX, 0)
    assert world.record().live is None


def test_a_fix_deployed_while_a_person_is_asked_is_left_alone() -> None:
    world = World()
    world.story()
    world.sleep(hours=5)
    response_id = alerted(world)
    world.run_to(response_id, Step.APPROVE)
    world.deploy(FIX)
    assert world.ended(response_id) == (Outcome.DISMISSED, Reason.SUPERSEDED)
    assert (world.image(), world.rollbacks()) == (FIX, 0)


def test_a_fix_deployed_between_the_intent_and_the_change_is_left_alone() -> None:
    world = World()
    world.story()
    response_id = alerted(world)
    world.interrupt("cluster.apply", Moment.BEFORE, lambda: world.deploy(FIX))
    assert world.ended(response_id) == (Outcome.DISMISSED, Reason.SUPERSEDED)
    assert (world.image(), world.rollbacks()) == (FIX, 0)
    assert world.codes(response_id) == ["accepted", "assessed", "intended", "moved", "ended"]


def test_a_fix_deployed_during_verify_ends_without_a_verdict() -> None:
    world = World()
    world.story()
    response_id = alerted(world)
    world.health.broken["http://checkout/health"] = "503"
    world.run_to(response_id, Step.VERIFY)
    world.deploy(FIX)
    assert world.ended(response_id) == (Outcome.DISMISSED, Reason.SUPERSEDED)
    assert (world.image(), world.rollbacks()) == (FIX, 1)


def test_a_fix_deployed_while_it_is_watched_ends_without_a_verdict() -> None:
    world = World()
    world.story()
    response_id = alerted(world)
    world.run_to(response_id, Step.STABILISE)
    world.deploy(FIX)
    assert world.ended(response_id) == (Outcome.DISMISSED, Reason.SUPERSEDED)
    assert "held" not in world.codes(response_id)
    assert world.record().known_good == ()


def test_the_bad_version_deployed_again_while_it_is_watched_is_not_rolled_back_a_second_time() -> None:
    world = World()
    world.story()
    response_id = alerted(world)
    world.run_to(response_id, Step.STABILISE)
    world.deploy(BAD)
    assert world.ended(response_id) == (Outcome.DISMISSED, Reason.SUPERSEDED)
    assert (world.image(), world.rollbacks()) == (BAD, 1)


@pytest.mark.parametrize(
    ("name", "moment", "nth"),
    [
        ("records.commit", Moment.BEFORE, 1),
        ("records.commit", Moment.AFTER, 1),
        ("cluster.apply", Moment.BEFORE, 1),
    ],
)
def test_a_rollback_made_by_hand_before_ours_is_verified_and_counted_as_theirs(
    name: str, moment: Moment, nth: int
) -> None:
    world = World()
    world.story()
    response_id = alerted(world)
    world.interrupt(name, moment, lambda: world.deploy(GOOD), nth=nth)
    assert world.ended(response_id) == (Outcome.COMPLETED, Reason.HELD)
    response = world.response(response_id)
    assert response.rolled is not None
    assert not response.rolled.by_us
    assert world.rollbacks() == 0
    codes = world.codes(response_id)
    assert "found_rolled_back" in codes
    assert "verified" in codes
    assert "rolled_back" not in codes
    assert world.record().restored is None


def test_a_rollback_made_by_hand_in_the_veto_window_is_not_made_again() -> None:
    world = World(readings={BAD: RAISED})
    world.story()
    response_id = alerted(world)
    world.run_to(response_id, Step.HOLD)
    world.deploy(GOOD)
    assert world.ended(response_id) == (Outcome.DISMISSED, Reason.RECOVERED)
    assert (world.image(), world.rollbacks()) == (GOOD, 0)


def test_a_restart_just_before_the_alert_does_not_make_an_old_version_recent() -> None:
    world = World()
    world.story()
    world.sleep(hours=5)
    world.workloads.restart(CHECKOUT)
    response_id = alerted(world)
    world.run_to(response_id, Step.APPROVE)
    response = world.response(response_id)
    assert response.asks == (Reason.NO_RECENT_ROLLOUT,)
    assert response.choice is not None
    assert (response.choice.from_image, response.choice.to_image) == (BAD, GOOD)
    assert world.rollbacks() == 0


def test_a_restart_of_a_recent_bad_version_is_rolled_back_to_another_version_not_to_its_twin() -> None:
    world = World()
    world.story()
    world.workloads.restart(CHECKOUT)
    response_id = alerted(world)
    assert world.ended(response_id) == (Outcome.COMPLETED, Reason.HELD)
    assert (world.image(), world.rollbacks()) == (GOOD, 1)


def test_a_bad_hotfix_on_a_bad_version_goes_back_to_the_last_good_one() -> None:
    world = World(readings={BAD: BROKEN, WORSE: BROKEN})
    world.story()
    world.sleep(minutes=5)
    world.deploy(WORSE)
    world.sleep(minutes=2)
    response_id = alerted(world)
    assert world.ended(response_id) == (Outcome.COMPLETED, Reason.HELD)
    assert world.image() == GOOD


def test_after_a_bad_hotfix_the_service_is_measured_against_the_good_version_not_the_bad_one() -> None:
    """Errors that the bad version had too are no excuse for the restored one."""
    world = World(readings={BAD: BROKEN, WORSE: BROKEN})
    world.story()
    world.sleep(minutes=5)
    world.deploy(WORSE)
    world.sleep(minutes=2)
    response_id = alerted(world)
    world.run(until=lambda: world.rollbacks() == 1)
    world.shop.readings[GOOD] = {**HEALTHY, Signal.ERROR_RATE: 0.04}
    assert world.ended(response_id) == (Outcome.FAILED, Reason.STILL_BREACHED)


def rolled_back() -> tuple[World, str]:
    world = World()
    world.deploy(OLDER)
    world.sleep(days=1)
    world.story()
    response_id = alerted(world)
    assert world.ended(response_id) == (Outcome.COMPLETED, Reason.HELD)
    return world, response_id


def test_the_restored_revision_alerting_within_the_cooldown_waits_and_then_asks() -> None:
    world, _ = rolled_back()
    world.shop.readings[GOOD] = BROKEN
    world.sleep(minutes=2)
    response_id = alerted(world)
    cooldown_until = world.record().cooldown_until
    assert cooldown_until is not None
    world.run(until=lambda: world.response(response_id).delay is not None)
    assert world.response(response_id).delay is Reason.COOLDOWN
    world.run_to(response_id, Step.APPROVE)
    assert world.now >= cooldown_until
    assert Reason.RESTORED_REVISION in world.response(response_id).asks
    assert world.ended(response_id) == (Outcome.REFUSED, Reason.APPROVAL_EXPIRED)
    assert (world.image(), world.rollbacks()) == (GOOD, 1)


def test_the_restored_revision_alerting_after_the_cooldown_asks_and_never_acts() -> None:
    world, _ = rolled_back()
    world.shop.readings[GOOD] = BROKEN
    world.sleep(minutes=30)
    response_id = alerted(world)
    world.run_to(response_id, Step.APPROVE)
    assert Reason.RESTORED_REVISION in world.response(response_id).asks
    assert world.ended(response_id) == (Outcome.REFUSED, Reason.APPROVAL_EXPIRED)
    assert (world.image(), world.rollbacks()) == (GOOD, 1)


def test_a_newer_version_within_the_cooldown_of_a_rollback_asks() -> None:
    world, _ = rolled_back()
    world.shop.readings[FIX] = BROKEN
    world.sleep(minutes=1)
    world.deploy(FIX)
    world.sleep(minutes=1)
    response_id = alerted(world)
    world.run_to(response_id, Step.APPROVE)
    assert world.response(response_id).asks == (Reason.COOLDOWN,)


def test_the_bad_version_deployed_again_after_the_cooldown_asks() -> None:
    world, _ = rolled_back()
    world.sleep(minutes=30)
    world.deploy(BAD)
    world.sleep(minutes=2)
    response_id = alerted(world)
    world.run_to(response_id, Step.APPROVE)
    assert world.response(response_id).asks == (Reason.QUARANTINED_REVISION,)
    assert world.rollbacks() == 1


def test_what_was_rolled_away_from_is_never_gone_back_to() -> None:
    """Not even where the history has forgotten what was restored then, and the past looks healthy."""
    world, _ = rolled_back()
    world.sleep(minutes=30)
    world.shop.readings[FIX] = BROKEN
    world.deploy(FIX)
    found = world.workloads.read(CHECKOUT)
    assert found is not None
    without = tuple(r for r in found.revisions if GOOD not in r.images.values())
    world.workloads.update(CHECKOUT, revisions=without)
    world.sleep(minutes=2)
    [answer] = world.send(an_alert(at=world.now))
    world.run(until=lambda: world.response(answer.response_id).choice is not None)
    assert world.image() == OLDER


def test_alertmanagers_repeat_hours_after_a_dismissal_is_looked_at_anew() -> None:
    world = World()
    world.story(GOOD)
    alert = an_alert(at=world.now)
    [answer] = world.send(alert)
    assert world.ended(answer.response_id) == (Outcome.DISMISSED, Reason.RECOVERED)
    world.deploy(BAD)
    world.sleep(hours=3, minutes=59)
    [again] = world.send(alert)
    assert again.outcome is Acceptance.CREATED
    assert again.response_id != answer.response_id
    assert world.ended(again.response_id) == (Outcome.COMPLETED, Reason.HELD)
    assert world.image() == GOOD


def test_alertmanagers_repeat_hours_after_a_response_that_was_held_back_is_looked_at_anew() -> None:
    world = World()
    world.story(GOOD)
    world.door.freezer.freeze("global", by="alice")
    alert = an_alert(at=world.now)
    [answer] = world.send(alert)
    assert answer.outcome is Acceptance.DELAYED
    world.run(limit=timedelta(minutes=10))
    world.door.freezer.thaw("global")
    assert world.ended(answer.response_id) == (Outcome.DISMISSED, Reason.RECOVERED)
    world.deploy(BAD)
    world.sleep(hours=3)
    [again] = world.send(alert)
    assert again.response_id != answer.response_id
    assert world.ended(again.response_id) == (Outcome.COMPLETED, Reason.HELD)


def test_a_firing_that_was_handled_opens_nothing_more_but_is_looked_at() -> None:
    world = World()
    world.story()
    alert = an_alert(at=world.now)
    [answer] = world.send(alert)
    assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.HELD)
    told_before = len(world.people.told)
    world.sleep(hours=4)
    [again] = world.send(alert)
    assert (again.outcome, again.reason) == (Acceptance.IGNORED, Reason.STALE)
    assert again.response_id == answer.response_id
    world.run()
    [recheck] = [t for t in world.records.tasks(answer.response_id) if t.kind == "recheck"]
    assert recheck.result == "the signals are below their thresholds"
    assert len(world.people.told) == told_before
    assert world.rollbacks() == 1


@pytest.mark.parametrize("blind", [False, True])
def test_a_firing_that_was_handled_and_may_breach_still_calls_a_person(blind: bool) -> None:
    world = World()
    world.story()
    alert = an_alert(at=world.now)
    [answer] = world.send(alert)
    assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.HELD)
    world.shop.readings[GOOD] = BROKEN
    world.blind = blind
    world.sleep(hours=4)
    [again] = world.send(alert)
    assert again.reason is Reason.STALE
    world.run()
    assert "still alerting" in world.people.told[-1].title
    assert world.rollbacks() == 1


def test_an_alert_that_began_before_the_rollback_took_effect_opens_nothing() -> None:
    world = World(services=[a_service(timing=QUICK)])
    world.story()
    response_id = alerted(world)
    world.run_to(response_id, Step.STABILISE)
    began_at = world.now + timedelta(seconds=10)
    assert world.ended(response_id) == (Outcome.COMPLETED, Reason.HELD)
    [late] = world.send(an_alert(at=began_at, name="Latency"))
    assert (late.outcome, late.reason) == (Acceptance.IGNORED, Reason.STALE)


def test_a_workload_deleted_under_us_ends_without_a_change() -> None:
    world = World(readings={BAD: RAISED})
    world.story()
    response_id = alerted(world)
    world.run_to(response_id, Step.HOLD)
    world.workloads.delete(CHECKOUT)
    assert world.ended(response_id) == (Outcome.DISMISSED, Reason.SUPERSEDED)
    assert world.rollbacks() == 0
