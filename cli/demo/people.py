"""The part that people play in the demo, and what each of their systems received."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from cli.demo import afterwards
from cli.demo import cast as casting
from cli.demo.cast import Cast
from cli.demo.story import hang
from shared.domain.response import Response, Step


@dataclass
class Part:
    """Pages once, answers once, resolves once; called at each look at the story."""

    cast: Cast
    url: str
    say: Callable[[str, str], None]
    incident: str = ""
    answered: bool = False
    resolved: bool = False

    def play(self, response: Response) -> None:
        """Do what it is time for."""
        if not self.incident:
            self.incident = self.cast.page(self.url)
            self.say(
                "[magenta]PagerDuty[/magenta]", f"reports its incident {self.incident}: no second response"
            )
        question = self.cast.question()
        if question is not None and not self.answered:
            answer = self.cast.approve(question, self.url)
            self.answered = answer.is_success
            self.say("[magenta]Slack[/magenta]", f"{casting.APPROVER_NAME} presses the button: yes")
        firing = {alert.source for alert in response.heard.alerts if alert.firing}
        if response.phase == Step.STABILISE and firing == {"pagerduty"} and not self.resolved:
            self.cast.resolve(self.incident, self.url)
            self.resolved = True
            self.say("[magenta]PagerDuty[/magenta]", f"reports that {self.incident} is resolved")


def received(console: Console, cast: Cast) -> None:
    """Print what each of their systems received, but for lines that were printed before."""
    console.print("\n[bold]What people saw[/bold] [dim](lines that were shown before are left out)[/dim]")
    said: set[str] = set()
    for title, texts in (*_told(cast), *afterwards.told(cast)):
        console.print(f"\n[cyan]{title}[/cyan]")
        for text in texts or ["nothing"]:
            first, *more = [line for line in _shown(text) if line.strip()] or [""]
            hang(console, Text("  • "), Text(first))
            for line in more:
                if line not in said:
                    hang(console, Text("    "), Text(line))
            said.update(more)


def _told(cast: Cast) -> Iterator[tuple[str, Sequence[str]]]:
    yield "Slack, the message as it stands now", [message.text for message in cast.slack.top_level]
    yield "Slack, its thread", [message.text for message in cast.slack.messages if message.thread_ts]
    yield "PagerDuty, notes on the incident", [note.text for note in cast.pagerduty.notes]
    yield "PagerDuty, status updates", [update.text for update in cast.pagerduty.status_updates]
    yield f"GitHub, comments on {casting.ISSUE}", [comment.body for comment in cast.github.comments]
    updates = [f"{u.status}: {u.body}" for i in cast.status.incidents for u in i.updates]
    yield "Status page", updates


def _shown(text: str) -> list[str]:
    """Return the lines of it that matter to a reader: no fences, no marks by which it is known again."""
    return [line for line in text.splitlines() if not line.startswith(("```", "<!--", "[backout:"))]


def missing(cast: Cast) -> list[str]:
    """Return which of them heard nothing, and what did not come as it should."""
    heard = {
        "Slack": cast.slack.messages,
        "PagerDuty": cast.pagerduty.notes,
        "GitHub": cast.github.comments,
        "the status page": cast.status.incidents,
    }
    return [name for name, known in heard.items() if not known] + afterwards.missing(cast)
