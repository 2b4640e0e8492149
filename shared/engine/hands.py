"""Hands: a response with its lease in hand, drafts of what it becomes, and the commit that stores them.

take ──► run, run, … (drafts pile up in memory; the world is only read)
          └──► commit: state + events + tasks + workload record, if version and owner are still ours
                 ├─ stored            go on
                 ├─ lost to a join    the same draft on top of what was heard, or read again
                 └─ lost to a worker  stop at once: it is theirs
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from uuid import uuid4

from shared.domain.changes import Scalar
from shared.domain.reasons import Reason
from shared.domain.records import Freezes, Storm, WorkloadRecord
from shared.domain.response import Event, Response, Task
from shared.domain.steps import Case
from shared.domain.workloads import WorkloadRef
from shared.errors import TemporaryError
from shared.ports import Commit, Held, Lease, Records, State, Versioned

LEASE = timedelta(seconds=60)
"""How long a worker may go without a commit; every outside call ends well before."""

RENEW_BELOW = timedelta(seconds=45)
"""A step is only run with at least this much of the lease left: its calls end before the lease does.

The longest is assess: a look, and then how each candidate did, one after the other.
"""

TasksFor = Callable[[Response, Event], Sequence[Task]]
"""Says which tasks an event gives rise to."""


class Stored(Enum):
    """What came of a commit."""

    YES = auto()
    AGAIN = auto()  # something else moved under the same owner: the drafts were dropped, run again
    NO = auto()  # another owner has it, or it has ended: stop at once


@dataclass
class Hand:
    """A lease in hand. Mutable, and never leaves the call that took it."""

    owner: str
    state: State
    response: Response
    workload: Versioned[WorkloadRecord]
    record: WorkloadRecord
    freezes: Versioned[Freezes]
    storm: Versioned[Storm]
    pending: list[Event] = field(default_factory=list)

    @classmethod
    def of(cls, held: Held, owner: str) -> "Hand":
        """Return a hand with no drafts."""
        return cls(
            owner=owner,
            state=held.state,
            response=held.state.response,
            workload=held.workload,
            record=held.workload.value,
            freezes=held.freezes,
            storm=held.storm,
        )

    def become(self, fresh: "Hand") -> None:
        """Drop the drafts and take over what was read again."""
        self.state, self.response, self.pending = fresh.state, fresh.response, []
        self.workload, self.record = fresh.workload, fresh.record
        self.freezes, self.storm = fresh.freezes, fresh.storm

    @property
    def case(self) -> Case:
        """The drafts, as a step sees them."""
        return Case(self.response, self.record, self.freezes.value, self.storm.value)

    def note(self, at: datetime, code: str, facts: Mapping[str, Scalar], *, by: str = "backout") -> None:
        """Draft an event; its number comes with the commit."""
        self.pending.append(Event(0, 0, at, self.response.phase, code, by, dict(facts)))

    def remaining(self, now: datetime) -> timedelta:
        """Return how much of the lease is left."""
        return (self.state.lease.until or now) - now


def numbered(drafts: Sequence[Event], *, version: int, last_event: int) -> tuple[Event, ...]:
    """Return the events with the versions they bring, each naming the one before it."""
    events = []
    for offset, draft in enumerate(drafts, start=1):
        event = replace(draft, number=version + offset, previous=last_event)
        last_event = event.number
        events.append(event)
    return tuple(events)


@dataclass(frozen=True)
class Committer:
    """Stores what a hand holds."""

    records: Records
    tasks_for: TasksFor

    def commit(
        self,
        hand: Hand,
        now: datetime,
        *,
        due_at: datetime | None,
        release: bool,
        storm: Storm | None = None,
        claims: tuple[Versioned[WorkloadRecord], ...] = (),
        test_freezes: bool = False,
    ) -> Stored:
        """Store the drafts in one transaction; `release` gives the lease back with it."""
        for _ in range(20):
            commit = self._built(
                hand, now, due_at=due_at, release=release, storm=storm, test_freezes=test_freezes
            )
            commit = replace(commit, claims=claims)
            lost = self.records.commit(commit)
            if lost is None:
                self._keep(hand, commit)
                return Stored.YES
            fresh = self.reread(hand)
            if fresh is None:
                return Stored.NO
            if fresh.state.commit_id == commit.state.commit_id:
                self._keep(hand, commit)
                return Stored.YES
            if not (lost.parts <= {"state", "event"} and _rebases(fresh.state.response, hand.response)):
                hand.become(fresh)
                return Stored.AGAIN
            hand.state = fresh.state
            hand.response = replace(hand.response, heard=fresh.state.response.heard)
        raise TemporaryError(
            f"response {hand.response.id} was joined again and again while it was stored",
            reason=Reason.INTERNAL,
        )

    def reread(self, hand: Hand) -> Hand | None:
        """Read everything again; None when the response is no longer this owner's."""
        held = read_held(self.records, hand.response.id, hand.response.workload)
        if held is None or held.state.lease.owner != hand.owner or not held.state.response.live:
            return None
        return Hand.of(held, hand.owner)

    def _built(
        self,
        hand: Hand,
        now: datetime,
        *,
        due_at: datetime | None,
        release: bool,
        storm: Storm | None,
        test_freezes: bool,
    ) -> Commit:
        before = hand.state
        events = numbered(hand.pending, version=before.version, last_event=before.last_event)
        lease = Lease() if release else Lease(hand.owner, now + LEASE)
        state = State(
            response=hand.response,
            version=before.version + max(1, len(events)),
            lease=lease,
            due_at=due_at if release else lease.until,
            last_event=events[-1].number if events else before.last_event,
            commit_id=uuid4().hex,
        )
        changed = hand.record != hand.workload.value
        cluster = hand.response.workload.cluster
        return Commit(
            state=state,
            version_before=before.version,
            owner_before=before.lease.owner,
            events=events,
            workload=Versioned(hand.record, hand.workload.version) if changed else None,
            storm=(cluster, Versioned(storm, hand.storm.version)) if storm is not None else None,
            freezes_version=hand.freezes.version if test_freezes else None,
            tasks=tuple(task for event in events for task in self.tasks_for(hand.response, event)),
        )

    @staticmethod
    def _keep(hand: Hand, commit: Commit) -> None:
        hand.state = commit.state
        hand.pending = []
        if commit.workload is not None:
            hand.workload = Versioned(hand.record, commit.workload.version + 1)
        if commit.storm is not None:
            hand.storm = Versioned(commit.storm[1].value, commit.storm[1].version + 1)


def _rebases(stored: Response, draft: Response) -> bool:
    """Return whether what joined meanwhile can wait until the next look; no end may overtake an alert."""
    heard, before = stored.heard, draft.heard
    return draft.live and heard.words == before.words and heard.all_resolved == before.all_resolved


def read_held(records: Records, response_id: str, ref: WorkloadRef) -> Held | None:
    """Read a response and all that the table knows around it, in one call; None when there is none such."""
    view = records.read(responses=[response_id], workloads=[ref], freezes=True, storm=ref.cluster)
    state = view.states.get(response_id)
    return Held(state, view.workloads[ref], view.freezes, view.storm) if state is not None else None
