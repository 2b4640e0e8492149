"""Events as AWS delivers them: a request through an HTTP API (payload 2.0), a batch of SQS, a schedule."""

import base64
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from sandbox.awslambda.function import ACCOUNT, REGION

Event = dict[str, Any]

_TEXT = ("text/", "application/json", "application/javascript", "application/xml")
"""The media types whose bodies an HTTP API passes on as they are; of others it gives the base64."""


def http_event(
    method: str,
    path: str,
    *,
    route: str,
    parameters: Mapping[str, str],
    query: str = "",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Event:
    """Return the event of a request that took `route`, which holds `parameters`."""
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    now = datetime.now(UTC)
    event: Event = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": query,
        "headers": {
            "content-length": str(len(body)),
            "host": f"abcdefgh12.execute-api.{REGION}.amazonaws.com",
            "x-amzn-trace-id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
            **lower,
        },
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "abcdefgh12",
            "domainName": f"abcdefgh12.execute-api.{REGION}.amazonaws.com",
            "domainPrefix": "abcdefgh12",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": lower.get("user-agent", ""),
            },
            "requestId": uuid4().hex[:16],
            "routeKey": route,
            "stage": "$default",
            "time": f"{now:%d/%b/%Y:%H:%M:%S +0000}",
            "timeEpoch": round(now.timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    if query:
        event["queryStringParameters"] = dict(parse_qsl(query))
    if parameters:
        event["pathParameters"] = dict(parameters)
    if body:
        plain = lower.get("content-type", "").startswith(_TEXT)
        event["isBase64Encoded"] = not plain
        event["body"] = body.decode() if plain else base64.b64encode(body).decode()
    return event


def sqs_event(messages: Sequence[Mapping[str, Any]], *, queue_arn: str) -> Event:
    """Return the event of a batch of messages, which are as ReceiveMessage gives them."""
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message.get("Attributes", {}),
                "messageAttributes": {},
                "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": queue_arn,
                "awsRegion": REGION,
            }
            for message in messages
        ]
    }


def scheduled_event(rule: str) -> Event:
    """Return the event of a rule that runs on a schedule."""
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}"],
        "detail": {},
    }
