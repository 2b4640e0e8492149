from datetime import date
from functools import partial
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber

from sandbox.receivers.google_calendar import CALENDAR, SUBJECT, GoogleCalendar
from sandbox.receivers.mail import MailServer
from shared.adapters.checks import meetings
from shared.adapters.meetings import google_calendar
from shared.adapters.meetings.ses import SesMeetings
from shared.adapters.meetings.smtp import Server
from shared.domain.prerequisites import State
from tests.adapters.meetings.test_holidays import CALENDAR as HOLIDAYS

SENDER = "backout@example.com"


def test_a_mail_server_that_answers_is_well_and_gets_no_mail() -> None:
    with MailServer() as server:
        [finding] = meetings.mail_server(partial(Server, "127.0.0.1", server.port, "none"), SENDER)

    assert (finding.state, server.received) == (State.OK, [])


def test_one_that_offers_no_encryption_is_broken() -> None:
    with MailServer() as server:
        [finding] = meetings.mail_server(partial(Server, "127.0.0.1", server.port), SENDER)

    assert finding.state is State.BROKEN
    assert "docs/meetings.md" in finding.mend


@pytest.mark.parametrize(
    ("account", "state", "told"),
    [
        ({"SendingEnabled": True, "ProductionAccessEnabled": True}, State.OK, "may send"),
        ({"SendingEnabled": True, "ProductionAccessEnabled": False}, State.OK, "verified addresses only"),
        ({"SendingEnabled": False}, State.BROKEN, "stopped"),
    ],
)
def test_ses_says_whether_the_account_may_send(account: dict[str, bool], state: State, told: str) -> None:
    client = boto3.client(
        "sesv2", region_name="eu-central-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    with Stubber(client) as stub:
        stub.add_response("get_account", account)
        [finding] = meetings.ses(SesMeetings(SENDER, lambda: client))

    assert finding.state is state
    assert told in finding.detail


@pytest.mark.parametrize(("calendar", "state"), [(CALENDAR, State.OK), ("other@example.com", State.BROKEN)])
def test_googles_calendar_is_read(calendar: str, state: State) -> None:
    with GoogleCalendar() as google:
        known = google_calendar.GoogleCalendar(google.api, calendar, google.key, SUBJECT)
        [finding] = meetings.google(lambda: known)

    assert finding.state is state
    assert google.told == []


def test_a_file_of_holidays_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "holidays.ics"
    path.write_bytes(HOLIDAYS.replace("\n", "\r\n").encode())

    [finding] = meetings.holidays_file(str(path), date(2026, 1, 1))

    assert (finding.state, finding.detail) == (State.OK, "4 holidays in the coming year")


def test_one_that_is_out_of_date_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "holidays.ics"
    path.write_bytes(HOLIDAYS.replace("RRULE:FREQ=YEARLY\n", "").replace("\n", "\r\n").encode())

    [finding] = meetings.holidays_file(str(path), date(2028, 1, 1))

    assert finding.state is State.BROKEN
