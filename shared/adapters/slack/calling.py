"""Calls of Slack's Web API, each bounded in time, and what its refusals mean to us.

A method answers HTTP 200 with ``ok`` false and an error code, 429 with ``Retry-After``, or, through proxies,
anything else. The codes are those of Slack's method reference.
"""

import http.client
import logging
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from shared.adapters.http_client import why_unanswered
from shared.adapters.webhook import retry_seconds
from shared.domain.reasons import Reason
from shared.errors import BackoutError, CredentialRejected, PermanentError, TemporaryError
from shared.ports import CALL_SECONDS

if TYPE_CHECKING:
    from slack_sdk.errors import SlackApiError
    from slack_sdk.web import SlackResponse

_LEAST_SECONDS = 0.2
_PHASES = 2
"""Waits on the network that one call may have: connecting, and the answer."""

_PASSING = frozenset({"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable"})

NOT_ADMITTED = (
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "no_permission",
    "not_allowed_token_type",
)
"""Codes of a token that is not accepted."""

_REMEDIES: Mapping[str, str] = {
    "channel_not_found": "check the channel's id; the app must have been invited to a private one",
    "not_in_channel": "invite the app to the channel",
    "is_archived": "the channel is archived; configure another one",
    "restricted_action": "let the app post in the channel (the workspace's posting settings)",
    "missing_scope": "add the scope to the app, install it again",
    "no_such_subteam": "check the user group's id",
    **dict.fromkeys(NOT_ADMITTED, "put a bot token that works where `slack.token` refers to"),
}

_log = logging.getLogger("backout.slack")
_sdk_log = logging.getLogger("backout.slack.sdk")
_sdk_log.setLevel(logging.CRITICAL)  # it would log answers and every failed try; we raise those


class SlackError(PermanentError):
    """What Slack refuses, by its error `code`."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class SlackNotAdmitted(SlackError, CredentialRejected):
    """Slack does not accept the token."""


class Calls:
    """Some calls in a row that end within `seconds` all together, connecting and slow answers included.

    `timeout_seconds` bounds each wait on the network. The library is imported, and its client made, here.
    """

    def __init__(
        self,
        token: str,
        url: str,
        *,
        seconds: float = CALL_SECONDS,
        timeout_seconds: float = 4.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        from slack_sdk import WebClient

        self.client = WebClient(token, base_url=url, retry_handlers=[], logger=_sdk_log)
        self._timeout_seconds = timeout_seconds
        self._monotonic = monotonic
        self._until = monotonic() + seconds

    @property
    def remaining(self) -> float:
        """The seconds that are left."""
        return self._until - self._monotonic()

    def call(self, method: "Callable[..., SlackResponse]", **arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401 - a method's own arguments
        """Call a method of the client. Raises TemporaryError, SlackError or PermanentError."""
        from slack_sdk.errors import SlackApiError, SlackClientError

        timeout = min(self._timeout_seconds, self.remaining / _PHASES)
        if timeout < _LEAST_SECONDS:
            raise TemporaryError("Slack took too long over the calls before this one", reason=Reason.INTERNAL)
        self.client.timeout = timeout  # type: ignore[assignment]  # urllib takes fractions too
        try:
            return _object(method(**arguments))
        except SlackApiError as error:
            raise _refused(error) from error
        except SlackClientError as error:
            raise PermanentError("Slack: `slack.url` is not an http or https address") from error
        except (OSError, http.client.HTTPException) as error:
            raise TemporaryError(f"Slack: {_unanswered(error, timeout)}", reason=Reason.INTERNAL) from error
        except (ValueError, LookupError, AttributeError):
            # The library raises these over an answer that is not the JSON object, or the text, it expects.
            raise TemporaryError("Slack's answer cannot be read", reason=Reason.INTERNAL) from None


def _object(answer: "SlackResponse") -> Mapping[str, Any]:
    return answer.data if isinstance(answer.data, dict) else {}


def _unanswered(error: Exception, timeout: float) -> str:
    late = isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError)
    return f"no answer in {timeout:.1f} s" if late else why_unanswered(error, timeout_seconds=timeout)


def _refused(error: "SlackApiError") -> BackoutError:
    answer = error.response
    status, told = int(answer.status_code), _object(answer)
    code = str(told.get("error", ""))
    if not re.fullmatch(r"[a-z0-9_]{1,60}", code):
        code = ""
    if status == http.client.TOO_MANY_REQUESTS or code in _PASSING:
        header = {name.lower(): value for name, value in answer.headers.items()}.get("retry-after", "")
        seconds = retry_seconds(str(header), now=datetime.now(UTC))
        return TemporaryError(f"Slack: {code or status}", retry_after=seconds, reason=Reason.INTERNAL)
    if status >= http.client.INTERNAL_SERVER_ERROR:
        return TemporaryError(f"Slack answered {status}", reason=Reason.INTERNAL)
    if not code and status == http.client.OK:
        return TemporaryError("Slack answered something that is no JSON", reason=Reason.INTERNAL)
    if not code:
        return PermanentError(f"Slack answered {status}: check `slack.url`")
    needed = f" ({told.get('needed')})" if code == "missing_scope" else ""
    remedy = f": {_REMEDIES[code]}" if code in _REMEDIES else ""
    kind = SlackNotAdmitted if code in NOT_ADMITTED else SlackError
    return kind(f"Slack refuses, {code}{needed}{remedy}", code=code)
