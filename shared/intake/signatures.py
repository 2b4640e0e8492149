"""Signatures: whether a webhook's body is signed with one of the secrets that are accepted.

Every secret is tried to the end and compared in constant time, so that the time taken tells nothing.
"""

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime

SLACK_WINDOW_SECONDS = 300.0
"""How far Slack's timestamp may be from now, either way: what is older may be a replay."""

_MOST_SIGNATURES = 20


def pagerduty(body: bytes, header: str | None, secrets: Iterable[str]) -> bool:
    """Return whether ``X-PagerDuty-Signature`` signs the body, as it was received, with one of the secrets.

    The header holds ``v1=<hex>,v1=<hex>``, one for each secret of the subscription while one is rotated:
    HMAC-SHA256 of the raw body. Other versions are passed over (PagerDuty, "Verifying Signatures").
    There is no timestamp in it: a replay is known by its delivery.
    """
    parts = [part.strip() for part in (header or "").split(",")[:_MOST_SIGNATURES]]
    presented = [part.removeprefix("v1=").lower() for part in parts if part.startswith("v1=")]
    return _signed(body, presented, secrets)


def github(body: bytes, header: str | None, secrets: Iterable[str]) -> bool:
    """Return whether ``X-Hub-Signature-256`` signs the body, as it was received, with one of the secrets.

    It is ``sha256=<hex>``: HMAC-SHA256 of the raw body (GitHub, "Validating webhook deliveries"). There is no
    timestamp in it: a replay is known by its delivery.
    """
    sent = (header or "").strip()
    return _signed(body, [sent.removeprefix("sha256=")] if sent.startswith("sha256=") else [], secrets)


def slack(
    body: bytes, timestamp: str | None, signature: str | None, secrets: Iterable[str], now: datetime
) -> bool:
    """Return whether ``X-Slack-Signature`` signs body and timestamp with one of the secrets, and is not old.

    It is ``v0=<hex>``: HMAC-SHA256 of ``v0:<timestamp>:<raw body>``, where the timestamp is
    ``X-Slack-Request-Timestamp`` in Unix seconds (Slack, "Verifying requests from Slack").
    """
    told = (timestamp or "").strip()
    if not (told.isascii() and told.isdecimal() and len(told) <= 12):
        return False
    if abs(now.timestamp() - int(told)) > SLACK_WINDOW_SECONDS:
        return False
    sent = (signature or "").strip()
    presented = [sent.removeprefix("v0=")] if sent.startswith("v0=") else []
    return _signed(b"v0:" + told.encode() + b":" + body, presented, secrets)


def _signed(signed: bytes, presented: Iterable[str], secrets: Iterable[str]) -> bool:
    offered = [signature.encode(errors="backslashreplace") for signature in presented]
    found = False
    for secret in secrets:
        right = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest().encode()
        for one in offered:
            same = hmac.compare_digest(right, one)
            found = found or (same and bool(secret))
    return found
