"""The wording of news about a meeting, and of where it stands."""

from collections.abc import Mapping

from shared.domain.changes import Scalar
from shared.domain.meetings import Meeting, Standing
from shared.messages.quantities import appointment, person

ASKED = "Schedule the meeting to find the root cause: nobody has been invited to one."
"""What is asked of people where Backout invites nobody."""

_STANDS: Mapping[Standing, str] = {
    Standing.PLANNED: "planned, not sent yet",
    Standing.INVITED: "the team is invited",
    Standing.CANCELLED: "cancelled",
    Standing.SHARED: "an earlier response's meeting",
    Standing.YOURS: "to be scheduled by the team",
}


def news(code: str, facts: Mapping[str, Scalar]) -> str:
    """Return the title of a piece of news."""
    at = appointment(facts["at"], str(facts.get("zone"))) if facts.get("at") else ""
    match code:
        case "meeting":
            return f"the team is invited to find the root cause: {at}"
        case "meeting_cancelled":
            return f"the meeting of {at} is cancelled, by {person(facts.get('by'))}"
        case "meeting_shared":
            return f"the meeting of {at} is about this too (response {facts.get('of')})"
        case _ if facts.get("cancel"):
            return f"the meeting of {at} could not be cancelled; tell the invited yourself"
        case _:
            proposed = f"; proposed is {at}" if at else ""
            return f"schedule the meeting to find the root cause yourself{proposed}"


def lines(code: str, facts: Mapping[str, Scalar], response_id: str) -> list[str]:
    """Return what is said of it besides."""
    if not code.startswith("meeting"):
        return []
    told = [f"Invited: {facts['attendees']}"] if facts.get("attendees") else []
    if facts.get("refused"):
        told.append(f"Not taken by the mail server, tell them yourself: {facts['refused']}")
    if code == "meeting":
        told.append(f"Change it with: backout meeting {response_id} --move WHEN  or  --cancel")
    return told


def stands(meeting: Meeting) -> str:
    """Return in one line where a meeting stands."""
    at = f": {appointment(meeting.at.isoformat(), meeting.zone)}" if meeting.at is not None else ""
    why = f" ({meeting.detail})" if meeting.standing in {Standing.SHARED, Standing.YOURS} else ""
    return f"{_STANDS[meeting.standing]}{at}{why}"
