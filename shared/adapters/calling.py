"""Calls people of the escalation path: through PagerDuty, by a Slack mention, or by a webhook."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

import msgspec

from shared.adapters.json_api import TELL_SECONDS, Calls, JsonApi
from shared.adapters.pagerduty.events import events_api
from shared.adapters.slack.calling import NOT_ADMITTED
from shared.adapters.webhook import WebhookPeople
from shared.domain.reasons import Reason
from shared.errors import CredentialRejected, PermanentError, TemporaryError
from shared.ports import Message

EVENTS_URL = "https://events.pagerduty.com"
SLACK_URL = "https://slack.com/api/"

_LONGEST_SUMMARY = 1024
_LONGEST_TEXT = 3000
_EVENT_SEVERITIES = {"P0": "critical", "P1": "error", "P2": "warning"}
_PASSING = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)


@dataclass(frozen=True)
class Address:
    """How one level of one team is called, in one way; `webhook` is a URL, which is a credential."""

    pagerduty_policy: str = ""
    pagerduty_user: str = ""
    mention: str = ""
    channel: str = ""
    webhook: str = field(default="", repr=False)


class _User(msgspec.Struct):
    id: str
    email: str = ""


class _Users(msgspec.Struct):
    users: list[_User]


class _Request(msgspec.Struct):
    message: str | None = ""


class _Incident(msgspec.Struct):
    responder_requests: list[_Request] = []


class _IncidentRead(msgspec.Struct):
    incident: _Incident


class PagerDutyCalling:
    """Asks a user or an escalation policy to respond to the incident that the response is known by.

    A response that PagerDuty has no incident of becomes an event (Events API v2), which pages whom the
    routing key's service pages; its title names who is needed. The on-call engineer's event is that of the
    response itself, so it pages once beside what else tells PagerDuty of it.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        sender: str,
        events_url: str = EVENTS_URL,
        routing_key: str = "",
        seconds: float = TELL_SECONDS,
    ) -> None:
        headers = {
            "Authorization": f"Token token={token}",
            "Accept": "application/vnd.pagerduty+json;version=2",
            "From": sender,
        }
        self._api = JsonApi("PagerDuty", url, headers=headers, secrets=[token], seconds=seconds)
        self._events = events_api(events_url, routing_key, seconds=seconds)
        self._sender = sender
        self._routing_key = routing_key
        self._requester_id = ""

    def call(self, level: str, address: Address, message: Message, *, again: bool = False) -> str:
        """Call; the receipt is the incident's id or the event's key. A request carries the message's key."""
        incident = message.references.get("pagerduty", "")
        if not incident:
            return self._triggered(level, message)
        calls = self._api.calls()
        path = f"/incidents/{quote(incident, safe='')}"
        marker = f"[backout:{message.key}]"
        if again:
            made = calls.ask("GET", path, into=_IncidentRead).incident.responder_requests
            if any(marker in (request.message or "") for request in made):
                return incident
        kind = "user" if address.pagerduty_user else "escalation_policy"
        target = {"id": address.pagerduty_user or address.pagerduty_policy, "type": f"{kind}_reference"}
        body = {
            "requester_id": self._requester(calls),
            "message": f"{message.title} {marker}",
            "responder_request_targets": [{"responder_request_target": target}],
        }
        calls.send("POST", f"{path}/responder_requests", body)
        return incident

    def _requester(self, calls: Calls) -> str:
        """Return the id of the user in whose name is asked, looked up once by address."""
        if not self._requester_id:
            found = calls.ask("GET", f"/users?{urlencode({'query': self._sender})}", into=_Users)
            same = [user.id for user in found.users if user.email.lower() == self._sender.lower()]
            if not same:
                raise PermanentError(f"PagerDuty has no user {self._sender}: correct pagerduty.from")
            self._requester_id = same[0]
        return self._requester_id

    def _triggered(self, level: str, message: Message) -> str:
        if not self._routing_key:
            raise PermanentError("PagerDuty has no incident of it, and pagerduty.routing_key is not set")
        key = f"backout-{message.response_id}"
        dedup_key = key if level == "on_call" else f"{key}-{level}"
        event = {
            "routing_key": self._routing_key,
            "event_action": "trigger",
            "dedup_key": dedup_key,
            "payload": {
                "summary": message.title[:_LONGEST_SUMMARY],
                "source": "backout",
                "severity": _EVENT_SEVERITIES.get(message.severity, "error"),
                "component": message.service,
                "group": message.team,
                "custom_details": {
                    "level": level,
                    "response": message.response_id,
                    "lines": list(message.lines),
                    "timeline": list(message.timeline),
                },
            },
            "links": [{"href": url, "text": name} for name, url in message.links.items()],
            "client": "Backout",
        }
        self._events.calls().send("POST", "/v2/enqueue", event)
        return dedup_key


