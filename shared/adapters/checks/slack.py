"""Checks Slack: the token works, may post, and may read the support channels.

Web API of Slack: ``auth.test`` answers ``{"ok": true, "team": …}`` or ``{"ok": false, "error": …}``,
both with status 200; the header ``X-OAuth-Scopes`` lists what the token may do. ``conversations.history``
answers the same way.
"""

from collections.abc import Sequence

from msgspec import Struct

from shared.adapters.checks.answering import Caller
from shared.domain.prerequisites import Finding, State

NAME = "Slack"
SUPPORT = "Slack support channel"
POSTS = "chat:write"


class _Tested(Struct, frozen=True):
    ok: bool
    error: str = ""
    team: str = ""
    user: str = ""


def check(url: str, token: str) -> Sequence[Finding]:
    """Have the token tested; `url` ends in a slash."""
    answer = Caller({"Authorization": f"Bearer {token}"}).call("POST", f"{url}auth.test")
    tested = answer.read(_Tested) if answer.is_success else None
    if tested is None:
        mend = "Check slack.url, and that the server can reach it."
        return [Finding(NAME, State.BROKEN, answer.told, mend)]
    if not tested.ok:
        mend = "Install the app again and put its bot token (xoxb-…) where slack.token says."
        return [Finding(NAME, State.BROKEN, f"auth.test: {tested.error}", mend)]
    scopes = answer.headers.get("X-OAuth-Scopes")
    if scopes is not None and POSTS not in {scope.strip() for scope in scopes.split(",")}:
        mend = f"Give the app the scope {POSTS} and install it again."
        return [Finding(NAME, State.BROKEN, f"the token lacks the scope {POSTS}", mend)]
    return [Finding(NAME, State.OK, f"the token is accepted: {tested.user} in {tested.team}")]


def readable(url: str, token: str, channel: str) -> Sequence[Finding]:
    """Read the newest message of a support channel."""
    name = f"{SUPPORT} {channel}"
    caller = Caller({"Authorization": f"Bearer {token}"})
    answer = caller.call("GET", f"{url}conversations.history", params={"channel": channel, "limit": "1"})
    read = answer.read(_Tested) if answer.is_success else None
    if read is None:
        mend = "Check slack.url, and that the server can reach it."
        return [Finding(name, State.BROKEN, answer.told, mend)]
    if not read.ok:
        mend = (
            "Invite the app to the channel, give it channels:history (groups:history for a private one), and "
            "check the id."
        )
        return [Finding(name, State.BROKEN, f"conversations.history: {read.error}", mend)]
    return [Finding(name, State.OK, "it can be read")]
