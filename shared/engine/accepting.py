"""Accept: match what came in to workloads, decide, and store a response for each or join the live one.

Three table calls a workload at the most: one batched read, the live response when there is one, one
transaction. A repeat that is known costs the read alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import uuid4

from shared.domain import decisions, guardrails
from shared.domain.alerts import Alert
from shared.domain.decisions import Decision
from shared.domain.guardrails import Effect, Finding, Rails
from shared.domain.matrix import Action
from shared.domain.reasons import OVERRIDABLE, Reason
from shared.domain.records import Delivery, PastResponse, WorkloadRecord
from shared.domain.response import Event, Heard, Order, Outcome, Response, Step, Task, Word
from shared.domain.services import Catalogue, Service
from shared.domain.signals import Reading, Readings, Signal
from shared.domain.steps import Case
from shared.engine import joining
from shared.engine.hands import LEASE, TasksFor, numbered
from shared.errors import TemporaryError
from shared.ports import Clock, Commit, Held, Lease, Queue, Records, State, Versioned, View
from shared.subjects import Spans, about

REPEATED_FOR = timedelta(minutes=5)
"""How long a delivery known by its content answers repeats after its response has ended."""

REMEMBERED_FOR = timedelta(days=3)
"""How long a delivery with an id of its own answers repeats (PagerDuty retries for 48 hours)."""

LOOK_AGAIN = timedelta(seconds=15)
"""When a response delayed by something without an end looks again."""

MOST_TRIES = 50


class Acceptance(StrEnum):
    """What became of an alert or an order."""

    CREATED = "created"
    JOINED = "joined"
    DELAYED = "delayed"
    REFUSED = "refused"
    IGNORED = "ignored"


@dataclass(frozen=True)
class Answer:
    """What became of it for one workload; `repeated` is true when an earlier answer was given again."""

    outcome: Acceptance
    reason: Reason | None = None
    service: str = ""
    workload: str = ""
    response_id: str = ""
    decision: Decision | None = None
    repeated: bool = False


@dataclass(frozen=True)
class Request:
    """What came in for one workload: alerts, or an order, or both.

    `key` names the delivery; `keyed_by_id` says that the source gave it (else it is made of the content).
    `references` are those of an order, which no alert brings (see `shared.domain.response.Heard`).
    """

    service: Service
    source: str
    key: str
    keyed_by_id: bool = False
    alerts: tuple[Alert, ...] = ()
    order: Order | None = None
    signals: Readings = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)

    @property
    def carried(self) -> dict[Signal, Reading]:
        """The readings that came with it; of several of one signal the worst number."""
        return joining.worst([a for a in self.alerts if a.firing], self.signals)


@dataclass(frozen=True)
class Accepter:
    """Accepts requests. With `owner` set it takes the lease for this process's own worker."""

    records: Records
    queue: Queue
    catalogue: Catalogue
    rails: Rails
    clock: Clock
    tasks_for: TasksFor
    owner: str | None = None
    spans: Spans = about

    def accept(self, requests: Sequence[Request]) -> list[Answer]:
        """Accept requests for distinct workloads, the worst first; answer them in the order given.

        Of one message's automatic rollbacks only as many as the storm limit go on by themselves; the rest
        get a `rank` beyond it and wait for a person. Raises TemporaryError when the table is away: what
        was stored by then answers the repeat.
        """
        view = self._read(requests)
        scored = [(decisions.decide(r.service.matrix, r.carried), i) for i, r in enumerate(requests)]
        answers: dict[int, Answer] = {}
        rank = 0
        for decision, i in sorted(scored, key=lambda pair: -pair[0].score):
            with self.spans("accept", workload=str(requests[i].service.workload)) as learned:
                answers[i] = self._accept(requests[i], decision, view, rank)
                learned(response=answers[i].response_id)
            rank += answers[i].outcome is Acceptance.CREATED and requests[i].order is None
        return [answers[i] for i in range(len(requests))]

    def draft(self, request: Request) -> Case:
        """Return the case that accepting the request would open, storing nothing: for a dry run."""
        view = self._read([request])
        decision = decisions.decide(request.service.matrix, request.carried)
        record = view.workloads[request.service.workload].value
        response = self._response(request, decision, 0, self.clock())
        return Case(response, record, view.freezes.value, view.storm.value)

    def _read(self, requests: Sequence[Request]) -> View:
        return self.records.read(
            workloads=[r.service.workload for r in requests],
            deliveries=[(r.source, r.key) for r in requests],
            freezes=True,
            storm=self.catalogue.cluster,
        )

    def _accept(self, request: Request, decision: Decision, view: View, rank: int) -> Answer:
        for _ in range(MOST_TRIES):
            answer = self._once(request, decision, view, rank)
            if answer is not None:
                return answer
            view = self._read([request])
        raise TemporaryError(
            f"workload {request.service.workload} is contended; send it again", reason=Reason.INTERNAL
        )

    def _once(self, request: Request, decision: Decision, view: View, rank: int) -> Answer | None:
        """Try once; None when someone else was quicker and all is to be read again."""
        now = self.clock()
        record = view.workloads[request.service.workload]
        known = view.deliveries.get((request.source, request.key))
        if known is not None and _answers(known, record.value, now):
            return _again(known)
        if record.value.live is not None:
            joined = self._join(request, decision, record.value.live, now)
            if joined is not None or not self._left_behind(record.value.live, request):
                return joined
        ignored = self._ignored(request, decision, record.value, now)
        if ignored is not None:
            return ignored
        return self._create(request, decision, view, rank, now)

    def _ignored(
        self, request: Request, decision: Decision, record: WorkloadRecord, now: datetime
    ) -> Answer | None:
        """Return the answer to what opens no response: resolved, old news, known to be below threshold."""
        if request.order is not None and not request.alerts:
            return None
        firing = [a for a in request.alerts if a.firing]
        if not firing:
            return self._answer(request, Acceptance.IGNORED, Reason.RESOLVED, decision)
        overrides = request.order.override if request.order else ()
        lifted = {reason for name in overrides for reason in OVERRIDABLE.get(name, ())}
        if Reason.STALE not in lifted and all(_stale(a, record) for a in firing):
            return self._look_again(request, decision, record, firing[0], now)
        carried = request.carried
        if (
            request.order is None
            and decision.action is Action.NONE
            and carried
            and all(r.is_number for r in carried.values())
            and all(a.signal is not None for a in firing)
        ):
            return self._answer(request, Acceptance.IGNORED, Reason.BELOW_THRESHOLD, decision)
        return None

    def _look_again(
        self, request: Request, decision: Decision, record: WorkloadRecord, alert: Alert, now: datetime
    ) -> Answer:
        """Answer old news, and owe a look: if its signal still breaches live, a person is called."""
        earlier = record.episodes.get(alert.episode) or (
            record.restored.response_id if record.restored else ""
        )
        task = Task(
            response_id=earlier,
            name=f"recheck#{now:%Y%m%dT%H%M}",
            kind="recheck",
            due_at=max(now, record.restored.settled_at) if record.restored else now,
            facts={"alert": alert.name, "episode": alert.episode},
            created_at=now,
        )
        self.records.put_task(Versioned(task, 0))
        answer = self._answer(request, Acceptance.IGNORED, Reason.STALE, decision)
        return replace(answer, response_id=earlier)

    def _create(
        self, request: Request, decision: Decision, view: View, rank: int, now: datetime
    ) -> Answer | None:
        service = request.service
        record = view.workloads[service.workload]
        findings = guardrails.known_before(service, self.rails, view.freezes.value, now)
        finding = guardrails.weightiest(
            guardrails.without(findings, request.order.override if request.order else ())
        )
        response = self._response(request, decision, rank, now)
        if finding is not None and finding.effect is Effect.REFUSE:
            return self._store_refused(request, response, finding, record, now)
        delayed = finding is not None and finding.effect is Effect.DELAY
        answer = self._answer(
            request,
            Acceptance.DELAYED if delayed else Acceptance.CREATED,
            finding.reason if delayed and finding else None,
            decision,
        )
        answer = replace(answer, response_id=response.id)
        if delayed and finding is not None:
            due_at = _look_again_at(finding, now)
            response = replace(response, delay=finding.reason, step_started_at=due_at)
            lease = Lease()
        else:
            lease = Lease(f"{self.owner}:{uuid4().hex[:8]}", now + LEASE) if self.owner else Lease()
            due_at = lease.until or now
        facts = {"action": decision.action.value, "score": decision.score, "source": request.source}
        if delayed and finding is not None:
            facts = {**facts, "delayed": finding.reason.value, "detail": finding.detail}
        event = Event(0, 0, now, response.phase, "accepted", _by(request), facts)
        claimed = record.value.claimed(response.id)
        commit = self._commit(
            request, response, event, record=Versioned(claimed, record.version), answer=answer, now=now
        )
        commit = replace(commit, state=replace(commit.state, lease=lease, due_at=due_at))
        if self.records.commit(commit) is not None:
            return None
        self._send(commit, view, Versioned(claimed, record.version + 1), now)
        return answer

    def _send(self, commit: Commit, view: View, record: Versioned[WorkloadRecord], now: datetime) -> None:
        """Put it on the queue; a queue that is away costs time only, since the sweep finds what is due."""
        state = commit.state
        if state.lease.owner is None and state.due_at is not None and state.due_at > now:
            return
        held = Held(state, record, view.freezes, view.storm) if state.lease.owner else None
        try:
            self.queue.send(state.response.id, held=held)
        except TemporaryError:
            return

    def _store_refused(
        self,
        request: Request,
        response: Response,
        finding: Finding,
        record: Versioned[WorkloadRecord],
        now: datetime,
    ) -> Answer | None:
        """Store a response that ended at the door, without ever holding the claim."""
        ended = replace(
            response, phase=Outcome.REFUSED.value, ended_at=now, reason=finding.reason, detail=finding.detail
        )
        past = PastResponse(ended.id, now, Outcome.REFUSED.value, finding.reason.value)
        kept = record.value.released(past, good=None, handled=())
        answer = self._answer(request, Acceptance.REFUSED, finding.reason, response.decision)
        answer = replace(answer, response_id=ended.id)
        facts = {"outcome": "refused", "reason": finding.reason.value, "detail": finding.detail}
        event = Event(0, 0, now, ended.phase, "ended", _by(request), facts)
        commit = self._commit(
            request, ended, event, record=Versioned(kept, record.version), answer=answer, now=now
        )
        return answer if self.records.commit(commit) is None else None

    def _response(self, request: Request, decision: Decision, rank: int, now: datetime) -> Response:
        deadline = decision.deadline_seconds
        return Response(
            id=f"{now:%Y%m%d-%H%M%S}-{uuid4().hex[:8]}",
            service=request.service.name,
            workload=request.service.workload,
            source=request.source,
            mode=request.service.mode,
            team=request.service.team,
            started_at=now,
            phase=Step.ASSESS.value,
            step_started_at=now,
            decision=decision,
            deadline_at=now + timedelta(seconds=deadline) if deadline is not None else None,
            heard=_heard(Heard(), request),
            order=request.order,
            rank=rank,
        )

    def _commit(
        self,
        request: Request,
        response: Response,
        event: Event,
        *,
        record: Versioned[WorkloadRecord],
        answer: Answer,
        now: datetime,
    ) -> Commit:
        numbers = numbered([event], version=0, last_event=0)
        return Commit(
            state=State(response, len(numbers), Lease(), None, numbers[-1].number, uuid4().hex),
            version_before=0,
            owner_before=None,
            events=numbers,
            workload=record,
            delivery=delivery(request, answer, now),
            tasks=tuple(task for event in numbers for task in self.tasks_for(response, event)),
        )

    def _left_behind(self, live: str, request: Request) -> bool:
        """Return whether a claim is that of a response which has ended without letting go of it.

        Read again, the response first: between the two it may have ended as it should.
        """
        state = self.records.read(responses=[live]).states.get(live)
        if state is None or state.response.live:
            return False
        ref = request.service.workload
        return self.records.read(workloads=[ref]).workloads[ref].value.live == live

    def _join(self, request: Request, decision: Decision, live: str, now: datetime) -> Answer | None:
        """Add to the live response; None when it has ended meanwhile. What adds nothing writes nothing."""
        state = self.records.read(responses=[live]).states.get(live)
        if state is None or not state.response.live:
            return None
        answer = self._answer(request, Acceptance.JOINED, None, decision)
        answer = replace(answer, response_id=live)
        words = (_order_word(request.order, state.response),) if request.order else ()
        after = _heard(state.response.heard, request, words)
        if after == state.response.heard:
            return answer
        event = Event(0, 0, now, state.response.phase, "joined", _by(request), joining.facts(request.alerts))
        commit = joining.join(state, after, event, now)
        commit = replace(commit, delivery=delivery(request, answer, now))
        if self.records.commit(commit) is not None:
            return None
        self._wake(commit, now)
        return answer

    def _wake(self, commit: Commit, now: datetime) -> None:
        if commit.state.lease.owner is not None:
            return
        try:
            self.queue.send(commit.state.response.id)
        except TemporaryError:
            return

    @staticmethod
    def _answer(request: Request, outcome: Acceptance, reason: Reason | None, decision: Decision) -> Answer:
        return Answer(outcome, reason, request.service.name, str(request.service.workload), "", decision)


