from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.receivers import Statuspage
from sandbox.receivers.statuspage import PAGE, TOKEN
from tests.sandbox.receivers.hands import WEB, HandClock

HEADERS = {"Authorization": f"OAuth {TOKEN}"}


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def page(clock: HandClock) -> Iterator[Statuspage]:
    with Statuspage(clock=clock) as page:
        yield page


@pytest.fixture(scope="module")
def strict() -> Iterator[Statuspage]:
    """One for all the calls that leave nothing behind."""
    with Statuspage() as page:
        yield page


def call(page: Statuspage, method: str, path: str = "", body: Any = None) -> httpx.Response:
    return WEB.request(method, f"{page.api_url}/pages/{PAGE}{path}", json=body, headers=HEADERS)


def create(page: Statuspage, **fields: Any) -> httpx.Response:
    return call(page, "POST", "/incidents", {"incident": {"name": "Checkout is failing", **fields}})


def test_an_incident_is_created_with_components_metadata_and_a_first_update(page: Statuspage) -> None:
    answer = create(
        page,
        status="identified",
        body="We are rolling back.",
        components={"cmp1": "partial_outage"},
        component_ids=["cmp1"],
        metadata={"backout": {"response": "r1"}},
        deliver_notifications=False,
    )

    (incident,) = page.incidents
    assert (answer.status_code, answer.json()["id"]) == (201, incident.id)
    assert answer.json()["metadata"] == {"backout": {"response": "r1"}}
    assert answer.json()["components"][0]["status"] == "partial_outage"
    assert [(each.status, each.body, each.notified) for each in incident.updates] == [
        ("identified", "We are rolling back.", False)
    ]
    assert page.component_statuses == {"cmp1": "partial_outage"}


def test_subscribers_are_notified_unless_it_is_said_otherwise(page: Statuspage) -> None:
    create(page)

    assert [update.notified for update in page.incidents[0].updates] == [True]


def test_an_update_says_more_and_keeps_the_rest(page: Statuspage) -> None:
    created = create(page, status="identified", components={"cmp1": "major_outage"}, metadata={"b": {"r": 1}})

    answer = call(
        page,
        "PATCH",
        f"/incidents/{created.json()['id']}",
        {"incident": {"status": "resolved", "body": "Fixed.", "components": {"cmp1": "operational"}}},
    )

    (incident,) = page.incidents
    assert (answer.status_code, answer.json()["incident_updates"][0]["body"]) == (200, "Fixed.")
    assert [update.status for update in incident.updates] == ["identified", "resolved"]
    assert (incident.name, incident.metadata) == ("Checkout is failing", {"b": {"r": 1}})
    assert page.component_statuses == {"cmp1": "operational"}


def test_what_is_not_resolved_can_be_listed(page: Statuspage) -> None:
    create(page, status="resolved")
    open_one = create(page, status="monitoring", metadata={"backout": {"response": "r2"}}).json()

    unresolved = call(page, "GET", "/incidents/unresolved").json()

    assert [(each["id"], each["metadata"]) for each in unresolved] == [
        (open_one["id"], {"backout": {"response": "r2"}})
    ]
    assert len(call(page, "GET", "/incidents").json()) == 2
    assert call(page, "GET", f"/incidents/{open_one['id']}").json()["status"] == "monitoring"


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "x" * 256},
        {"status": "fixed"},
        {"body": "x" * 25_001},
        {"impact_override": "P0"},
        {"components": {"cmp1": "down"}},
        {"components": {"none": "operational"}},
        {"component_ids": ["none"]},
        {"metadata": {"backout": "r1"}},
        {"notify": False},
    ],
)
def test_a_wrong_incident_is_refused_with_the_reason(strict: Statuspage, fields: dict[str, Any]) -> None:
    answer = create(strict, **fields)

    assert (answer.status_code, len(answer.json()["error"])) == (422, 1)
    assert not strict.incidents


def test_an_incident_needs_a_name(strict: Statuspage) -> None:
    answer = call(strict, "POST", "/incidents", {"incident": {"status": "identified"}})

    assert (answer.status_code, answer.json()) == (422, {"error": ["Name can't be blank"]})


@pytest.mark.parametrize("body", [{}, {"name": "not in an incident"}, []])
def test_a_body_without_an_incident_is_refused(strict: Statuspage, body: Any) -> None:
    assert call(strict, "POST", "/incidents", body).status_code == 400


@pytest.mark.parametrize("authorization", ["", f"Bearer {TOKEN}", "OAuth another", TOKEN])
def test_a_call_needs_the_key_as_statuspage_writes_it(strict: Statuspage, authorization: str) -> None:
    answer = WEB.get(f"{strict.api_url}/pages/{PAGE}", headers={"Authorization": authorization})

    assert (answer.status_code, answer.json()) == (401, {"error": "Could not authenticate"})


def test_the_page_and_its_components_can_be_looked_up(page: Statuspage) -> None:
    assert call(page, "GET").json()["id"] == PAGE
    assert [each["id"] for each in call(page, "GET", "/components").json()] == ["cmp1"]
    other = WEB.get(f"{page.api_url}/pages/other", headers=HEADERS)
    assert other.status_code == 404
    assert call(page, "PATCH", "/incidents/none", {"incident": {}}).status_code == 404


@pytest.mark.parametrize("status", [420, 429])
def test_a_key_may_make_sixty_calls_a_minute(clock: HandClock, status: int) -> None:
    with Statuspage(clock=clock, limit_status=status) as page:
        answers = [call(page, "GET") for _ in range(61)]
        clock.now += 1

        assert [answer.status_code for answer in answers] == [200] * 60 + [status]
        assert answers[-1].headers["Retry-After"] == "1"
        assert call(page, "GET").status_code == 200
