import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from sandbox.receivers import StatusEndpoint, Statuspage, status_endpoint, statuspage
from shared.adapters.status_page import StatusPagePeople
from shared.errors import ConfigurationError, PermanentError, TemporaryError
from shared.ports import Message

ID = "20260302-120000-0a1b2c3d"
HOLDING = Message(
    key=f"{ID}/tell#000004#status_page",
    title="checkout: rolling back to revision 8 (registry.internal/shop:1.8)",
    lines=("error_rate_high: 0.25 (threshold 0.1, P0)",),
    response_id=ID,
    severity="P0",
    code="holding",
    service="checkout",
    phase="hold",
)
ASKED = replace(HOLDING, code="asked", phase="approve")
ROLLED_BACK = replace(HOLDING, code="rolled_back", phase="verify")
ENDED = replace(HOLDING, code="ended", phase="completed")
FAILED = replace(ENDED, phase="failed")
COMPONENTS = {"checkout": {"cmp1": "partial_outage"}}
IDENTIFIED_BODY = "We have found a problem with checkout and are working on it."


@pytest.fixture
def page() -> Iterator[Statuspage]:
    with Statuspage() as server:
        yield server


@pytest.fixture
def endpoint() -> Iterator[StatusEndpoint]:
    with StatusEndpoint() as server:
        yield server


def people(page: Statuspage, **options: Any) -> StatusPagePeople:
    known: dict[str, Any] = {"page": statuspage.PAGE, "token": statuspage.TOKEN, "components": COMPONENTS}
    return StatusPagePeople("statuspage", page.api_url, **{**known, "seconds": 6.0, **options})


def plain(endpoint: StatusEndpoint, **options: Any) -> StatusPagePeople:
    return StatusPagePeople("json", endpoint.posts_url, **{"token": status_endpoint.TOKEN, **options})


def test_a_response_is_one_incident_from_identified_to_resolved(page: Statuspage) -> None:
    tells = people(page)
    anchor = tells.tell(HOLDING)
    assert page.component_statuses == {"cmp1": "partial_outage"}
    tells.tell(ROLLED_BACK, anchor=anchor)
    assert page.component_statuses == {"cmp1": "partial_outage"}
    tells.tell(ENDED, anchor=anchor)

    [incident] = page.incidents
    assert anchor == incident.id
    assert incident.name == "Problems with checkout"
    assert [(update.status, update.body) for update in incident.updates] == [
        ("identified", IDENTIFIED_BODY),
        ("monitoring", "We have put a fix for checkout in place and are watching it."),
        ("resolved", "checkout works as usual again."),
    ]
    assert incident.metadata == {"backout": {"response": ID}}
    assert page.component_statuses == {"cmp1": "operational"}


def test_a_rollback_that_was_not_announced_begins_with_monitoring(page: Statuspage) -> None:
    people(page).tell(ROLLED_BACK)

    assert [incident.status for incident in page.incidents] == ["monitoring"]


def test_customers_read_the_wording_and_nothing_of_the_message(page: Statuspage) -> None:
    wording = {"name": "{service} is slow", "identified": "Sorry! {service} will be back."}
    people(page, wording=wording).tell(HOLDING)

    sent = page.received[-1].body.decode()
    assert page.incidents[0].name == "checkout is slow"
    assert page.incidents[0].updates[0].body == "Sorry! checkout will be back."
    assert "registry.internal" not in sent
    assert "error_rate" not in sent


@pytest.mark.parametrize("deliver", [False, True])
def test_subscribers_are_mailed_only_where_configured(page: Statuspage, *, deliver: bool) -> None:
    tells = people(page, deliver_notifications=deliver)
    tells.tell(ROLLED_BACK, anchor=tells.tell(HOLDING))

    assert [update.notified for update in page.incidents[0].updates] == [deliver, deliver]


@pytest.mark.parametrize("phase", ["failed", "inconclusive", "aborted", "refused", "dismissed"])
def test_an_end_that_is_not_good_leaves_the_incident_open_with_a_note(page: Statuspage, phase: str) -> None:
    tells = people(page)
    anchor = tells.tell(ROLLED_BACK)
    tells.tell(replace(ENDED, phase=phase), anchor=anchor)

    [incident] = page.incidents
    assert incident.status == "monitoring"
    assert incident.updates[-1].body.startswith("The problem with checkout is not solved yet.")
    assert page.component_statuses == {"cmp1": "partial_outage"}


@pytest.mark.parametrize(("reason", "status"), [("recovered", "resolved"), ("superseded", "monitoring")])
def test_what_has_recovered_by_itself_is_resolved(page: Statuspage, reason: str, status: str) -> None:
    tells = people(page)
    anchor = tells.tell(ROLLED_BACK)
    tells.tell(replace(ENDED, phase="dismissed", reason=reason), anchor=anchor)

    assert page.incidents[0].status == status


@pytest.mark.parametrize("message", [ENDED, FAILED, replace(HOLDING, code="scaled")])
def test_what_was_never_public_stays_so(page: Statuspage, message: Message) -> None:
    assert people(page).tell(message) == ""
    assert not page.received


def test_what_is_identified_is_not_said_twice(page: Statuspage) -> None:
    tells = people(page)
    anchor = tells.tell(ASKED)

    assert tells.tell(HOLDING, anchor=anchor) == anchor
    assert len(page.incidents[0].updates) == 1


def test_an_incident_whose_receipt_was_lost_is_not_made_again(page: Statuspage) -> None:
    tells = people(page)
    lost = tells.tell(HOLDING)

    assert tells.tell(HOLDING, again=True) == lost
    assert [len(incident.updates) for incident in page.incidents] == [1]


