"""The wording of messages: an event of a response in words for people."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from shared.domain import meetings, remedies
from shared.domain.changes import Scalar
from shared.domain.decisions import RowVerdict
from shared.domain.follow_ups import WITHIN, Term
from shared.domain.reasons import Reason, sentence
from shared.domain.response import Event, Response, Step, Task
from shared.messages.meetings import ASKED, news
from shared.messages.meetings import lines as lines_of_meeting
from shared.messages.quantities import moment, person, quantity
from shared.ports import Button, Message


@dataclass(frozen=True)
class Wording:
    """Words messages. `links` are templates by name, with ``{response_id}``, ``{service}`` in them.

    `answer` makes a link at which what is asked can be answered, for one person's use once: it goes only with
    a call to the level that it is given, and is empty where more than one would read it. Teams that are not
    `invited` to meetings are asked to meet.
    """

    links: Mapping[str, str] = field(default_factory=dict)
    answer: Callable[[Response, str], str] | None = None
    invited: Collection[str] = ()

    def word(self, response: Response, task: Task, events: Sequence[Event] = ()) -> Message:
        """Return the message of a ``tell`` task; `events` are the response's history so far."""
        facts = task.facts
        code = str(facts.get("code", ""))
        severity = response.decision.severity
        meet = code == "ended" and meetings.owed(response) and response.team not in self.invited
        last = [ASKED] if meet else lines_of_meeting(code, facts, response.id)
        lines = [line for line in (*_lines(response, code, facts), *last, f"Response {response.id}") if line]
        return Message(
            key=f"{response.id}/{task.name}",
            title=f"{response.service}: {title(response, code, facts)}",
            lines=tuple(lines),
            response_id=response.id,
            severity=severity.value if severity else "",
            links=self._links(response, code, str(facts.get("level", ""))),
            code=code,
            service=response.service,
            team=response.team,
            phase=response.phase,
            reason=response.reason.value if response.reason else "",
            rows=tuple(_row(row) for row in response.decision.matched),
            timeline=tuple(_moment(event, response) for event in events if event.code in STORY),
            buttons=_buttons(response),
            references=response.heard.references,
            aside=code in ASIDE,
        )

    def _links(self, response: Response, code: str, level: str) -> dict[str, str]:
        """Return the links; a call that asks has one at which it can be answered, where there are any."""
        links = {name: filled(link, response) for name, link in self.links.items()}
        asks = code in {"asked", "holding"} and response.live
        answer = self.answer(response, level) if self.answer is not None and asks and level else ""
        if answer:
            links["answer"] = answer
        return links


ASIDE = frozenset(
    {
        "flag_off",
        "flag_on",
        "flag_refused",
        "follow_ups",
        "gate_failed",
        "meeting",
        "meeting_cancelled",
        "meeting_shared",
        "meeting_yours",
        "overdue",
        "report_filed",
        "task_given_up",
    }
)
"""Codes of what is told aside: what is done, or left to do, once the service is well again."""

STORY = frozenset(
    {
        "accepted",
        "assessed",
        "delayed",
        "asked",
        "approve",
        "abort",
        "acknowledge",
        "now",
        "refused",
        "hurried",
        "holding",
        "scaled",
        "rolled_back",
        "found_rolled_back",
        "verified",
        "held",
        "owner_stopped",
        "reverted",
        "resume",
        "restore-flags",
        "ungate",
        "move-meeting",
        "cancel-meeting",
        "complaints",
        "no-complaints",
        "ended",
    }
)
"""Codes of events that a person reads of in the story of a response."""


def _row(row: RowVerdict) -> str:
    value = row.reading.value
    said = quantity(row.signal, value) if value is not None else row.reading.kind.value
    return f"{row.row}: {said} (threshold {quantity(row.signal, row.threshold)}, {row.severity.value})"


def _moment(event: Event, response: Response) -> str:
    """Return one line of the story: the seconds since the beginning, and what happened, by whom."""
    seconds = (event.at - response.started_at).total_seconds()
    return f"+{seconds:.0f} s {_happened(event, response)}"


