"""A secret that is rotated while Backout runs: what was rejected is tried again with the new one."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from shared.adapters import secret_stores
from shared.adapters.webhook import WebhookPeople
from shared.bootstrap import outside_of
from shared.bootstrap.renewing import renewing
from shared.domain.signals import Signal
from shared.domain.workloads import Owner, Workload, WorkloadRef
from shared.errors import CredentialRejected, PermanentError, TemporaryError
from shared.ports import Message
from shared.settings import SecretRef, Secrets, Settings, parse
from shared.settings.secrets import RENEW_SECONDS
from tests.fakes.http_server import Answer, Request, serving
from tests.fakes.workloads import FakeWorkloads

REF = SecretRef("ssm:/token")
MESSAGE = Message("k1", "checkout rolled back", (), "r1", "P0", service="checkout", team="shop")


class Store:
    """A store of one secret, with a clock."""

    def __init__(self, value: str = "one") -> None:
        self.value, self.asked, self.now = value, 0, 0.0

    def __call__(self, name: str) -> str:
        self.asked += 1
        return self.value

    def secrets(self) -> Secrets:
        return Secrets({"ssm": self}, monotonic=lambda: self.now)


class Guarded:
    """An adapter that is let in with one token; `done` are the calls that were."""

    def __init__(self, token: str, right: Store) -> None:
        self.token, self.right, self.done = token, right, []  # type: ignore[var-annotated]
        self.name = f"with {token}"

    def call(self, what: str) -> str:
        if self.token != self.right.value:
            rejection = CredentialRejected("401")
            raise PermanentError("it does not let us in") from rejection
        self.done.append(what)
        return what


def guarded(store: Store, right: Store | None = None) -> Guarded:
    return renewing(store.secrets(), lambda secrets: Guarded(secrets.value(REF), right or store))


def test_a_call_that_is_rejected_after_a_rotation_is_tried_again_later_with_the_new_secret() -> None:
    store = Store()
    adapter = guarded(store)
    store.value, store.now = "two", 60.0

    with pytest.raises(TemporaryError, match="has been replaced") as told:
        adapter.call("a")
    assert adapter.call("a") == "a"
    assert told.value.retry_after <= 1.0
    assert (adapter.token, adapter.name) == ("two", "with two")


def test_a_rejection_of_a_secret_that_is_still_the_same_stays_what_it_was() -> None:
    store = Store()
    adapter = guarded(store, Store("another"))
    store.now = 60.0

    for _ in range(5):
        with pytest.raises(PermanentError, match="does not let us in"):
            adapter.call("a")
    assert store.asked == 2


def test_rejections_cause_a_look_up_every_few_seconds_at_most() -> None:
    store = Store()
    secrets = store.secrets()
    secrets.value(REF)
    for tenth in range(1000):
        store.now = tenth / 10
        secrets.renew(REF)

    assert store.asked == 1 + 99.9 // RENEW_SECONDS


def test_a_store_that_is_away_leaves_what_is_known() -> None:
    store = Store()
    secrets = store.secrets()
    secrets.value(REF)
    store.now = 60.0

    def away(name: str) -> str:
        raise TemporaryError("away")

    secrets._stores["ssm"] = away
    with pytest.raises(TemporaryError):
        secrets.renew(REF)
    assert secrets.value(REF) == "one"


def test_what_an_adapter_has_not_the_one_before_it_has_not() -> None:
    assert not hasattr(guarded(Store()), "warm")


CONFIG = """
cluster: prod
prometheus: {{url: "{url}", headers: {{Authorization: "ssm:/token"}}}}
people: {{webhook: "ssm:/token"}}
slack: {{token: "ssm:/token", channel: C1, url: "{url}/slack/"}}
pagerduty: {{token: "ssm:/token", from: bot@example.com, url: "{url}", events_url: "{url}",
            routing_key: "ssm:/token"}}
github: {{token: "ssm:/token", url: "{url}"}}
status_page: {{kind: json, url: "{url}/status", token: "ssm:/token"}}
owners: {{argo_cd: {{url: "{url}", token: "ssm:/token"}}}}
flags: {{vendor: unleash, url: "{url}", token: "ssm:/token", environment: production}}
services:
  - {{name: checkout, workload: production/deployment/checkout}}