@pytest.mark.parametrize("message", [ROLLED_BACK, ENDED, FAILED], ids=["monitoring", "resolved", "note"])
def test_an_update_whose_answer_was_lost_is_not_made_again(page: Statuspage, message: Message) -> None:
    tells = people(page)
    anchor = tells.tell(HOLDING)
    page.lose_answers(path=f"/v1/pages/{statuspage.PAGE}/incidents/{anchor}")
    with pytest.raises(TemporaryError):
        tells.tell(message, anchor=anchor)

    assert tells.tell(message, anchor=anchor, again=True) == anchor
    assert len(page.incidents[0].updates) == 2


def test_an_update_that_had_failed_is_made(page: Statuspage) -> None:
    tells = people(page)
    anchor = tells.tell(HOLDING)
    page.fail(1, status=500)
    with pytest.raises(TemporaryError):
        tells.tell(ROLLED_BACK, anchor=anchor)
    tells.tell(ROLLED_BACK, anchor=anchor, again=True)

    assert [update.status for update in page.incidents[0].updates] == ["identified", "monitoring"]


def test_an_incident_that_a_person_resolved_meanwhile_is_not_opened_again(page: Statuspage) -> None:
    tells = people(page)
    anchor = tells.tell(HOLDING)
    tells.tell(ENDED, anchor=anchor)

    assert tells.tell(ROLLED_BACK, anchor=anchor, again=True) == anchor
    assert page.incidents[0].status == "resolved"


def test_an_incident_of_another_response_is_left_alone(page: Statuspage) -> None:
    people(page).tell(replace(HOLDING, response_id="20260302-110000-ffffffff"))
    people(page).tell(HOLDING, again=True)

    assert len(page.incidents) == 2


def test_a_service_without_components_has_an_incident_without(page: Statuspage) -> None:
    people(page).tell(replace(HOLDING, service="ledger"))

    assert page.incidents[0].component_ids == ()
    assert page.component_statuses == {"cmp1": "operational"}


@pytest.mark.parametrize("status", [420, 429])
def test_the_limit_of_a_request_a_second_is_honoured(status: int) -> None:
    with Statuspage(limit_status=status, clock=lambda: 1_000.0) as page:
        tells = people(page)
        anchor = tells.tell(HOLDING)
        for _ in range(58):
            tells.tell(ROLLED_BACK, anchor=anchor)
        with pytest.raises(TemporaryError) as caught:
            tells.tell(ROLLED_BACK, anchor=anchor)

    assert str(status) in str(caught.value)
    assert caught.value.retry_after == 2


@pytest.mark.parametrize("status", [500, 503])
def test_a_broken_page_is_worth_another_try(page: Statuspage, endpoint: StatusEndpoint, status: int) -> None:
    page.fail(status=status)
    endpoint.fail(status=status)
    for tells in (people(page), plain(endpoint)):
        with pytest.raises(TemporaryError, match=str(status)):
            tells.tell(HOLDING)


def test_a_web_page_from_in_between_is_worth_another_try(page: Statuspage, endpoint: StatusEndpoint) -> None:
    page.html()
    endpoint.html()
    for tells in (people(page), plain(endpoint)):
        with pytest.raises(TemporaryError, match="web page"):
            tells.tell(HOLDING)


def test_a_slow_page_is_left_in_time(page: Statuspage, endpoint: StatusEndpoint) -> None:
    page.slow(30)
    endpoint.slow(30)
    started = time.monotonic()
    for tells in (people(page, seconds=0.6), plain(endpoint, seconds=0.6)):
        with pytest.raises(TemporaryError):
            tells.tell(HOLDING)

    assert time.monotonic() - started < 3.0


def test_a_wrong_token_is_given_up_and_not_shown(page: Statuspage, endpoint: StatusEndpoint) -> None:
    for tells in (people(page, token="wr0ng"), plain(endpoint, token="wr0ng")):
        with pytest.raises(PermanentError, match="401") as caught:
            tells.tell(HOLDING)
        assert "wr0ng" not in "".join(traceback.format_exception(caught.value))


def test_a_component_that_is_not_on_the_page_is_given_up(page: Statuspage) -> None:
    with pytest.raises(PermanentError, match="cmp9 not found"):
        people(page, components={"checkout": {"cmp9": "major_outage"}}).tell(HOLDING)


def test_a_plain_endpoint_is_posted_status_and_message(endpoint: StatusEndpoint) -> None:
    tells = plain(endpoint)
    anchor = tells.tell(HOLDING)
    for message in (ROLLED_BACK, ENDED):
        tells.tell(message, anchor=anchor)

    assert anchor == ID
    assert [(post.status, post.message) for post in endpoint.posts] == [
        ("identified", IDENTIFIED_BODY),
        ("monitoring", "We have put a fix for checkout in place and are watching it."),
        ("resolved", "checkout works as usual again."),
    ]


def test_a_plain_endpoint_hears_that_work_goes_on(endpoint: StatusEndpoint) -> None:
    plain(endpoint).tell(FAILED, anchor=ID)

    [post] = endpoint.posts
    assert (post.status, post.message[:24]) == ("identified", "The problem with checkou")


def test_a_kind_of_page_that_is_not_known_is_named_with_those_that_are() -> None:
    with pytest.raises(ConfigurationError, match="'cachet'; there are statuspage, json"):
        StatusPagePeople("cachet", "https://status.example.com")