def _happened(event: Event, response: Response) -> str:
    facts, by = event.facts, person(event.by)
    told = {
        "accepted": f"accepted from {by}",
        "assessed": f"assessed: {_action(facts.get('action'))}",
        "delayed": f"held back: {_explained(facts.get('reason'))}",
        "asked": "a person is asked",
        "approve": f"{by} says yes",
        "abort": f"{by} says no",
        "acknowledge": f"{by} has acknowledged it",
        "now": f"{by} does not want to wait",
        "refused": f"{by} has no right to say {facts.get('reason')}",
        "hurried": "not waiting any longer",
        "holding": f"to be rolled back at {_time(facts.get('until'), response)} unless someone says no",
        "scaled": f"capacity raised from {facts.get('before')} to {facts.get('after')}",
        "rolled_back": f"rolled back to revision {facts.get('to_revision')}",
        "found_rolled_back": f"someone else rolled back to revision {facts.get('to_revision')}",
        "verified": "the rollout is verified",
        "owner_stopped": f"{facts.get('owner')} stopped",
        "reverted": f"reverted in git: {_reverted(facts)}",
        "resume": f"{by} wants the owner to run again",
        "restore-flags": f"{by} wants the feature flags back on",
        "complaints": f"{by} says that customers complain",
        "no-complaints": f"{by} says that no customer complains",
        "ungate": f"{by} lets the service be deployed again",
        "move-meeting": f"{by} moves the meeting to {_time(facts.get('at'), response)}",
        "cancel-meeting": f"{by} cancels the meeting",
        "held": "nobody said no in time" if event.phase == Step.HOLD else "held its targets",
        "ended": f"ended: {facts.get('outcome', response.phase)}",
    }
    return told.get(event.code, event.code.replace("_", " "))


def _time(fact: Scalar, response: Response) -> str:
    return moment(fact, since=response.started_at)


_ACTIONS = {
    "none": "nothing calls for action yet",
    "scale_then_rollback": "add capacity first, then roll back",
    "rollback_soon": "roll back within 5 minutes",
    "rollback_now": "roll back now",
}


def _action(action: Scalar) -> str:
    return _ACTIONS.get(str(action), str(action).replace("_", " "))


def _buttons(response: Response) -> tuple[Button, ...]:
    """Return what a person may press now: an answer to what is asked, and a stop while there is one."""
    if not response.live:
        return ()
    abort = Button("abort", "Stop", confirm="Stop this response before its next change?")
    if response.phase == Step.APPROVE and response.offers:
        offers = [(remedies.question(r), remedies.WORDS[r]) for r in response.offers]
        yes = [Button("approve", words.capitalize(), asked, f"Really {words}?") for asked, words in offers]
        return (*yes, abort)
    if response.phase == Step.APPROVE:
        label = "Roll back" if response.choice else "Go on"
        return (Button("approve", label, response.question, "Really go ahead?"), abort)
    if response.phase == Step.HOLD:
        return (Button("now", "Roll back now", response.question, "Not wait any longer?"), abort)
    return (abort,)


def filled(link: str, response: Response) -> str:
    """Return a link with its two places filled in; other braces are the link's own."""
    service = quote(response.service, safe="")
    return link.replace("{response_id}", response.id).replace("{service}", service)


def title(response: Response, code: str, facts: Mapping[str, Scalar]) -> str:
    """Return a piece of news in one line."""
    choice = response.choice
    back = f"revision {choice.to_number} ({choice.to_image})" if choice else "the revision before"
    titles = {
        "asked": _question(response, back),
        "stuck": f"the rollout is stuck: {facts.get('told')}",
        "evicted": f"evicted the pods that held it up: {facts.get('pods')}",
        "forced_down": "scaled to zero, as a person allowed",
        "forced": f"scaled back to {facts.get('replicas')}",
        "migration_started": f"the reverse migration runs as Job {facts.get('job')}",
        "migrated": "the reverse migration is done; assessing again",
        "restore_started": f"restoring the database as it was at {_time(facts.get('at'), response)}",
        "database_restored": f"the database is restored at {facts.get('endpoint')}",
        "flushed": f"flushed the cache {facts.get('cache')} ({facts.get('prefix')})",
        "restarted": "restarting the pods",
        "holding": f"rolling back to {back} at {_time(facts.get('until'), response)} unless someone says no",
        "delayed": f"held back: {_explained(facts.get('reason'))}",
        "rolled_back": f"rolled back to {back}; verifying",
        "found_rolled_back": f"someone rolled back to {back}; verifying",
        "scaled": f"capacity raised from {facts.get('before')} to {facts.get('after')}",
        "scale_not_possible": "capacity cannot be raised; looking at a rollback",
        "capacity_left_alone": "extra capacity was changed by someone else and is left alone",
        "owner_stopped": f"{facts.get('owner')} is stopped, so that it does not undo the rollback",
        "owner_resumed": f"{facts.get('owner')} runs again",
        "owner_left_alone": f"{facts.get('owner')} was changed by someone else and is left alone",
        "still_stopped": f"{facts.get('owner')} is still stopped",
        "reverted": f"reverted in git: {_reverted(facts)}",
        "flag_off": f"the feature flag {facts.get('flag')} is off",
        "flag_on": f"the feature flag {facts.get('flag')} is on again",
        "flag_refused": f"the feature flag {facts.get('flag')} could not be switched",
        "report_filed": "the incident report is filed",
        "follow_ups": "what is to be done within a day and within a week",
        "overdue": f"not done in time: {_within(facts.get('term'))}",
        "task_given_up": f"given up, a person has to: {_owed(facts.get('kind'))}",
        "gate_failed": f"its deploy gate could not be closed or opened at {barrier(facts.get('barrier'))}",
        "revert_failed": "could not be reverted in git; the next deploy brings the bad version again",
        "assessed": f"assessed: {_action(facts.get('action'))}",
        "verified": "verified; watching whether it holds",
        "approve": f"{person(facts.get('by'))} says yes",
        "abort": f"{person(facts.get('by'))} says no",
        "hurried": "a person does not want to wait; rolling back now",
        "checked": f"{response.phase}; checklist: {facts.get('passed')} of {facts.get('of')} passed",
        "alerts_again": "still alerting after the rollback; a person is needed",
    }
    if code.startswith("meeting"):
        return news(code, facts)
    if code == "ended":
        reason = response.reason
        return f"{response.phase}: {sentence(reason) if reason else ''}".rstrip(": ")
    return titles.get(code, code.replace("_", " "))


