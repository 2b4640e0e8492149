"""The wording of an invitation to find the root cause."""

from collections.abc import Mapping
from datetime import datetime

from shared.domain.reasons import sentence
from shared.domain.response import Response
from shared.messages.quantities import appointment
from shared.messages.wording import filled


def compose(response: Response, at: datetime, zone: str, *, links: Mapping[str, str]) -> tuple[str, str]:
    """Return the summary and the text; `links` are the configured templates (see `Wording`)."""
    severity = response.decision.severity
    paragraphs = [
        f"We meet to find the root cause on {appointment(at.isoformat(), zone)}.",
        f"{response.service} ({response.workload}) was {_treated(response)}. {_ran(response)}",
        f"The incident report: backout report {response.id}",
        "\n".join(f"{name}: {filled(link, response)}" for name, link in links.items()),
    ]
    told = f" ({severity.value})" if severity else ""
    return f"Root cause analysis: {response.service}{told}", "\n\n".join(filter(None, paragraphs))


def _ran(response: Response) -> str:
    reason = f": {sentence(response.reason)}" if response.reason else "."
    return f"That began at {response.started_at:%Y-%m-%d %H:%M} UTC and ended {response.phase}{reason}"


def _treated(response: Response) -> str:
    choice = response.choice
    if response.rolled is None or choice is None:
        return "not rolled back" if response.rolled is None else "rolled back"
    left, restored = f"{choice.from_number} ({choice.from_image})", f"{choice.to_number} ({choice.to_image})"
    return f"rolled back from revision {left} to {restored}"
