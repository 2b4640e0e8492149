"""A press of a button in Slack, as Slack tells the app of it."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec

from sandbox.receivers.blocks import buttons

APP_ID = "A0BACKOUT"
TEAM_ID = "T0SANDBOX"
BOT_USER_ID = "U0BACKOUT"
BOT_ID = "B0BACKOUT"


def slack_signature(secret: str, timestamp: str, body: bytes) -> str:
    """Sign a body as Slack does, scheme ``v0``."""
    digest = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256)
    return f"v0={digest.hexdigest()}"


def block_actions(
    message: Mapping[str, Any],
    action_id: str,
    *,
    channel: Mapping[str, str],
    user: Mapping[str, str],
    response_url: str,
    trigger_id: str,
    at: float,
) -> dict[str, Any]:
    """Write the payload of one press; raises `LookupError` when the message has no such button.

    Shaped after the sample of Slack's reference of interaction payloads.
    """
    shown = ((at, each) for at, each in buttons(message["blocks"]) if each["action_id"] == action_id)
    block_id, button = next(shown, (None, None))
    if button is None:
        raise LookupError(f"the message has no button {action_id!r}")
    pressed = {name: button[name] for name in ("action_id", "text", "value", "style") if name in button}
    return {
        "type": "block_actions",
        "user": {**user, "team_id": TEAM_ID},
        "api_app_id": APP_ID,
        "token": "deprecated-verification-token",
        "container": {
            "type": "message",
            "message_ts": message["ts"],
            "channel_id": channel["id"],
            "is_ephemeral": False,
        },
        "trigger_id": trigger_id,
        "team": {"id": TEAM_ID, "domain": "sandbox"},
        "enterprise": None,
        "is_enterprise_install": False,
        "channel": dict(channel),
        "message": dict(message),
        "state": {"values": {}},
        "response_url": response_url,
        "actions": [{**pressed, "block_id": block_id, "type": "button", "action_ts": f"{at:.6f}"}],
    }


def post_interaction(
    url: str, payload: Mapping[str, Any], *, secret: str, at: float, patience_seconds: float
) -> httpx.Response:
    """Post a payload, signed at that time; raises `httpx.TimeoutException` when the answer is late."""
    body = urlencode({"payload": msgspec.json.encode(payload).decode()}).encode()
    timestamp = str(int(at))
    return httpx.post(
        url,
        content=body,
        headers={
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": slack_signature(secret, timestamp, body),
        },
        timeout=patience_seconds,
    )
