"""Races, on DynamoDB Local: many writers at once, the real worker with its threads, the real clock."""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from shared import bootstrap
from shared.adapters.dynamodb import DynamoRecords, create_table
from shared.domain.changes import RestoreRevision
from shared.domain.guardrails import Rails
from shared.domain.reasons import Reason
from shared.domain.response import Outcome, Response, Step
from shared.domain.services import Service, Timing
from shared.domain.signals import Reading, Signal
from shared.domain.workloads import WorkloadRef
from shared.engine.accepting import Acceptance, Answer
from shared.engine.sorting import requests_of
from shared.ports import Measured
from shared.settings import Secrets, Settings
from tests.dynamodb_local import DynamoDBLocal
from tests.engine.world import BAD, BROKEN, GOOD, HEALTHY, a_service, an_alert
from tests.fakes.health import FakeHealth
from tests.fakes.people import FakePeople
from tests.fakes.workloads import FakeWorkloads

FAST = Timing(poll=0.2, scrape=0.05, stabilise=0.5, verify=20.0)
LONG_AGO = timedelta(days=2)
DEADLINE_SECONDS = 60.0


@dataclass
class ShopSignals:
    """Each service is as broken as `error_rates` says while its bad image runs, and was healthy before."""

    workloads: FakeWorkloads
    error_rates: dict[str, float] = field(default_factory=dict)
    measuring: Callable[[str], None] = lambda service: None

    def measure(
        self,
        service: Service,
        wanted: Collection[Signal],
        *,
        at: datetime | None = None,
        p95_before: Reading | None = None,
    ) -> Measured:
        if at is None:
            self.measuring(service.name)
        found = self.workloads.read(service.workload)
        bad = at is None and found is not None and found.image == BAD
        readings = {**(BROKEN if bad else HEALTHY)}
        if bad:
            readings[Signal.ERROR_RATE] = self.error_rates.get(service.name, 0.25)
        known = {s: Reading.number(v) for s, v in readings.items() if s in wanted}
        return Measured(known, Reading.number(600.0), dict.fromkeys(known, 0.1))


