"""What PagerDuty posts: signed V3 webhooks, and the unsigned V2 body of a custom incident action."""

import hashlib
import hmac
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import msgspec

_WEBHOOK_PATIENCE_SECONDS = 5.0
_ACTION_PATIENCE_SECONDS = 16.0


def pagerduty_signatures(secrets: Sequence[str], body: bytes) -> str:
    """Sign a body as V3 webhooks are: one ``v1`` signature for each secret of the subscription."""
    digests = (hmac.new(secret.encode(), body, hashlib.sha256).hexdigest() for secret in secrets)
    return ",".join(f"v1={digest}" for digest in digests)


def envelope(
    event_type: str, data: Mapping[str, Any], *, agent: Mapping[str, Any] | None, occurred_at: str
) -> dict[str, Any]:
    """Write a V3 event; its resource type is the first word of its type."""
    return {
        "event": {
            "id": f"01{uuid.uuid4().hex[:24].upper()}",
            "event_type": event_type,
            "resource_type": event_type.partition(".")[0],
            "occurred_at": occurred_at,
            "agent": agent,
            "client": None,
            "data": dict(data),
        }
    }


def post_webhook(
    url: str, event: Mapping[str, Any], *, secrets: Sequence[str], webhook_id: str
) -> httpx.Response:
    """Post a V3 event; raises `httpx.TimeoutException` when it is not answered within five seconds."""
    body = msgspec.json.encode(event)
    return httpx.post(
        url,
        content=body,
        headers={
            "Content-Type": "application/json",
            "User-Agent": "PagerDuty-Webhook/V3.0",
            "X-PagerDuty-Signature": pagerduty_signatures(secrets, body),
            "X-Webhook-Id": webhook_id,
            "X-Webhook-Subscription": "PSUBSCR1",
        },
        timeout=_WEBHOOK_PATIENCE_SECONDS,
    )


def custom_action(
    incident: Mapping[str, Any],
    alert_keys: Sequence[str],
    *,
    label: str,
    url: str,
    agent: Mapping[str, Any],
    created_at: str,
) -> dict[str, Any]:
    """Write the body of a pressed custom incident action.

    PagerDuty documents none; this is the V2 message that public receivers of it (Teleport's plug-in,
    PagerDuty's sample for EventBridge) read.
    """
    return {
        "messages": [
            {
                "id": str(uuid.uuid4()),
                "event": "incident.custom",
                "created_on": created_at,
                "webhook": {"endpoint_url": url, "name": label, "type": "webhook"},
                "incident": {**incident, "alerts": [{"alert_key": key} for key in alert_keys]},
                "log_entries": [
                    {
                        "type": "custom_log_entry",
                        "created_at": created_at,
                        "agent": dict(agent),
                        "channel": {"type": "website"},
                    }
                ],
            }
        ]
    }


def post_action(url: str, body: Mapping[str, Any], *, headers: Mapping[str, str]) -> httpx.Response:
    """Post a custom incident action, unsigned, with the headers that were set up for it."""
    return httpx.post(
        url,
        content=msgspec.json.encode(body),
        headers={"Content-Type": "application/json", "User-Agent": "PagerDuty-Webhook/V2.0", **headers},
        timeout=_ACTION_PATIENCE_SECONDS,
    )
