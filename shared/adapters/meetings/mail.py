"""Invitations as mail: an iCalendar object (RFC 5545, RFC 5546) within a message that says the same in words.

Both are made of the invitation alone, so each copy is the same to the byte: one event in every calendar, and
one message for whoever folds by Message-ID.
"""

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from shared.domain.meetings import Invitation

_PRODUCT = "-//Backout//Meetings//EN"


def message(invitation: Invitation, *, sender: str) -> bytes:
    """Return the message, ready to be sent.

    Parts are encoded, so no line is too long or holds what a server of 7 bits would change. Addresses were
    checked when they were configured, and a header takes no line break, whatever a name holds.
    """
    made = EmailMessage(policy=SMTP)
    name, domain = f"{invitation.response_id}.{invitation.sequence}", sender.rpartition("@")[2]
    made["From"] = Address("Backout", addr_spec=sender)
    made["To"] = [Address(addr_spec=attendee) for attendee in invitation.attendees]
    made["Subject"] = _one_line(summary(invitation))
    made["Date"] = format_datetime(invitation.said_at)
    made["Message-ID"] = f"<{name}@{domain}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(text(invitation), cte="quoted-printable")
    made.add_alternative(
        calendar(invitation, organiser=sender),
        maintype="text",
        subtype="calendar",
        params={"method": _method(invitation), "charset": "UTF-8"},
    )
    made.set_boundary(f"=_backout_{name}")
    return made.as_bytes()


def calendar(invitation: Invitation, *, organiser: str) -> bytes:
    """Return the iCalendar object, in UTC: each reader's calendar shows its own time, and none can err."""
    from icalendar import Calendar, Event, vCalAddress

    event = Event()
    event.add("uid", invitation.uid)
    event.add("sequence", invitation.sequence)
    event.add("dtstamp", invitation.said_at)
    event.add("dtstart", invitation.at)
    event.add("dtend", invitation.at + invitation.length)
    event.add("summary", _one_line(invitation.summary))
    event.add("description", invitation.text)
    event.add("status", "CANCELLED" if invitation.cancelled else "CONFIRMED")
    event.add("organizer", vCalAddress(f"mailto:{organiser}"))
    for attendee in invitation.attendees:
        asked = {"ROLE": "REQ-PARTICIPANT", "PARTSTAT": "NEEDS-ACTION", "RSVP": "TRUE"}
        event.add("attendee", vCalAddress(f"mailto:{attendee}"), parameters=asked)
    whole = Calendar()
    whole.add("version", "2.0")
    whole.add("prodid", _PRODUCT)
    whole.add("method", _method(invitation))
    whole.add_component(event)
    return bytes(whole.to_ical())


def summary(invitation: Invitation) -> str:
    """Return the subject; that of a meeting that is not held says so."""
    return f"Cancelled: {invitation.summary}" if invitation.cancelled else invitation.summary


def text(invitation: Invitation) -> str:
    """Return the words of the message, for those whose mail shows no calendar."""
    cancelled = "This meeting is cancelled.\n\n" if invitation.cancelled else ""
    return f"{cancelled}{invitation.text}\n"


def _method(invitation: Invitation) -> str:
    return "CANCEL" if invitation.cancelled else "REQUEST"


def _one_line(words: str) -> str:
    return "".join(letter for letter in " ".join(words.split()) if letter.isprintable())
