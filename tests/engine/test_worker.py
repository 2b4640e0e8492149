"""The worker of one process, with its real threads: waited for by conditions, never by a guess."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.response import Task
from shared.engine.worker import Worker
from shared.errors import TemporaryError
from shared.ports import Held, Versioned
from tests.fakes.records import FakeRecords

WAIT_SECONDS = 20.0


def now() -> datetime:
    return datetime.now(UTC)


class Handled:
    """What the worker was made to handle; `then` says what comes of the nth."""

    def __init__(self, then: Callable[[int], datetime | None] = lambda nth: None) -> None:
        self.then = then
        self.ids: list[str] = []
        self.held: list[Held | None] = []
        self.tasks: list[tuple[str, str]] = []
        self.at: list[datetime] = []
        self.changed = threading.Condition()

    def handle(self, response_id: str, held: Held | None) -> datetime | None:
        with self.changed:
            self.ids.append(response_id)
            self.held.append(held)
            self.at.append(now())
            nth = len(self.ids)
            self.changed.notify_all()
        return self.then(nth)

    def run_task(self, response_id: str, name: str) -> None:
        with self.changed:
            self.tasks.append((response_id, name))
            self.changed.notify_all()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, WAIT_SECONDS), (self.ids, self.tasks)


@contextmanager
def running(
    handled: Handled, records: FakeRecords | None = None, *, sweep_seconds: float = 60.0, threads: int = 2
) -> Iterator[Worker]:
    worker = Worker(threads=threads, sweep_seconds=sweep_seconds)
    worker.start(
        handle=handled.handle, run_task=handled.run_task, records=records or FakeRecords(), clock=now
    )
    try:
        yield worker
    finally:
        worker.close()


def owe(records: FakeRecords, *names: str, at: datetime | None = None) -> None:
    for name in names:
        task = Task("r1", name, "tell", at or now(), created_at=now())
        assert records.put_task(Versioned(task, 0))


def test_what_is_sent_is_handled() -> None:
    handled = Handled()
    with running(handled) as worker:
        for response_id in ("r1", "r2", "r3"):
            worker.send(response_id)
        handled.wait_for(lambda: len(handled.ids) == 3)
    assert sorted(handled.ids) == ["r1", "r2", "r3"]


def test_a_delay_is_kept() -> None:
    handled = Handled()
    with running(handled) as worker:
        sent_at = now()
        worker.send("late", delay_seconds=0.2)
        worker.send("soon")
        handled.wait_for(lambda: len(handled.ids) == 2)
    assert handled.ids == ["soon", "late"]
    assert handled.at[1] - sent_at >= timedelta(seconds=0.2)


def test_what_is_due_again_is_handled_again_at_its_time() -> None:
    due: list[datetime] = []

    def then(nth: int) -> datetime | None:
        if nth == 1:
            due.append(now() + timedelta(seconds=0.15))
        return due[0] if nth == 1 else None

    handled = Handled(then)
    with running(handled) as worker:
        worker.send("r1")
        handled.wait_for(lambda: len(handled.ids) == 2)
    assert handled.at[1] >= due[0]


def test_several_messages_of_one_response_do_not_go_on_for_ever() -> None:
    """Each handling says when it is due again; a message that is there already will do."""
    ends_at = now() + timedelta(seconds=0.3)

    def then(nth: int) -> datetime | None:
        return ends_at if now() < ends_at else None

    handled = Handled(then)
    with running(handled, threads=1) as worker:
        for _ in range(20):
            worker.send("r1")
        handled.wait_for(lambda: len(handled.ids) >= 20)
        handled.wait_for(lambda: handled.at[-1] >= ends_at)
    assert len(handled.ids) == 21


def test_the_sweep_finds_what_is_due() -> None:
    records = FakeRecords()
    owe(records, "tell#1")
    owe(records, "tell#2", at=now() + timedelta(hours=1))
    handled = Handled()
    with running(handled, records, sweep_seconds=0.02):
        handled.wait_for(lambda: bool(handled.tasks))
    assert set(handled.tasks) == {("r1", "tell#1")}


def test_a_sweep_that_cannot_read_the_table_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    records = FakeRecords()
    records.fail("due", TemporaryError("the table is away"), TemporaryError("the table is away"))
    owe(records, "tell#1")
    handled = Handled()
    with caplog.at_level(logging.WARNING), running(handled, records, sweep_seconds=0.02):
        handled.wait_for(lambda: bool(handled.tasks))
    assert "the table is away" in caplog.text


@pytest.mark.parametrize("error", [RuntimeError("a defect"), TemporaryError("the table is away")])
def test_an_error_is_logged_and_stops_nothing(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    def then(nth: int) -> datetime | None:
        if nth == 1:
            raise error
        return None

    handled = Handled(then)
    with caplog.at_level(logging.WARNING), running(handled, threads=1) as worker:
        worker.send("r1")
        handled.wait_for(lambda: len(handled.ids) == 1)
        worker.send("r2")
        worker.send("r1")
        handled.wait_for(lambda: len(handled.ids) == 3)
    assert handled.ids == ["r1", "r2", "r1"]
    assert "left for the sweep" in caplog.text


def test_responses_are_handled_side_by_side() -> None:
    together = threading.Barrier(2, timeout=WAIT_SECONDS)

    def then(nth: int) -> datetime | None:
        together.wait()
        return None

    handled = Handled(then)
    with running(handled, threads=2) as worker:
        worker.send("r1")
        worker.send("r2")
        handled.wait_for(lambda: len(handled.ids) == 2)
    assert not together.broken


def test_close_waits_for_what_is_under_way_and_ends_every_thread() -> None:
    before = set(threading.enumerate())
    go_on, finished = threading.Event(), threading.Event()

    def then(nth: int) -> datetime | None:
        assert go_on.wait(WAIT_SECONDS)
        finished.set()
        return now()

    handled = Handled(then)
    worker = Worker(threads=2, sweep_seconds=60.0)
    worker.start(handle=handled.handle, run_task=handled.run_task, records=FakeRecords(), clock=now)
    worker.send("r1")
    worker.send("never", delay_seconds=3600.0)
    handled.wait_for(lambda: handled.ids == ["r1"])
    closing = threading.Thread(target=worker.close)
    closing.start()
    assert not finished.is_set()
    go_on.set()
    closing.join(WAIT_SECONDS)
    assert not closing.is_alive()
    assert finished.is_set()
    assert handled.ids == ["r1"]
    assert set(threading.enumerate()) <= before


def test_a_worker_that_was_never_started_can_be_closed() -> None:
    Worker().close()
