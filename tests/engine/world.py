"""A whole world in one process: the real door and engine between fakes of everything outside.

Time is the world's own: `run` handles what is queued, then moves the clock to what is due next. Every call
to the outside passes `on_call` before and after, so that a test can kill a worker there or hold it up.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shared.bootstrap import Door, Engine, Outside
from shared.bootstrap.observing import ObservedRecords
from shared.domain.alerts import Alert
from shared.domain.changes import RestoreRevision, RollBackByOwner
from shared.domain.escalation import Level
from shared.domain.guardrails import Rails
from shared.domain.meetings import Hours
from shared.domain.owners import Ownership
from shared.domain.records import WorkloadRecord
from shared.domain.response import Event, Order, Response, Step, Wanted
from shared.domain.services import Mode, Service, Timing
from shared.domain.signals import Reading, Signal
from shared.domain.workloads import Owner, Workload, WorkloadRef
from shared.engine.accepting import Answer, Request
from shared.engine.joining import Said
from shared.engine.sorting import requests_of
from shared.errors import TemporaryError
from shared.ports import Due, Held, Measured
from shared.settings import (
    Contact,
    FollowUps,
    Gate,
    GitHub,
    PagerDuty,
    People,
    Report,
    ReportIssue,
    SecretRef,
    Secrets,
    Settings,
    Slack,
    StatusPage,
    Team,
)
from shared.settings.model import Meetings, Smtp
from shared.subjects import Spans, about
from tests.fakes.barriers import FakeBarrier, FakeDeployments, FakeReviews
from tests.fakes.caller import FakeCaller
from tests.fakes.flags import FakeFlags
from tests.fakes.health import FakeHealth
from tests.fakes.jobs import FakeCaches, FakeDatabases, FakeJobs
from tests.fakes.meetings import FakeMeetings
from tests.fakes.metrics import FakeMetrics
from tests.fakes.outlooks import FakeAlerts, FakeComplaints, FakeLogs
from tests.fakes.owners import FakeOwner
from tests.fakes.people import FakePeople
from tests.fakes.records import FakeRecords, Moment
from tests.fakes.repositories import FakeRepositories
from tests.fakes.signals import FakeSignals, Told
from tests.fakes.trackers import FakeShelf, FakeTracker
from tests.fakes.workloads import FakeWorkloads

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
CHECKOUT = WorkloadRef("test", "production", "deployment", "checkout")
GOOD, BAD = "shop:1.4.1", "shop:1.4.2"
WORKING = Hours(ZoneInfo("Europe/Berlin"))
INVITES = Meetings(Smtp("127.0.0.1"), "backout@example.com")
QUICK = Timing(poll=30.0, scrape=5.0, stabilise=120.0)

Hook = Callable[[str, Moment], None]


CHANNELS = ("slack", "pagerduty", "pagerduty_changes", "github", "status_page", "webhook")

_NOBODY = SecretRef("env:NOT_LOOKED_UP")
CONNECTED: dict[str, Any] = {
    "slack": Slack(_NOBODY, "C0TEST"),
    "pagerduty": PagerDuty(_NOBODY, "bot@example.com", routing_key=_NOBODY),
    "github": GitHub(_NOBODY),
    "status_page": StatusPage("statuspage", "http://127.0.0.1"),
    "people": People(webhook=_NOBODY),
    "teams": {"shop": Team(escalation={level.value: Contact(slack="<@U1>") for level in Level})},
}
"""Settings under which every channel and every level is configured; the adapters are the world's fakes."""

PAPERS: dict[str, Any] = {
    "github": GitHub(_NOBODY),
    "report": Report(ReportIssue("shop/incidents", "incident.yml", ("incident",)), "/reports"),
    "follow_ups": FollowUps(in_github=True, repository="shop/incidents"),
}
"""Settings under which reports and follow-ups are filed."""


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


