"""Records beside the response: what the table remembers of workloads, freezes, storms and deliveries."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.domain.decisions import Decision
from shared.domain.workloads import WorkloadRef

LAST_RESPONSES = 50
LAST_EPISODES = 200
LAST_REVISIONS = 20


@dataclass(frozen=True)
class PastResponse:
    """One line of a workload's history of responses."""

    id: str
    started_at: datetime
    outcome: str
    reason: str


@dataclass(frozen=True)
class Restored:
    """The last rollback of a workload: when it took effect and between which revisions (template ids)."""

    response_id: str
    at: datetime
    settled_at: datetime
    from_template_id: str
    to_template_id: str


@dataclass(frozen=True)
class WorkloadRecord:
    """What is remembered of a workload for ever; `live` is the claim of the response that runs, if any.

    `episodes` are firings that a response acted on, with its id. `settled_at` of `restored` is the time up
    to which alerts may still speak of the revision before (rollback plus the longest query window).
    """

    ref: WorkloadRef
    live: str | None = None
    cooldown_until: datetime | None = None
    restored: Restored | None = None
    quarantined: tuple[str, ...] = ()
    known_good: tuple[str, ...] = ()
    episodes: Mapping[str, str] = field(default_factory=dict)
    responses: tuple[PastResponse, ...] = ()

    def claimed(self, response_id: str) -> "WorkloadRecord":
        """Return the record with the claim taken."""
        return replace(self, live=response_id)

    def noted(self, past: PastResponse) -> "WorkloadRecord":
        """Return the record with a response noted as one that changed something; the first note stays."""
        if any(known.id == past.id for known in self.responses):
            return self
        return replace(self, responses=(*self.responses, past)[-LAST_RESPONSES:])

    def rolled_back(self, restored: Restored, *, cooldown_until: datetime) -> "WorkloadRecord":
        """Return the record after a rollback: the revision left is quarantined, the cooldown runs."""
        quarantined = _latest((*self.quarantined, restored.from_template_id))
        return replace(
            self,
            restored=restored,
            cooldown_until=cooldown_until,
            quarantined=tuple(q for q in quarantined if q != restored.to_template_id),
            known_good=tuple(k for k in self.known_good if k != restored.from_template_id),
        )

    def released(self, past: PastResponse, *, good: str | None, handled: tuple[str, ...]) -> "WorkloadRecord":
        """Return the record at a response's end: claim free, episodes noted, a revision seen healthy kept."""
        episodes = {**self.episodes, **dict.fromkeys(handled, past.id)}
        return replace(
            self,
            live=None,
            known_good=_latest((*self.known_good, good)) if good else self.known_good,
            episodes=dict(list(episodes.items())[-LAST_EPISODES:]),
            responses=(*self.responses, past)[-LAST_RESPONSES:],
        )


def _latest(revisions: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reversed(revisions)))[:LAST_REVISIONS][::-1]


@dataclass(frozen=True)
class Freeze:
    """An order to touch nothing: whose, why, and until when (None: until it is lifted)."""

    by: str
    reason: str
    at: datetime
    until: datetime | None = None


GLOBAL = "global"


@dataclass(frozen=True)
class Freezes:
    """All freezes by scope: ``global``, ``namespace/<name>`` or ``team/<name>``."""

    scopes: Mapping[str, Freeze] = field(default_factory=dict)

    def holding(self, now: datetime, *, namespace: str, team: str) -> tuple[str, Freeze] | None:
        """Return the freeze that holds a workload back at `now`, with its scope."""
        for scope in (GLOBAL, f"namespace/{namespace}", f"team/{team}"):
            freeze = self.scopes.get(scope)
            if freeze is not None and (freeze.until is None or freeze.until > now):
                return scope, freeze
        return None

    def pruned(self, now: datetime) -> "Freezes":
        """Return the freezes without those that have run out."""
        return Freezes({s: f for s, f in self.scopes.items() if f.until is None or f.until > now})


@dataclass(frozen=True)
class Storm:
    """Tokens of recent automatic rollbacks in the cluster: response id to time."""

    tokens: Mapping[str, datetime] = field(default_factory=dict)

    def recent(self, now: datetime, per: timedelta) -> dict[str, datetime]:
        """Return the tokens taken in the last `per`."""
        return {id_: at for id_, at in self.tokens.items() if at > now - per}

    def room(self, response_id: str, now: datetime, *, limit: int, per: timedelta) -> bool:
        """Return whether the response has a token or may take one."""
        recent = self.recent(now, per)
        return response_id in recent or len(recent) < limit

    def taken(self, response_id: str, now: datetime, per: timedelta) -> "Storm":
        """Return the storm record with this response's token in it and old ones dropped."""
        return Storm({**self.recent(now, per), response_id: now})


@dataclass(frozen=True)
class Delivery:
    """What a delivery was answered with, so that its repeat is answered the same.

    `key` is unique within `source`. Content keys (the source has no delivery id) answer repeats while
    their response lives or until `fresh_until`; id keys until `expires_at`.
    """

    source: str
    key: str
    service: str
    workload: str
    outcome: str
    reason: str
    response_id: str
    decision: Decision | None
    fresh_until: datetime
    expires_at: datetime
