"""Rule: give a deployment that asks for it our verdict, from the gates of the services it brings out."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.changes import Applied
from shared.domain.owed import Finished, Later
from shared.domain.reasons import Reason
from shared.domain.response import Task
from shared.domain.services import Catalogue, Service
from shared.errors import TemporaryError
from shared.ports import Asked, Deployments
from shared.tasks.gate import Closing

KIND = "rule"

PATIENCE = 8
AWAY = timedelta(minutes=5)
LONGEST = timedelta(days=1)
"""For how long a host that is away is tried."""


@dataclass(frozen=True)
class Rule:
    """It is about no one response. A deployment of nothing that we know is let through: it has no gate."""

    catalogue: Catalogue
    closing: Closing
    deployments: Deployments

    def run(self, task: Task, now: datetime) -> Finished | Later:
        """Look at the gates, and answer. Raises TemporaryError and PermanentError."""
        facts = task.facts
        asked = Asked(str(facts["repository"]), int(str(facts["run_id"])), str(facts["environment"]))
        services = brought(self.catalogue, asked)
        closing = self.closing([service.workload for service in services]) if services else {}
        closed = [service for service in services if service.workload in closing]
        told = [_no(each, closing[each.workload].response_id) for each in closed]
        comment = "\n".join(told) or _yes(services)
        again = task.attempts > 1 or bool(task.result)
        try:
            applied = self.deployments.answer(asked, approved=not closed, comment=comment, again=again)
        except TemporaryError as error:
            return put_off(task, error, now)
        if applied is Applied.ALREADY:
            return Finished("nothing waits for it: it is answered, or over", "gone")
        verdict = "rejected" if closed else "approved"
        return Finished(f"{verdict}: {comment}", verdict)


def put_off(task: Task, error: TemporaryError, now: datetime) -> Later:
    """Have a host that stays away looked at again later, or raise the error: at first, and after a day."""
    if task.attempts < PATIENCE or now - (task.created_at or now) > LONGEST:
        raise error
    return Later(now + AWAY, str(error))


def brought(catalogue: Catalogue, asked: Asked) -> list[Service]:
    """Return the services that a deployment brings out; case is of no account in the names of GitHub."""
    return [
        service
        for service in catalogue.services
        if service.repository.lower() == asked.repository.lower()
        and service.environment.lower() in ("", asked.environment.lower())
    ]


def _no(service: Service, response_id: str) -> str:
    told = f"{service.name} is not to be deployed: response {response_id} rolled it back"
    opens = f"`backout ungate {service.name}` opens its gate; then run this again"
    return f"{told} ({Reason.GATE_CLOSED}). {opens}."


def _yes(services: list[Service]) -> str:
    if not services:
        return f"No service of this Backout is deployed from here ({Reason.UNKNOWN_SERVICE}): it has no gate."
    return f"Open: {', '.join(service.name for service in services)}."
