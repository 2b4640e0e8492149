"""Filing: where reports and follow-ups go, as the configuration says."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared.domain import paperwork
from shared.domain.paperwork import Paperwork
from shared.domain.response import Response, Task
from shared.ports import Shelf, Tracker
from shared.settings import Secrets, Settings

if TYPE_CHECKING:
    from shared.tasks.resume import Tell

_TELLING = frozenset({"tell", "arm"})
"""Kinds of tasks whose failure cannot be told: they are the telling."""


def paperwork_of(settings: Settings) -> Paperwork:
    """Return what is owed once a response that acted has ended."""
    places = {
        paperwork.TO_ISSUE: settings.github and settings.report.github,
        paperwork.TO_DIRECTORY: settings.report.directory,
    }
    wanted = settings.follow_ups
    return Paperwork(
        reports=tuple(name for name, place in places.items() if place),
        after=timedelta(seconds=settings.report.after_seconds),
        follow_ups=wanted is not None,
        each=wanted is not None and wanted.each and settings.github is not None,
    )


def tracker_of(settings: Settings, secrets: Secrets) -> Tracker:
    """Return what files issues; one that files nothing where GitHub is not configured."""
    if settings.github is None:
        from shared.adapters.unconfigured import NoTracker

        return NoTracker()
    from shared.adapters.github_issues import GitHubTracker

    return GitHubTracker(settings.github.url, secrets.value(settings.github.token))


def shelf_of(settings: Settings) -> Shelf:
    """Return what keeps reports as files; one that keeps nothing where no directory is configured."""
    if not settings.report.directory:
        from shared.adapters.unconfigured import NoShelf

        return NoShelf()
    from shared.adapters.directory import DirectoryShelf

    return DirectoryShelf(settings.report.directory)


def repositories_of(settings: Settings) -> list[str]:
    """Return the repositories in which issues are filed."""
    reported, wanted = settings.report.github, settings.follow_ups
    named = [reported.repository] if reported is not None else []
    named += [wanted.repository] if wanted is not None and wanted.in_github else []
    own = {service.repository for service in settings.services} if "" in named else set()
    return sorted({*named, *own} - {""})


def given_up(tell: "Tell") -> Callable[[Response, Task, datetime], Sequence[Task]]:
    """Return what tells the team of a task that was given up, but for those that are the telling."""

    def told(response: Response, task: Task, now: datetime) -> Sequence[Task]:
        if task.kind in _TELLING:
            return ()
        facts = {"kind": task.kind, "detail": task.result}
        return tell(response, "task_given_up", facts, f"{task.name}#given_up", now)

    return told
