"""Reverts: which commit of which repository is to be undone for a response. The runbook's option C."""

import re
from datetime import datetime

from shared.domain.changes import RevertCommit
from shared.domain.owners import Source
from shared.domain.response import Response
from shared.domain.services import Service

DEFAULT_BRANCH = "main"
WAYS = ("commit", "pull_request")

_GITHUB = re.compile(r"(?:^|[@/])github\.[\w.-]+[:/](?P<name>[\w.-]+/[\w.-]+?)(?:\.git)?/?$")
_SHA = re.compile(r"[0-9a-f]{7,64}", re.IGNORECASE)


def origin(service: Service, response: Response, *, built_from: str) -> Source:
    """Return where the bad revision came from, by the configuration, its owner, and its template.

    A commit that a person named beats what any of them says; `built_from` is the one that the pod template
    names. What is not a commit's hash counts as not known, and so does an owner's of another repository.
    """
    owned = response.ownership.source if response.ownership else Source()
    named = response.order.commit if response.order else ""
    on_github = _GITHUB.search(owned.repository)
    of_owner = on_github["name"] if on_github else ""
    repository = service.repository or of_owner
    applied = owned.commit if repository == of_owner else ""
    commit = next((c for c in (named, applied, built_from) if _SHA.fullmatch(c)), "")
    branch = service.branch or owned.branch
    return Source(repository, DEFAULT_BRANCH if branch in ("", "HEAD") else branch, commit.lower())


def no_later_than(response: Response) -> datetime | None:
    """Return the time after which no commit can have brought the bad revision; None where a person named it.

    An owner names the commit that it applied last, which in a repository of several services may be a later
    one that is about another service.
    """
    named = response.order is not None and bool(response.order.commit)
    return None if named else response.bad_since


def missing(source: Source) -> str:
    """Return what is not known, as a clause for people; empty when a revert can be looked at."""
    if not source.repository:
        return "no repository is known: set `github.repository` of the service"
    if not source.commit:
        return "it is not known which commit the bad revision was built from"
    return ""


def change(response: Response, *, by: str, at: datetime) -> RevertCommit:
    """Return the change that undoes the commit that the response's bad revision came from."""
    cause = f"Backout {response.id}: {response.service}"
    if response.choice is not None:
        cause += f", revision {response.choice.from_number} back to {response.choice.to_number}"
    elif response.order is not None and response.order.reason:
        cause += f", {response.order.reason}"
    return RevertCommit(
        workload=response.workload,
        response_id=response.id,
        repository=response.origin.repository,
        branch=response.origin.branch,
        commit=response.origin.commit,
        by=by,
        at=at.isoformat(timespec="seconds"),
        cause=cause,
    )
