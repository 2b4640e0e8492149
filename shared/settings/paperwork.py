"""Paperwork: where reports and follow-ups go, as they are configured."""

from shared.settings import schema
from shared.settings.conforming import Problems
from shared.settings.model import FollowUps, Report, ReportIssue
from shared.settings.shapes import check_id

LONGEST_AFTER_SECONDS = 1200.0
"""The runbook wants the report within half an hour."""


def report(said: schema.Report, problems: Problems) -> Report:
    """Return where reports are filed; nowhere where nothing is said."""
    if not 0 <= said.after <= LONGEST_AFTER_SECONDS:
        problems.append(f"report.after: expected 0s to 20m; found {said.after:g}s")
    issue = said.github
    if issue is not None and issue.repository:
        check_id(issue.repository, "repository", "report.github.repository", problems)
    filed = ReportIssue(issue.repository, issue.template, tuple(issue.labels)) if issue is not None else None
    return Report(filed, said.directory, float(said.after))


def follow_ups(said: schema.FollowUps | str | None, problems: Problems) -> FollowUps | None:
    """Return how follow-ups are handed over: told where nothing is said, not at all where they are off."""
    if isinstance(said, str):
        return None
    if said is None:
        return FollowUps()
    if said.repository:
        check_id(said.repository, "repository", "follow_ups.repository", problems)
    return FollowUps(True, said.repository, tuple(said.labels), said.filed_as == "issues")
