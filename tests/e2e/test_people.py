"""People in the loop, end to end: what they are shown, what they say, and what comes of it."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from sandbox.receivers.github_issues import FiledIssue
from sandbox.receivers.slack_messages import SlackMessage
from shared.domain.response import Outcome, Step
from tests.e2e.installation import (
    ALICE,
    BOB,
    CAROL,
    CHECKOUT,
    SECRETS,
    Installation,
    installed,
    until,
)
from tests.engine.world import BAD, GOOD


@pytest.fixture
def holding() -> Iterator[Installation]:
    """Give an installation whose veto window is longer than any test."""
    with installed(hold="2m") as shop:
        yield shop


@pytest.fixture
def asking() -> Iterator[Installation]:
    """Give an installation in which a person decides."""
    with installed(mode="approve") as shop:
        yield shop


def image(shop: Installation) -> str:
    found = shop.workloads.read(CHECKOUT)
    assert found is not None
    return found.image


def heard_alone(shop: Installation, user: str) -> list[str]:
    """Return what was said to that person alone."""
    return [message.text for message in shop.vendors.slack.ephemerals if message.visible_to == user]


class TestTheVetoWindow:
    def test_a_press_of_abort_in_the_teams_channel_ends_it_with_nothing_rolled_back(
        self, holding: Installation
    ) -> None:
        response_id = holding.alerted()
        until(lambda: "unless someone says no" in holding.shown("abort").text, "no veto window is announced")
        message = holding.shown("abort")
        assert "backout:now" in message.buttons
        assert holding.press(message, "abort", ALICE).status_code == 200
        response = holding.ended(response_id)
        assert (response.phase, response.decision.severity) == (Outcome.ABORTED, "P1")
        said = holding.event(response_id, "abort")
        assert said.by == f"slack:{ALICE} (alice)"
        assert (holding.rollbacks, image(holding)) == (0, BAD)
        holding.told(response_id)
        after = holding.top()
        assert after is not None
        assert "aborted" in after.text
        assert after.buttons == ()

    def test_someone_without_the_right_is_refused_told_and_recorded_and_it_goes_on(
        self, holding: Installation
    ) -> None:
        response_id = holding.alerted()
        message = holding.shown("abort")
        assert holding.press(message, "abort", CAROL).status_code == 200
        [told] = heard_alone(holding, CAROL)
        assert "You may not answer for this service" in told
        assert "teams.payments.slack.approvers" in told
        refused = holding.event(response_id, "refused")
        assert (refused.by, refused.facts["reason"]) == (f"slack:{CAROL} (carol)", "abort")
        response = holding.response(response_id)
        assert (response.phase, response.heard.word("abort")) == (Step.HOLD, None)
        assert holding.press(message, "abort", BOB).status_code == 200
        assert holding.ended(response_id).phase == Outcome.ABORTED
        assert holding.rollbacks == 0

    def test_nobody_answers_and_it_is_rolled_back_by_the_deadline(self) -> None:
        with installed(hold="1s") as shop:
            response_id = shop.alerted()
            response = shop.ended(response_id)
            assert response.phase == Outcome.COMPLETED
            assert response.deadline_at is not None
            assert shop.event(response_id, "rolled_back").at < response.deadline_at
            assert (shop.rollbacks, image(shop)) == (1, GOOD)
            codes = shop.codes(response_id)
            assert codes.index("holding") < codes.index("rolled_back")
            shop.told(response_id)
            assert [t.result for t in shop.tells(response_id) if t.result.startswith("given up")] == []

    def test_the_same_person_pressing_twice_is_told_so_and_stops_it_once(self, holding: Installation) -> None:
        response_id = holding.alerted()
        message = holding.shown("abort")
        with ThreadPoolExecutor(2) as pool:
            pressed = [pool.submit(holding.press, message, "abort", ALICE) for _ in range(2)]
        assert [press.result().status_code for press in pressed] == [200, 200]
        assert holding.ended(response_id).phase == Outcome.ABORTED
        assert holding.codes(response_id).count("abort") == 1
        [told] = heard_alone(holding, ALICE)
        assert "already" in told

    def test_of_two_people_at_once_the_first_word_wins_and_the_second_hears_whose_it_was(
        self, asking: Installation
    ) -> None:
        response_id = asking.alerted()
        message = asking.shown("approve")
        with ThreadPoolExecutor(2) as pool:
            pressed = [pool.submit(asking.press, message, "approve", user) for user in (ALICE, BOB)]
        assert [press.result().status_code for press in pressed] == [200, 200]
        [word] = [w for w in asking.ended(response_id).heard.words if w.verb == "approve"]
        assert asking.codes(response_id).count("approve") == 1
        first, second = (ALICE, BOB) if ALICE in word.by else (BOB, ALICE)
        [told] = heard_alone(asking, second)
        assert told.startswith(
            (f"<@{first}> was first", "It has ended already", "That is not asked any more")
        )
        assert heard_alone(asking, first) == []
        assert asking.rollbacks == 1


class TestOneTroubleTwoReports:
    def test_what_alertmanager_and_pagerduty_both_report_is_one_response_with_notes_and_no_second_page(
        self, holding: Installation
    ) -> None:
        incident = holding.paged()
        response_id = holding.alerted()
        day = datetime.now(UTC).date().isoformat()
        [state] = holding.records.recent(day)
        assert state.response.id == response_id
        assert state.response.heard.references["pagerduty"] == incident
        holding.press(holding.shown("now"), "now", ALICE)
        assert holding.ended(response_id).phase == Outcome.COMPLETED
        holding.told(response_id)
        pagerduty = holding.vendors.pagerduty
        assert {note.incident for note in pagerduty.notes} == {incident}
        assert any("rolled back to" in note.text for note in pagerduty.notes)
        assert list(pagerduty.incidents) == [incident]
        assert [e for e in pagerduty.events if e["event_action"] == "trigger"] == []
        assert pagerduty.responder_requests == ()

    def test_an_incident_of_pagerdutys_own_that_comes_a_moment_after_the_alert_is_the_only_page(self) -> None:
        with installed(hold="2m", wait="3s") as shop:
            response_id = shop.alerted()
            until(lambda: "holding" in shop.codes(response_id), "no veto window is announced")
            incident = shop.paged()
            shop.told(response_id)
            pagerduty = shop.vendors.pagerduty
            assert list(pagerduty.incidents) == [incident]
            assert [e for e in pagerduty.events if e["event_action"] == "trigger"] == []
            [call] = [t for t in shop.records.tasks(response_id) if t.facts.get("level") == "on_call"]
            assert call.due_at is not None or call.result.startswith("not called: PagerDuty's incident")

    def test_our_own_note_on_the_incident_starts_nothing(self, holding: Installation) -> None:
        response_id = holding.alerted()
        incident = holding.paged()
        holding.press(holding.shown("now"), "now", ALICE)
        holding.ended(response_id)
        holding.told(response_id)
        before = len(holding.records.events(response_id))
        for note in holding.vendors.pagerduty.notes:
            answer = holding.vendors.pagerduty.webhook(
                "incident.annotated", incident, content=note.text, to=f"{holding.url}/pagerduty"
            )
            assert answer.status_code == 202
            assert answer.json()["results"] == []
        assert len(holding.records.events(response_id)) == before


def in_slack(shop: Installation, response_id: str, message: SlackMessage) -> str:
    assert shop.press(message, "approve", ALICE).status_code == 200
    return f"slack:{ALICE} (alice)"


def by_the_incidents_button(shop: Installation, response_id: str, message: SlackMessage) -> str:
    incident = next(iter(shop.vendors.pagerduty.incidents))
    headers = {"X-Backout-Secret": SECRETS["PAGERDUTY_ACTIONS"]}
    to = f"{shop.url}/pagerduty/actions/approve"
    answer = shop.vendors.pagerduty.press(incident, to=to, headers=headers, user="PALICE1")
    assert answer.status_code == 202, answer.text
    return "pagerduty:PALICE1"


def over_http(shop: Installation, response_id: str, message: SlackMessage) -> str:
    path = f"/responses/{response_id}/approve"
    assert shop.post(path, {"reason": "it is the deploy"}, token=SECRETS["INVOKE"]).status_code == 202
    return "dora"


def by_the_link(shop: Installation, response_id: str, message: SlackMessage) -> str:
    address = link(shop)
    page = httpx.get(address, timeout=10)
    assert page.status_code == 200
    assert "Yes, roll back" in page.text
    answer = httpx.post(address, data={"verb": "approve", "reason": "it is the deploy"}, timeout=10)
    assert answer.status_code == 200
    return "link:on_call"


def links(shop: Installation) -> list[str]:
    """Return the links, in what pages the on-call engineer, by which a question can be answered."""
    paged = [link for event in shop.vendors.pagerduty.events for link in event.get("links", ())]
    return [link["href"] for link in paged if link["text"] == "answer"]


def link(shop: Installation) -> str:
    """Wait for the on-call engineer to be paged with such a link; return it."""
    [found] = until(lambda: links(shop), "the on-call engineer has no link")
    return found


class TestAnApproval:
    @pytest.mark.parametrize("answered", [in_slack, by_the_incidents_button, over_http, by_the_link])
    def test_is_given_in_any_place_and_who_when_and_why_stand_in_the_history(
        self, asking: Installation, answered: Callable[[Installation, str, SlackMessage], str]
    ) -> None:
        response_id = asking.alerted()
        if answered is by_the_incidents_button:
            asking.paged()
        message = asking.shown("approve")
        assert asking.rollbacks == 0
        by = answered(asking, response_id, message)
        response = asking.ended(response_id)
        assert response.phase == Outcome.COMPLETED
        assert asking.rollbacks == 1
        said = asking.event(response_id, "approve")
        assert said.by == by
        asked, rolled_back = asking.event(response_id, "asked"), asking.event(response_id, "rolled_back")
        assert asked.at <= said.at <= rolled_back.at
        if answered in (over_http, by_the_link):
            assert said.facts["reason"] == "it is the deploy"
        [word] = [word for word in response.heard.words if word.verb == "approve"]
        assert word.by == by

    def test_the_link_stands_in_no_channel_where_it_would_pass_by_the_teams_approvers(
        self, asking: Installation
    ) -> None:
        asking.alerted()
        link(asking)
        shown = asking.shown("approve")
        assert "/decide/" not in json.dumps([shown.text, shown.blocks])
        assert not any("/decide/" in json.dumps(sent.json()) for sent in asking.vendors.hook.received)

    def test_whoever_only_opens_the_link_changes_nothing(self, asking: Installation) -> None:
        response_id = asking.alerted()
        address = link(asking)
        before = asking.codes(response_id)
        for method in ("GET", "HEAD", "GET"):
            assert httpx.request(method, address, timeout=10).status_code == 200
        assert asking.codes(response_id) == before
        assert (asking.response(response_id).phase, asking.rollbacks) == (Step.APPROVE, 0)

    def test_a_link_is_used_once(self, asking: Installation) -> None:
        response_id = asking.alerted()
        address = link(asking)
        assert httpx.post(address, data={"verb": "approve"}, timeout=10).status_code == 200
        for verb in ("approve", "abort"):
            again = httpx.post(address, data={"verb": verb}, timeout=10)
            assert again.status_code == 409
        assert asking.ended(response_id).phase == Outcome.COMPLETED
        assert asking.codes(response_id).count("approve") == 1
        assert "abort" not in asking.codes(response_id)
        assert asking.rollbacks == 1

    def test_a_no_by_the_link_touches_nothing(self, asking: Installation) -> None:
        response_id = asking.alerted()
        address = link(asking)
        assert httpx.post(address, data={"verb": "abort"}, timeout=10).status_code == 200
        response = asking.ended(response_id)
        assert response.phase == Outcome.ABORTED
        assert (asking.rollbacks, image(asking)) == (0, BAD)


class TestAfterwards:
    def test_the_report_and_the_follow_ups_are_on_github_and_in_the_thread(self, tmp_path: Path) -> None:
        papers = f"report: {{github: {{labels: [incident]}}, directory: {tmp_path}, after: 0s}}\n"
        with installed(hold="1s", more=f"{papers}follow_ups: {{as: checklist}}\n") as shop:
            response_id = shop.alerted()
            assert shop.ended(response_id).phase == Outcome.COMPLETED

            def filed() -> list[FiledIssue]:
                made = [i for i in shop.vendors.github.issues.values() if i.user == "backout-bot"]
                return made if len(made) == 2 else []

            issues = {issue.title.partition(": ")[2]: issue for issue in until(filed, "not both are filed")}
            [report] = [
                issue for title, issue in issues.items() if title.startswith("rolled back, completed")
            ]
            assert report.labels == ("incident",)
            assert f"<!-- backout:report:{response_id} -->" in report.body
            until((tmp_path / f"{response_id}.md").exists, "no file is written")
            until(lambda: {"report_filed", "follow_ups"} <= told(shop, response_id), "they are not told")
            shop.told(response_id)
            thread = [message.text for message in shop.vendors.slack.messages if message.thread_ts]
            assert any(f"/issues/{report.reference.partition('#')[2]}" in text for text in thread)
            assert any("Hold the retrospective with the team" in text for text in thread)


def told(shop: Installation, response_id: str) -> set[str]:
    return {str(task.facts["code"]) for task in shop.tells(response_id)}
