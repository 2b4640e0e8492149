"""Advance: run a response's steps until one must wait or the response has ended."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain import plans
from shared.domain.changes import Applied, Change, Intent
from shared.domain.reasons import Reason
from shared.domain.records import PastResponse, Storm, WorkloadRecord
from shared.domain.response import Ending, Outcome, Response, Step
from shared.domain.steps import ChangingStep, Done, Intend, Made, Result, RunbookStep, Stop, Wait
from shared.domain.workloads import WorkloadRef
from shared.engine.hands import LEASE, RENEW_BELOW, Committer, Hand, Stored, read_held
from shared.errors import ConfigurationError, PermanentError, TemporaryError
from shared.ports import Clock, Held, Records, State, Versioned
from shared.subjects import Spans, about

MOST_MOVES = 10
MENDING_SECONDS = 10.0
"""How long a fault of the configuration is left alone before it is looked at again."""

IN_TURN = timedelta(seconds=5)
"""When a response looks again whether a younger one has let go of what it is to touch."""

WAITED = "in turn after "
"""Before the id of the response that is waited for: after it everything is assessed again."""

LONGEST_TURN = timedelta(minutes=30)

MOST_TAKEOVERS = 5
"""A step that was taken over so often kills its workers: it is ended rather than tried for ever."""

REFUSALS = frozenset(
    {
        Reason.KIND_NOT_SUPPORTED,
        Reason.NOT_FOUND,
        Reason.NOT_OPTED_IN,
        Reason.NO_CANDIDATE,
        Reason.PAUSED,
        Reason.SCALE_NOT_POSSIBLE,
        Reason.UNKNOWN_SERVICE,
        Reason.MANAGED_BY_OWNER,
        Reason.NOT_REVERTIBLE,
        Reason.NO_REMEDY,
    }
)
"""Reasons by which an adapter says that the world refuses rather than that something is broken."""


@dataclass(frozen=True)
class Advancer:
    """Runs steps. `apply` makes their changes; `owner` makes a name that no other call has.

    `storm_per` is how long a token counts.
    """

    records: Records
    committer: Committer
    steps: Mapping[Step, RunbookStep]
    apply: Callable[[Change], Applied]
    clock: Clock
    owner: Callable[[], str]
    storm_per: timedelta
    spans: Spans = about

    def advance(self, response_id: str, held: Held | None = None) -> datetime | None:
        """Advance a response as far as it goes now; return when it is due again, None when it is not ours.

        `held` is a lease that `accept` took in this process. A response with a live lease, one that is not
        due and one that has ended are left alone. Raises TemporaryError when the table cannot be reached:
        the lease then runs out by itself and the response is found by the sweep.
        """
        with self.spans("advance", response=response_id):
            hand = self._received(held) if held is not None else self._take(response_id)
            if not isinstance(hand, Hand):
                return hand
            while True:
                due_at, going_on = self._turn(hand)
                if not going_on:
                    return due_at

    def _received(self, held: Held) -> Hand | datetime | None:
        owner = held.state.lease.owner
        if owner is None or (held.state.lease.until or self.clock()) <= self.clock():
            return self._take(held.state.response.id)
        return Hand.of(held, owner)

    def _take(self, response_id: str) -> Hand | datetime | None:
        """Take the lease by a commit of its own, which raises the version and shuts out the owner before.

        Returns when the response is due if that is still to come: a message may be early by a clock's hair.
        """
        view = self.records.read(responses=[response_id])
        state = view.states.get(response_id)
        now = self.clock()
        if state is None or not takeable(state, now):
            return state.due_at if state is not None and state.lease.owner is None else None
        held = read_held(self.records, response_id, state.response.workload)
        if held is None or not takeable(held.state, now):
            return None
        hand = Hand.of(held, self.owner())
        if held.state.lease.owner is not None:
            hand.response = replace(hand.response, takeovers=hand.response.takeovers + 1)
            hand.note(now, "taken_over", {"from": held.state.lease.owner})
        stored = self.committer.commit(hand, now, due_at=now + LEASE, release=False)
        return hand if stored is Stored.YES else None

    def _turn(self, hand: Hand) -> tuple[datetime | None, bool]:
        """Do one thing: renew the lease, make a stored intent, or run a step."""
        now = self.clock()
        if hand.remaining(now) < RENEW_BELOW:
            stored = self.committer.commit(hand, now, due_at=None, release=False)
            return None, stored is not Stored.NO
        if hand.response.takeovers > MOST_TAKEOVERS:
            given_up = replace(hand.response, intent=None)
            return self._stop(hand, Stop(given_up, Outcome.FAILED, Reason.INTERNAL, "its workers died"), now)
        if hand.response.intent is not None:
            return self._make(hand, hand.response.intent)
        abort = hand.response.heard.word("abort")
        restoring = hand.response.phase == Step.RESTORE.value
        if abort is not None and not restoring:
            detail = f"{abort.by}: {abort.reason}" if abort.reason else abort.by
            return self._stop(
                hand, Stop(hand.response, Outcome.ABORTED, Reason.ABORTED_BY_PERSON, detail), now
            )
        return self._follow(hand, self._run(hand, now))

    def _run(self, hand: Hand, now: datetime) -> Result:
        step, workload = self.steps[hand.response.step], str(hand.response.workload)
        try:
            with self.spans("run", workload=workload, step=hand.response.phase):
                return step.run(hand.case, now)
        except (TemporaryError, ConfigurationError) as error:
            return self._borne(hand.response, error)
        except PermanentError as error:
            if hand.response.is_down and hand.response.phase == Step.RESTORE:
                lasting = TemporaryError(str(error), reason=error.reason, retry_after=MENDING_SECONDS)
                return self._borne(hand.response, lasting)
            return _refused(hand.response, error)

    def _borne(self, response: Response, error: TemporaryError | ConfigurationError) -> Result:
        """Return a wait while the step's budget lasts, then the end that the fault means.

        A fault of the configuration (a credential that is missing, say) may be mended meanwhile too.
        """
        now = self.clock()
        spent = (now - response.step_started_at).total_seconds()
        pause, reason = MENDING_SECONDS, Reason.INTERNAL
        if isinstance(error, TemporaryError):
            pause, reason = error.retry_after, error.reason
        if spent + pause > self.steps[response.step].budget(response) and not response.is_down:
            outcome = Outcome.INCONCLUSIVE if response.acted else Outcome.FAILED
            return Stop(response, outcome, reason, str(error))
        faulted = replace(response, faults=response.faults + 1)
        code = "fault" if response.faults == 0 else ""
        return Wait(faulted, now + timedelta(seconds=pause), code, {"error": str(error)})

    def _follow(self, hand: Hand, result: Result) -> tuple[datetime | None, bool]:
        now = self.clock()
        if isinstance(result, Intend):
            return self._intend(hand, result, now)
        if isinstance(result, Wait):
            return self._wait(hand, result, now)
        if isinstance(result, Stop):
            return self._stop(hand, result, now)
        return self._done(hand, result, now)

    def _done(self, hand: Hand, result: Done, now: datetime) -> tuple[datetime | None, bool]:
        """Draft the move to the next step; it is stored with the next effect or wait."""
        hand.response = result.response
        hand.record = result.record or hand.record
        if result.code:
            hand.note(now, result.code, result.facts)
        following = result.to or plans.following(result.response.plan, result.response.step)
        if following is None:
            ending = result.response.ending or Ending(
                Outcome.COMPLETED, result.response.reason or Reason.ASSESSED, result.response.detail
            )
            return self._end(hand, ending, now)
        hand.response = result.response.entered(following, now)
        return None, True

    def _wait(self, hand: Hand, result: Wait, now: datetime) -> tuple[datetime | None, bool]:
        hand.response = result.response
        if result.code:
            hand.note(now, result.code, result.facts)
        stored = self.committer.commit(hand, now, due_at=result.until, release=True)
        return result.until, stored is Stored.AGAIN

    def _intend(self, hand: Hand, result: Intend, now: datetime) -> tuple[datetime | None, bool]:
        """Store the intent, and with it the claims of what else the change touches."""
        wanted = [ref for ref in result.claims if ref != result.response.workload]
        claims = self._claims(result.response, wanted, result.notes)
        if not isinstance(claims, tuple):
            return self._follow(hand, _in_turn(result.response, claims, now))
        if result.response.told.startswith(WAITED):
            looking_again = Done(replace(result.response, told=""), "", to=Step.ASSESS)
            return self._follow(hand, looking_again)
        intent = Intent.of(result.change, step=result.response.phase)
        held = dict.fromkeys((*result.response.claims, *wanted))
        hand.response = replace(result.response, intent=intent, claims=tuple(held))
        hand.note(now, "intended", {"change": intent.kind, **result.facts})
        storm: Storm | None = None
        if result.takes_token:
            storm = hand.storm.value.taken(hand.response.id, now, self.storm_per)
        stored = self.committer.commit(
            hand, now, due_at=None, release=False, storm=storm, claims=claims, test_freezes=True
        )
        return None, stored is not Stored.NO

    def _claims(
        self, response: Response, wanted: Sequence[WorkloadRef], notes: Sequence[WorkloadRef]
    ) -> tuple[Versioned[WorkloadRecord], ...] | Response:
        """Return the records of further workloads, claimed, and of owners, with a note in them.

        Where another live response has one of the workloads, that one is returned.
        """
        read = self.records.read(workloads=[*wanted, *notes]).workloads if wanted or notes else {}
        found = {ref: read[ref] for ref in wanted}
        others = [r.value.live for r in found.values() if r.value.live not in (None, response.id)]
        states = self.records.read(responses=[id_ for id_ in others if id_]).states if others else {}
        living = [state.response for state in states.values() if state.response.live]
        if living:
            return min(living, key=lambda other: (other.started_at, other.id))
        past = PastResponse(response.id, response.started_at, response.phase, "")
        noted = [Versioned(read[ref].value.noted(past), read[ref].version) for ref in notes]
        claimed = [
            Versioned(r.value.claimed(response.id), r.version)
            for r in found.values()
            if r.value.live != response.id
        ]
        return (*claimed, *noted)

    def _released(self, hand: Hand, past: PastResponse) -> tuple[Versioned[WorkloadRecord], ...]:
        """Return the records of further workloads without this response's claim.

        Where they were rolled back together with its own, they remember that as that one does.
        """
        response, own = hand.response, hand.record
        found = self.records.read(workloads=response.claims).workloads if response.claims else {}
        freed = []
        for ref, read in found.items():
            if read.value.live != response.id:
                continue
            record = read.value.released(past, good=None, handled=())
            if response.acted and own.restored is not None and own.restored.response_id == response.id:
                template_id = response.together.get(str(ref), "")
                restored = replace(own.restored, from_template_id="", to_template_id=template_id)
                record = replace(record, restored=restored, cooldown_until=own.cooldown_until)
            freed.append(Versioned(record, read.version))
        return tuple(freed)

    def _make(self, hand: Hand, intent: Intent) -> tuple[datetime | None, bool]:
        """Make the change of a stored intent, and store what came of it at once."""
        response = hand.response
        step: ChangingStep = self.steps[Step(intent.step)]  # type: ignore[assignment]
        change = intent.change(response.workload, response.id)
        cleared = replace(response, intent=None, seen=None)
        try:
            with self.spans("apply", workload=str(response.workload), step=intent.step):
                applied = self.apply(change)
            now = self.clock()
            if applied is Applied.MOVED:
                return self._moved(hand, cleared, now)
            case = replace(hand.case, response=cleared)
            made = step.made(case, change, applied, now)
        except (TemporaryError, ConfigurationError) as error:
            return self._follow(hand, self._borne(cleared, error))
        except PermanentError as error:
            return self._follow(hand, _refused(cleared, error))
        return self._record(hand, made, now)

    def _record(self, hand: Hand, made: Made, now: datetime) -> tuple[datetime | None, bool]:
        """Store what was made together with the move to the next step, before anything else is looked at."""
        done = Done(made.response, made.code, made.facts, to=made.to, record=made.record)
        due_at, going_on = self._done(hand, done, now)
        if not going_on or not hand.pending:
            return due_at, going_on
        stored = self.committer.commit(hand, now, due_at=None, release=False)
        return None, stored is not Stored.NO

    def _moved(self, hand: Hand, cleared: Response, now: datetime) -> tuple[datetime | None, bool]:
        moves = cleared.moved + 1
        if moves > MOST_MOVES:
            return self._stop(hand, Stop(cleared, Outcome.FAILED, Reason.WORLD_KEEPS_MOVING), now)
        hand.response = replace(cleared, moved=moves)
        hand.note(now, "moved", {"times": moves})
        stored = self.committer.commit(hand, now, due_at=None, release=False)
        return None, stored is not Stored.NO

    def _stop(self, hand: Hand, result: Stop, now: datetime) -> tuple[datetime | None, bool]:
        """End the response; if it holds extra capacity, go and take that back first.

        That is stored before anything else is done: were it lost, a step that kills its workers would be
        given up again and again.
        """
        ending = Ending(result.outcome, result.reason, result.detail)
        hand.response = result.response
        in_restore = hand.response.phase == Step.RESTORE.value
        if not hand.response.owes_restoring or in_restore:
            return self._end(hand, hand.response.ending or ending, now, result.facts)
        facts = {"outcome": ending.outcome.value, "reason": ending.reason.value, "detail": ending.detail}
        hand.note(now, "ending", {**facts, **result.facts})
        hand.response = replace(hand.response, ending=ending).entered(Step.RESTORE, now)
        stored = self.committer.commit(hand, now, due_at=None, release=False)
        return None, stored is not Stored.NO

    def _end(
        self,
        hand: Hand,
        ending: Ending,
        now: datetime,
        facts: Mapping[str, str | int | float | bool | None] = {},
    ) -> tuple[datetime | None, bool]:
        response = replace(
            hand.response,
            phase=ending.outcome.value,
            ended_at=now,
            reason=ending.reason,
            detail=ending.detail,
            ending=None,
        )
        hand.response = response
        good = response.choice.to_template_id if response.choice and ending.reason is Reason.HELD else None
        past = PastResponse(response.id, response.started_at, ending.outcome.value, ending.reason.value)
        hand.record = hand.record.released(
            past,
            good=good if response.acted else None,
            handled=tuple(a.episode for a in response.heard.alerts) if response.acted else (),
        )
        told = {"outcome": ending.outcome.value, "reason": ending.reason.value, "detail": ending.detail}
        hand.note(now, "ended", {**told, **facts})
        claims = self._released(hand, past)
        stored = self.committer.commit(hand, now, due_at=None, release=True, claims=claims)
        return None, stored is Stored.AGAIN


def _in_turn(response: Response, other: Response, now: datetime) -> Wait | Stop:
    """Return what follows when another response has what a change would touch.

    The older one goes on: the younger ends once the older has claimed its workload, or waits for it. Until
    then either waits, for the other may end without having touched anything.
    """
    told = f"response {other.id} ({other.service})"
    older = (other.started_at, other.id) < (response.started_at, response.id)
    if older and (response.workload in other.claims or other.told == f"{WAITED}{response.id}"):
        return Stop(response, Outcome.DISMISSED, Reason.ROLLED_BACK_TOGETHER, told)
    first = response.told != f"{WAITED}{other.id}"
    since = now if first else response.step_started_at
    if now - since > LONGEST_TURN:
        return Stop(response, Outcome.REFUSED, Reason.ROLLED_BACK_TOGETHER, f"{told} does not end")
    waiting = replace(response, told=f"{WAITED}{other.id}", step_started_at=since)
    return Wait(waiting, now + IN_TURN, "in_turn" if first else "", {"other": other.id})


def takeable(state: State, now: datetime) -> bool:
    """Return whether a worker may take the response now: live, due, and nobody's or left behind."""
    if not state.response.live:
        return False
    if state.lease.owner is not None:
        return state.lease.until is None or state.lease.until <= now
    return state.due_at is not None and state.due_at <= now


def _refused(response: Response, error: PermanentError) -> Stop:
    if response.acted:
        return Stop(response, Outcome.INCONCLUSIVE, error.reason, str(error))
    outcome = Outcome.REFUSED if error.reason in REFUSALS else Outcome.FAILED
    return Stop(response, outcome, error.reason, str(error))
