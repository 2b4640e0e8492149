"""After a rollback the outside is looked at for the checklist, bounded, and people are told of it once."""

from datetime import timedelta

import pytest

from shared.domain.changes import Scalar
from shared.domain.checklist import Item, checklist
from shared.domain.clearing import StandingAlert
from shared.domain.complaints import Listened
from shared.domain.evidence import Standing
from shared.domain.response import Outcome, Task, Wanted
from shared.domain.services import Mode
from shared.engine.joining import Said
from shared.errors import PermanentError, TemporaryError
from tests.engine.world import CHECKOUT, GOOD, START, World, a_service, an_alert
from tests.fakes.outlooks import a_complaint
from tests.fakes.records import Moment

ALERT = StandingAlert(
    "fp", "HighErrorRate", {"namespace": CHECKOUT.namespace, "deployment": CHECKOUT.name}, START
)
SUPPORT = Listened("message", "Slack C0SUPPORT", of_customers=True)


def rolled_back(**fields: object) -> tuple[World, str]:
    """A world in which a response has rolled back and ended, and nothing was looked at yet."""
    world = World([a_service(**fields)])
    world.story()
    [answer] = world.send(an_alert(at=world.now))
    world.run(until=lambda: not world.response(answer.response_id).live)
    assert world.response(answer.response_id).phase == Outcome.COMPLETED
    return world, answer.response_id


def looks(world: World, response_id: str) -> list[Task]:
    return [task for task in world.records.tasks(response_id) if task.kind == "check"]


def facts(task: Task) -> dict[str, Scalar]:
    return {name: task.facts.get(name) for name in ("alerts", "logs", "complaints")}


def item(world: World, response_id: str, name: str) -> Item:
    found = checklist(
        world.response(response_id), world.events(response_id), world.records.tasks(response_id)
    )
    return next(each for each in found if name in each.name)


def test_the_end_is_not_delayed_and_a_minute_later_it_is_looked_once() -> None:
    world, response_id = rolled_back()
    ended_at = world.response(response_id).ended_at
    assert ended_at is not None
    assert [task.due_at for task in looks(world, response_id)] == [ended_at + timedelta(minutes=1)]

    world.complaints.said = SUPPORT
    world.run()

    [look] = looks(world, response_id)
    assert facts(look) == {"alerts": "pass", "logs": "pass", "complaints": "pass"}
    assert look.result == "alerts: pass, logs: pass, complaints: pass"
    assert item(world, response_id, "alerts").at == look.ended_at
    assert item(world, response_id, "complaints").standing is Standing.PASS


def test_people_are_told_in_one_message_what_passed_and_what_is_theirs() -> None:
    world, _ = rolled_back()
    world.logs.lines = {GOOD: ("level=error msg=boom",)}
    world.run()

    [told] = [message for message in world.people.told if message.code == "checked"]
    assert told.title == "checkout: completed; checklist: 5 of 8 passed"

    assert any(line.startswith("For a person to see to: No customer complaints") for line in told.lines)
    assert any(line.startswith("Logs: 3 lines of 3 pods look like errors") for line in told.lines)


def test_while_an_alert_is_active_it_is_looked_again_until_it_has_cleared() -> None:
    world, response_id = rolled_back()
    world.alerts.alerts = [ALERT]
    world.run(until=lambda: len(looks(world, response_id)) == 3)
    assert item(world, response_id, "alerts").standing is Standing.FAIL
    world.alerts.alerts = []
    world.run()

    assert [task.facts["alerts"] for task in looks(world, response_id)] == ["fail", "fail", "pass"]
    assert [message.code for message in world.people.told].count("checked") == 1
    assert item(world, response_id, "alerts").standing is Standing.PASS


def test_what_does_not_settle_is_looked_at_for_half_an_hour_and_no_longer() -> None:
    world, response_id = rolled_back()
    world.alerts.alerts = [ALERT]
    world.run()

    ended_at = world.response(response_id).ended_at
    last = looks(world, response_id)[-1].ended_at
    assert ended_at is not None
    assert last is not None
    assert timedelta(minutes=25) <= last - ended_at <= timedelta(minutes=30)
    assert len(looks(world, response_id)) == 6
    assert any("Failed: Monitoring alerts cleared" in message.lines for message in world.people.told)


@pytest.mark.parametrize("error", [TemporaryError("no answer"), PermanentError("no right to it")], ids=str)
def test_a_place_that_does_not_answer_is_unknown_and_keeps_none_of_the_others(error: Exception) -> None:
    world, response_id = rolled_back()
    world.complaints.said = SUPPORT
    world.alerts.errors = [error]  # type: ignore[list-item]
    world.logs.errors = [error]  # type: ignore[list-item]
    world.run()

    first, second = looks(world, response_id)
    assert facts(first) == {"alerts": "unknown", "logs": "unknown", "complaints": "pass"}
    assert first.facts["alerts_said"] == str(error)
    assert facts(second) == {"alerts": "pass", "logs": "pass", "complaints": "pass"}


def test_a_cluster_that_does_not_answer_leaves_the_logs_unknown() -> None:
    world, response_id = rolled_back()
    lost = TemporaryError("no answer")

    def lose() -> None:
        raise lost

    world.interrupt("cluster.read", Moment.BEFORE, lose)
    world.run()

    assert looks(world, response_id)[0].facts["logs_said"] == "no answer"


def test_messages_since_the_rollback_are_left_to_a_person_with_their_links() -> None:
    world, response_id = rolled_back()
    rolled = world.response(response_id).rolled
    assert rolled is not None
    before, after = rolled.at - timedelta(seconds=1), rolled.at + timedelta(seconds=1)
    world.complaints.said = Listened(
        "message", "Slack C0SUPPORT", (a_complaint(before), a_complaint(after)), of_customers=True
    )
    world.run()

    found = item(world, response_id, "complaints")
    assert found.standing is Standing.ASKED
    assert found.evidence.startswith("1 message in Slack C0SUPPORT")
    assert found.details == (f"{after:%H:%M:%S}Z https://chat.example.com/1",)


def test_what_a_person_says_of_complaints_is_heard_after_the_end_and_may_change() -> None:
    world, response_id = rolled_back()
    world.run()

    assert world.say(response_id, "no-complaints") is Said.TAKEN
    assert item(world, response_id, "complaints").standing is Standing.PASS
    world.sleep(minutes=1)
    assert world.say(response_id, "complaints") is Said.TAKEN
    assert item(world, response_id, "complaints").standing is Standing.FAIL
    world.sleep(minutes=1)
    assert world.say(response_id, "no-complaints") is Said.TAKEN
    assert item(world, response_id, "complaints").standing is Standing.PASS


def test_of_a_response_that_lives_nobody_can_say_it() -> None:
    world = World()
    world.story()
    [answer] = world.send(an_alert(at=world.now))

    assert world.say(answer.response_id, "no-complaints") is Said.NOT_ASKED


def test_without_logs_to_be_read_none_is() -> None:
    world, response_id = rolled_back(log_errors="")
    world.run()

    assert world.logs.looks == 0
    assert "logs" not in looks(world, response_id)[0].facts


def test_where_nothing_was_rolled_back_nothing_is_looked_at() -> None:
    world = World([a_service(mode=Mode.OBSERVE)])
    world.story()
    [answer] = world.send(an_alert(at=world.now))
    world.ended(answer.response_id)
    ordered = World()
    ordered.story()
    assessed = ordered.order(Wanted.ASSESS).response_id
    ordered.ended(assessed)

    assert looks(world, answer.response_id) == looks(ordered, assessed) == []
