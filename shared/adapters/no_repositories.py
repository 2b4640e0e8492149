"""No repositories: what there is of the port `Repositories` where no host is configured."""

from shared.domain.changes import Applied, RevertCommit
from shared.domain.owners import Reverted, Revertible
from shared.errors import PermanentError

_WHY = "github is not configured"


class NoRepositories:
    """Reverts nothing, and says so."""

    def look(self, repository: str, branch: str, commit: str) -> Revertible:
        return Revertible(obstacle=_WHY)

    def apply(self, change: RevertCommit) -> Applied:
        raise PermanentError(_WHY)

    def reverted(self, change: RevertCommit) -> Reverted | None:
        return None
