"""A whole installation on fakes, reached as a client reaches it."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from functions import app
from shared.adapters.metrics.prometheus import PrometheusMetrics
from shared.bootstrap import Door, Engine, Outside
from shared.bootstrap.observing import ObservedRecords
from shared.domain.signals import Signal
from shared.domain.workloads import WorkloadRef
from shared.errors import TemporaryError
from shared.ports import Held, Queue, Records
from shared.settings import Secrets, parse
from tests.fakes.barriers import FakeBarrier, FakeDeployments
from tests.fakes.health import FakeHealth
from tests.fakes.people import FakePeople
from tests.fakes.records import FakeRecords
from tests.fakes.signals import FakeSignals
from tests.fakes.workloads import FakeWorkloads
from tests.plugins import iam

EVENTS = Path(__file__).resolve().parents[1] / "events"
FIRING = (EVENTS / "alertmanager-0.25-firing.json").read_bytes()
CHECKOUT = WorkloadRef("prod", "production", "deployment", "checkout")
PAYMENTS = WorkloadRef("prod", "production", "deployment", "payments")
GOOD, BAD = "registry.example.com/shop/checkout:v1", "registry.example.com/shop/checkout:v2"

CONFIG = """
cluster: prod
prometheus: {url: "http://127.0.0.1:9"}
auth:
  alertmanager: ["env:AM_OLD", "env:AM_NEW"]
  invoke: {alice: "env:ALICE", ci: "env:CI"}
  read: env:READER
guardrails: {namespaces: [production]}
services:
  - {name: checkout, workload: production/deployment/checkout, mode: auto}
  - {name: payments, workload: production/deployment/payments, mode: approve}
"""
TOKENS = {
    "AM_OLD": "am-old",
    "AM_NEW": "am-new",
    "ALICE": "alice-token",
    "CI": "ci-token",
    "READER": "read-token",
}


class ListedQueue(Queue):
    """Lists what was sent, with the delay; `away` makes it fail."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, float]] = []
        self.away = False

    def send(self, response_id: str, *, delay_seconds: float = 0.0, held: Held | None = None) -> None:
        if self.away:
            raise TemporaryError("the queue is away")
        self.sent.append((response_id, delay_seconds))
        iam.RECORDER.note("actions", "sqs:SendMessage")


@dataclass
class Installation:
    """The door, the engine, the world around them, and a client. `now` is the clock."""

    config: str = CONFIG
    records: Records = field(default_factory=FakeRecords)
    bound_to: str = "127.0.0.1"
    secrets: Secrets = field(default_factory=iam.NotedSecrets)
    now: datetime = datetime(2026, 8, 22, 10, 1, tzinfo=UTC)
    queue: ListedQueue = field(default_factory=ListedQueue)
    signals: FakeSignals = field(default_factory=FakeSignals)
    people: FakePeople = field(default_factory=FakePeople)
    barrier: FakeBarrier = field(default_factory=lambda: FakeBarrier({"checkout": "shop/checkout"}))
    deployments: FakeDeployments = field(default_factory=FakeDeployments)
    workloads: FakeWorkloads = field(init=False)
    door: Door = field(init=False)
    engine: Engine = field(init=False)
    client: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        self.workloads = FakeWorkloads("prod", now=lambda: self.now)
        metrics = PrometheusMetrics()
        seen: Any = iam.Mirrored(self.records) if iam.is_recording() else self.records
        records = ObservedRecords(seen, metrics)
        settings = parse(self.config)
        self.door = Door(settings, self.secrets, records, self.queue, lambda: self.now, metrics=metrics)
        outside = Outside(
            self.workloads,
            self.signals,
            FakeHealth(),
            {"log": self.people},
            barriers={"argo_cd": self.barrier},
            deployments=self.deployments,
        )
        self.engine = Engine(self.door, outside)
        served = app.create(self.door, engine=self.engine, bound_to=self.bound_to)
        self.client = served.test_client()

    @property
    def fake_records(self) -> FakeRecords:
        assert isinstance(self.records, FakeRecords)
        return self.records

    def deployed_badly(self) -> None:
        """Have checkout run a version that fails, ten minutes after one that did not."""
        moment = self.now
        self.signals.says({Signal.ERROR_RATE: 0.001, Signal.LATENCY_P95: 0.2}, at=moment - timedelta(days=1))
        self.now = moment - timedelta(hours=1)
        self.workloads.deploy(CHECKOUT, GOOD)
        self.now = moment - timedelta(minutes=10)
        self.workloads.deploy(CHECKOUT, BAD)
        self.now = moment
        self.signals.says({Signal.ERROR_RATE: 0.25, Signal.LATENCY_P95: 0.2})

    def notify(self, body: bytes = FIRING, token: str = "am-old") -> TestResponse:
        return self.client.post("/alertmanager", data=body, headers=bearer(token))

    def order(self, token: str = "alice-token", key: str = "", **order: Any) -> TestResponse:
        headers = bearer(token) | ({"Idempotency-Key": key} if key else {})
        return self.client.post("/invoke", data=json.dumps(order), headers=headers)

    def get(self, path: str, token: str = "read-token") -> TestResponse:
        return self.client.get(path, headers=bearer(token))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def results(answer: TestResponse) -> list[dict[str, Any]]:
    assert answer.status_code == 202, answer.text
    found: list[dict[str, Any]] = answer.get_json()["results"]
    return found


def problem(answer: TestResponse, status: int) -> str:
    """Check that the answer is a problem document of that status; return its detail."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    told = answer.get_json()
    assert {"type", "title", "status", "detail"} <= set(told)
    assert told["status"] == status
    detail: str = told["detail"]
    return detail


def with_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in TOKENS.items():
        monkeypatch.setenv(name, value)
