"""What comes after the rollback: a gate that is closed and opened again, a meeting, and two issues."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from icalendar import Calendar
from rich.console import Console
from rich.markdown import Markdown
from rich.markup import escape

from cli.demo.cast import REPORT, TO_DO, ZONE, Cast
from cli.demo.story import until
from sandbox.receivers.github_issues import FiledIssue
from sandbox.receivers.mail import Mail
from shared.domain.evidence import CHECK
from shared.domain.paperwork import OVERDUE
from shared.errors import ConfigurationError
from shared.messages.quantities import appointment

if TYPE_CHECKING:
    from cli.demo.stage import Stage
    from shared.ports import State

WIDEST = 100
TITLES = {REPORT: "The incident report (GitHub draws its Mermaid blocks)", TO_DO: "The follow-ups"}
PATIENCE_SECONDS = 20.0
LATER = frozenset({CHECK, OVERDUE})

Say = Callable[[str, str], None]


@dataclass(frozen=True)
class Invitation:
    """What a mail client shows of an invitation, and what a calendar makes of it."""

    subject: str
    sender: str
    to: str
    at: str
    method: str
    uid: str
    summary: str


def play(stage: "Stage", cast: Cast, state: "State", say: Say) -> None:
    """Have somebody try to deploy, before the gate is opened and after; then wait for all that is owed."""
    _deployment(stage, cast, say, closed=True)
    answer = stage.ask("DELETE", "/gates/checkout", {"reason": "the fix is in"})
    answer.raise_for_status()
    say("[magenta]alice[/magenta]", "opens the gate: the fix is in")
    _deployment(stage, cast, say, closed=False)
    with suppress(ConfigurationError):  # what has not come by then is told as missing
        until(lambda: _settled(stage, state), "what comes after", PATIENCE_SECONDS)
    for issue in [*cast.filed(REPORT), *cast.filed(TO_DO)]:
        say("[magenta]GitHub[/magenta]", f"has a new issue {issue.reference}: {escape(issue.title)}")
    for invitation in invitations(cast):
        say("[magenta]mail[/magenta]", f"invites {invitation.to}: {escape(invitation.at)}")


def _deployment(stage: "Stage", cast: Cast, say: Say, *, closed: bool) -> None:
    run = cast.deploying(stage.url)
    say("[magenta]GitHub[/magenta]", f"asks whether {run.repository} may be deployed to {run.environment}")
    until(lambda: bool(run.verdict), "the verdict on a deployment", PATIENCE_SECONDS)
    word = {"approved": "[green]yes[/green]", "rejected": "[red]no[/red]"}[run.verdict]
    say("[cyan]gate[/cyan]", f"→ {word}: {escape(run.comment)}")
    expected = 423 if closed else 200
    until(
        lambda: stage.ask("GET", "/gates/checkout").status_code == expected,
        f"GET /gates/checkout to answer {expected}",
        PATIENCE_SECONDS,
    )
    say("[cyan]gate[/cyan]", f"GET /gates/checkout answers any other pipeline {expected}")


def _settled(stage: "Stage", state: "State") -> bool:
    """Return whether nothing is owed any more but later looks at what has come of it all."""
    tasks = stage.door.records.tasks(state.response.id)
    return all(task.due_at is None or task.kind in LATER for task in tasks)


def invitations(cast: Cast) -> list[Invitation]:
    """Return what the mail server took."""
    return [_read(mail) for mail in cast.mail.received]


def _read(mail: Mail) -> Invitation:
    calendar = Calendar.from_ical(mail.calendar)
    [event] = calendar.walk("VEVENT")
    at = event.decoded("DTSTART")
    return Invitation(
        subject=str(mail.message["Subject"]),
        sender=str(mail.message["From"]),
        to=", ".join(mail.recipients),
        at=appointment(at.isoformat(), ZONE),
        method=str(calendar["METHOD"]),
        uid=str(event["UID"]),
        summary=str(event["SUMMARY"]),
    )


def missing(cast: Cast) -> list[str]:
    """Return what did not come as it should."""
    verdicts = [run.verdict for run in cast.github.gates.runs]
    statuses = [status.state for status in cast.github.gates.statuses]
    came = {
        "the gate's two verdicts": verdicts == ["rejected", "approved"],
        "the commit's two statuses": not cast.hosts or statuses == ["failure", "success"],
        "one report": len(cast.filed(REPORT)) == 1,
        "one list of follow-ups": len(cast.filed(TO_DO)) == 1,
        "one invitation": len({each.uid for each in invitations(cast)}) == 1,
    }
    return [name for name, well in came.items() if not well]


def as_json(cast: Cast) -> dict[str, object]:
    """Return it all for programs."""
    meetings = {each.uid: each for each in invitations(cast)}
    return {
        "gate": [run.verdict for run in cast.github.gates.runs],
        "commit_status": [status.state for status in cast.github.gates.statuses],
        "report": [issue.reference for issue in cast.filed(REPORT)],
        "follow_ups": [issue.reference for issue in cast.filed(TO_DO)],
        "meeting": [{"at": each.at, "uid": each.uid, "method": each.method} for each in meetings.values()],
    }


def told(cast: Cast) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield each thing that was received, with its texts."""
    gates = cast.github.gates
    verdicts = [f"{run.verdict}: {run.comment}" for run in gates.runs]
    yield "GitHub, deployments that asked, and the verdicts", verdicts
    if cast.hosts:
        statuses = [f"{each.context} {each.state}: {each.description}" for each in gates.statuses]
        yield "GitHub, statuses of the commit", statuses
    yield "Mail, the invitation", [_shown(each) for each in invitations(cast)]


def _shown(each: Invitation) -> str:
    envelope = f"{each.subject}\nfrom {each.sender} to {each.to}\n{each.at}"
    return f"{envelope}\ncalendar: METHOD:{each.method} UID:{each.uid} SUMMARY:{each.summary}"


def papers(console: Console, cast: Cast, response_id: str) -> None:
    """Print the issues as a reader of them sees them, as far as a terminal can."""
    for kind, title in TITLES.items():
        for issue in cast.filed(kind):
            console.print(f"\n[bold]{title}[/bold], issue {issue.reference}\n")
            _paper(console, issue)
    console.print(
        f"\n[dim]`backout report {response_id}` prints the report as Markdown, where Backout runs.[/dim]"
    )


def _paper(console: Console, issue: FiledIssue) -> None:
    about = [*(f"[{label}]" for label in issue.labels), *(f"@{login}" for login in issue.assignees)]
    console.print(
        f"[bold]{escape(issue.title)}[/bold] [dim]{escape(' '.join(about))}[/dim]\n", soft_wrap=True
    )
    console.print(Markdown(issue.body, code_theme="ansi_dark"), width=min(console.width, WIDEST))