class Cluster(FakeWorkloads):
    """A cluster that remembers which image ran since when, whoever changed it."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__("test", now=now)
        self._at = now
        self.ran: defaultdict[WorkloadRef, list[tuple[datetime, str]]] = defaultdict(list)

    def put(self, workload: Workload) -> Workload:
        known = self.ran[workload.ref]
        if not known or known[-1][1] != workload.image:
            known.append((self._at(), workload.image))
        return super().put(workload)


class ShopSignals(FakeSignals):
    """A signal source that answers for each service by what it runs."""

    def __init__(self, told: Callable[[Service, datetime | None], Told]) -> None:
        super().__init__()
        self._told = told
        self.profiles: list[str] = []

    def measure(
        self,
        service: Service,
        wanted: Collection[Signal],
        *,
        at: datetime | None = None,
        p95_before: Reading | None = None,
    ) -> Measured:
        source = FakeSignals(lambda moment: self._told(service, moment), window_seconds=self.window_seconds)
        source.calls = self.calls
        self.profiles.append(service.profile)
        return source.measure(service, wanted, at=at, p95_before=p95_before)


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


class _Owners:
    """The world's one owner, if it has one."""

    def __init__(self, world: "World") -> None:
        self._world = world

    def look(self, workload: Workload) -> Ownership | None:
        return self._world.owner.look(workload) if self._world.owner is not None else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.owner, name)


