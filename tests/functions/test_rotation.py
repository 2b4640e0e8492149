"""Credentials that come in, after they were replaced where they are kept: accepted without a deploy."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from shared.errors import TemporaryError
from shared.intake.links import make_link
from shared.settings import Secrets
from shared.settings.secrets import RENEW_SECONDS
from tests.functions.installation import FIRING, Installation, bearer, problem

CONFIG = """
cluster: prod
auth:
  alertmanager: "ssm:/door"
  invoke: "ssm:/door"
  read: "ssm:/door"
  github: "ssm:/door"
  pagerduty: "ssm:/door"
  pagerduty_actions: "ssm:/door"
  slack: "ssm:/door"
approval_links: {url: "http://127.0.0.1:9", secret: "ssm:/door"}
services:
  - {name: checkout, workload: production/deployment/checkout}
"""


class Store:
    """A store whose secret can be replaced, and that counts what it is asked."""

    def __init__(self) -> None:
        self.value, self.asked, self.now, self.away = "one", 0, 0.0, False

    def __call__(self, name: str) -> str:
        self.asked += 1
        if self.away:
            raise TemporaryError("the store is away")
        return self.value


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def rotated(store: Store) -> Installation:
    return Installation(CONFIG, secrets=Secrets({"ssm": store}, monotonic=lambda: store.now))


def signed(secret: str, text: bytes) -> str:
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def pagerduty(of: Installation, secret: str) -> TestResponse:
    body = b'{"event": {"id": "01", "event_type": "pagey.ping", "resource_type": "pagey", "data": {}}}'
    headers = {"X-PagerDuty-Signature": f"v1={signed(secret, body)}"}
    return of.client.post("/pagerduty", data=body, headers=headers)


def github(of: Installation, secret: str) -> TestResponse:
    headers = {"X-Hub-Signature-256": f"sha256={signed(secret, b'{}')}", "X-GitHub-Event": "ping"}
    return of.client.post("/github", data=b"{}", headers=headers)


def slack(of: Installation, secret: str) -> TestResponse:
    body, at = b'{"type": "url_verification", "challenge": "x"}', str(int(of.now.timestamp()))
    headers = {
        "X-Slack-Request-Timestamp": at,
        "X-Slack-Signature": "v0=" + signed(secret, b"v0:" + at.encode() + b":" + body),
        "Content-Type": "application/json",
    }
    return of.client.post("/slack", data=body, headers=headers)


def link(of: Installation, secret: str) -> TestResponse:
    expires_at = of.now + timedelta(minutes=5)
    url = make_link("http://127.0.0.1:9", secret, "r1", question="q", to="cto", expires_at=expires_at)
    return of.client.get(url.removeprefix("http://127.0.0.1:9"))


Call = Callable[[Installation, str], TestResponse]
DOORS: dict[str, tuple[Call, int]] = {
    "alertmanager": (lambda of, secret: of.notify(FIRING, secret), 401),
    "invoke": (lambda of, secret: of.order(secret, service="checkout", action="assess", dry_run=True), 401),
    "read": (lambda of, secret: of.get("/responses", secret), 401),
    "pagerduty": (pagerduty, 401),
    "pagerduty actions": (
        lambda of, secret: of.client.post(
            "/pagerduty/actions/rollback", data=b"{}", headers={"X-Backout-Secret": secret}
        ),
        401,
    ),
    "github": (github, 401),
    "slack": (slack, 401),
    "approval link": (link, 403),
}


@pytest.mark.parametrize(("call", "refused"), DOORS.values(), ids=DOORS)
def test_a_door_opens_to_a_secret_as_soon_as_it_was_replaced_and_no_more_to_the_old_one(
    rotated: Installation, store: Store, call: Call, refused: int
) -> None:
    assert call(rotated, "one").status_code not in (refused, 503)

    store.value, store.now = "two", RENEW_SECONDS
    assert call(rotated, "two").status_code not in (refused, 503)
    assert call(rotated, "one").status_code == refused
    assert call(rotated, "two").status_code not in (refused, 503)


def test_wrong_credentials_cause_few_look_ups(rotated: Installation, store: Store) -> None:
    rotated.get("/responses", "one")
    asked = store.asked

    for tenth in range(300):
        store.now = tenth / 10
        assert rotated.get("/responses", f"guess {tenth}").status_code == 401
    assert store.asked - asked <= 30 / RENEW_SECONDS + 1


def test_while_the_store_is_away_what_is_known_is_accepted_and_what_is_not_may_come_again(
    rotated: Installation, store: Store
) -> None:
    rotated.get("/responses", "one")
    store.away, store.now = True, RENEW_SECONDS

    assert rotated.client.get("/responses", headers=bearer("one")).status_code == 200
    assert "away" in problem(rotated.get("/responses", "two"), 503)
    assert problem(rotated.get("/responses", "two"), 401)
