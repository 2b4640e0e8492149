"""The response: one run of the runbook for one workload. The record that every step reads and replaces.

Two hands write it. Alerts and people write only `heard` (a join); the worker that holds the lease writes
everything else. So a worker whose commit lost to a join can put its own part on top of what was heard.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from shared.domain import remedies
from shared.domain.alerts import AlertDigest
from shared.domain.changes import Intent, Scalar
from shared.domain.decisions import Decision
from shared.domain.owners import Ownership, Reverted, Source, Suspension, Target
from shared.domain.reasons import Reason
from shared.domain.remedies import Remedy
from shared.domain.services import Mode
from shared.domain.signals import Reading, Signal
from shared.domain.workloads import WorkloadRef

FORMAT = 2
KEPT_ALERTS = 50


class Step(StrEnum):
    """The steps, in the runbook's order."""

    ASSESS = "assess"
    APPROVE = "approve"
    HOLD = "hold"
    SUSPEND = "suspend"
    SCALE = "scale"
    SETTLE = "settle"
    ROLLBACK = "rollback"
    VERIFY = "verify"
    REMEDY = "remedy"
    STABILISE = "stabilise"
    RESTORE = "restore"
    REVERT = "revert"


class Outcome(StrEnum):
    """How a response ended."""

    COMPLETED = "completed"
    DISMISSED = "dismissed"
    REFUSED = "refused"
    ABORTED = "aborted"
    INCONCLUSIVE = "inconclusive"
    FAILED = "failed"


class Wanted(StrEnum):
    """What a manual order wants done."""

    ASSESS = "assess"
    ROLLBACK = "rollback"
    SCALE = "scale"
    REVERT = "revert"
    FLUSH = "flush"


@dataclass(frozen=True)
class Order:
    """A person's (or CI's) order: who comes from the credential, `requested_by` is only a comment.

    `commit` is the git commit that a revert is to undo, where the person named one.
    """

    wanted: Wanted
    by: str
    at: datetime
    reason: str = ""
    requested_by: str = ""
    to_revision: int | None = None
    replicas: int | None = None
    override: tuple[str, ...] = ()
    commit: str = ""


@dataclass(frozen=True)
class Word:
    """A person's word on a response: approve or abort. `question` is what an approval answers."""

    verb: str
    by: str
    at: datetime
    reason: str = ""
    question: str = ""


