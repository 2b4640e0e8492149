"""Escalation: who is called about a response, at which event, and what stops it. The runbook's path.

The on-call engineer first; the team lead when a rollback fails or is inconclusive; the platform team for
faults of the cluster, the table or Prometheus; the CTO when a customer-facing P0 is open for 30 minutes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from shared.domain.changes import Scalar
from shared.domain.reasons import Reason, sentence
from shared.domain.response import Event, Outcome, Response, Task, Word
from shared.domain.services import Catalogue, Mode

KIND = "escalate"

LAST_AFTER = timedelta(minutes=30)
"""How long a customer-facing P0 may be open before the last level is called."""


class Level(StrEnum):
    """The levels of the runbook's escalation path, in its order."""

    ON_CALL = "on_call"
    TEAM_LEAD = "team_lead"
    PLATFORM = "platform"
    CTO = "cto"


LAST = Level.CTO

Path = Mapping[str, bool]
"""The levels of a team that somebody is configured for, each with whether an acknowledgement stops it."""

NOBODY: Path = {}

ACKNOWLEDGING = ("acknowledge", "approve", "now", "abort")
"""Words by which a person shows that somebody is on it."""

FAULTS = frozenset(
    {
        Reason.CLUSTER_UNREACHABLE,
        Reason.FORBIDDEN,
        Reason.INTERNAL,
        Reason.SIGNALS_UNKNOWN,
        Reason.LIVE_UNKNOWN,
    }
)
"""Reasons that are faults of the platform, not of the service."""

_UNSOLVED = frozenset({Outcome.FAILED.value, Outcome.INCONCLUSIVE.value})
_SOLVED = frozenset({Outcome.COMPLETED.value, Outcome.DISMISSED.value})
_ONLY_LOOKED = frozenset({Reason.MODE_OBSERVE, Reason.NOT_OPTED_IN, Reason.ASSESSED})


def called_by(response: Response, code: str) -> list[Level]:
    """Return the levels that an event's code calls, the response being as the event left it.

    A question after the rollback was made is about one that is stuck: the lead hears of that at once.
    """
    match code:
        case "accepted":
            return [Level.CTO]
        case "asked":
            platform = [Level.PLATFORM] if FAULTS & set(response.asks) else []
            return [Level.ON_CALL, *([Level.TEAM_LEAD] if response.acted else []), *platform]
        case "holding" | "alerts_again":
            return [Level.ON_CALL]
        case "ended":
            unsolved = response.phase in _UNSOLVED
            calls = {
                Level.ON_CALL: unsolved or response.reason is Reason.APPROVAL_EXPIRED,
                Level.TEAM_LEAD: unsolved,
                Level.PLATFORM: response.reason in FAULTS,
            }
            return [level for level, wanted in calls.items() if wanted]
    return []


def acknowledged(response: Response) -> Word | None:
    """Return the first word by which a person took the response on, if any."""
    return next((word for word in response.heard.words if word.verb in ACKNOWLEDGING), None)


def moot(response: Response, level: Level, path: Path, code: str) -> str:
    """Return why a level need not be called, as a clause for people; empty when it is to be called.

    Alerts that fire again after a rollback are new trouble: nobody has acknowledged them yet.
    """
    if level not in path:
        return f"no {level} is configured for the team"
    word = acknowledged(response)
    if code != "alerts_again":
        if word is not None and path[level]:
            return f"{word.by} said {word.verb}"
        if response.phase in _SOLVED:
            return f"the response is {response.phase}"
    incident = response.heard.references.get("pagerduty", "")
    if level is Level.ON_CALL and incident:
        return f"PagerDuty's incident {incident} pages already"
    if level is LAST and response.reason in _ONLY_LOOKED:
        return sentence(response.reason)
    return ""


@dataclass(frozen=True)
class Escalation:
    """Turns events into calls that are owed. `paths` are by team; a team without one is never called.

    A call is a task of its own event, so that no commit makes one twice; of several of one level the first
    that reaches somebody is the only one. The last level's is a timer, made when the response is accepted.
    The first level's is due no sooner than `grace` after the response began: what pages by itself (PagerDuty
    had the same alert) has told us so by then, and the call is moot.
    """

    catalogue: Catalogue
    paths: Mapping[str, Path] = field(default_factory=dict)
    grace: timedelta = timedelta(0)

    def owed(self, response: Response, event: Event) -> list[Task]:
        """Return the calls that an event gives rise to."""
        facts = {**event.facts, "by": event.by}
        return self.tasks(response, event.code, facts, name=f"{event.number:06d}", at=event.at)

    def tasks(
        self, response: Response, code: str, facts: Mapping[str, Scalar], *, name: str, at: datetime
    ) -> list[Task]:
        """Return the calls of one piece of news. The same name makes the same tasks."""
        levels = called_by(response, code) if self.paths else []
        reachable = self._reachable(response) if levels else frozenset()
        return [
            Task(
                response_id=response.id,
                name=f"{KIND}#{name}#{level.value}",
                kind=KIND,
                due_at=self._due(response, level, at),
                facts={**facts, "code": code, "level": level.value},
                created_at=at,
            )
            for level in levels
            if level in reachable
        ]

    def _due(self, response: Response, level: Level, at: datetime) -> datetime:
        if level is LAST:
            return response.started_at + LAST_AFTER
        return max(at, response.started_at + self.grace) if level is Level.ON_CALL else at

    def team_of(self, response: Response) -> str:
        """Return the team of a response; empty for a workload without an entry that was never read."""
        service = self.catalogue.of(response.service, response.workload)
        return response.team or (service.team if service is not None else "")

    def path_of(self, response: Response) -> Path:
        """Return the path of the response's team."""
        return self.paths.get(self.team_of(response), NOBODY)

    def _reachable(self, response: Response) -> frozenset[str]:
        """Return the levels that may be called; of a workload whose team is not known yet, all there are."""
        service = self.catalogue.of(response.service, response.workload)
        if service is None:
            return frozenset(self.path_of(response))
        if service.discovered and not response.team:
            return frozenset(level for path in self.paths.values() for level in path)
        if not service.discovered and service.mode is Mode.OBSERVE:
            return frozenset()
        path = frozenset(self.path_of(response))
        return path if service.discovered or service.customer_facing else path - {LAST.value}
