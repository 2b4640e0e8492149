"""Charts: the story of a response and its readings, in Mermaid. All words in them are ours."""

from collections.abc import Mapping, Sequence

from shared.domain.response import Event, Response, Step
from shared.domain.signals import Signal
from shared.messages import markdown

_STORY: Mapping[str, str] = {
    "accepted": "detected",
    "assessed": "decided",
    "asked": "a person is asked",
    "approve": "a person says yes",
    "abort": "a person says no",
    "holding": "announced, time to say no",
    "delayed": "held back",
    "scaled": "capacity added",
    "owner_stopped": "owner stopped",
    "rolled_back": "rolled back",
    "found_rolled_back": "found rolled back",
    "verified": "verified",
    "watching_again": "not held, watched again",
    "stuck": "rollout stuck",
    "forced": "scaled to zero and back",
    "flushed": "cache flushed",
    "reverted": "reverted in git",
}

_CHARTS = ((Signal.ERROR_RATE, "Error rate in percent", 100.0), (Signal.LATENCY_P95, "p95 in ms", 1000.0))
_AFTER = frozenset({"held", "watching_again", "ended"})


def timeline(response: Response, events: Sequence[Event]) -> str:
    """Return the story by the time since the response began; what came in the same second stands together."""
    told: dict[str, list[str]] = {}
    for event in events:
        word = _word(response, event)
        if word:
            told.setdefault(_since(response, event), []).append(word)
    lines = [f"    {at} : {' : '.join(dict.fromkeys(words))}" for at, words in told.items()]
    return markdown.fenced("mermaid", ["timeline", *lines]) if lines else ""


def readings(response: Response, events: Sequence[Event]) -> list[str]:
    """Return a chart for each signal that has numbers to compare: before, at the decision, and after."""
    return [chart for signal, name, by in _CHARTS if (chart := _chart(response, events, signal, name, by))]


def _word(response: Response, event: Event) -> str:
    if event.code == "held":
        return "held its targets" if event.phase == Step.STABILISE else "nobody said no"
    if event.code == "ended":
        return f"ended {response.phase}" if not response.live else "ended"
    return _STORY.get(event.code, "")


def _since(response: Response, event: Event) -> str:
    """Return a time without a colon, which would end it in Mermaid."""
    seconds = round((event.at - response.started_at).total_seconds())
    minutes, rest = divmod(seconds, 60)
    return f"+{minutes} min {rest} s" if minutes else f"+{rest} s"


def _chart(response: Response, events: Sequence[Event], signal: Signal, name: str, by: float) -> str:
    before = response.baseline.get(signal)
    matched = next((row.reading for row in response.decision.rows if row.signal is signal), None)
    points = [("before", before.value if before else None), ("decision", matched.value if matched else None)]
    for event in events:
        value = event.facts.get(signal.value)
        if event.code in _AFTER and "samples" in event.facts and isinstance(value, int | float):
            points.append((_since(response, event), float(value)))
    known = [(at, value * by) for at, value in points if value is not None]
    if len(known) < 2:
        return ""
    top = max(value for _, value in known) * 1.1 or 1.0
    places = ", ".join(f'"{at}"' for at, _ in known)
    lines = [
        "xychart-beta",
        f'    title "{name}"',
        f"    x-axis [{places}]",
        f"    y-axis 0 --> {_number(top)}",
        f"    bar [{', '.join(_number(value) for _, value in known)}]",
    ]
    return markdown.fenced("mermaid", lines)


def _number(value: float) -> str:
    """Return a number, its first three digits, without an exponent, which Mermaid cannot read."""
    return f"{float(f'{value:.3g}'):.4f}".rstrip("0").rstrip(".")
