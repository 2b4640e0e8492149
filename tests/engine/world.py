"""A whole world in one process: the real door and engine between fakes of everything outside.

Time is the world's own: `run` handles what is queued, then moves the clock to what is due next. Every call
to the outside passes `on_call` before and after, so that a test can kill a worker there or hold it up.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.bootstrap import Door, Engine, Outside
from shared.domain.alerts import Alert
from shared.domain.changes import RestoreRevision
from shared.domain.guardrails import Rails
from shared.domain.response import Event, Order, Response, Wanted
from shared.domain.services import Mode, Service, Timing
from shared.domain.signals import Reading, Signal
from shared.domain.workloads import WorkloadRef
from shared.engine.accepting import Answer, Request
from shared.engine.sorting import requests_of
from shared.ports import Held
from shared.settings import Secrets, Settings
from tests.fakes.health import FakeHealth
from tests.fakes.people import FakePeople
from tests.fakes.records import FakeRecords, Moment
from tests.fakes.signals import FakeSignals, Told
from tests.fakes.workloads import FakeWorkloads

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
CHECKOUT = WorkloadRef("test", "production", "deployment", "checkout")
GOOD, BAD = "shop:1.4.1", "shop:1.4.2"
QUICK = Timing(poll=30.0, scrape=5.0, stabilise=120.0)

Hook = Callable[[str, Moment], None]


class Killed(BaseException):
    """The process died here. No handler of the program may catch it."""


class Calls:
    """What every call to the outside passes: `on_call`, when a test has set one."""

    def __init__(self) -> None:
        self.on_call: Hook = lambda name, moment: None
        self.names: list[str] = []

    def __call__(self, name: str, moment: Moment) -> None:
        if moment is Moment.BEFORE:
            self.names.append(name)
        self.on_call(name, moment)


class Hooked:
    """A port whose calls pass the hook."""

    def __init__(self, port: Any, prefix: str, calls: Calls) -> None:
        self._port, self._prefix, self._calls = port, prefix, calls

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self._calls(f"{self._prefix}.{name}", Moment.BEFORE)
            result = method(*args, **kwargs)
            self._calls(f"{self._prefix}.{name}", Moment.AFTER)
            return result

        return call


class FakeQueue:
    """Keeps what was sent; `lossy` forgets it, as a queue may."""

    def __init__(self) -> None:
        self.sent: deque[tuple[str, Held | None]] = deque()
        self.lossy = False

    def send(self, response_id: str, *, delay_seconds: float = 0.0, held: Held | None = None) -> None:
        if not self.lossy:
            self.sent.append((response_id, held))


@dataclass(frozen=True)
class Shop:
    """How images behave: the readings of each."""

    readings: dict[str, dict[Signal, float]]

    def told(self, image: str | None) -> Told:
        if image is None:
            return Told()
        found = {s: Reading.number(v) for s, v in self.readings.get(image, HEALTHY).items()}
        return Told(found, Reading.number(600.0))


HEALTHY = {
    Signal.ERROR_RATE: 0.0,
    Signal.HTTP_5XX_PER_MINUTE: 0.0,
    Signal.LATENCY_P95: 0.08,
    Signal.MEMORY_USAGE: 0.4,
    Signal.CPU_USAGE: 0.3,
}
BROKEN = {**HEALTHY, Signal.ERROR_RATE: 0.25, Signal.HTTP_5XX_PER_MINUTE: 750.0}
RAISED = {**HEALTHY, Signal.ERROR_RATE: 0.08, Signal.HTTP_5XX_PER_MINUTE: 50.0}
HUNGRY = {**HEALTHY, Signal.CPU_USAGE: 0.97}


def a_service(**fields: Any) -> Service:
    known = {
        "name": "checkout",
        "workload": CHECKOUT,
        "match": {"namespace": "production", "deployment": "checkout"},
        "mode": Mode.AUTO,
        "timing": QUICK,
        "health": ("http://checkout/health",),
    }
    return Service(**{**known, **fields})


class World:
    """Fakes, a door and an engine, and a shop whose readings follow the image that runs."""

    def __init__(
        self,
        services: Sequence[Service] | None = None,
        *,
        readings: dict[str, dict[Signal, float]] | None = None,
        rails: Rails | None = None,
        local: bool = True,
    ) -> None:
        self.now = START
        self.calls = Calls()
        self.shop = Shop(readings or {BAD: BROKEN})
        self.records = FakeRecords(lambda name, moment: self.calls(f"records.{name}", moment))
        self.workloads = FakeWorkloads("test", now=lambda: self.now)
        self.signals = FakeSignals(self._told)
        self.health = FakeHealth()
        self.people = FakePeople()
        self.queue = FakeQueue()
        self.services = tuple(services or (a_service(),))
        self._images: list[tuple[datetime, str]] = []
        self._rails = rails or Rails(namespaces=("production",))
        self._local = local
        self.door, self.engine = self.started()
        self.override: dict[Signal, Reading | float] = {}

    def started(self) -> tuple[Door, Engine]:
        """Return a fresh process: nothing in memory of the one before."""
        settings = Settings(
            cluster="test",
            defaults=a_service(
                name="", workload=WorkloadRef("test", "", "", ""), match={}, mode=Mode.OBSERVE
            ),
            services=self.services,
            rails=self._rails,
        )
        queue = Hooked(self.queue, "queue", self.calls)
        owner = "door" if self._local else None
        door = Door(settings, Secrets(), self.records, queue, lambda: self.now, owner)
        outside = Outside(
            workloads=Hooked(self.workloads, "cluster", self.calls),
            signals=Hooked(self.signals, "signals", self.calls),
            health=Hooked(self.health, "health", self.calls),
            channels={"log": Hooked(self.people, "people", self.calls)},
        )
        return door, Engine(door, outside)

    def restart(self) -> None:
        """Replace the process, and lose what it had in memory."""
        self.queue.sent = deque((id_, None) for id_, _ in self.queue.sent)
        self.door, self.engine = self.started()

    def sleep(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    def deploy(self, image: str, ref: WorkloadRef = CHECKOUT) -> None:
        self.workloads.deploy(ref, image)
        if ref == CHECKOUT:
            self._images.append((self.now, image))

    def story(self, image: str = BAD) -> None:
        """A good version for a day, then another, and two minutes later it is now."""
        self.deploy(GOOD)
        self.sleep(days=1)
        self.deploy(image)
        self.sleep(minutes=2)

    def image(self, ref: WorkloadRef = CHECKOUT) -> str:
        found = self.workloads.read(ref)
        assert found is not None
        return found.image

    def rollbacks(self, ref: WorkloadRef = CHECKOUT) -> int:
        """How often the cluster's template was put back, by its own count."""
        made = [c for c in self.workloads.applied if isinstance(c, RestoreRevision)]
        return len([c for c in made if c.workload == ref])

    def send(self, *alerts: Alert) -> list[Answer]:
        requests, ignored = requests_of(
            self.door.catalogue,
            "alertmanager",
            alerts,
            key_of=lambda some: "/".join(f"{a.episode}/{a.firing}" for a in some),
        )
        return self.door.accepter.accept(requests) + ignored

    def order(self, wanted: Wanted, *, key: str = "order-1", **fields: Any) -> Answer:
        order = Order(wanted=wanted, by="alice", at=self.now, **fields)
        request = Request(self.services[0], "invoke", key, keyed_by_id=True, order=order)
        return self.door.accepter.accept([request])[0]

    def step(self) -> bool:
        """Handle what is queued, or what is due now; say whether there was anything."""
        if self.queue.sent:
            response_id, held = self.queue.sent.popleft()
            self.engine.handle(response_id, held)
            return True
        due = self.records.due(self.now)
        for item in due:
            if item.task:
                self.engine.tasks.run(item.response_id, item.task)
            else:
                self.engine.handle(item.response_id)
        return bool(due)

    def run(self, *, until: Callable[[], bool] | None = None, limit: timedelta = timedelta(hours=2)) -> None:
        """Run until nothing is due any more, or `until` says so, or the time is up."""
        ends_at = self.now + limit
        while not (until and until()):
            if self.step():
                continue
            later = self.records.due(ends_at)
            if not later:
                return
            self.now = max(self.now, later[0].due_at)
        return

    def response(self, response_id: str) -> Response:
        return self.records.read(responses=[response_id]).states[response_id].response

    def events(self, response_id: str) -> list[Event]:
        return list(self.records.events(response_id))

    def codes(self, response_id: str) -> list[str]:
        return [event.code for event in self.events(response_id)]

    def _told(self, at: datetime | None) -> Told:
        if at is None:
            found = self.workloads.read(CHECKOUT)
            told = self.shop.told(found.image if found else None)
            override = {
                s: v if isinstance(v, Reading) else Reading.number(v) for s, v in self.override.items()
            }
            return replace(told, readings={**told.readings, **override})
        before = [image for since, image in self._images if since < at]
        return self.shop.told(before[-1] if before else None)


def an_alert(
    signal: Signal | None = Signal.ERROR_RATE,
    value: float | None = 0.25,
    *,
    at: datetime,
    deployment: str = "checkout",
    firing: bool = True,
    name: str = "HighErrorRate",
    **labels: str,
) -> Alert:
    return Alert(
        source="alertmanager",
        fingerprint=f"{name}-{deployment}",
        starts_at=at,
        firing=firing,
        name=name,
        labels={"alertname": name, "namespace": "production", "deployment": deployment, **labels},
        signal=signal,
        reading=Reading.number(value) if value is not None else Reading.unknown("no value"),
        summary="errors",
    )