@dataclass(frozen=True)
class Heard:
    """What came in from outside: alerts (the first 50, and how many in all), readings, people's words.

    `references` name what the response is known by elsewhere (``pagerduty``: an incident's id, ``github``: an
    issue); of each kind the first that came.
    """

    alerts: tuple[AlertDigest, ...] = ()
    alert_count: int = 0
    carried: Mapping[Signal, Reading] = field(default_factory=dict)
    words: tuple[Word, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_resolved(self) -> bool:
        """Whether there were alerts and none of them fires any more; of those not kept nobody knows."""
        kept_all = self.alert_count <= len(self.alerts)
        return bool(self.alerts) and kept_all and not any(a.firing for a in self.alerts)

    def word(self, verb: str, question: str | None = None) -> Word | None:
        """Return the first word of that kind (and on that question), if any."""
        return next(
            (w for w in self.words if w.verb == verb and (question is None or w.question == question)), None
        )


@dataclass(frozen=True)
class Choice:
    """From which revision to which: what a decision, an approval and a change are bound to."""

    from_template_id: str
    from_number: int
    from_image: str
    to_template_id: str
    to_number: int
    to_name: str
    to_image: str
    why: str = ""

    @property
    def question(self) -> str:
        """The identity of the question whether to make this change; a yes counts for it alone."""
        return f"{self.from_template_id}>{self.to_template_id}"


@dataclass(frozen=True)
class Seen:
    """The workload as assess last read it: what a change compares and swaps on."""

    generation: int
    template_id: str
    at: datetime
    stable_template_id: str = ""


@dataclass(frozen=True)
class Capacity:
    """Extra capacity that was added and is to be taken back. `autoscaler` is empty for plain replicas."""

    autoscaler: str
    before: int
    maximum_before: int
    added: int
    maximum_added: int


@dataclass(frozen=True)
class Rolled:
    """The rollback as it happened. `by_us` is false when someone else had put the revision back."""

    at: datetime
    by_us: bool
    completed_at: datetime | None = None


@dataclass(frozen=True)
class Watch:
    """The tally of stabilise: samples that count, in order of time, summed up."""

    since: datetime
    good: int = 0
    bad: int = 0
    unknown: int = 0
    idle: int = 0
    last: str = ""


@dataclass(frozen=True)
class Ending:
    """How the response is going to end, once what it added has been taken back."""

    outcome: Outcome
    reason: Reason
    detail: str = ""


@dataclass(frozen=True)
class Response:
    """One run of the runbook. Its phase is the step it is in, or its outcome once it has ended.

    `ownership` is the owner as assess last looked at it, `target` what that is to go back to where the
    rollback is made by the owner. `suspended` is what this response stopped and has not started again itself;
    `claims` are the workloads that it has claimed besides its own. `origin` is where the bad revision came
    from, `bad_since` when that was rolled out, `reverted` the revert of that. `together` are the templates
    (by workload) of the others that the owner rolled back too. `remedy` is the one that is being taken,
    `offers` are those of which a person is to allow one, `tried` those that have been taken, `halfway` how
    far the present one is; `otherwise` is the end if nobody allows any.
    """

    id: str
    service: str
    workload: WorkloadRef
    source: str
    mode: Mode
    started_at: datetime
    phase: str
    step_started_at: datetime
    decision: Decision
    team: str = ""
    deadline_at: datetime | None = None
    heard: Heard = field(default_factory=Heard)
    order: Order | None = None
    rank: int = 0
    plan: tuple[Step, ...] = (Step.ASSESS,)
    asks: tuple[Reason, ...] = ()
    asked_at: datetime | None = None
    choice: Choice | None = None
    seen: Seen | None = None
    delay: Reason | None = None
    below_since: datetime | None = None
    intent: Intent | None = None
    moved: int = 0
    rounds: int = 0
    scaled: bool = False
    capacity: Capacity | None = None
    ownership: Ownership | None = None
    target: Target | None = None
    suspended: Suspension | None = None
    claims: tuple[WorkloadRef, ...] = ()
    origin: Source = field(default_factory=Source)
    bad_since: datetime | None = None
    together: Mapping[str, str] = field(default_factory=dict)
    reverted: Reverted | None = None
    remedy: Remedy | None = None
    offers: tuple[Remedy, ...] = ()
    tried: tuple[Remedy, ...] = ()
    halfway: str = ""
    otherwise: "Ending | None" = None
    rolled: Rolled | None = None
    baseline: Mapping[Signal, Reading] = field(default_factory=dict)
    watch: Watch | None = None
    window_seconds: float = 60.0
    told: str = ""
    faults: int = 0
    takeovers: int = 0
    ending: Ending | None = None
    ended_at: datetime | None = None
    reason: Reason | None = None
    detail: str = ""
    format: int = FORMAT

    @property
    def live(self) -> bool:
        """Whether the response has not ended."""
        return self.ended_at is None

    @property
    def step(self) -> Step:
        """The step the response is in; raises ValueError once it has ended."""
        return Step(self.phase)

    @property
    def acted(self) -> bool:
        """Whether the rollback of this response has been made (by us or, found made, by someone else)."""
        return self.rolled is not None

    @property
    def owes_restoring(self) -> bool:
        """Whether capacity is to be taken back before the response ends."""
        return self.capacity is not None

    @property
    def is_down(self) -> bool:
        """Whether the workload was scaled to zero and is to be scaled back, whatever else happens."""
        return self.capacity is not None and self.capacity.added == 0

    @property
    def questions(self) -> tuple[str, ...]:
        """What a person is asked now, the alternatives; a yes counts for exactly one of them."""
        if self.offers:
            return tuple(remedies.question(remedy) for remedy in self.offers)
        return (self.choice.question if self.choice else "scale",)

    @property
    def question(self) -> str:
        """The first of the present questions; mostly there is but one."""
        return self.questions[0]

    @property
    def approved(self) -> Word | None:
        """The yes that counts for a present question, if one was given."""
        found = (self.heard.word("approve", question) for question in self.questions)
        return next((word for word in found if word is not None), None)

    @property
    def automatic(self) -> bool:
        """Whether nobody ordered or approved what the response is about to do."""
        return self.order is None and self.approved is None

    def entered(self, phase: Step, now: datetime) -> "Response":
        """Return the response in another step, its counters fresh."""
        return replace(self, phase=phase.value, step_started_at=now, faults=0, moved=0, takeovers=0, told="")


@dataclass(frozen=True)
class Event:
    """One line of a response's history, append only.

    `number` is the record's version that the event brought; `previous` the number of the event before it
    (0 for the first), so that a missing line shows.
    """

    number: int
    previous: int
    at: datetime
    phase: str
    code: str
    by: str = "backout"
    facts: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """What a response owes beside its steps, with its own due time, attempts and result.

    `due_at` is None once the task has ended (`result` says how). `attempts` counts starts: it is raised
    before the effect, so a crash shows as an attempt without a result. `receipt` is what the outside knows
    its effect by.
    """

    response_id: str
    name: str
    kind: str
    due_at: datetime | None
    facts: Mapping[str, Scalar] = field(default_factory=dict)
    attempts: int = 0
    result: str = ""
    receipt: str = ""
    created_at: datetime | None = None
    ended_at: datetime | None = None
