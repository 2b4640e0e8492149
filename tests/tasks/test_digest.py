from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shared.domain.digests import Period, Sort
from shared.domain.reasons import Reason
from shared.domain.response import Event, Response, Task
from shared.engine.tasks import TaskRunner
from shared.messages import digest as wording
from shared.ports import Commit, Lease, Message, State, Versioned
from shared.tasks.digest import Arm, Digest
from tests.domain.examples import CHOICE, a_response
from tests.fakes.people import FakePeople
from tests.fakes.records import FakeRecords

BERLIN = ZoneInfo("Europe/Berlin")
MORNING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
"""Nine o'clock in Berlin."""


@dataclass
class Office:
    """A task runner with digests, told through two channels; `now` is the clock."""

    now: datetime = MORNING + timedelta(hours=4)
    records: FakeRecords = field(default_factory=FakeRecords)
    chat: FakePeople = field(default_factory=FakePeople)
    log: FakePeople = field(default_factory=FakePeople)
    made: int = 0

    def __post_init__(self) -> None:
        channels = {"chat": self.chat, "log": self.log}
        self.runner = TaskRunner(
            self.records,
            {"arm": Arm(tuple(channels), lambda team: BERLIN if team == "shop" else UTC)},
            lambda: self.now,
            lone={"digest": Digest(self.records, channels, wording.compose)},
        )

    def happens(self, code: str, facts: dict[str, Any] | None = None, **fields: Any) -> Response:
        """Store a response with the task that its event owes, if it owes one."""
        self.made += 1
        made = a_response(id=f"r-{self.made}", team="shop", started_at=self.now)
        response = replace(made, **fields)
        event = Event(1, 0, self.now, response.phase, code, "backout", facts or {})
        task = wording.arming(response, event)
        state = State(response, 1, Lease(), None, 1, f"c-{self.made}")
        lost = self.records.commit(Commit(state, 0, None, (event,), tasks=(task,) if task else ()))
        assert lost is None
        return response

    def refused(self, reason: Reason = Reason.MODE_OBSERVE, **fields: Any) -> Response:
        known = {"phase": "refused", "ended_at": self.now, "reason": reason}
        return self.happens("ended", **{**known, **fields})

    def asks(self, *reasons: Reason, **fields: Any) -> Response:
        facts = {"asks": ", ".join(reasons)}
        known: dict[str, Any] = {"phase": "approve", "asks": reasons, "choice": CHOICE}
        return self.happens("asked", facts, **{**known, **fields})

    def sweep(self, at: datetime | None = None) -> None:
        """Move the clock and run what is due, and what follows from it."""
        self.now = at or self.now
        for _ in range(3):
            for due in self.records.due(self.now):
                if due.task:
                    self.runner.run(due.response_id, due.task)


@pytest.fixture
def office() -> Office:
    return Office()


NEXT = MORNING + timedelta(days=1)


def test_a_days_refusals_are_one_message_at_nine_by_the_teams_clock(office: Office) -> None:
    for minutes in range(3):
        office.now += timedelta(minutes=minutes)
        office.refused()
        office.sweep()
    office.refused(Reason.NAMESPACE_NOT_ALLOWED, service="search")

    office.sweep(NEXT - timedelta(seconds=1))
    assert office.chat.told == []
    office.sweep(NEXT + timedelta(minutes=1))
    office.sweep(NEXT + timedelta(minutes=2))

    [message] = office.chat.told
    assert message.title == "team shop, 2026-03-03: 4 responses decided on and not acted on"
    assert message.team == "shop"
    assert "checkout (production/deployment/checkout), 3 times. Else: rolled back now 3." in message.lines[0]
    assert message.lines[0].endswith("Last: r-3")
    assert message.lines[1].startswith("search")
    assert len(office.log.told) == 1


def test_each_team_and_each_day_has_its_own(office: Office) -> None:
    office.refused()
    office.refused(team="search")
    office.sweep()
    office.sweep(NEXT + timedelta(minutes=1))
    office.refused()
    office.sweep()
    office.sweep(NEXT + timedelta(days=1, minutes=1))

    assert office.chat.titles == [
        "team shop, 2026-03-03: 1 response decided on and not acted on",
        "team search, 2026-03-03: 1 response decided on and not acted on",
        "team shop, 2026-03-04: 1 response decided on and not acted on",
    ]


