"""Flux's objects as the API server sends them, as far as they are read.

Unknown fields are ignored; field names are the API's in snake case.
"""

from msgspec import Struct, field

from shared.adapters.kubernetes import wire
from shared.adapters.kubernetes.resources import Resource

KUSTOMIZATIONS = Resource("kustomize.toolkit.fluxcd.io", "v1", "kustomizations")
HELM_RELEASES = Resource("helm.toolkit.fluxcd.io", "v2", "helmreleases")
GIT_REPOSITORIES = Resource("source.toolkit.fluxcd.io", "v1", "gitrepositories")
KUSTOMIZE = KUSTOMIZATIONS.group


class OwnedField(Struct, frozen=True):
    """Says by being there that a field is owned."""


class OwnedSpec(Struct, frozen=True):
    suspend: OwnedField | None = field(default=None, name="f:suspend")


class Owned(Struct, frozen=True):
    """The fields that one manager owns; only whether `spec.suspend` is among them is read."""

    spec: OwnedSpec = field(default=OwnedSpec(), name="f:spec")


class Manager(Struct, rename="camel", frozen=True):
    manager: str = ""
    operation: str = ""
    fields_v1: Owned = Owned()


class Metadata(wire.Metadata, rename="camel", frozen=True):
    namespace: str = ""
    managed_fields: tuple[Manager, ...] = ()


class SourceReference(Struct, frozen=True):
    kind: str = ""
    name: str = ""
    namespace: str = ""


class Spec(Struct, rename="camel", frozen=True):
    suspend: bool = False
    source_ref: SourceReference = SourceReference()


class Condition(Struct, frozen=True):
    type: str
    status: str = ""
    reason: str = ""
    message: str = ""


class Status(Struct, rename="camel", frozen=True):
    last_applied_revision: str = ""
    conditions: tuple[Condition, ...] = ()


class Reconciled(Struct, frozen=True):
    """A Kustomization or a HelmRelease; what the latter lacks stays empty."""

    metadata: Metadata
    spec: Spec = Spec()
    status: Status = Status()


class GitReference(Struct, frozen=True):
    branch: str = ""
    tag: str = ""
    semver: str = ""
    name: str = ""
    commit: str = ""


class GitRepositorySpec(Struct, frozen=True):
    url: str
    ref: GitReference | None = None


class Artifact(Struct, frozen=True):
    revision: str = ""


class GitRepositoryStatus(Struct, frozen=True):
    artifact: Artifact = Artifact()


class GitRepository(Struct, frozen=True):
    metadata: Metadata
    spec: GitRepositorySpec
    status: GitRepositoryStatus = GitRepositoryStatus()


class Group(Struct, frozen=True):
    name: str


class Groups(Struct, frozen=True):
    """The groups that an API server serves."""

    groups: list[Group]
