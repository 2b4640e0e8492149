"""The report: an incident's account in Markdown, told from what the response has left behind.

It is pasted where incidents are kept, so everything that did not come from us is escaped on its way in.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from shared.domain import aftercare, escalation, meetings, paperwork
from shared.domain.checklist import Item, Standing, checklist, logs
from shared.domain.decisions import RowVerdict
from shared.domain.owed import GIVEN_UP
from shared.domain.reasons import sentence
from shared.domain.response import Event, Response, Task
from shared.messages import charts
from shared.messages.doings import at_time, changes, clock, guardrails, listed, still, words
from shared.messages.markdown import code, link, plain, table
from shared.messages.meetings import ASKED, stands
from shared.messages.quantities import person, quantity
from shared.messages.wording import filled

_IN_VAIN = (GIVEN_UP, "not reverted", "not switched", "not closed", "attempt ", "to be tried again")
"""How the results of tasks begin that did not do what they owe."""

_MADE = {aftercare.REVERT: "revert", paperwork.REPORT: "report", paperwork.FOLLOW_UP: "follow-ups"}
"""What tasks leave behind that can be linked to."""

_MARKS = {Standing.PASS: "x", Standing.FAIL: " ", Standing.UNKNOWN: " ", Standing.ASKED: " "}


def report(
    response: Response, events: Sequence[Event], tasks: Sequence[Task], *, links: Mapping[str, str]
) -> str:
    """Return the report; of a response that still lives it is what is known so far.

    `events` are in order of time; `links` are the configured templates (see `Wording`).
    """
    told = [f"## {name}\n\n{body}" for name, body in sections(response, events, tasks, links=links).items()]
    head = f"# {plain(headline(response))}"
    return "\n\n".join((head, f"Response {code(response.id)}. Times are UTC.", *told)) + "\n"


def headline(response: Response) -> str:
    """Return the report's title, as text."""
    severity = response.decision.severity
    return f"{response.service}: {_outcome(response)}" + (f" ({severity.value})" if severity else "")


def sections(
    response: Response, events: Sequence[Event], tasks: Sequence[Task], *, links: Mapping[str, str]
) -> dict[str, str]:
    """Return the report's sections by their headings; what there is nothing to say of is left out."""
    found = {
        "What happened": f"{_began(response)} {_went(response)}",
        "Why": _decision(response.decision.matched),
        "What was changed": listed(changes(response, events, tasks)),
        "Still stopped": still(response, tasks),
        "Timeline": charts.timeline(response, events),
        "Readings": "\n\n".join(charts.readings(response, events)),
        "Who said what": words(response),
        "Guardrails that spoke": listed(guardrails(response, events)),
        "Verification checklist": _checklist(checklist(response, events, tasks), response),
        "Logs since the rollback": _log_lines(logs(tasks), response),
        "Root cause analysis": _meeting(response, tasks),
        "Given up": listed(_given_up(tasks, response)),
        "Links": listed(_links(response, tasks, links)),
    }
    return {name: body for name, body in found.items() if body}


def _outcome(response: Response) -> str:
    if response.live:
        return f"still in progress, in {response.phase}"
    if response.acted:
        return f"rolled back, {response.phase}"
    return f"not rolled back, {response.phase}"


def _began(response: Response) -> str:
    names = sorted({alert.name for alert in response.heard.alerts})
    what = f"{plain(person(response.order.by))} ordered `{response.order.wanted}`" if response.order else ""
    if not what:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        listed = f" ({', '.join(plain(name) for name in names[:3])}{more})" if names else ""
        count = response.heard.alert_count
        what = f"{count} alert{'' if count == 1 else 's'} from {plain(response.source)}{listed} came in"
    readings = ", ".join(f"{_signal(row)} {_reading(row)}" for row in response.decision.matched)
    at = f"{response.started_at:%Y-%m-%d %H:%M:%SZ}"
    where = f"{code(str(response.workload))} in cluster {plain(response.workload.cluster)}"
    return f"On {at} {what} for {where}{f': {readings}' if readings else ''}."