_OWED = {
    "escalate": "call whom it names",
    "recheck": "see whether it alerts still",
    "resume": "start the owner again",
    "remind": "see whether the owner runs again",
    "flag": "look at the feature flags",
    "revert": "revert it in git",
    "report": "file the incident report",
    "follow_up": "plan the follow-ups",
    "overdue": "look whether the follow-ups are done",
    "gate": "look at the deploy gate",
    "check": "go through the verification checklist",
    "meet": "call the meeting",
}
"""What is left to a person where a task of that kind was given up."""


def _owed(kind: Scalar) -> str:
    return _OWED.get(str(kind), str(kind).replace("_", " "))


def _within(term: Scalar) -> str:
    return f"what was due {WITHIN[Term(str(term))].lower()}" if term in set(Term) else "follow-ups"


def barrier(name: Scalar) -> str:
    """Return the name of what enforces a deploy gate."""
    return {"github": "GitHub", "argo_cd": "Argo CD"}.get(str(name), str(name))


def _question(response: Response, back: str) -> str:
    if response.offers:
        offered = " or ".join(remedies.WORDS[remedy] for remedy in response.offers)
        return f"may I {offered}?"
    return f"may I roll back to {back}?" if response.choice else "may I act?"


def _reverted(facts: Mapping[str, Scalar]) -> str:
    """Return where the revert is; a pull request still has to be merged."""
    if facts.get("pull_request") and not facts.get("commit"):
        return f"pull request {facts.get('pull_request')} waits to be merged"
    return f"commit {str(facts.get('commit') or '')[:12]}"


def _explained(code: Scalar) -> str:
    """Return the sentence of a reason's code, the code itself when it is not one of ours."""
    return sentence(Reason(code)) if code in set(Reason) else str(code)


_CHECKED = {"fail": "Failed", "unknown": "Not known", "asked": "For a person to see to", "logs": "Logs"}
"""What a message says of the checklist, by the facts that the look has left."""


def _lines(response: Response, code: str, facts: Mapping[str, Scalar]) -> list[str]:
    matched = [_row(row) for row in response.decision.matched if row.reading.value is not None]
    lines = [f"Workload {response.workload}", *matched]
    if code == "asked":
        asks = str(facts.get("asks") or "")
        lines += [_explained(code) for code in asks.split(", ") if code]
        until = f" until {_time(facts['expires_at'], response)}" if facts.get("expires_at") else ""
        choice = f" --choice {' | '.join(response.offers)}" if len(response.offers) > 1 else ""
        answers = f"backout approve {response.id}{choice}  or  backout abort {response.id}"
        lines.append(f"Answer{until} with: {answers}")
    if code == "holding":
        lines.append(f"Stop it with: backout abort {response.id}")
    if code == "checked":
        lines += [f"{said}: {facts[name]}" for name, said in _CHECKED.items() if facts.get(name)]
    if facts.get("detail"):
        lines.append(str(facts["detail"]))
    if code == "follow_ups":
        lines += [str(facts[term]) for term in Term if facts.get(term)]
    if facts.get("open"):
        lines.append(f"Open: {facts['open']}")
    if facts.get("url"):
        lines.append(str(facts["url"]))
    if code in {"owner_stopped", "still_stopped"}:
        lines.append(f"Once the fix is in git, start it again with: backout resume {response.id}")
    if facts.get("because"):
        lines.append(f"Because: {facts['because']}")
    return lines
