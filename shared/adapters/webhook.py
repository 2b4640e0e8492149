"""Tells people through a JSON webhook, or through the log where nothing is configured."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from shared.adapters.http_client import NO_HEADERS, HttpClient, why_unanswered
from shared.domain.reasons import Reason
from shared.errors import CredentialRejected, PermanentError, TemporaryError
from shared.ports import Message

_RETRY_SECONDS = 2.0
_LONGEST_RETRY_SECONDS = 3600.0

_NOT_ADMITTED = frozenset({401, 403, 404, 410})  # the URL is the credential, and may have been replaced

_log = logging.getLogger("backout.people")


class WebhookPeople:
    """Posts a message as JSON; its `text` is all that a Slack incoming webhook, or a look-alike, needs.

    The URL is a credential: no error and no log names it. `timeout_seconds` bounds each wait on the network,
    of which a post has three.
    """

    def __init__(
        self, url: str, headers: Mapping[str, str] = NO_HEADERS, *, timeout_seconds: float = 4.0
    ) -> None:
        self._url = url
        self._http = HttpClient(headers=headers, timeout_seconds=timeout_seconds)

    def tell(self, message: Message, *, anchor: str = "", again: bool = False) -> str:
        import httpx

        payload = {"text": "\n".join((message.title, *message.lines)), **_facts(message)}
        try:
            with self._http.get().stream("POST", self._url, json=payload) as answer:
                status, retry_after = answer.status_code, answer.headers.get("Retry-After", "")
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
            # These quote parts of the URL, so they do not become a cause.
            raise PermanentError("the webhook's URL is not an http or https address") from None
        except httpx.HTTPError as error:
            why = why_unanswered(error, timeout_seconds=self._http.timeout_seconds)
            raise TemporaryError(f"the webhook: {why}", reason=Reason.INTERNAL) from error
        if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
            seconds = retry_seconds(retry_after, now=datetime.now(UTC))
            raise TemporaryError(
                f"the webhook answered {status}", retry_after=seconds, reason=Reason.INTERNAL
            )
        if not httpx.codes.is_success(status):
            kind = CredentialRejected if status in _NOT_ADMITTED else PermanentError
            raise kind(f"the webhook answered {status}: it does not take this message")
        return ""


class LogPeople:
    """Writes a message as one line of JSON to the log `backout.people`, as a warning, so that it shows."""

    def tell(self, message: Message, *, anchor: str = "", again: bool = False) -> str:
        _log.warning("%s", json.dumps({"event": "message", **_facts(message)}, ensure_ascii=False))
        return ""


def retry_seconds(header: str, *, now: datetime) -> float:
    """Read ``Retry-After`` (RFC 9110, section 10.2.3: seconds or a date), an hour at most."""
    text = header.strip()
    if text.isdecimal():
        seconds = float(text)
    else:
        try:
            at = parsedate_to_datetime(text)
        except ValueError:
            return _RETRY_SECONDS
        seconds = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
    return min(max(seconds, _RETRY_SECONDS), _LONGEST_RETRY_SECONDS)


def _facts(message: Message) -> dict[str, object]:
    return {
        "key": message.key,
        "response_id": message.response_id,
        "severity": message.severity,
        "title": message.title,
        "lines": list(message.lines),
        "links": dict(message.links),
    }
