"""Filing: the report as an issue of a repository, in the form that its own template has."""

import re
from collections.abc import Mapping, Sequence

from shared.domain.paperwork import Place
from shared.domain.response import Event, Response, Task
from shared.messages.markdown import code, plain
from shared.messages.report import headline, sections
from shared.ports import NewIssue, Section, Template

LONGEST = 64_000
"""Characters of a body; GitHub takes 65,536 with the marker."""

NOTHING = "_No response_"
"""What GitHub writes itself where a field of a form was left empty."""

_PEOPLES = ""
_KNOWN = (
    (r"root|cause|why|lesson|action.?items?|follow.?ups?|prevent", _PEOPLES),
    (r"severity|priority", "severity"),
    (r"time.?line", "Timeline"),
    (r"impact", "Why"),
    (r"service|component|system", "service"),
    (r"environment|cluster", "workload"),
    (r"detect|start|began|occurred|date", "began"),
    (r"resolved.?at|end(ed)?.?(at|time)|ended", "ended"),
    (r"resolution|mitigation|remediation|changed|taken|rollback", "What was changed"),
    (r"metrics|readings|graphs|evidence", "Readings"),
    (r"verif|checklist", "Verification checklist"),
    (r"links|references", "Links"),
    (r"summary|description|what.?happened|overview|details", "What happened"),
)
"""Words in a field's id, or else in its label, and what goes there; the first that fits.

Causes and lessons are people's to write.
"""


def issue(
    response: Response,
    events: Sequence[Event],
    tasks: Sequence[Task],
    *,
    place: Place,
    template: Template | None,
    links: Mapping[str, str],
) -> NewIssue:
    """Return the report as an issue: what the template asks for, then the rest of it."""
    form = template or Template()
    told = sections(response, events, tasks, links=links)
    known = {**told, **_facts(response)}
    filled = [(section.label, _filled(section, known)) for section in form.sections]
    head = f"Response {code(response.id)}. Times are UTC."
    asked = {text for _, text in filled}
    parts = [f"### {plain(label)}\n\n{text}" if label else text for label, text in filled]
    parts += [*(["---"] if parts else []), head]
    parts += [f"## {name}\n\n{text}" for name, text in told.items() if text not in asked]
    return NewIssue(
        repository=place.repository,
        key=f"report:{response.id}",
        since=response.started_at,
        title=f"{form.title}{headline(response)}",
        body=_fitting(parts, response),
        labels=tuple(dict.fromkeys((*form.labels, *place.labels))),
        assignees=form.assignees,
    )


def _facts(response: Response) -> dict[str, str]:
    """Return what forms ask for by itself."""
    severity, ended_at = response.decision.severity, response.ended_at
    return {
        "severity": severity.value if severity else "",
        "service": plain(response.service),
        "workload": plain(f"{response.workload.cluster}, {response.workload}"),
        "began": f"{response.started_at:%Y-%m-%d %H:%M:%SZ}",
        "ended": f"{ended_at:%Y-%m-%d %H:%M:%SZ}" if ended_at else "",
    }


def _filled(section: Section, known: Mapping[str, str]) -> str:
    """Return what we know that belongs there; else what the template has there."""
    meant = (_meant(name) for name in (section.id, section.label))
    found = known.get(next((name for name in meant if name is not None), _PEOPLES), "")
    if section.options:
        found = next((option for option in section.options if found and found in option), "")
    return found or section.text or NOTHING


def _meant(name: str) -> str | None:
    """Return what a name asks for, None where that is not known."""
    words = re.sub(r"[^a-z0-9]+", " ", name.lower())
    return next((meant for pattern, meant in _KNOWN if re.search(rf"\b(?:{pattern})", words)), None)


def _fitting(parts: Sequence[str], response: Response) -> str:
    """Join the parts that fit; say of the rest that it is left out and where the whole is. None is cut."""
    whole = f"What was too long for an issue is left out here: `backout report {response.id}` has the whole."
    kept, left = [], LONGEST - len(whole) - 2
    for part in parts:
        if len(part) + 2 <= left:
            kept.append(part)
            left -= len(part) + 2
    return "\n\n".join(kept if len(kept) == len(parts) else [*kept, whole])
