"""Follow-ups in words: the runbook's lists as issues, or as lines of a message."""

from datetime import datetime, tzinfo

from shared.domain.changes import Scalar
from shared.domain.follow_ups import LISTS, WITHIN, Term, due_at
from shared.domain.paperwork import Place
from shared.domain.response import Response
from shared.messages.markdown import code, plain
from shared.ports import NewIssue


def issue(
    response: Response, item: str, term: str, *, place: Place, owner: str, zone: tzinfo, report: str
) -> NewIssue:
    """Return the issue with both lists, or that of one item. `owner` is a login, `report` an issue."""
    by = f"Owner: {f'@{owner}' if owner else plain(response.team or 'not named yet')}"
    about = f"After the response {code(response.id)} on {plain(response.service)}."
    parts = [about, by]
    if item:
        parts.append(f"Due {_when(due_at(response, Term(term)), zone)}.")
    else:
        parts += [_checklist(response, each, zone) for each in Term]
    parts += [f"Report: {report}"] if report else []
    return NewIssue(
        repository=place.repository,
        key=f"follow-ups:{response.id}" + (f":{_slug(item)}" if item else ""),
        since=response.ended_at or response.started_at,
        title=f"{response.service}: {item or 'follow-ups'} ({response.started_at:%Y-%m-%d})",
        body="\n\n".join(parts),
        labels=place.labels,
        assignees=(owner,) if owner else (),
    )


def lines(response: Response, zone: tzinfo) -> dict[str, Scalar]:
    """Return the lists as facts of a message, by their terms."""
    return {
        term.value: f"{WITHIN[term]}, by {_when(due_at(response, term), zone)}: {'; '.join(LISTS[term])}"
        for term in Term
    }


def _checklist(response: Response, term: Term, zone: tzinfo) -> str:
    boxes = "\n".join(f"- [ ] {text}" for text in LISTS[term])
    return f"### {WITHIN[term]}: by {_when(due_at(response, term), zone)}\n\n{boxes}"


def _when(at: datetime, zone: tzinfo) -> str:
    local = at.astimezone(zone)
    return f"{local:%a %Y-%m-%d %H:%M} {local.tzname()}"


def _slug(item: str) -> str:
    return "-".join(item.lower().replace(":", "").split())
