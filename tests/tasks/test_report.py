"""The report is filed once by itself, soon after the end of a response that acted, whatever is in the way."""

from datetime import timedelta
from typing import Any

from shared.domain.response import Outcome, Task, Wanted
from shared.errors import PermanentError, TemporaryError
from shared.ports import Section, Template
from tests.engine.world import PAPERS, World, a_service, an_alert
from tests.fakes.records import Moment

HALF_AN_HOUR = timedelta(minutes=30)


def a_world(**papers: Any) -> World:
    world = World([a_service(repository="shop/checkout")], papers={**PAPERS, "follow_ups": None, **papers})
    world.story()
    return world


def rolled_back(world: World) -> str:
    [answer] = world.send(an_alert(at=world.now))
    assert world.ended(answer.response_id)[0] == Outcome.COMPLETED
    return answer.response_id


def reports(world: World, response_id: str) -> dict[str, Task]:
    tasks = world.records.tasks(response_id)
    return {str(task.facts["to"]): task for task in tasks if task.kind == "report"}


def test_it_is_filed_as_an_issue_and_as_a_file_within_the_runbooks_half_hour() -> None:
    world = a_world()
    response_id = rolled_back(world)
    [(reference, issue)] = world.tracker.filed.items()
    assert issue.repository == "shop/incidents"
    assert f"Response `{response_id}`" in issue.body
    filed = reports(world, response_id)
    assert filed["github"].receipt == reference
    assert filed["github"].result == f"filed: {world.tracker.issues[reference].url}"
    assert filed["directory"].result == f"written: /reports/{response_id}.md"
    assert world.shelf.files[f"{response_id}.md"].startswith("# checkout: rolled back, completed")
    ended_at = world.response(response_id).ended_at
    assert ended_at is not None
    for task in filed.values():
        assert task.ended_at is not None
        assert timedelta(minutes=5) <= task.ended_at - ended_at < HALF_AN_HOUR


def test_the_team_hears_where_it_is() -> None:
    world = a_world()
    rolled_back(world)
    [message] = [m for m in world.people.told if m.code == "report_filed"]
    assert message.title == "checkout: the incident report is filed"
    assert "https://github.com/shop/incidents/issues/201" in message.lines


def test_it_takes_the_form_of_the_repositorys_own_template() -> None:
    world = a_world()
    template = Template("[Incident] ", ("triage",), ("alice",), (Section("What happened?", "summary"),))
    world.tracker.templates["shop/incidents/incident.yml"] = template
    rolled_back(world)
    [issue] = world.tracker.filed.values()
    assert issue.title == "[Incident] checkout: rolled back, completed (P0)"
    assert (issue.labels, issue.assignees) == (("triage", "incident"), ("alice",))
    assert issue.body.startswith("### What happened?\n\nOn ")


def test_a_response_that_only_looked_owes_none() -> None:
    world = a_world()
    world.ended(world.order(Wanted.ASSESS).response_id)
    assert world.tracker.filed == {}
    assert world.shelf.files == {}


def test_github_that_is_away_for_an_hour_is_outlasted() -> None:
    world = a_world()
    world.interrupt("tracker.file", Moment.BEFORE, lambda: None)
    [answer] = world.send(an_alert(at=world.now))
    world.run(until=lambda: not world.response(answer.response_id).live)
    back_at = world.now + timedelta(minutes=65)

    def away(name: str, moment: Moment) -> None:
        if name.startswith("tracker") and world.now < back_at:
            raise TemporaryError("GitHub: answered 503")

    world.calls.on_call = away
    world.run(limit=timedelta(hours=3))
    assert len(world.tracker.filed) == 1
    assert reports(world, answer.response_id)["github"].result.startswith("filed: ")
    assert not [m for m in world.people.told if m.code == "task_given_up"]


def test_a_lost_answer_makes_no_second_issue() -> None:
    world = a_world()

    def lose() -> None:
        raise TemporaryError("no answer")

    world.interrupt("tracker.file", Moment.AFTER, lose)
    response_id = rolled_back(world)
    assert len(world.tracker.filed) == 1
    assert reports(world, response_id)["github"].attempts == 2


def test_a_tracker_that_refuses_is_told_to_the_team_and_the_file_is_written_all_the_same() -> None:
    world = a_world()
    world.tracker.errors = [PermanentError("GitHub answered 403: its token lacks a right")]
    response_id = rolled_back(world)
    [message] = [m for m in world.people.told if m.code == "task_given_up"]
    assert message.title == "checkout: given up, a person has to: file the incident report"
    assert "given up: GitHub answered 403: its token lacks a right" in message.lines
    assert reports(world, response_id)["directory"].result.startswith("written: ")


def test_without_a_repository_of_its_own_it_goes_to_the_services() -> None:
    configured = PAPERS["report"]
    world = a_world(report=type(configured)(type(configured.github)(), "", 60.0))
    rolled_back(world)
    [issue] = world.tracker.filed.values()
    assert issue.repository == "shop/checkout"


def test_without_any_configuration_nothing_is_owed() -> None:
    world = World()
    world.story()
    response_id = rolled_back(world)
    assert reports(world, response_id) == {}
