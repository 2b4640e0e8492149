from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.reasons import Reason
from shared.domain.response import Heard, Order, Response, Rolled, Wanted, Word
from shared.domain.services import Mode
from shared.messages import channels
from shared.messages.routing import TOLD
from tests.domain.examples import NOW, a_response

ACTED = a_response(phase="verify", rolled=Rolled(NOW, by_us=True))


def ended(response: Response, phase: str, reason: Reason, *, after_seconds: float = 300) -> Response:
    at = response.started_at + timedelta(seconds=after_seconds)
    return replace(response, phase=phase, reason=reason, ended_at=at)


def said(response: Response, verb: str) -> Response:
    return replace(response, heard=Heard(words=(Word(verb, "alice", NOW),)))


@pytest.mark.parametrize("code", [*sorted(TOLD), "alerts_again"])
def test_slack_and_pagerduty_carry_all_that_people_are_told(code: str) -> None:
    assert channels.slack(ACTED, code)
    assert channels.pagerduty(ACTED, code)


@pytest.mark.parametrize("code", ["assessed", "verified", "approve", "abort", "hurried"])
def test_slack_alone_shows_the_turns_between(code: str) -> None:
    assert channels.slack(ACTED, code)
    assert not channels.pagerduty(ACTED, code)


@pytest.mark.parametrize("code", ["assessed", "approve"])
def test_slack_shows_no_turns_of_a_response_that_only_observes_or_has_ended(code: str) -> None:
    assert not channels.slack(a_response(mode=Mode.OBSERVE), code)
    assert not channels.slack(ended(a_response(), "completed", Reason.ASSESSED), code)


@pytest.mark.parametrize("code", ["accepted", "intended", "joined", "fault", "taken_over"])
def test_nobody_is_told_of_the_machinery(code: str) -> None:
    wants = [
        channels.slack,
        channels.pagerduty,
        channels.pagerduty_changes,
        channels.github({"checkout": "shop/checkout#12"}),
        channels.status_page(lambda _: True),
    ]

    assert not any(carries(ACTED, code) for carries in wants)


def test_slack_leaves_a_refusal_at_the_door_to_the_digest() -> None:
    at_the_door = ended(a_response(), "refused", Reason.NAMESPACE_NOT_ALLOWED, after_seconds=0)
    later = ended(a_response(), "refused", Reason.NO_CANDIDATE)

    assert not channels.slack(at_the_door, "ended")
    assert channels.slack(later, "ended")


def test_a_change_event_is_made_of_our_own_rollback_only() -> None:
    assert channels.pagerduty_changes(ACTED, "rolled_back")
    assert not channels.pagerduty_changes(ACTED, "found_rolled_back")
    assert not channels.pagerduty_changes(ACTED, "ended")


def test_an_issue_hears_of_a_rollback_and_of_its_end() -> None:
    wants = channels.github({"checkout": "shop/checkout#12"})

    assert wants(ACTED, "rolled_back")
    assert wants(ended(ACTED, "completed", Reason.HELD), "ended")
    assert not wants(ended(a_response(), "dismissed", Reason.RECOVERED), "ended")
    assert not wants(ACTED, "holding")


def test_an_issue_is_the_responses_own_or_its_services() -> None:
    known = replace(ACTED, heard=Heard(references={"github": "shop/checkout#12"}))

    assert channels.github()(known, "rolled_back")
    assert not channels.github()(ACTED, "rolled_back")
    assert not channels.github({"cart": "shop/cart#1"})(ACTED, "rolled_back")


@pytest.mark.parametrize("code", ["asked", "holding", "rolled_back", "found_rolled_back", "ended"])
def test_the_status_page_carries_what_customers_of_the_service_may_know(code: str) -> None:
    wants = channels.status_page(lambda service: service == "checkout")

    assert wants(ACTED, code)
    assert not wants(replace(ACTED, service="ledger"), code)


@pytest.mark.parametrize("code", ["delayed", "scaled", "alerts_again", "assessed"])
def test_the_status_page_carries_nothing_else(code: str) -> None:
    assert not channels.status_page(lambda _: True)(ACTED, code)


@pytest.mark.parametrize("verb", ["approve", "order", "now"])
def test_a_status_page_that_asks_waits_for_a_persons_yes(verb: str) -> None:
    wants = channels.status_page(lambda _: True, ask=True)

    assert not wants(ACTED, "rolled_back")
    assert wants(said(ACTED, verb), "rolled_back")


@pytest.mark.parametrize("verb", ["abort", "acknowledge"])
def test_a_no_or_a_nod_is_no_yes(verb: str) -> None:
    assert not channels.status_page(lambda _: True, ask=True)(said(ACTED, verb), "ended")


def test_a_persons_order_is_a_yes() -> None:
    order = Order(Wanted.ROLLBACK, "alice", NOW)

    assert channels.status_page(lambda _: True, ask=True)(replace(ACTED, order=order), "rolled_back")