def test_a_refusal_at_nine_sharp_is_the_next_days(office: Office) -> None:
    office.now = MORNING - timedelta(microseconds=1)
    before = office.refused()
    office.sweep()
    office.now = MORNING
    after = office.refused()
    office.sweep()

    office.sweep(MORNING + timedelta(minutes=1))
    office.sweep(NEXT + timedelta(minutes=1))

    assert [message.lines[0].rpartition("Last: ")[2] for message in office.chat.told] == [before.id, after.id]


def test_the_clock_that_is_put_forward_moves_nothing(office: Office) -> None:
    office.now = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)
    office.refused()
    office.sweep()

    office.sweep(datetime(2026, 3, 29, 7, 0, 9, tzinfo=UTC))
    assert office.chat.told == []
    office.sweep(datetime(2026, 3, 29, 7, 0, 10, tzinfo=UTC))
    assert len(office.chat.told) == 1


def test_what_people_expected_to_be_done_is_told_by_itself(office: Office) -> None:
    office.refused(Reason.APPROVAL_EXPIRED)
    office.refused(Reason.NOT_FOUND)
    office.asks(Reason.MODE_APPROVE)

    office.sweep(NEXT + timedelta(minutes=1))

    assert office.chat.told == []


def test_a_storm_is_one_message_on_each_channel(office: Office) -> None:
    asked = [office.asks(Reason.STORM, service=f"service-{n}") for n in range(20)]
    office.asks(Reason.STORM, team="search")

    office.sweep()
    office.sweep(office.now + timedelta(seconds=45))

    assert len(office.chat.told) == len(office.log.told) == 2
    message = next(m for m in office.chat.told if m.team == "shop")
    assert message.title == "storm: 20 workloads of team shop wait for a word; a common cause is likely"
    assert message.severity == "P0"
    assert all(any(f"backout approve {r.id} " in line for line in message.lines) for r in asked)


def test_every_question_of_a_storm_is_in_a_message_that_comes_after_it(office: Office) -> None:
    told: dict[str, bool] = {}
    for _ in range(12):
        response = office.asks(Reason.STORM)
        told[response.id] = False
        office.sweep(office.now + timedelta(seconds=10))
    office.sweep(office.now + timedelta(minutes=2))

    for message in office.chat.told:
        told |= {id_: True for id_ in told if any(f"approve {id_} " in line for line in message.lines)}
    assert all(told.values())
    assert len(office.chat.told) <= 6


def test_a_storm_that_has_been_answered_is_not_told(office: Office) -> None:
    office.asks(Reason.STORM, phase="refused", ended_at=office.now, reason=Reason.APPROVAL_EXPIRED)

    office.sweep()
    office.sweep(office.now + timedelta(minutes=1))

    assert office.chat.told == []


def test_a_digest_that_fails_comes_again_and_another_channel_does_not_wait(office: Office) -> None:
    office.refused()
    office.sweep()
    office.chat.fails(2)

    office.sweep(NEXT + timedelta(minutes=1))
    assert (len(office.chat.told), len(office.log.told)) == (0, 1)
    for minutes in range(2, 6):
        office.sweep(NEXT + timedelta(minutes=minutes))

    assert (len(office.chat.told), len(office.log.told)) == (1, 1)


def test_a_long_digest_says_how_much_it_leaves_out() -> None:
    period = Period(Sort.DAILY, "", MORNING, NEXT, "2026-03-03")
    responses: Sequence[Response] = [
        a_response(id=f"r-{n}", service=f"service-{n:02}", reason=Reason.MODE_OBSERVE) for n in range(50)
    ]

    message: Message = wording.compose(Task("digest", "d", "digest", None), period, responses)

    assert len(message.lines) == wording.MOST_LINES + 1
    assert message.lines[-1].startswith("and 20 more")
    assert message.title.startswith("services without a team")


def test_a_kind_that_needs_no_response_is_run_without_one_and_any_other_is_not(office: Office) -> None:
    tasks = [Task("none", kind, kind, office.now, {"channel": "gone"}) for kind in ("digest", "arm")]
    for task in tasks:
        office.records.put_task(Versioned(task, 0))

    office.sweep()

    lone, owed = (office.records.task("none", task.name) for task in tasks)
    assert lone is not None
    assert lone.value.result == "given up: the channel gone is not configured any more"
    assert owed is not None
    assert owed.value.attempts == 0
