"""Remedy: one of the runbook's common issues, dealt with once; what comes of it is verified afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from shared.domain.changes import Applied, Change, SetReplicas
from shared.domain.guardrails import Rails
from shared.domain.reasons import Reason
from shared.domain.remedies import Remedy
from shared.domain.response import Ending, Response, Step
from shared.domain.services import Catalogue, Service
from shared.domain.steps import Case, Done, Made, Result
from shared.errors import PermanentError
from shared.runbook import looking


class Cure(Protocol):
    """How one remedy is taken; a frozen dataclass whose fields are the ports it needs."""

    def run(self, response: Response, service: Service, now: datetime) -> Result:
        """Look, and say what follows: a change, a wait, or that it is done. Raises what its ports raise."""
        ...

    def made(self, response: Response, change: Change, now: datetime) -> Made:
        """Return the response after a change of this remedy was made."""
        ...

    def budget(self, service: Service) -> float:
        """Return the seconds that this remedy may take in all."""
        ...


@dataclass(frozen=True)
class TakeRemedy:
    """Takes the remedy that the response is at. All but the gentle ones were allowed by a person."""

    cures: Mapping[Remedy, Cure]
    catalogue: Catalogue
    rails: Rails

    def budget(self, response: Response) -> float:
        """Return the remedy's own budget."""
        cure, service = self._cure(response), self.catalogue.of(response.service, response.workload)
        return cure.budget(service) if service is not None else 0.0

    def run(self, case: Case, now: datetime) -> Result:
        """Hold it back where a guardrail speaks; else do what the remedy says.

        A workload that was scaled to zero is scaled back whatever speaks: half a remedy is worse than all.
        """
        response = case.response
        service = looking.service_of(self.catalogue, response)
        held_back = None if response.is_down else looking.held_back(case, service, self.rails, now)
        if held_back is not None:
            return held_back
        return self._cure(response).run(replace(response, delay=None), service, now)

    def made(self, case: Case, change: Change, applied: Applied, now: datetime) -> Made:
        """Note what was done."""
        return self._cure(case.response).made(case.response, change, now)

    def _cure(self, response: Response) -> Cure:
        cure = self.cures.get(response.remedy) if response.remedy is not None else None
        if cure is None:
            raise PermanentError(f"no remedy {response.remedy} is known", reason=Reason.INTERNAL)
        return cure


def taken(response: Response) -> Response:
    """Return the response with its remedy taken, and none at hand."""
    remedy = response.remedy
    tried = (*response.tried, remedy) if remedy is not None else response.tried
    done = tuple(dict.fromkeys(tried))
    return replace(response, remedy=None, offers=(), otherwise=None, halfway="", tried=done)


def offered(response: Response, offers: Sequence[Remedy], otherwise: Ending, now: datetime) -> Response:
    """Return the response that asks a person to allow one of several remedies; silence is `otherwise`."""
    return replace(
        response,
        remedy=None,
        offers=tuple(offers),
        otherwise=otherwise,
        asks=(Reason.REMEDY_ASKS,),
        asked_at=now,
    )


def finished(response: Response, code: str, facts: Mapping[str, str | int | None], *, to: Step) -> Done:
    """Return the end of a remedy that had nothing (more) to change."""
    return Done(taken(response), code, facts, to=to)


def scaled_to(change: Change) -> int | None:
    """Return the replicas that a change sets, None where it sets none."""
    return change.replicas if isinstance(change, SetReplicas) else None
