"""What GitHub's webhooks send: deployments that ask for our verdict, and much else that is only answered.

Webhook event ``deployment_protection_rule`` (GitHub, "Creating custom deployment protection rules"). Where
the verdict goes is in the payload, and must be in the API that is configured, on a run of the repository.
"""

import re
from dataclasses import dataclass

import msgspec

from shared.errors import InvalidRequest
from shared.intake import bodies

RULE = "deployment_protection_rule"

_NAME = re.compile(r"[\w-]+/[\w.-]+", re.ASCII)
_LONGEST_ENVIRONMENT = 255


@dataclass(frozen=True)
class Waiting:
    """A deployment to an environment of ``owner/name``, in a run, that waits for our verdict."""

    repository: str
    run_id: int
    environment: str


class _Repository(msgspec.Struct):
    full_name: str


class _Payload(msgspec.Struct):
    action: str
    environment: str
    deployment_callback_url: str
    repository: _Repository


_DECODER = msgspec.json.Decoder(_Payload)
_HINT = f"It is GitHub's payload of {RULE}."


def waiting(body: bytes, *, url: str) -> Waiting | None:
    """Return the deployment that waits, None for another action; `url` is the configured API's.

    Raises InvalidRequest, also for a callback that is elsewhere: our token would be sent there.
    """
    sent = bodies.decoded(body, _DECODER, hint=_HINT)
    if sent.action != "requested":
        return None
    repository = sent.repository.full_name
    expected = rf"{re.escape(f'{url}/repos/{repository}')}/actions/runs/(\d{{1,20}})/{RULE}"
    match = re.fullmatch(expected, sent.deployment_callback_url, re.ASCII | re.IGNORECASE)
    if match is None or _NAME.fullmatch(repository) is None or repository.split("/")[1] in {".", ".."}:
        raise InvalidRequest(f"deployment_callback_url is on no run of {repository[:200]!r} at {url}.")
    if not 0 < len(sent.environment) <= _LONGEST_ENVIRONMENT:
        raise InvalidRequest(f"environment: expected a name of 1 to {_LONGEST_ENVIRONMENT} characters.")
    return Waiting(repository, int(match[1]), sent.environment)