class _Metadata(msgspec.Struct):
    event_payload: dict[str, object] = {}


class _Posted(msgspec.Struct):
    ts: str = ""
    metadata: _Metadata | None = None


class _SlackAnswer(msgspec.Struct):
    ok: bool
    error: str = ""
    ts: str = ""
    messages: list[_Posted] = []


class SlackCalling:
    """Mentions somebody in a channel. The message's key is in its metadata, and looked for there.

    A bot that may not read the channel (scope ``channels:history``) posts once more after a crash.
    """

    def __init__(self, url: str, token: str, *, seconds: float = TELL_SECONDS) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._api = JsonApi("Slack", url, headers=headers, secrets=[token], seconds=seconds)

    def call(self, address: Address, message: Message, *, again: bool = False) -> str:
        """Post; the receipt is the message's ``channel/ts``."""
        calls = self._api.calls()
        if again:
            posted = self._posted(calls, address.channel, message.key)
            if posted:
                return f"{address.channel}/{posted}"
        body = {
            "channel": address.channel,
            "text": _text(address.mention, message),
            "unfurl_links": False,
            "metadata": {"event_type": "backout_call", "event_payload": {"key": message.key}},
        }
        answer = calls.ask("POST", "/chat.postMessage", body, into=_SlackAnswer)
        if answer.ok:
            return f"{address.channel}/{answer.ts}"
        if answer.error in _PASSING:
            raise TemporaryError(f"Slack answered {answer.error}", reason=Reason.INTERNAL)
        kind = CredentialRejected if answer.error in NOT_ADMITTED else PermanentError
        raise kind(f"Slack answered {answer.error}: it does not take this message")

    @staticmethod
    def _posted(calls: Calls, channel: str, key: str) -> str:
        """Return the ``ts`` of the message with that key among the channel's last hundred, if it tells."""
        query = urlencode({"channel": channel, "include_all_metadata": "true", "limit": "100"})
        answer = calls.ask("GET", f"/conversations.history?{query}", into=_SlackAnswer)
        if answer.error in _PASSING:
            raise TemporaryError(f"Slack answered {answer.error}", reason=Reason.INTERNAL)
        of_key = (m.ts for m in answer.messages if m.metadata and m.metadata.event_payload.get("key") == key)
        return next(of_key, "")


class Calling:
    """Calls a level of the message's team at its address; `addresses` are by team and level."""

    def __init__(
        self,
        addresses: Mapping[tuple[str, str], Address],
        *,
        pagerduty: PagerDutyCalling | None = None,
        slack: SlackCalling | None = None,
    ) -> None:
        self._addresses = addresses
        self._pagerduty = pagerduty
        self._slack = slack
        self._webhooks = {at: WebhookPeople(each.webhook) for at, each in addresses.items() if each.webhook}

    def call(self, level: str, message: Message, *, again: bool = False) -> str:
        address = self._addresses.get((message.team, level))
        if address is None:
            raise PermanentError(f"team {message.team}: no {level} is configured any more")
        webhook = self._webhooks.get((message.team, level))
        if webhook is not None:
            return webhook.tell(message, again=again)
        if address.mention and self._slack is not None:
            return self._slack.call(address, message, again=again)
        if not address.mention and self._pagerduty is not None:
            return self._pagerduty.call(level, address, message, again=again)
        missing = "slack" if address.mention else "pagerduty"
        raise PermanentError(f"team {message.team}: {level} is called by {missing}, which is not configured")


def _text(mention: str, message: Message) -> str:
    """Return the message as Slack's markup; what it quotes can call nobody and link nothing."""
    said = "\n".join((message.title, *message.lines))[:_LONGEST_TEXT]
    escaped = said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    links = [f"<{url}|{name}>" for name, url in message.links.items()]
    return "\n".join((f"{mention} {escaped}", *links))
