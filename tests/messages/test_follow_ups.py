from dataclasses import replace
from datetime import UTC
from zoneinfo import ZoneInfo

from shared.domain.follow_ups import ITEMS, Term, unticked
from shared.domain.paperwork import Place
from shared.messages import follow_ups
from shared.ports import NewIssue
from tests.messages.test_report import NASTY, completed

BERLIN = ZoneInfo("Europe/Berlin")


def issue(item: str = "", term: str = "", *, owner: str = "alice", report: str = "shop/x#31") -> NewIssue:
    place = Place("shop/incidents", labels=("follow-up",))
    return follow_ups.issue(completed(), item, term, place=place, owner=owner, zone=BERLIN, report=report)


def test_the_lists_of_an_issue_are_read_back_from_it() -> None:
    body = issue().body
    for term in Term:
        assert unticked(body, term) == [item.text for item in ITEMS if item.term is term]


def test_times_are_on_the_teams_clock() -> None:
    assert "### Within 24 hours: by Tue 2026-03-03 13:06 CET" in issue().body
    assert "### Within a week: by Mon 2026-03-09 13:06 CET" in issue().body
    lines = follow_ups.lines(completed(), UTC)
    assert str(lines["short_term"]).startswith(
        "Within 24 hours, by Tue 2026-03-03 12:06 UTC: Finish the root"
    )


def test_each_item_may_be_an_issue_of_its_own() -> None:
    item = ITEMS[1]
    made = issue(item.text, item.term.value)
    assert made.title == "checkout: Open the pull request with the fix (2026-03-02)"
    assert made.key.endswith(":open-the-pull-request-with-the-fix")
    assert "Due Tue 2026-03-03 13:06 CET." in made.body
    assert len({issue(each.text, each.term.value).key for each in ITEMS}) == len(ITEMS)


def test_who_owns_them_is_the_teams_owner_else_the_team() -> None:
    assert "Owner: @alice" in issue().body
    assert issue().assignees == ("alice",)
    assert "Owner: not named yet" in issue(owner="").body
    assert issue(owner="").assignees == ()
    team = replace(completed(), team=NASTY)
    place = Place("shop/incidents")
    made = follow_ups.issue(team, "", "", place=place, owner="", zone=UTC, report="")
    assert "@channel" not in made.body
    assert "Report:" not in made.body
