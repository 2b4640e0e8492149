"""What enforces a deploy gate follows it: closed after a rollback, open once every gate of the place is."""

from datetime import timedelta
from typing import Any

from shared.domain import aftercare
from shared.domain.response import Outcome, Task, Wanted
from shared.domain.workloads import WorkloadRef
from shared.engine.gating import VERB
from shared.engine.joining import Said
from shared.errors import TemporaryError
from shared.settings import Gate
from tests.engine.world import BAD, CHECKOUT, World, a_service, an_alert
from tests.fakes.records import Moment

CART = WorkloadRef("test", "production", "deployment", "cart")
BOTH = Gate(github_status=True, argo_cd=True)


def rolled_back(**fields: Any) -> tuple[World, str]:
    world = World(gate=BOTH, **fields)
    world.story()
    [answer] = world.send(an_alert(at=world.now))
    return world, answer.response_id


def closed(world: World) -> list[str]:
    return [name for name, barrier in world.barriers.items() if barrier.closed]


def stands(world: World, response_id: str) -> dict[str, Task]:
    return dict(aftercare.barriers(world.records.tasks(response_id)))


def test_a_rollback_closes_all_that_is_configured_and_a_person_opens_it() -> None:
    world, response_id = rolled_back()
    assert world.ended(response_id)[0] == Outcome.COMPLETED
    assert closed(world) == ["github", "argo_cd"]
    assert stands(world, response_id)["argo_cd"].receipt == "closed shop/checkout"

    assert world.say(response_id, VERB) is Said.TAKEN
    world.run()
    assert closed(world) == []
    assert stands(world, response_id)["argo_cd"].receipt == "open shop/checkout"
    assert [len(barrier.changes) for barrier in world.barriers.values()] == [2, 2]


def test_nothing_is_closed_where_nothing_is_configured() -> None:
    world = World()
    world.story()
    [answer] = world.send(an_alert(at=world.now))
    world.ended(answer.response_id)
    assert closed(world) == []
    assert stands(world, answer.response_id) == {}


def test_nothing_is_closed_without_a_rollback() -> None:
    world = World(gate=BOTH)
    world.story()
    world.ended(world.order(Wanted.ASSESS).response_id)
    assert closed(world) == []


def test_what_is_deployed_elsewhere_is_left_alone() -> None:
    world, response_id = rolled_back()
    world.barriers["argo_cd"].places = {}
    world.ended(response_id)
    assert closed(world) == ["github"]
    assert stands(world, response_id)["argo_cd"].result == "argo_cd: nothing there deploys checkout"


def test_two_services_of_one_place_keep_it_closed_until_both_are_open() -> None:
    cart = a_service(name="cart", workload=CART, match={"namespace": "production", "deployment": "cart"})
    world = World([a_service(), cart], gate=BOTH)
    world.story()
    answers = world.send(an_alert(at=world.now), an_alert(at=world.now, deployment="cart"))
    first, second = (answer.response_id for answer in answers)
    for response_id in (first, second):
        assert world.ended(response_id)[0] == Outcome.COMPLETED

    world.say(first, VERB)
    world.run()
    assert closed(world) == ["github", "argo_cd"]
    assert [len(barrier.changes) for barrier in world.barriers.values()] == [1, 1]

    world.say(second, VERB)
    world.run()
    assert closed(world) == []


def test_what_was_closed_for_another_service_stays_closed_though_its_place_cannot_be_told_any_more() -> None:
    cart = a_service(name="cart", workload=CART, match={"namespace": "production", "deployment": "cart"})
    world = World([a_service(), cart], gate=BOTH)
    world.story()
    answers = world.send(an_alert(at=world.now), an_alert(at=world.now, deployment="cart"))
    first, second = (answer.response_id for answer in answers)
    for response_id in (first, second):
        world.ended(response_id)
    for barrier in world.barriers.values():
        barrier.places.clear()

    world.say(first, VERB)
    world.run()
    assert closed(world) == ["github", "argo_cd"]
    world.say(second, VERB)
    world.run()
    assert closed(world) == []