def _heard(before: Heard, request: Request, words: Sequence[Word] = ()) -> Heard:
    """Return what has been heard with the request added; equal to `before` when it adds nothing."""
    after = joining.heard(before, request.alerts, request.carried, words)
    issue = request.service.github_issue
    own = {"github": issue} if issue else {}
    return replace(after, references={**own, **request.references, **after.references})


def _order_word(order: Order, response: Response) -> Word:
    """Return an order that meets a live response: a rollback answers its question with yes, else a note.

    What is asked must be that: an order to roll back is no yes to a remedy.
    """
    asked = response.phase == Step.APPROVE and not response.offers
    verb = "approve" if order.wanted.value == "rollback" and asked else "order"
    return Word(verb, order.by, order.at, order.reason, response.question)


def _look_again_at(finding: Finding, now: datetime) -> datetime:
    """Return when a delayed response looks again: at the end of what delays it; a freeze may be lifted."""
    soon = now + LOOK_AGAIN
    if finding.until is None:
        return soon
    return min(finding.until, soon) if finding.reason is Reason.FREEZE else finding.until


def _by(request: Request) -> str:
    return request.order.by if request.order else request.source


def _stale(alert: Alert, record: WorkloadRecord) -> bool:
    """Return whether a firing was handled before, or began before the last rollback took effect."""
    if alert.episode in record.episodes:
        return True
    return record.restored is not None and alert.starts_at < record.restored.settled_at


def _answers(known: Delivery, record: WorkloadRecord, now: datetime) -> bool:
    return now < known.fresh_until or (bool(known.response_id) and record.live == known.response_id)


def _again(known: Delivery) -> Answer:
    return Answer(
        outcome=Acceptance(known.outcome),
        reason=Reason(known.reason) if known.reason else None,
        service=known.service,
        workload=known.workload,
        response_id=known.response_id,
        decision=known.decision,
        repeated=True,
    )


def delivery(request: Request, answer: Answer, now: datetime) -> Delivery:
    """Return the record by which a repeat of this delivery is known."""
    return Delivery(
        source=request.source,
        key=request.key,
        service=answer.service,
        workload=answer.workload,
        outcome=answer.outcome.value,
        reason=answer.reason.value if answer.reason else "",
        response_id=answer.response_id,
        decision=answer.decision,
        fresh_until=now + (REMEMBERED_FOR if request.keyed_by_id else REPEATED_FOR),
        expires_at=now + REMEMBERED_FOR,
    )
