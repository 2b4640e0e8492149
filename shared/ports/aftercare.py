"""What is left of an incident: meetings, issues, files, and what keeps a service from being deployed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.domain.changes import Applied
from shared.domain.meetings import Invitation
from shared.domain.services import Service


class Meetings(Protocol):
    """Invites people to a meeting, moves it and cancels it, as the invitation says."""

    def send(self, invitation: Invitation) -> Sequence[str]:
        """Send the invitation; return the attendees that were refused while others were taken.

        Sent twice it is one event in every calendar, and an older one changes nothing of a newer. Raises
        TemporaryError, after which nobody knows whether it went out, and PermanentError for a refusal.
        """
        ...


@dataclass(frozen=True)
class Section:
    """A part of a template: its heading, what names it besides, and what stands in it unless it is filled.

    `options` are what it may be filled with; empty: with anything.
    """

    label: str
    id: str = ""
    text: str = ""
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Template:
    """A repository's own template of issues; `title` is what titles begin with."""

    title: str = ""
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()


@dataclass(frozen=True)
class NewIssue:
    """An issue that is to be there. `key` is what it is known again by, and stands hidden in it.

    None that was made before `since` can be it. Who cannot be an assignee is left out rather than the issue.
    """

    repository: str
    key: str
    since: datetime
    title: str
    body: str
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()


@dataclass(frozen=True)
class Issue:
    """An issue as it is: `reference` is ``owner/repository#number``."""

    reference: str
    url: str
    body: str = ""
    open: bool = True


class Tracker(Protocol):
    """Issues, in repositories named ``owner/name``.

    Raises TemporaryError when it cannot be reached, PermanentError when it refuses.
    """

    def template(self, repository: str, path: str) -> Template | None:
        """Return the template at that path of the default branch, None where no such can be read."""
        ...

    def file(self, issue: NewIssue) -> Issue:
        """Make the issue once; return it, also where it had been made before. A body is cut to what fits."""
        ...

    def look(self, reference: str) -> Issue | None:
        """Return an issue as it is now, None when it was deleted.

        Raises PermanentError for one that may not be seen: nobody knows how that stands.
        """
        ...


class Shelf(Protocol):
    """Keeps files for people to read."""

    def put(self, name: str, text: str) -> str:
        """Have the file hold that text, whole or not at all; return where it is. Raises TemporaryError."""
        ...


class Barrier(Protocol):
    """What keeps a service from being deployed in one system while its gate is closed: a status, a window.

    Raises TemporaryError when the system cannot be reached, PermanentError when it refuses.
    """

    def place(self, service: Service) -> str:
        """Return what is closed for the service, in words; empty where this system does not deploy it.

        Services with the same place have it in common: it is open only where all their gates are.
        """
        ...

    def apply(self, place: str, *, closed: bool, why: str = "") -> Applied:
        """Close or open the place once; `ALREADY` when it is so. Nobody else's doing is touched."""
        ...


@dataclass(frozen=True)
class Asked:
    """A deployment of a run that waits for our verdict on an environment of a repository (``owner/name``)."""

    repository: str
    run_id: int
    environment: str


class Deployments(Protocol):
    """The deployments of a host of repositories that wait for a verdict. Raises as `Repositories` does."""

    def answer(self, asked: Asked, *, approved: bool, comment: str, again: bool = False) -> Applied:
        """Give the verdict. `again` says that it may have been given: `ALREADY` when nothing waits for it."""
        ...


class Reviews(Protocol):
    """Reviews of pull requests. Raises as `Repositories` does."""

    def approver(self, repository: str, number: int) -> str:
        """Return who, of those who belong there, has approved a pull request and stands by it, else empty."""
        ...
