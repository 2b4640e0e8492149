"""Where Flux takes a Kustomization or a HelmRelease from: the git repository behind it, and the commit."""

from typing import TypeVar

from shared.adapters.kubernetes import resources
from shared.adapters.kubernetes.connection import Budget, Connection
from shared.adapters.kubernetes.resources import Resource
from shared.adapters.owners import flux_wire as wire
from shared.adapters.owners.flux_marks import applied_by, is_named
from shared.domain.owners import Source
from shared.domain.reasons import Reason
from shared.errors import PermanentError

T = TypeVar("T")

DEFAULT_BRANCH = "master"  # Flux's own, where a GitRepository names none
_HEADS = "refs/heads/"
_GROUPS = resources.Request("GET", "list", "API groups", "", "/apis")


class FluxObjects:
    """Reads Flux's objects of one cluster."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, resource: Resource, namespace: str, name: str, kind: type[T], budget: Budget) -> T | None:
        """Return an object, or None when there is none, be it because Flux has been uninstalled.

        Raises PermanentError where Flux's group is served in another version only: that Flux runs.
        """
        answer = self._connection.send(resources.get(resource, namespace, name), budget)
        if answer.missing:
            return None
        if answer.status == 404:
            served = self._connection.send(_GROUPS, budget).read(wire.Groups)
            if resource.group not in {group.name for group in served.groups}:
                return None
            text = f"the cluster serves {resource.group}, but not its version {resource.version}"
            raise PermanentError(f"{text}: upgrade Flux to 2.3 or newer", reason=Reason.MANAGED_BY_OWNER)
        return answer.read(kind)

    def applier(self, found: wire.Reconciled, resource: Resource, budget: Budget) -> wire.Reconciled | None:
        """Return the Kustomization whose manifests in git make the workload what it is.

        A Kustomization is that itself. A HelmRelease's values are in the manifests of the Kustomization that
        applies it, if one does.
        """
        if resource is wire.KUSTOMIZATIONS:
            return found
        namespace, name = applied_by(found)
        if not is_named(namespace, name):
            return None
        return self.find(wire.KUSTOMIZATIONS, namespace, name, wire.Reconciled, budget)

    def git(self, applier: wire.Reconciled, budget: Budget) -> wire.GitRepository | None:
        """Return the GitRepository that a Kustomization applies, None where it applies something else."""
        reference = applier.spec.source_ref
        namespace = reference.namespace or applier.metadata.namespace
        if reference.kind != "GitRepository" or not is_named(namespace, reference.name):
            return None
        return self.find(wire.GIT_REPOSITORIES, namespace, reference.name, wire.GitRepository, budget)

    def source(self, found: wire.Reconciled, resource: Resource, budget: Budget) -> Source:
        """Return the repository, the branch and the commit that was applied, as far as they can be told."""
        applier = self.applier(found, resource, budget)
        git = self.git(applier, budget) if applier is not None else None
        if applier is None or git is None:
            return Source()
        return Source(git.spec.url, _branch(git.spec.ref), commit_of(applier.status.last_applied_revision))


def commit_of(revision: str) -> str:
    """Return the commit in Flux's name for a revision, ``main@sha1:6f8f…``; empty for another kind's."""
    algorithm, _, commit = revision.rpartition("@")[2].partition(":")
    return commit if algorithm in ("sha1", "sha256") else ""


def _branch(reference: wire.GitReference | None) -> str:
    """Return the branch that is followed; empty where it is a tag, a range of them or a commit."""
    if reference is None:
        return DEFAULT_BRANCH
    if reference.commit or reference.tag or reference.semver:
        return ""
    if reference.name:
        return reference.name.removeprefix(_HEADS) if reference.name.startswith(_HEADS) else ""
    return reference.branch or DEFAULT_BRANCH
