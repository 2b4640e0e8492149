"""Approval links: signed tokens, each for one question to one person.

    base64url({"response", "verb", "question", "to", "expires"}) "." hex(HMAC-SHA256(secret, what is before))

Nothing of a link is stored. It works once because its question does: an answer in the history uses up every
link that asks the same.
"""

import base64
import binascii
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from shared.wire import decoder

LONGEST_TOKEN = 2000
VERBS = ("approve", "abort")


@dataclass(frozen=True)
class Link:
    """What a token says. `verb` is the one answer that it can give; empty: either.

    `to` is for whom it was made, and so who is taken to have answered.
    """

    response_id: str
    question: str
    to: str
    expires_at: datetime
    verb: str = ""

    def allows(self, verb: str) -> bool:
        """Return whether the link can give this answer."""
        return verb in VERBS and self.verb in ("", verb)


class _Claims(msgspec.Struct, forbid_unknown_fields=True):
    response: str
    verb: str
    question: str
    to: str
    expires: int


_DECODER = decoder(_Claims)


def make_link(
    url: str,
    secret: str,
    response_id: str,
    *,
    question: str,
    to: str,
    expires_at: datetime,
    verb: str = "",
) -> str:
    """Return the link under `url` at which the question can be answered until it expires (whole seconds)."""
    link = Link(response_id, question, to, expires_at, verb)
    return f"{url.rstrip('/')}/decide/{signed(link, secret)}"


def signed(link: Link, secret: str) -> str:
    """Return the token of a link."""
    claims = _Claims(link.response_id, link.verb, link.question, link.to, int(link.expires_at.timestamp()))
    text = base64.urlsafe_b64encode(msgspec.json.encode(claims)).rstrip(b"=")
    return f"{text.decode()}.{_signature(text, secret)}"


def verified(token: str, secret: str) -> Link | None:
    """Return what a token says if the secret signed it, else None. It may have expired."""
    encoded, _, signature = token.partition(".")
    text = encoded.encode(errors="replace")
    if len(token) > LONGEST_TOKEN or not secret:
        return None
    if not hmac.compare_digest(signature.encode(errors="replace"), _signature(text, secret).encode()):
        return None
    try:
        claims = _DECODER.decode(base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4)))
        expires_at = datetime.fromtimestamp(claims.expires, UTC)
    except (binascii.Error, msgspec.DecodeError, ValueError, OverflowError):
        return None
    return Link(claims.response, claims.question, claims.to, expires_at, claims.verb)


def _signature(text: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), text, "sha256").hexdigest()
