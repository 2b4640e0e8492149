"""A deployment that asks gets its verdict from the gates of what it brings out, once."""

from datetime import timedelta

import pytest

from shared.domain.changes import Scalar
from shared.domain.response import Task
from shared.engine.gating import VERB
from shared.errors import PermanentError, TemporaryError
from shared.ports import Asked, Versioned
from tests.engine.world import World, a_service, an_alert
from tests.fakes.records import Moment

ASKED = Asked("Shop/Checkout", 9001, "production")
KEY, NAME = "github-shop/checkout", "rule#1"


def shop(environment: str = "production") -> World:
    return World([a_service(repository="shop/checkout", environment=environment)])


def rolled_back(world: World) -> str:
    world.story()
    [answer] = world.send(an_alert(at=world.now))
    world.ended(answer.response_id)
    return answer.response_id


def ask(world: World, asked: Asked = ASKED) -> None:
    facts: dict[str, Scalar] = {
        "repository": asked.repository,
        "run_id": asked.run_id,
        "environment": asked.environment,
    }
    world.deployments.waiting.append(asked)
    task = Task(KEY, NAME, "rule", due_at=world.now, facts=facts, created_at=world.now)
    assert world.records.put_task(Versioned(task, 0))


def result(world: World) -> Task:
    world.run(limit=timedelta(days=2))
    found = world.records.task(KEY, NAME)
    assert found is not None
    assert found.value.due_at is None
    return found.value


@pytest.mark.parametrize("environment", ["", "Production"])
def test_a_closed_gate_is_a_no_that_says_why_and_how_to_open_it(environment: str) -> None:
    world = shop(environment)
    response_id = rolled_back(world)
    ask(world)

    assert result(world).receipt == "rejected"
    [(asked, approved, comment)] = world.deployments.verdicts
    assert (asked, approved) == (ASKED, False)
    assert f"response {response_id} rolled it back (gate_closed)" in comment
    assert "`backout ungate checkout`" in comment


def test_an_open_gate_is_a_yes() -> None:
    world = shop()
    response_id = rolled_back(world)
    world.say(response_id, VERB)
    ask(world)

    assert result(world).result == "approved: Open: checkout."


def test_a_deployment_to_another_environment_is_let_through() -> None:
    world = shop()
    rolled_back(world)
    ask(world, Asked("shop/checkout", 9001, "staging"))

    assert result(world).receipt == "approved"


def test_what_is_no_service_of_ours_is_let_through_and_the_verdict_recorded() -> None:
    world = shop()
    rolled_back(world)
    ask(world, Asked("shop/unknown", 9001, "production"))

    assert "unknown_service" in result(world).result
    assert [approved for _, approved, _ in world.deployments.verdicts] == [True]


def test_one_closed_gate_of_several_is_a_no() -> None:
    cart = a_service(name="cart", repository="shop/checkout", match={"namespace": "other"})
    world = World([a_service(repository="shop/checkout"), cart])
    rolled_back(world)
    ask(world)

    assert result(world).receipt == "rejected"


@pytest.mark.parametrize("moment", list(Moment))
def test_a_verdict_whose_answer_is_lost_is_given_once(moment: Moment) -> None:
    world = shop()
    ask(world)

    def lose() -> None:
        raise TemporaryError("no answer")

    world.interrupt("deployments.answer", moment, lose)
    assert result(world).receipt in {"approved", "gone"}
    assert len(world.deployments.verdicts) == 1


def test_a_host_that_is_away_for_an_hour_gets_the_verdict_when_it_is_back() -> None:
    world = shop()
    ask(world)
    began_at = world.now
    away = TemporaryError("GitHub is away")
    world.deployments.errors = [away] * 40

    world.run(until=lambda: bool(world.deployments.verdicts), limit=timedelta(days=1))
    assert world.now - began_at > timedelta(minutes=30)


def test_an_answer_that_was_lost_before_the_host_went_away_is_not_given_again() -> None:
    world = shop()
    ask(world)

    def lose() -> None:
        world.deployments.errors = [TemporaryError("GitHub is away")] * 7
        raise TemporaryError("no answer")

    world.interrupt("deployments.answer", Moment.AFTER, lose)
    assert result(world).receipt == "gone"
    assert len(world.deployments.verdicts) == 1


def test_one_that_is_refused_is_given_up_with_the_words() -> None:
    world = shop()
    ask(world)
    world.deployments.errors = [PermanentError("the app lacks a right")]

    assert result(world).result == "given up: the app lacks a right"
