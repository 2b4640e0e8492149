"""Checks of what invites to meetings: it answers and takes the login. Nothing is sent."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta

from shared.adapters import aws
from shared.adapters.meetings import holidays, smtp
from shared.adapters.meetings.google_calendar import GoogleCalendar
from shared.adapters.meetings.ses import ADVICE, SesMeetings
from shared.domain.prerequisites import Finding, State
from shared.errors import PermanentError

NAME = "meetings"
_MEND = "See docs/meetings.md for what it needs."


def mail_server(server: Callable[[], smtp.Server], sender: str) -> Sequence[Finding]:
    """Connect, encrypt and log in as for a message."""

    def look() -> str:
        with smtp.session(server(), sender=sender):
            return "it takes the login" if server().user else "it answers"

    return _found(look)


def ses(meetings: SesMeetings) -> Sequence[Finding]:
    """See whether SES lets this account send; asking needs ``ses:GetAccount``."""

    def look() -> str:
        with aws.translating("SES", "ses:GetAccount", missing=ADVICE):
            account = meetings.client.get_account()
        if not account.get("SendingEnabled"):
            raise PermanentError("SES has stopped this account from sending")
        sandbox = (
            "" if account.get("ProductionAccessEnabled") else "; in the sandbox, to verified addresses only"
        )
        return f"this account may send{sandbox}"

    return _found(look)


def google(calendar: Callable[[], GoogleCalendar]) -> Sequence[Finding]:
    """Read the calendar with the account's key, as the user whom it acts as."""

    def look() -> str:
        calendar().look()
        return "the calendar can be read; whether people may be invited is not tried"

    return _found(look)


def holidays_file(path: str, today: date) -> Sequence[Finding]:
    """Read a file of holidays; one that has none in the coming year is out of date."""
    name = f"holidays {path}"
    days = holidays.read(path, since=today, until=today + timedelta(days=365))
    if not days:
        return [Finding(name, State.BROKEN, "it has no holiday in the coming year", "Get a newer one.")]
    return [Finding(name, State.OK, f"{len(days)} holidays in the coming year")]


def _found(look: Callable[[], str]) -> Sequence[Finding]:
    try:
        return [Finding(NAME, State.OK, look())]
    except PermanentError as error:
        return [Finding(NAME, State.BROKEN, str(error), _MEND)]