def _went(response: Response) -> str:
    choice, rolled = response.choice, response.rolled
    did = "nothing was rolled back"
    if rolled is not None and choice is not None:
        who = "Backout" if rolled.by_us else "someone else"
        after = _span(response.started_at, rolled.at)
        did = f"{who} went back from revision {choice.from_number} to {choice.to_number} after {after}"
    if response.ended_at is None:
        return f"So far {did}; it is in the step `{response.phase}`."
    why = sentence(response.reason) if response.reason else ""
    detail = f" ({plain(response.detail)})" if response.detail else ""
    ended = f"it ended `{response.phase}` after {_span(response.started_at, response.ended_at)}"
    return f"{did[0].upper()}{did[1:]}, and {ended}: {why.rstrip('.')}{detail}."


def _span(since: datetime, until: datetime) -> str:
    minutes, seconds = divmod(round((until - since).total_seconds()), 60)
    if minutes:
        return f"{minutes} min {seconds} s"
    return f"{seconds} s" if seconds else "less than a second"


def _decision(matched: Sequence[RowVerdict]) -> str:
    rows = [
        (_signal(row), _reading(row), quantity(row.signal, row.threshold), row.severity.value, code(row.row))
        for row in matched
    ]
    if not rows:
        return "No row of the decision matrix was past its threshold."
    return table(("signal", "reading", "threshold", "severity", "row"), rows)


def _signal(row: RowVerdict) -> str:
    return row.signal.value.replace("_", " ")


def _reading(row: RowVerdict) -> str:
    value = row.reading.value
    return quantity(row.signal, value) if value is not None else row.reading.kind.value


def _checklist(items: Sequence[Item], response: Response) -> str:
    """Return the list as boxes: only what passed is ticked, so that a person can go on ticking."""
    lines = []
    for item in items:
        at = f", {clock(item.at, response)}" if item.at is not None else ""
        lines.append(
            f"- [{_MARKS[item.standing]}] {item.name}: **{item.standing}**, {plain(item.evidence)}{at}"
        )
        lines += [f"  - {_detail(detail)}" for detail in item.details]
    return "\n".join(lines)


def _meeting(response: Response, tasks: Sequence[Task]) -> str:
    """Return where the meeting stands, or that people are to call one."""
    meeting = meetings.meeting(tasks)
    if meeting is not None:
        told = stands(meeting)
        return plain(f"{told[0].upper()}{told[1:]}")
    return f"- [ ] {ASKED}" if meetings.owed(response) and not response.live else ""


def _detail(detail: str) -> str:
    """Return an example; where it ends in an address, as a link."""
    words, _, url = detail.rpartition(" ")
    return link(words, url) if url.startswith(("http://", "https://")) and words else plain(detail)


def _log_lines(item: Item | None, response: Response) -> str:
    if item is None:
        return ""
    at = f", {clock(item.at, response)}" if item.at is not None else ""
    examples = f"\n\n{listed([plain(line) for line in item.details])}" if item.details else ""
    return f"{plain(item.evidence)}{at}.{examples}"


def _given_up(tasks: Sequence[Task], response: Response) -> list[str]:
    """Return what did not get through, was refused, or was tried in vain so far."""
    failed = [task for task in tasks if task.result.startswith(_IN_VAIN)]
    return [at_time(task.ended_at, response, f"{_what(task)}: {plain(task.result)}") for task in failed]


def _what(task: Task) -> str:
    match task.kind:
        case "tell":
            return f"message {code(str(task.facts.get('code')))} on {plain(task.facts.get('channel'))}"
        case escalation.KIND:
            return f"call of {plain(task.facts.get('level'))}"
        case _:
            return f"task {plain(task.name)}"


def _links(response: Response, tasks: Sequence[Task], links: Mapping[str, str]) -> list[str]:
    told = [link(name, filled(url, response)) for name, url in links.items()]
    urls = {alert.url: alert.name for alert in response.heard.alerts if alert.url}
    told += [link(f"alert {name}", url) for url, name in list(urls.items())[:10]]
    if response.reverted is not None:
        told.append(link("revert", response.reverted.url))
    made = [(name, t.result.partition(": ")) for t in tasks if (name := _MADE.get(t.kind))]
    told += [link(name, url) for name, (what, _, url) in made if what in {"reverted", "filed"}]
    return told + [f"{plain(kind)} {plain(name)}" for kind, name in response.heard.references.items()]