"""


def configured(url: str) -> Settings:
    return parse(CONFIG.format(url=url))


def owned() -> Workload:
    """Return a workload that an Argo CD application manages."""
    ref = WorkloadRef("prod", "production", "deployment", "checkout")
    workloads = FakeWorkloads("prod", now=lambda: datetime(2026, 3, 2, tzinfo=UTC))
    workloads.deploy(ref, "shop:1")
    found = workloads.read(ref)
    assert found is not None
    return replace(found, owner=Owner("Argo CD", "argocd/shop", undoes_us=True, why="it syncs"))


CALLS: dict[str, Callable[[Any], object]] = {
    "slack": lambda outside: outside.channels["slack"].tell(MESSAGE),
    "pagerduty": lambda outside: outside.channels["pagerduty"].tell(
        replace(MESSAGE, references={"pagerduty": "P1"})
    ),
    "pagerduty_changes": lambda outside: outside.channels["pagerduty_changes"].tell(
        replace(MESSAGE, code="ended")
    ),
    "github": lambda outside: outside.channels["github"].tell(
        replace(MESSAGE, references={"github": "shop/checkout#1"})
    ),
    "status_page": lambda outside: outside.channels["status_page"].tell(
        replace(MESSAGE, code="rolled_back", phase="verify")
    ),
    "owners": lambda outside: outside.owners.look(owned()),
    "flags": lambda outside: outside.flags.look("new-prices"),
    "repositories": lambda outside: outside.repositories.look("shop/checkout", "main", "bad0" * 10),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_vendor_s_token_is_renewed_when_it_is_rejected(name: str) -> None:
    store = Store("one")

    def answer(request: Request) -> Answer:
        sent = " ".join((*request.headers.values(), request.body.decode()))
        status = 200 if "two" in sent or "slack" in request.path else 401
        if "slack" in request.path and "two" not in sent:
            return Answer(200, b'{"ok": false, "error": "token_revoked"}')
        return Answer(status, b'{"ok": true, "channel": "C1", "ts": "1.2", "id": "x"}')

    with serving(answer) as server:
        outside = outside_of(configured(server.url), store.secrets())
        store.now = 60.0
        with pytest.raises(PermanentError):
            CALLS[name](outside)

        store.value, store.now = "two", 120.0
        with pytest.raises(TemporaryError, match="has been replaced"):
            CALLS[name](outside)
        before = len(server.requests)
        try:
            CALLS[name](outside)
        except (PermanentError, TemporaryError) as error:
            assert "401" not in str(error)  # noqa: PT017 - what the stand-in answers is not all that is asked
            assert "token" not in str(error)  # noqa: PT017
        sent = [" ".join((*r.headers.values(), r.body.decode())) for r in server.requests[before:]]
        assert sent
        assert all("two" in each for each in sent)


def test_prometheus_is_asked_again_at_once_with_the_new_header() -> None:
    store = Store("Bearer one")
    now = datetime.now(UTC)
    body = {"status": "success", "data": {"resultType": "vector", "result": []}}

    def answer(request: Request) -> Answer:
        if request.headers.get("authorization") != store.value:
            return Answer(401)
        return Answer(200, json.dumps(body).encode())

    with serving(answer) as server:
        settings = configured(server.url)
        signals = outside_of(settings, store.secrets()).signals
        [service] = settings.services
        store.value, store.now = "Bearer two", 60.0
        measured = signals.measure(service, [Signal.ERROR_RATE], at=now - timedelta(minutes=1))

    assert "401" not in measured.readings[Signal.ERROR_RATE].why
    assert service.workload == WorkloadRef("prod", "production", "deployment", "checkout")


def test_a_webhook_whose_address_was_replaced_is_rejected_as_a_credential_is() -> None:
    with serving(lambda _: Answer(404)) as server, pytest.raises(CredentialRejected):
        WebhookPeople(server.url).tell(MESSAGE)


def test_a_secret_rotated_in_secrets_manager_is_found_by_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    secret_stores._client.cache_clear()
    now = [0.0]
    ref = SecretRef("secretsmanager:backout/slack#token")
    with mock_aws():
        client = boto3.client("secretsmanager")
        client.create_secret(Name="backout/slack", SecretString='{"token": "one", "user": "bot"}')
        secrets = Secrets(secret_stores.aws_stores(), monotonic=lambda: now[0])
        assert secrets.value(ref) == "one"
        client.put_secret_value(SecretId="backout/slack", SecretString='{"token": "two"}')
        assert secrets.value(ref) == "one"
        now[0] = RENEW_SECONDS
        secrets.renew(ref)
        assert secrets.value(ref) == "two"
    secret_stores._client.cache_clear()
