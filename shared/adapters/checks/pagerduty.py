"""Checks PagerDuty: the token works, and the sender is a user of the account.

REST API v2 of PagerDuty: notes and updates of incidents need the header ``From`` with a user's address.
"""

from collections.abc import Sequence

from msgspec import Struct

from shared.adapters.checks.answering import Caller
from shared.domain.prerequisites import Finding, State

NAME = "PagerDuty"


class _User(Struct, frozen=True):
    email: str = ""


class _Users(Struct, frozen=True):
    users: list[_User] = []


def check(url: str, token: str, sender: str) -> Sequence[Finding]:
    """Look the sender up among the users."""
    headers = {
        "Accept": "application/vnd.pagerduty+json;version=2",
        "Authorization": f"Token token={token}",
    }
    answer = Caller(headers).call("GET", f"{url}/users", params={"query": sender, "limit": "100"})
    if answer.status in (401, 403):
        mend = "Make a REST API key with full access and put it where pagerduty.token says."
        return [Finding(NAME, State.BROKEN, answer.told, mend)]
    found = answer.read(_Users) if answer.is_success else None
    if found is None:
        mend = "Check pagerduty.url (accounts in the EU have their own), and that the server can reach it."
        return [Finding(NAME, State.BROKEN, answer.told, mend)]
    if not any(user.email.casefold() == sender.casefold() for user in found.users):
        mend = "Set pagerduty.from to the e-mail address of a user of the account."
        return [Finding(NAME, State.BROKEN, f"the token is accepted; {sender} is no user", mend)]
    return [Finding(NAME, State.OK, f"the token is accepted, {sender} is a user")]
