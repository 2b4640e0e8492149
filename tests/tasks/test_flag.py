"""Feature flags are switched off once after a rollback, remembered, and put back when a person says so."""

from datetime import timedelta

from shared.domain import aftercare
from shared.domain.response import Outcome, Wanted
from shared.engine.joining import Said
from shared.errors import TemporaryError
from tests.engine.world import World, a_service, an_alert
from tests.fakes.records import Moment

FLAGS = ("new-prices", "one-click")


def rolled_back(**flags: bool) -> tuple[World, str]:
    world = World([a_service(flags=FLAGS)])
    world.flags.flags = {"new-prices": True, "one-click": False} | flags
    world.story()
    [answer] = world.send(an_alert(at=world.now))
    return world, answer.response_id


def off(world: World, response_id: str) -> tuple[str, ...]:
    return aftercare.flags_off(world.records.tasks(response_id))


def test_what_is_on_is_switched_off_and_remembered() -> None:
    world, response_id = rolled_back()
    assert world.ended(response_id)[0] == Outcome.COMPLETED
    assert world.flags.flags == {"new-prices": False, "one-click": False}
    assert off(world, response_id) == ("new-prices",)
    assert "checkout: the feature flag new-prices is off" in world.people.titles


def test_nothing_is_switched_without_a_rollback() -> None:
    other = World([a_service(flags=FLAGS)])
    other.flags.flags = {"new-prices": True, "one-click": True}
    other.story()
    other.ended(other.order(Wanted.ASSESS).response_id)
    assert other.flags.switched == []


def test_a_person_has_them_put_back_and_only_those() -> None:
    world, response_id = rolled_back()
    assert world.say(response_id, "restore-flags") is Said.NOT_ASKED
    world.ended(response_id)
    assert world.say(response_id, "restore-flags") is Said.TAKEN
    world.run()
    assert world.flags.flags == {"new-prices": True, "one-click": False}
    assert off(world, response_id) == ()
    world.say(response_id, "restore-flags")
    world.run()
    assert len(world.flags.switched) == 2


def test_a_flag_whose_answer_was_lost_is_remembered_all_the_same() -> None:
    world, response_id = rolled_back()

    def lose() -> None:
        raise TemporaryError("no answer")

    world.interrupt("flags.apply", Moment.AFTER, lose)
    world.ended(response_id)
    assert len(world.flags.switched) == 1
    assert off(world, response_id) == ("new-prices",)


def test_a_vendor_that_refuses_is_told_and_spoils_nothing() -> None:
    world, response_id = rolled_back()
    world.flags.approvals = True
    assert world.ended(response_id)[0] == Outcome.COMPLETED
    assert off(world, response_id) == ()
    assert "checkout: the feature flag new-prices could not be switched" in world.people.titles


def test_a_freeze_holds_the_switching_back() -> None:
    world, response_id = rolled_back()
    world.run(until=lambda: "rolled_back" in world.codes(response_id))
    world.interrupt(
        "flags.look", Moment.BEFORE, lambda: world.door.freezer.freeze("global", by="bob", reason="stop")
    )
    world.run(limit=timedelta(hours=1))
    assert world.flags.switched == []
    waits = [t for t in world.records.tasks(response_id) if t.kind == "flag"]
    assert "not switched yet: changes are frozen" in {task.result for task in waits}
    world.door.freezer.thaw("global")
    world.run()
    assert off(world, response_id) == ("new-prices",)
