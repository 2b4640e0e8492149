"""What enforces deploy gates, and deployments that wait, in memory, by the rules of their ports."""

from dataclasses import dataclass, field

from shared.domain.changes import Applied
from shared.domain.reasons import Reason
from shared.domain.services import Service
from shared.errors import BackoutError, PermanentError
from shared.ports import Asked


@dataclass
class FakeBarrier:
    """Places that are closed; `places` are those of services, by name. `refuses` lets nobody change one."""

    places: dict[str, str] = field(default_factory=dict)
    refuses: bool = False
    closed: set[str] = field(default_factory=set)
    changes: list[tuple[str, bool]] = field(default_factory=list)
    errors: list[BackoutError] = field(default_factory=list)

    def place(self, service: Service) -> str:
        return self.places.get(service.name, "")

    def apply(self, place: str, *, closed: bool, why: str = "") -> Applied:
        if self.errors:
            raise self.errors.pop(0)
        if (place in self.closed) is closed:
            return Applied.ALREADY
        if self.refuses:
            raise PermanentError(f"its account lacks the right to change {place}", reason=Reason.FORBIDDEN)
        self.closed ^= {place}
        self.changes.append((place, closed))
        return Applied.CHANGED


@dataclass
class FakeDeployments:
    """Deployments that wait, and the verdicts that were given."""

    waiting: list[Asked] = field(default_factory=list)
    verdicts: list[tuple[Asked, bool, str]] = field(default_factory=list)
    errors: list[BackoutError] = field(default_factory=list)

    def answer(self, asked: Asked, *, approved: bool, comment: str, again: bool = False) -> Applied:
        if self.errors:
            raise self.errors.pop(0)
        if asked not in self.waiting:
            if again:
                return Applied.ALREADY
            raise PermanentError(f"nothing waits in {asked.repository}")
        self.waiting.remove(asked)
        self.verdicts.append((asked, approved, comment))
        return Applied.CHANGED


@dataclass
class FakeReviews:
    """Who has approved which pull request, by ``owner/name#12``."""

    approvers: dict[str, str] = field(default_factory=dict)
    errors: list[BackoutError] = field(default_factory=list)

    def approver(self, repository: str, number: int) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return self.approvers.get(f"{repository}#{number}", "")
