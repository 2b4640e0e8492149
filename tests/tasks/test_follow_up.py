"""What the runbook wants of people afterwards is handed to them once, and asked for when its time is up."""

from datetime import timedelta
from typing import Any

import pytest

from shared.domain.follow_ups import ITEMS, LISTS, Term
from shared.domain.response import Outcome, Task
from shared.errors import PermanentError
from shared.settings import FollowUps, Team
from tests.engine.world import PAPERS, World, a_service, an_alert

ISSUE = "shop/incidents#202"
WITHIN_A_DAY, WITHIN_A_WEEK = LISTS[Term.SHORT], LISTS[Term.LONG]
TEAM = {"shop": Team(timezone="Europe/Berlin", owner="alice")}


def rolled_back(**papers: Any) -> tuple[World, str]:
    known = {**PAPERS, "teams": TEAM, **papers}
    world = World([a_service(team="shop", repository="shop/checkout")], papers=known)
    world.story()
    [answer] = world.send(an_alert(at=world.now))
    assert world.ended(answer.response_id)[0] == Outcome.COMPLETED
    return world, answer.response_id


def looks(world: World, response_id: str) -> list[Task]:
    return [task for task in world.records.tasks(response_id) if task.kind == "overdue"]


def reminders(world: World) -> list[str]:
    return [line for m in world.people.told if m.code == "overdue" for line in m.lines if "Open: " in line]


def test_one_issue_has_both_lists_with_their_times_and_who_owns_them() -> None:
    world, response_id = rolled_back()
    issue = world.tracker.filed[ISSUE]
    assert (issue.repository, issue.assignees) == ("shop/incidents", ("alice",))
    assert "Owner: @alice" in issue.body
    assert "### Within 24 hours: by Wed 2026-03-04 04:" in issue.body
    assert " CET\n\n- [ ] Finish the root cause analysis\n" in issue.body
    assert all(f"- [ ] {item.text}" in issue.body for item in ITEMS)
    assert "Report: shop/incidents#201" in issue.body
    assert f"`{response_id}`" in issue.body


def test_the_team_hears_of_it_with_the_lists() -> None:
    world, _ = rolled_back()
    [message] = [m for m in world.people.told if m.code == "follow_ups"]
    assert any("Hold the retrospective with the team" in line for line in message.lines)
    assert "https://github.com/shop/incidents/issues/202" in message.lines


def test_there_may_be_an_issue_for_each() -> None:
    each = FollowUps(in_github=True, repository="", each=True)
    world, _ = rolled_back(report=type(PAPERS["report"])(), follow_ups=each)
    assert len(world.tracker.filed) == len(ITEMS) == 8
    assert {issue.repository for issue in world.tracker.filed.values()} == {"shop/checkout"}
    assert len({issue.key for issue in world.tracker.filed.values()}) == 8
    assert len([m for m in world.people.told if m.code == "follow_ups"]) == 1
    world.tracker.close("shop/checkout#201")
    world.run(limit=timedelta(hours=25))
    [line] = reminders(world)
    assert WITHIN_A_DAY[0] not in line
    assert all(text in line for text in WITHIN_A_DAY[1:])
    assert WITHIN_A_WEEK[0] not in line


def test_what_is_open_when_its_time_is_up_is_asked_for_daily_a_few_times() -> None:
    world, response_id = rolled_back()
    for text in WITHIN_A_DAY[:2]:
        world.tracker.tick(ISSUE, text)
    world.run(limit=timedelta(days=6))
    assert reminders(world) == [f"Open: {'; '.join(WITHIN_A_DAY[2:])}"] * 5
    world.run(limit=timedelta(days=30))
    assert len(reminders(world)) == 10
    assert {task.due_at for task in looks(world, response_id)} == {None}


def test_what_is_done_is_not_asked_for() -> None:
    world, response_id = rolled_back()
    for text in WITHIN_A_DAY:
        world.tracker.tick(ISSUE, text)
    world.run(limit=timedelta(days=2))
    world.tracker.close(ISSUE)
    world.run(limit=timedelta(days=8))
    assert reminders(world) == []
    assert [task.result for task in looks(world, response_id)] == ["nothing is open any more"] * 2


@pytest.mark.parametrize("papers", [{"github": None}, {"follow_ups": FollowUps()}])
def test_without_a_tracker_the_lists_are_told_and_asked_for_once_each(papers: dict[str, Any]) -> None:
    world, response_id = rolled_back(**papers)
    [message] = [m for m in world.people.told if m.code == "follow_ups"]
    for item in ITEMS:
        assert any(item.text in line for line in message.lines)
    assert "follow-ups" not in {issue.key.partition(":")[0] for issue in world.tracker.filed.values()}
    world.run(limit=timedelta(days=30))
    assert reminders(world) == [f"Open: {'; '.join(texts)}" for texts in (WITHIN_A_DAY, WITHIN_A_WEEK)]
    assert {task.due_at for task in looks(world, response_id)} == {None}


def test_lists_whose_issue_could_not_be_made_are_asked_for_all_the_same() -> None:
    world = World([a_service()], papers={**PAPERS, "report": type(PAPERS["report"])()})
    world.tracker.errors = [PermanentError("GitHub answered 410")]
    world.story()
    world.send(an_alert(at=world.now))
    world.run(limit=timedelta(days=30))
    assert "checkout: given up, a person has to: plan the follow-ups" in world.people.titles
    assert len(reminders(world)) == 2


def test_an_item_whose_issue_could_not_be_made_is_asked_for_once_beside_the_others() -> None:
    each = FollowUps(in_github=True, repository="", each=True)
    world = World(
        [a_service(repository="shop/checkout")],
        papers={**PAPERS, "report": type(PAPERS["report"])(), "follow_ups": each},
    )
    world.tracker.errors = [PermanentError("GitHub answered 422")]
    world.story()
    world.send(an_alert(at=world.now))
    world.run(limit=timedelta(days=6))
    asked = [line for line in reminders(world) if WITHIN_A_DAY[0] in line]
    assert len(asked) == 1
    assert all(text in asked[0] for text in WITHIN_A_DAY)


def test_they_can_be_switched_off() -> None:
    world, response_id = rolled_back(follow_ups=None)
    assert looks(world, response_id) == []
    assert [m for m in world.people.told if m.code == "follow_ups"] == []