def test_a_second_rollback_of_the_service_keeps_it_closed_and_its_word_opens_it() -> None:
    world, first = rolled_back()
    world.ended(first)
    world.sleep(hours=1)
    world.deploy("shop:1.4.3")
    world.shop.readings["shop:1.4.3"] = world.shop.readings[BAD]
    world.sleep(minutes=2)
    [answer] = world.send(an_alert(at=world.now))
    assert world.ended(answer.response_id)[0] == Outcome.COMPLETED

    world.say(first, VERB)
    world.run()
    assert closed(world) == ["github", "argo_cd"]

    world.say(answer.response_id, VERB)
    world.run()
    assert closed(world) == []


def test_one_that_was_opened_while_it_was_being_closed_is_open_in_the_end() -> None:
    world, response_id = rolled_back()
    world.interrupt("github barrier.apply", Moment.BEFORE, lambda: world.say(response_id, VERB))
    world.run()
    assert closed(world) == []


def test_an_opening_that_is_refused_is_told_listed_and_tried_again() -> None:
    world, response_id = rolled_back()
    world.ended(response_id)
    world.barriers["argo_cd"].refuses = True
    world.say(response_id, VERB)
    world.run(limit=timedelta(minutes=30))

    assert closed(world) == ["argo_cd"]
    assert "checkout: its deploy gate could not be closed or opened at Argo CD" in world.people.titles
    left = stands(world, response_id)["argo_cd"]
    assert "lacks the right" in left.result
    assert left.due_at is not None

    world.barriers["argo_cd"].refuses = False
    world.run(limit=timedelta(hours=1))
    assert closed(world) == []


def test_one_that_refuses_for_ever_is_told_for_a_week_and_stays_listed() -> None:
    world, response_id = rolled_back()
    world.barriers["argo_cd"].refuses = True
    world.run(limit=timedelta(days=14))

    told = [title for title in world.people.titles if "deploy gate" in title]
    assert len(told) == 11
    assert stands(world, response_id)["argo_cd"].result.startswith("given up: its account lacks")


def test_a_system_that_is_away_for_an_hour_is_told_of_and_closed_when_it_is_back() -> None:
    world, response_id = rolled_back()
    world.barriers["github"].errors = [TemporaryError("GitHub is away")] * 8
    world.run(limit=timedelta(minutes=50))
    assert closed(world) == ["argo_cd"]
    assert "checkout: its deploy gate could not be closed or opened at GitHub" in world.people.titles

    world.run(limit=timedelta(hours=1))
    assert closed(world) == ["github", "argo_cd"]
    assert stands(world, response_id)["github"].receipt == "closed shop/checkout"


def test_one_whose_answer_was_lost_is_closed_once() -> None:
    world, response_id = rolled_back()

    def lose() -> None:
        raise TemporaryError("no answer")

    world.interrupt("github barrier.apply", Moment.AFTER, lose)
    world.ended(response_id)
    assert [len(barrier.changes) for barrier in world.barriers.values()] == [1, 1]


def test_a_freeze_holds_the_closing_back_and_not_the_opening() -> None:
    world, response_id = rolled_back()

    def freeze() -> None:
        world.door.freezer.freeze("namespace/production", by="bob", reason="stop")

    world.interrupt("argo_cd barrier.place", Moment.BEFORE, freeze)
    world.run(limit=timedelta(minutes=10))
    assert closed(world) == []
    assert "changes are frozen" in stands(world, response_id)["argo_cd"].result
    world.door.freezer.thaw("namespace/production")
    world.run(limit=timedelta(minutes=10))
    assert closed(world) == ["github", "argo_cd"]

    freeze()
    world.say(response_id, VERB)
    world.run(limit=timedelta(minutes=10))
    assert closed(world) == []


def test_what_was_closed_is_opened_though_the_service_is_deployed_elsewhere_by_then() -> None:
    world, response_id = rolled_back()
    world.ended(response_id)
    for barrier in world.barriers.values():
        barrier.places = {"checkout": "shop/moved"}

    world.say(response_id, VERB)
    world.run()
    assert closed(world) == []


def test_what_is_not_configured_any_more_is_told_and_not_forgotten() -> None:
    world, response_id = rolled_back()
    world.ended(response_id)
    del world.barriers["argo_cd"]
    world.restart()

    world.say(response_id, VERB)
    world.run(limit=timedelta(minutes=10))
    assert "gate.argo_cd is not configured any more" in stands(world, response_id)["argo_cd"].result


def test_the_workload_is_known_by_its_record_alone() -> None:
    world, response_id = rolled_back()
    world.ended(response_id)
    assert world.door.gates.closing([CHECKOUT, CART]).keys() == {CHECKOUT}