class Installation:
    """A whole installation in this process on a real table."""

    def __init__(self, records: DynamoRecords, services: Sequence[Service]) -> None:
        long_ago = datetime.now(UTC) - LONG_AGO
        self.now: Callable[[], datetime] = lambda: long_ago
        self.workloads = FakeWorkloads("test", now=self._clock)
        for service in services:
            self.workloads.deploy(service.workload, GOOD)
        bad_since = datetime.now(UTC) - timedelta(minutes=2)
        self.now = lambda: bad_since
        for service in services:
            self.workloads.deploy(service.workload, BAD)
        self.now = lambda: datetime.now(UTC)
        self.signals = ShopSignals(self.workloads)
        settings = Settings(
            cluster="test",
            defaults=a_service(name="", match={}),
            services=tuple(services),
            rails=Rails(namespaces=("production",)),
        )
        outside = bootstrap.Outside(self.workloads, self.signals, FakeHealth(), {"log": FakePeople()})
        self.local = bootstrap.local(settings, records, outside=outside, secrets=Secrets())
        self.records = records

    def _clock(self) -> datetime:
        return self.now()

    def send(self, *deployments: str, at: datetime, values: dict[str, float] | None = None) -> list[Answer]:
        alerts = [an_alert(value=(values or {}).get(d, 0.25), at=at, deployment=d) for d in deployments]
        requests, _ = requests_of(
            self.local.door.catalogue,
            "alertmanager",
            alerts,
            key_of=lambda some: "/".join(sorted(f"{a.episode}/{a.firing}" for a in some)),
        )
        return self.local.door.accepter.accept(requests)

    def response(self, id_: str) -> Response:
        return self.records.read(responses=[id_]).states[id_].response

    def rollbacks(self) -> list[str]:
        return [c.workload.name for c in self.workloads.applied if isinstance(c, RestoreRevision)]

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Wait for something that has to come."""
        ends_at = datetime.now(UTC) + timedelta(seconds=DEADLINE_SECONDS)
        pause = threading.Event()
        while not done():
            assert datetime.now(UTC) < ends_at, what
            pause.wait(0.05)


Install = Callable[[Sequence[Service]], Installation]


@pytest.fixture
def install(dynamodb_server: DynamoDBLocal, request: pytest.FixtureRequest) -> Iterator[Install]:
    """Give a way to start installations, each on a table of its own; all end with the test."""
    running: list[Installation] = []

    def start(services: Sequence[Service]) -> Installation:
        client = dynamodb_server.client(connections=40)
        table = f"races-{request.node.name[:40]}-{len(running)}"
        create_table(client, table)
        installation = Installation(DynamoRecords(client, table), services)
        running.append(installation)
        return installation

    yield start
    for installation in running:
        installation.local.close()


def services(count: int) -> list[Service]:
    return [
        a_service(
            name=f"shop-{i:03d}",
            workload=WorkloadRef("test", "production", "deployment", f"shop-{i:03d}"),
            match={"namespace": "production", "deployment": f"shop-{i:03d}"},
            timing=FAST,
        )
        for i in range(count)
    ]


def test_a_thousand_concurrent_copies_of_one_webhook_give_one_response_and_one_rollback(
    install: Install,
) -> None:
    shop = install(services(1))
    at = datetime.now(UTC)
    with ThreadPoolExecutor(32) as pool:
        copies = [pool.submit(shop.send, "shop-000", at=at) for _ in range(1000)]
    answers = [copy.result()[0] for copy in copies]
    ids = {a.response_id for a in answers}
    assert len(ids) == 1, ids
    assert sum(a.outcome is Acceptance.CREATED and not a.repeated for a in answers) == 1
    [response_id] = ids
    shop.until(lambda: not shop.response(response_id).live, "the response did not end")
    assert shop.response(response_id).phase == Outcome.COMPLETED
    assert shop.rollbacks() == ["shop-000"]


def test_of_200_services_in_one_webhook_the_three_worst_are_rolled_back_and_the_rest_ask(
    install: Install,
) -> None:
    shop = install(services(200))
    names = [f"shop-{i:03d}" for i in range(200)]
    values = {name: 0.15 + 0.002 * (i * 37 % 200) for i, name in enumerate(names)}
    shop.signals.error_rates = values
    answers = shop.send(*names, at=datetime.now(UTC), values=values)
    assert len(answers) == 200
    worst = sorted(names, key=lambda name: -values[name])[:3]

    def settled() -> bool:
        states = shop.records.read(responses=[a.response_id for a in answers]).states.values()
        return all(not s.response.live or s.response.phase == Step.APPROVE for s in states)

    shop.until(settled, "not all responses settled")
    assert sorted(shop.rollbacks()) == sorted(worst)
    states = shop.records.read(responses=[a.response_id for a in answers]).states.values()
    asking = [s.response for s in states if s.response.phase == Step.APPROVE]
    assert len(asking) == 197
    assert all(Reason.STORM in response.asks for response in asking)


def test_webhooks_that_arrive_at_once_share_the_storms_tokens(install: Install) -> None:
    shop = install(services(8))
    at = datetime.now(UTC)
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(shop.send, f"shop-{i:03d}", at=at) for i in range(8)]
    ids = [one.result()[0].response_id for one in sent]

    def settled() -> bool:
        states = shop.records.read(responses=ids).states.values()
        return all(not s.response.live or s.response.phase == Step.APPROVE for s in states)

    shop.until(settled, "not all responses settled")
    assert len(shop.rollbacks()) == 3


@contextmanager
def held_in_measuring(shop: Installation) -> Iterator[threading.Event]:
    """Hold assess in its measurement; give the event that says it is there, and let it go at the end."""
    there, go_on = threading.Event(), threading.Event()

    def hold(service: str) -> None:
        there.set()
        assert go_on.wait(DEADLINE_SECONDS)

    shop.signals.measuring = hold
    try:
        yield there
    finally:
        shop.signals.measuring = lambda service: None
        go_on.set()


def test_a_freeze_set_between_decision_and_intent_means_no_rollback(install: Install) -> None:
    shop = install(services(1))
    with held_in_measuring(shop) as there:
        [answer] = shop.send("shop-000", at=datetime.now(UTC))
        assert there.wait(DEADLINE_SECONDS)
        shop.local.door.freezer.freeze("global", by="alice", reason="stop")
    shop.until(lambda: shop.response(answer.response_id).delay is Reason.FREEZE, "it was not held back")
    assert shop.rollbacks() == []
    shop.local.door.freezer.thaw("global")


def test_new_alerts_at_the_instant_a_response_ends_are_joined_or_answered_never_lost(
    install: Install,
) -> None:
    shop = install(services(1))
    began_at = datetime.now(UTC)
    [first] = shop.send("shop-000", at=began_at)
    answers: list[Answer] = []
    nth = 0
    while shop.response(first.response_id).live:
        nth += 1
        answers += shop.send("shop-000", at=began_at + timedelta(microseconds=nth))
    answers += shop.send("shop-000", at=began_at + timedelta(microseconds=nth + 1))
    assert {a.outcome for a in answers} <= {Acceptance.JOINED, Acceptance.IGNORED}
    last = answers[-1]
    assert (last.outcome, last.reason) == (Acceptance.IGNORED, Reason.STALE)
    assert all(a.response_id == first.response_id for a in answers)
    assert shop.rollbacks() == ["shop-000"]


def test_an_alert_of_a_later_time_after_the_end_opens_a_response_of_its_own(install: Install) -> None:
    shop = install(services(1))
    [first] = shop.send("shop-000", at=datetime.now(UTC))
    shop.until(lambda: not shop.response(first.response_id).live, "the response did not end")
    later = datetime.now(UTC) + timedelta(minutes=5)
    [second] = shop.send("shop-000", at=later)
    assert second.outcome is Acceptance.CREATED
    assert second.response_id != first.response_id
    replaced = replace(shop.response(second.response_id), id=first.response_id)
    assert replaced.workload == shop.response(first.response_id).workload
