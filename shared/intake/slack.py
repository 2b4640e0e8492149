"""What Slack sends: presses of our buttons, and much else that only wants to be answered.

Interactions come as a form whose one field `payload` holds JSON, events as JSON (Slack, "Handling user
interaction" and "url_verification").
"""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs

import msgspec

from shared.errors import InvalidRequest
from shared.intake import bodies
from shared.wire import decoder

ACTION = "backout:"
"""What the action id of each of our buttons begins with."""

Verb = Literal["approve", "abort", "now"]

_MOST_FIELDS = 100


@dataclass(frozen=True)
class Press:
    """A press of one of our buttons. `question` is the one that the button was shown with."""

    user: str
    user_name: str
    response_id: str
    verb: Verb
    question: str
    response_url: str

    @property
    def by(self) -> str:
        """Who it was, for the history: the id, which nobody can change, and the name."""
        return f"slack:{self.user} ({self.user_name})" if self.user_name else f"slack:{self.user}"


@dataclass(frozen=True)
class Challenge:
    """Slack asks whether this address is ours: it wants `text` back."""

    text: str


@dataclass(frozen=True)
class Other:
    """Something else: answered, and no more."""

    kind: str


class _User(msgspec.Struct):
    id: str
    username: str = ""
    name: str = ""


class _Action(msgspec.Struct):
    action_id: str = ""
    value: str = ""


class _Payload(msgspec.Struct):
    type: str = ""
    user: _User | None = None
    actions: list[_Action] = []
    response_url: str = ""
    challenge: str = ""


class _Value(msgspec.Struct):
    response: str
    verb: Verb
    question: str = ""


_PAYLOAD = decoder(_Payload)
_ENVELOPE = decoder(dict[str, object])
_VALUE = decoder(_Value)
_HINT = "It is Slack's block_actions payload."


def parse(body: bytes) -> Press | Challenge | Other:
    """Parse a body whose signature is right. Raises InvalidRequest (400, 413, 422) and nothing else."""
    bodies.check_size(len(body))
    if body.lstrip()[:1] == b"{":
        return _event(body)
    sent = _payload_field(body)
    if not sent:
        return Other("form")
    kind = bodies.decoded(sent, _ENVELOPE, hint=_HINT).get("type")
    if kind != "block_actions":
        return Other(str(kind))
    payload = bodies.decoded(sent, _PAYLOAD, hint=_HINT)
    ours = next((action for action in payload.actions if action.action_id.startswith(ACTION)), None)
    if ours is None or payload.user is None:
        return Other("block_actions of others")
    value = bodies.decoded(ours.value.encode(), _VALUE, hint="It is the value of one of our buttons.")
    return Press(
        user=payload.user.id,
        user_name=payload.user.username or payload.user.name,
        response_id=value.response,
        verb=value.verb,
        question=value.question,
        response_url=payload.response_url,
    )


def _event(body: bytes) -> Challenge | Other:
    told = bodies.decoded(body, _ENVELOPE, hint=_HINT)
    kind, challenge = told.get("type"), told.get("challenge")
    if kind == "url_verification" and isinstance(challenge, str):
        return Challenge(challenge)
    return Other(str(kind))


def _payload_field(body: bytes) -> bytes:
    try:
        fields = parse_qs(body.decode(), max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError as error:
        raise InvalidRequest("The body is no form.", status=400) from error
    return fields.get("payload", [""])[0].encode()
