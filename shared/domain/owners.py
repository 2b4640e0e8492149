"""Owners of a workload: who manages it besides us, what they would do to a rollback, how theirs is done.

A rollback under an owner that syncs lives for seconds. So it is stopped first, rolled back its own way where
it has one, and started again once what it would sync to is what runs.
"""

from dataclasses import dataclass, field

from shared.domain.workloads import WorkloadRef


@dataclass(frozen=True)
class Source:
    """Where an owner takes the workload from: a repository (its URL), a branch, and the commit it applied."""

    repository: str = ""
    branch: str = ""
    commit: str = ""


@dataclass(frozen=True)
class Ownership:
    """One look at an owner.

    `obstacle` says in words why no rollback under this owner would last; then nothing is touched. `running`
    is whether it would undo a rollback now, so that it has to be stopped first; `stopped_by` is the response
    that stopped it, where one of ours did. `version` is what stopping it compares and swaps on, `before` what
    starting it again puts back, in the owner's own terms. With `by_owner` the rollback is made through the
    owner; otherwise, or with `or_template` where the owner has nothing to go back to, the pod template is
    restored. `note` tells people what such a rollback does not change. `companions` are the other workloads
    that a rollback by the owner changes too.
    """

    kind: str
    namespace: str
    name: str
    obstacle: str = ""
    running: bool = False
    stopped_by: str = ""
    version: str = ""
    before: str = ""
    by_owner: bool = False
    or_template: bool = False
    note: str = ""
    companions: tuple[WorkloadRef, ...] = ()
    source: Source = field(default_factory=Source)

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"

    def ref(self, cluster: str) -> WorkloadRef:
        """Return the name under which the table remembers which responses changed what the owner manages."""
        return owner_ref(cluster, self.kind, self.namespace, self.name)


def owner_ref(cluster: str, kind: str, namespace: str, name: str) -> WorkloadRef:
    """Return an owner's name in the table, which no workload can have."""
    return WorkloadRef(cluster, namespace, f"owner-{kind.lower().replace(' ', '-')}", name)


@dataclass(frozen=True)
class Target:
    """What an owner itself can go back to: its own id of it (a history id, a release), and words for it.

    `seen` is what the rollback compares on: the newest id that the owner's history held.
    """

    id: str
    seen: str
    told: str = ""
    commit: str = ""


@dataclass(frozen=True)
class Revertible:
    """How a commit can be undone in its repository: `by` (see `RevertCommit`), or the obstacle in words."""

    by: str = ""
    obstacle: str = ""


@dataclass(frozen=True)
class Reverted:
    """A revert that was made: a commit on the branch, or a pull request that a person still has to merge.

    `commit` is the one on the branch, empty while the pull request is open.
    """

    url: str
    commit: str = ""
    pull_request: int = 0


@dataclass(frozen=True)
class Suspension:
    """Something of an owner's that a response stopped, and what it takes to start it again."""

    kind: str
    namespace: str
    name: str
    before: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"

    def ref(self, cluster: str) -> WorkloadRef:
        """Return the owner's name in the table."""
        return owner_ref(cluster, self.kind, self.namespace, self.name)
