"""The part that people play in the demo, and what each of their systems received."""

from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape

from cli.demo import cast as casting
from cli.demo.cast import Cast


@dataclass
class Part:
    """Pages once, answers once; called at each look at the story."""

    cast: Cast
    url: str
    say: Callable[[str], None]
    paged: bool = False
    answered: bool = False

    def play(self) -> None:
        """Do what it is time for."""
        if not self.paged:
            incident = self.cast.page(self.url)
            self.paged = True
            self.say(f"[magenta]PagerDuty[/magenta] reports its incident {incident}: no second response")
        question = self.cast.question()
        if question is not None and not self.answered:
            answer = self.cast.approve(question, self.url)
            self.answered = answer.is_success
            self.say(f"[magenta]Slack    [/magenta] {casting.APPROVER} presses the button: yes")


def received(console: Console, cast: Cast) -> None:
    """Print what Slack, PagerDuty, GitHub and the status page each received."""
    console.print("\n[bold]What people saw[/bold]")
    _system(console, "Slack, the message as it stands now", [m.text for m in cast.slack.top_level])
    _system(console, "Slack, its thread", [m.text for m in cast.slack.messages if m.thread_ts])
    _system(console, "PagerDuty, notes on the incident", [note.text for note in cast.pagerduty.notes])
    _system(console, "PagerDuty, status updates", [w.text for w in cast.pagerduty.status_updates])
    _system(console, f"GitHub, comments on {casting.ISSUE}", [_shown(c.body) for c in cast.github.comments])
    updates = [f"{u.status}: {u.body}" for i in cast.status.incidents for u in i.updates]
    _system(console, "Status page", updates)


def missing(cast: Cast) -> list[str]:
    """Return which of them heard nothing."""
    heard = {
        "Slack": cast.slack.messages,
        "PagerDuty": cast.pagerduty.notes,
        "GitHub": cast.github.comments,
        "the status page": cast.status.incidents,
    }
    return [name for name, known in heard.items() if not known]


def _shown(comment: str) -> str:
    """Return what a reader of a comment sees of it: no fences, no hidden marks."""
    lines = comment.splitlines()
    return "\n".join(line for line in lines if not line.startswith(("```", "<!--")))


def _system(console: Console, title: str, texts: list[str]) -> None:
    console.print(f"\n[cyan]{title}[/cyan]")
    for text in texts or ["nothing"]:
        lines = [line for line in text.splitlines() if line.strip()]
        console.print(f"  • {escape(lines[0]) if lines else ''}", soft_wrap=True)
        for line in lines[1:]:
            console.print(f"    {escape(line)}", soft_wrap=True)
