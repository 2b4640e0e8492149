"""User groups: who is in one, so that a whole team may approve."""

import logging
import time
from collections.abc import Callable, Iterable

from shared.adapters.slack.calling import Calls
from shared.errors import PermanentError

KEEP_SECONDS = 60.0

_log = logging.getLogger("backout.slack")


class SlackGroups:
    """Looks user groups up, each kept for a minute.

    `seconds` bounds a question: Slack gives up on an answer to a press after three.
    """

    def __init__(
        self,
        token: str,
        url: str,
        *,
        seconds: float = 1.5,
        keep_seconds: float = KEEP_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._token = token
        self._url = url
        self._seconds = seconds
        self._keep_seconds = keep_seconds
        self._monotonic = monotonic
        self._kept: dict[str, tuple[float, frozenset[str]]] = {}

    def holds(self, user: str, groups: Iterable[str]) -> bool:
        """Return whether the user (``U…``) is in one of the groups (``S…``).

        One that Slack refuses to list (there is none such, or the token lacks ``usergroups:read``) has
        nobody in it, and the log says why. Raises TemporaryError when Slack does not answer.
        """
        calls: Calls | None = None
        for group in groups:
            kept = self._kept.get(group)
            if kept is None or self._monotonic() - kept[0] >= self._keep_seconds:
                calls = calls or Calls(self._token, self._url, seconds=self._seconds)
                kept = (self._monotonic(), _members(calls, group))
                self._kept[group] = kept
            if user in kept[1]:
                return True
        return False


def _members(calls: Calls, group: str) -> frozenset[str]:
    try:
        answer = calls.call(calls.client.usergroups_users_list, usergroup=group)
    except PermanentError as error:
        _log.error("nobody is let in by user group %s: %s", group, error)
        return frozenset()
    return frozenset(map(str, answer.get("users") or ()))