class World:
    """Fakes, a door and an engine, and a shop whose readings follow the image that runs.

    `override` are live readings that do not follow it; with `blind` nothing can be measured now. With
    `connected` people are told by every channel there is and called by every level, else by the log alone.
    `papers` are the settings by which reports and follow-ups are filed. With `invites` the team ``shop`` is
    invited to meetings within `hours`. `gate` is what enforces deploy gates; all services have one place
    there. `peek` is the table as a test may look at it without that counting as a call. `skew` is how far the
    clock of a process that is started from now on is ahead.
    """

    def __init__(
        self,
        services: Sequence[Service] | None = None,
        *,
        readings: dict[str, dict[Signal, float]] | None = None,
        rails: Rails | None = None,
        local: bool = True,
        connected: bool = False,
        papers: Mapping[str, Any] | None = None,
        invites: Meetings | None = None,
        hours: Hours = WORKING,
        gate: Gate | None = None,
    ) -> None:
        self.now = START
        self.skew = timedelta()
        self.calls = Calls()
        self.shop = Shop({BAD: BROKEN} if readings is None else readings)
        self.records = FakeRecords(lambda name, moment: self.calls(f"records.{name}", moment))
        self.peek = FakeRecords()
        self.peek._items, self.peek._lock = self.records._items, self.records._lock
        self.workloads = Cluster(lambda: self.now)
        self.signals = ShopSignals(self._told)
        self.health = FakeHealth()
        self.people = FakePeople()
        self.channels = {name: FakePeople() for name in CHANNELS} if connected else {"log": self.people}
        self.caller = FakeCaller()
        self.owner: FakeOwner | None = None
        self.repositories = FakeRepositories()
        self.jobs, self.databases, self.caches = FakeJobs(), FakeDatabases(), FakeCaches()
        self.flags, self.meetings = FakeFlags(), FakeMeetings()
        self.tracker, self.shelf = FakeTracker(), FakeShelf()
        self._papers = papers or {}
        self._connected, self._invites, self.hours = connected, invites, hours
        self._gate = gate or Gate()
        places = {service.name: "shop/checkout" for service in services or (a_service(),)}
        self.barriers = {name: FakeBarrier(dict(places)) for name in ("github", "argo_cd")}
        self.deployments, self.reviews = FakeDeployments(), FakeReviews()
        self.logs, self.alerts, self.complaints = FakeLogs(), FakeAlerts(), FakeComplaints()
        self.queue = FakeQueue()
        self.metrics = FakeMetrics()
        self.spans: Spans = about
        self.services = tuple(services or (a_service(),))
        self._rails = rails or Rails(namespaces=("production",))
        self._local = local
        self.door, self.engine = self.started()
        self.override: dict[Signal, Reading | float] = {}
        self.blind = False
        self.errors: list[TemporaryError] = []

    def started(self) -> tuple[Door, Engine]:
        """Return a fresh process: nothing in memory of the one before."""
        settings = Settings(
            cluster="test",
            defaults=a_service(
                name="", workload=WorkloadRef("test", "", "", ""), match={}, mode=Mode.OBSERVE
            ),
            services=self.services,
            rails=self._rails,
            **{**(CONNECTED if self._connected else {}), **self._papers, **self._inviting()},
            gate=self._gate,
        )
        queue = Hooked(self.queue, "queue", self.calls)
        owner = "door" if self._local else None
        records = ObservedRecords(self.records, self.metrics)
        skew = self.skew
        door = Door(
            settings, Secrets(), records, queue, lambda: self.now + skew, owner, self.metrics, self.spans
        )
        outside = Outside(
            workloads=Hooked(self.workloads, "cluster", self.calls),
            signals=Hooked(self.signals, "signals", self.calls),
            health=Hooked(self.health, "health", self.calls),
            channels={
                name: Hooked(each, "people" if name == "log" else name, self.calls)
                for name, each in self.channels.items()
            },
            caller=Hooked(self.caller, "caller", self.calls),
            owners=Hooked(_Owners(self), "owners", self.calls),
            repositories=Hooked(self.repositories, "repositories", self.calls),
            jobs=Hooked(self.jobs, "jobs", self.calls),
            databases=Hooked(self.databases, "databases", self.calls),
            caches=Hooked(self.caches, "caches", self.calls),
            flags=Hooked(self.flags, "flags", self.calls),
            tracker=Hooked(self.tracker, "tracker", self.calls),
            shelf=Hooked(self.shelf, "shelf", self.calls),
            meetings=Hooked(self.meetings, "meetings", self.calls),
            barriers={
                name: Hooked(barrier, f"{name} barrier", self.calls)
                for name, barrier in self.barriers.items()
            },
            deployments=Hooked(self.deployments, "deployments", self.calls),
            reviews=Hooked(self.reviews, "reviews", self.calls),
            logs=Hooked(self.logs, "logs", self.calls),
            alerts=Hooked(self.alerts, "alerts", self.calls),
            complaints=[Hooked(self.complaints, "complaints", self.calls)],
        )
        return door, Engine(door, outside)

    def _inviting(self) -> dict[str, Any]:
        """Return the settings under which the team `shop` is invited to meetings."""
        if self._invites is None:
            return {}
        team = Team(timezone=str(self.hours.zone), hours=self.hours, attendees=("ann@example.com",))
        return {"meetings": self._invites, "teams": {"shop": team}}

    def own(self, ref: WorkloadRef = CHECKOUT, **fields: Any) -> FakeOwner:
        """Have an Argo CD application manage a workload, which syncs and rolls back by its own history."""
        found = self.workloads.read(ref)
        assert found is not None
        self.workloads.put(replace(found, owner=Owner("Argo CD", "shop", undoes_us=True, why="it syncs")))
        state = Ownership("Argo CD", "argocd", "shop", running=True, version="1", before="{}", by_owner=True)
        self.owner = FakeOwner(
            replace(state, **fields),
            history={"1": GOOD, "2": found.image},
            rolls_back=lambda image: self.workloads.roll_back(ref, image),
        )
        return self.owner

    def restart(self) -> None:
        """Replace the process, and lose what it had in memory."""
        self.queue.sent = deque((id_, None) for id_, _ in self.queue.sent)
        self.door, self.engine = self.started()

    def sleep(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    def deploy(self, image: str, ref: WorkloadRef = CHECKOUT) -> None:
        self.workloads.deploy(ref, image)

    def story(self, image: str = BAD) -> None:
        """A good version of every service for a day, then another, and two minutes later it is now."""
        for service in self.services:
            self.deploy(GOOD, service.workload)
        self.sleep(days=1)
        for service in self.services:
            self.deploy(image, service.workload)
        self.sleep(minutes=2)

    def interrupt(self, name: str, moment: Moment, act: Callable[[], object], *, nth: int = 1) -> None:
        """Do something once, before or after the nth call from now on of that name."""
        seen = 0

        def hook(called: str, when: Moment) -> None:
            nonlocal seen
            seen += (called, when) == (name, moment)
            if seen == nth:
                self.calls.on_call = lambda name, moment: None
                act()

        self.calls.on_call = hook

    def image(self, ref: WorkloadRef = CHECKOUT) -> str:
        found = self.workloads.read(ref)
        assert found is not None
        return found.image

    def rollbacks(self, ref: WorkloadRef = CHECKOUT) -> int:
        """How often the cluster's template was put back, by its own count."""
        changes = [*self.workloads.applied, *(self.owner.applied if self.owner else ())]
        made = [c for c in changes if isinstance(c, RestoreRevision | RollBackByOwner)]
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

    def say(self, response_id: str, verb: str) -> Said:
        return self.door.listener.say(response_id, verb, by="alice")

    def step(self) -> bool:
        """Handle what is queued, or what is due now; say whether there was anything.

        What fails for the time being is left to the sweep, as the worker does.
        """
        if self.queue.sent:
            response_id, held = self.queue.sent.popleft()
            self._bearing(lambda: self.engine.handle(response_id, held))
            return True
        due = self.records.due(self.door.clock())
        for item in due:
            self._bearing(lambda item=item: self._swept(item))  # type: ignore[misc]
        return bool(due)

    def _swept(self, item: Due) -> None:
        if item.task:
            self.engine.tasks.run(item.response_id, item.task)
        else:
            self.engine.handle(item.response_id)

    def _bearing(self, work: Callable[[], object]) -> None:
        try:
            work()
        except TemporaryError as error:
            self.errors.append(error)
            self.sleep(seconds=1)

    def run(self, *, until: Callable[[], bool] | None = None, limit: timedelta | None = None) -> None:
        """Run until nothing is due any more, or `until` says so, or for as long as `limit` says."""
        ends_at = self.now + (limit or timedelta(hours=2))
        while not (until and until()):
            if self.step():
                continue
            later = self.records.due(ends_at)
            if not later:
                self.now = ends_at if limit else self.now
                return
            self.now += max(timedelta(), later[0].due_at - self.door.clock())

    def run_to(self, response_id: str, phase: Step) -> None:
        """Run until the response is stored in that phase."""
        self.run(until=lambda: self.response(response_id).phase == phase)
        assert self.response(response_id).phase == phase, self.codes(response_id)

    def ended(self, response_id: str) -> tuple[str, str | None]:
        """Run to the end; return how it ended: outcome and reason."""
        self.run()
        response = self.response(response_id)
        assert not response.live, self.codes(response_id)
        return response.phase, response.reason

    def lasted(self, response_id: str, since: datetime) -> timedelta:
        """Return how long after a time the response ended; tasks go on after that."""
        ended_at = self.response(response_id).ended_at
        assert ended_at is not None
        return ended_at - since

    def record(self, ref: WorkloadRef = CHECKOUT) -> WorkloadRecord:
        return self.records.read(workloads=[ref]).workloads[ref].value

    def response(self, response_id: str) -> Response:
        return self.records.read(responses=[response_id]).states[response_id].response

    def events(self, response_id: str) -> list[Event]:
        return list(self.records.events(response_id))

    def codes(self, response_id: str) -> list[str]:
        return [event.code for event in self.events(response_id)]

    def _told(self, service: Service, at: datetime | None) -> Told:
        ran = self.workloads.ran[service.workload]
        if at is not None:
            before = [image for since, image in ran if since < at]
            return self.shop.told(before[-1] if before else None)
        if self.blind:
            return Told()
        told = self.shop.told(ran[-1][1] if ran else None)
        override = {s: v if isinstance(v, Reading) else Reading.number(v) for s, v in self.override.items()}
        return replace(told, readings={**told.readings, **override})


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
