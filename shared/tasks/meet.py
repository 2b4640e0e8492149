"""Meet: invite a team to find the root cause, and move or cancel the meeting when a person says so."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain import meetings
from shared.domain.changes import Scalar
from shared.domain.meetings import Attendance, Invitation, Meeting, Standing
from shared.domain.owed import Finished, Later
from shared.domain.reasons import Reason, sentence
from shared.domain.response import Response, Task
from shared.errors import ConfigurationError, PermanentError, TemporaryError
from shared.ports import Meetings, Records
from shared.tasks.resume import Tell

AGAIN = timedelta(minutes=1)
LEFT = timedelta(hours=1)
"""An invitation that comes later than this before the meeting is of no use: the team is asked to call it."""

PATIENCE = timedelta(minutes=15)
"""For how long it is tried at least, however near the meeting is."""


@dataclass(frozen=True)
class Meet:
    """First fixes what is to be sent, and only then owes the sending, as a task of its own.

    So however often that is tried, it is the same invitation to the byte, which calendars take for one event.
    What cannot be sent is told with the time, so that the team can meet all the same.
    """

    records: Records
    meetings: Meetings
    attendance: Callable[[str, datetime], Attendance]
    compose: Callable[[Response, datetime, str], tuple[str, str]]
    tell: Tell

    def run(self, task: Task, response: Response, now: datetime) -> Finished | Later:
        """Plan the invitation, or send it."""
        try:
            if "sequence" in task.facts:
                return self._send(task, response, now)
            return self._plan(task, response, now)
        except (PermanentError, ConfigurationError) as error:
            return self._yours(task, response, str(error), now)

    def _plan(self, task: Task, response: Response, now: datetime) -> Finished:
        tasks = self.records.tasks(response.id)
        facts: dict[str, Scalar] = {"sequence": meetings.orders(tasks, task.name), "by": task.facts.get("by")}
        if task.facts.get("cancel"):
            before = meetings.planned(tasks, task.name)
            if not before:
                return Finished("nobody had been invited", Standing.CANCELLED)
            return _planned(task, {**before[-1].facts, **facts, "cancel": True}, now)
        other = None if task.facts.get("at") else self._shared(response, now)
        if other is not None:
            past, held = other
            shared: dict[str, Scalar] = {"of": past, "at": _iso(held.at), "zone": held.zone}
            news = self.tell(response, "meeting_shared", shared, task.name, now)
            return Finished(f"that of response {past} is about this too", Standing.SHARED, then=tuple(news))
        team = self.attendance(response.team, now)
        said = task.facts.get("at")
        at = datetime.fromisoformat(str(said)) if said else meetings.slot(now, team.hours, team.length)
        if at is None:
            return self._yours(task, response, sentence(Reason.NO_WORKING_HOUR), now, Reason.NO_WORKING_HOUR)
        zone = str(team.hours.zone)
        summary, text = self.compose(response, at, zone)
        facts |= {
            "at": _iso(at),
            "zone": zone,
            "minutes": team.length // timedelta(minutes=1),
            "attendees": ", ".join(team.attendees),
            "summary": summary,
            "text": text,
        }
        return _planned(task, facts, now)

    def _shared(self, response: Response, now: datetime) -> tuple[str, Meeting] | None:
        """Return the meeting of an earlier response for the workload that is still to come, with its id."""
        record = self.records.read(workloads=[response.workload]).workloads[response.workload].value
        for past in reversed(record.responses):
            if past.id == response.id or past.started_at < now - meetings.SEARCHED:
                continue
            held = meetings.meeting(self.records.tasks(past.id))
            if held is not None and held.leaves_notice(now):
                return past.id, held
        return None

    def _send(self, task: Task, response: Response, now: datetime) -> Finished | Later:
        meets = [each for each in self.records.tasks(response.id) if each.kind == meetings.MEET]
        if any(each.name > task.name for each in meets):
            return Finished("not sent: a later word has replaced it")
        invitation = _invitation(task)
        try:
            refused = self.meetings.send(invitation)
        except TemporaryError as error:
            given_up_at = max(invitation.at - LEFT, invitation.said_at + PATIENCE)
            if now < given_up_at:
                pause = max(AGAIN, timedelta(seconds=error.retry_after))
                return Later(min(now + pause, given_up_at), f"attempt failed: {error}")
            return self._yours(task, response, str(error), now)
        code, standing = "meeting", Standing.INVITED
        if invitation.cancelled:
            code, standing = "meeting_cancelled", Standing.CANCELLED
        facts = _told(task) | {"refused": ", ".join(refused)}
        news = self.tell(response, code, facts, task.name, now)
        but = f"; not taken: {', '.join(refused)}" if refused else ""
        return Finished(f"{standing} {task.facts['attendees']}{but}", standing, then=tuple(news))

    def _yours(
        self, task: Task, response: Response, why: str, now: datetime, reason: Reason | None = None
    ) -> Finished:
        facts = _told(task) | {"detail": why}
        news = self.tell(response, "meeting_yours", facts, task.name, now)
        told = f"{reason}: {why}" if reason else why
        return Finished(f"left to the team: {told}", Standing.YOURS, then=tuple(news))


def _planned(task: Task, facts: dict[str, Scalar], now: datetime) -> Finished:
    """Return that it is planned, and the sending that follows; who comes second finds that there already."""
    sending = replace(
        task,
        name=f"{task.name}#send",
        due_at=now,
        facts={**facts, "said_at": now.replace(microsecond=0).isoformat()},
        attempts=0,
        result="",
        created_at=now,
    )
    return Finished(f"planned for {facts['at']}", then=(sending,))


def _invitation(task: Task) -> Invitation:
    facts = task.facts
    return Invitation(
        response_id=task.response_id,
        sequence=int(facts["sequence"] or 0),
        at=datetime.fromisoformat(str(facts["at"])),
        length=timedelta(minutes=int(facts["minutes"] or 0)),
        attendees=tuple(str(facts["attendees"]).split(", ")),
        summary=str(facts["summary"]),
        text=str(facts["text"]),
        said_at=datetime.fromisoformat(str(facts["said_at"])),
        cancelled=facts.get("cancel") is True,
    )


def _told(task: Task) -> dict[str, Scalar]:
    """Return what people are told of a task; where no time was found there is none."""
    return {
        name: task.facts[name] for name in ("at", "zone", "attendees", "by", "cancel") if name in task.facts
    }


def _iso(at: datetime | None) -> str:
    return at.isoformat() if at is not None else ""
