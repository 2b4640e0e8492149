"""source-controller: says in a GitRepository's status which commit its branch is at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sandbox.flux.api import Api, Object, Refused
from sandbox.flux.definitions import GIT_REPOSITORIES
from sandbox.flux.rhythm import Rhythm, status
from sandbox.git import Repository

MANAGER = "source-controller"


class Sources:
    """Polls the repositories of the cluster's GitRepositories; `repositories` are on disk, by their URL."""

    def __init__(self, api: Api, repositories: Mapping[str, Path]) -> None:
        self._api = api
        self._repositories = repositories
        self._rhythm = Rhythm()

    def reconcile(self) -> None:
        """Look at each GitRepository that is due."""
        for source in self._api.items(GIT_REPOSITORIES):
            if self._rhythm.is_due(source):
                self._api.put_status(source, self._looked_at(source), manager=MANAGER)

    def repository(self, source: Object) -> Repository:
        """Return the repository of a GitRepository. Raises `Refused` where there is none."""
        url = source["spec"]["url"]
        if url not in self._repositories:
            raise Refused(f"failed to checkout and determine revision: unknown repository {url}")
        return Repository(self._repositories[url])

    def _looked_at(self, source: Object) -> Object:
        branch = (source["spec"].get("ref") or {}).get("branch", "master")
        try:
            tip = self.repository(source).tip(branch)
        except Refused as refused:
            return status(source, reason="GitOperationFailed", message=str(refused), ready=False)
        if not tip:
            message = f"couldn't find remote ref refs/heads/{branch}"
            return status(source, reason="GitOperationFailed", message=message, ready=False)
        revision = f"{branch}@sha1:{tip}"
        said = status(source, reason="Succeeded", message=f"stored artifact for revision '{revision}'")
        return said | {"artifact": {"revision": revision}}
