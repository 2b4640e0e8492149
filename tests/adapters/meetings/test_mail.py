import email
from dataclasses import replace
from email import policy
from typing import Any

import pytest
import vobject

from shared.adapters.meetings import mail
from tests.contract.meetings import AT, CANCELLED, INVITATION, MOVED

SENDER = "backout@example.com"


def read(invitation: Any = INVITATION) -> Any:
    return email.message_from_bytes(mail.message(invitation, sender=SENDER), policy=policy.default)


def test_the_message_says_the_same_in_words_and_as_a_calendar() -> None:
    message = read()

    words, calendar = message.iter_parts()
    assert message.get_content_type() == "multipart/alternative"
    assert words.get_content_type() == "text/plain"
    assert words.get_content().split() == INVITATION.text.split()
    assert calendar.get_content_type() == "text/calendar"
    assert dict(calendar["Content-Type"].params) == {"method": "REQUEST", "charset": "UTF-8"}
    assert calendar.get_payload(decode=True) == mail.calendar(INVITATION, organiser=SENDER)


def test_its_headers_are_those_of_the_invitation_alone() -> None:
    message = read()

    assert str(message["Subject"]) == INVITATION.summary
    assert message["Message-ID"] == f"<{INVITATION.response_id}.0@example.com>"
    assert message["Date"].datetime == INVITATION.said_at
    assert [address.addr_spec for address in message["To"].addresses] == list(INVITATION.attendees)
    assert message["From"].addresses[0].addr_spec == SENDER


def test_each_copy_is_the_same_to_the_byte_and_each_word_another() -> None:
    copies = {mail.message(each, sender=SENDER) for each in (INVITATION, INVITATION, MOVED, CANCELLED)}

    assert len(copies) == 3


def test_another_program_reads_the_calendar() -> None:
    whole = vobject.readOne(mail.calendar(INVITATION, organiser=SENDER).decode())

    event = whole.vevent
    assert (whole.method.value, whole.version.value) == ("REQUEST", "2.0")
    assert event.uid.value == f"{INVITATION.response_id}@backout.dev"
    assert (event.sequence.value, event.status.value) == ("0", "CONFIRMED")
    assert (event.dtstart.value, event.dtstamp.value) == (AT, INVITATION.said_at)
    assert event.organizer.value == f"mailto:{SENDER}"
    assert [attendee.params["RSVP"] for attendee in event.attendee_list] == [["TRUE"], ["TRUE"]]
    assert event.description.value == INVITATION.text


def test_a_cancellation_says_so_in_each_part() -> None:
    message = read(CANCELLED)

    whole = vobject.readOne(mail.calendar(CANCELLED, organiser=SENDER).decode())
    assert (whole.method.value, whole.vevent.status.value) == ("CANCEL", "CANCELLED")
    words, calendar = message.iter_parts()
    assert words.get_content().startswith("This meeting is cancelled.")
    assert calendar["Content-Type"].params["method"] == "CANCEL"
    assert str(message["Subject"]).startswith("Cancelled: ")


@pytest.mark.parametrize(
    "evil", ["a\r\nBcc: eve@example.com", "a\nBcc: eve@example.com", "a\x00\x0bb\u2028c"]
)
def test_no_name_brings_a_header_of_its_own(evil: str) -> None:
    message = read(replace(INVITATION, summary=evil, text=evil))

    assert message["Bcc"] is None
    assert message.defects == []
    calendar = mail.calendar(replace(INVITATION, summary=evil, text=evil), organiser=SENDER).decode()
    assert len(vobject.readOne(calendar).vevent.attendee_list) == 2


def test_long_words_stay_within_what_mail_servers_take() -> None:
    long = replace(INVITATION, summary="ü" * 400, text="ü" * 5000)

    raw = mail.message(long, sender=SENDER)

    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert raw.isascii()
    assert str(read(long)["Subject"]) == "ü" * 400
