"""What GitHub's webhooks send: deployments that ask for our verdict, and much else that is only answered.

Webhook event ``deployment_protection_rule`` (GitHub, "Creating custom deployment protection rules"). Where
the verdict goes is in the payload, and must be in the API that is configured, on a run of the repository.
"""

import re
from dataclasses import dataclass

import msgspec

from shared.errors import InvalidRequest
from shared.intake import bodies
from shared.wire import decoder

RULE, PULL = "deployment_protection_rule", "pull_request"

_FIXES = re.compile(r"^Backout-Fixes: *(\d{8}-\d{6}-[0-9a-f]{8}) *$", re.ASCII | re.IGNORECASE | re.MULTILINE)
_NAME = re.compile(r"[\w-]+/[\w.-]+", re.ASCII)
_LONGEST_ENVIRONMENT = 255


@dataclass(frozen=True)
class Waiting:
    """A deployment to an environment of ``owner/name``, in a run, that waits for our verdict."""

    repository: str
    run_id: int
    environment: str


@dataclass(frozen=True)
class Merged:
    """A pull request that was merged into `base` and names a response that it fixes."""

    repository: str
    number: int
    base: str
    default_branch: str
    merged_by: str
    response_id: str


class _Repository(msgspec.Struct):
    full_name: str
    default_branch: str = ""


class _Payload(msgspec.Struct):
    action: str
    environment: str
    deployment_callback_url: str
    repository: _Repository


class _Branch(msgspec.Struct):
    ref: str


class _User(msgspec.Struct):
    login: str


class _Pull(msgspec.Struct):
    number: int
    base: _Branch
    merged: bool = False
    body: str | None = None
    merged_by: _User | None = None


class _PullPayload(msgspec.Struct):
    action: str
    pull_request: _Pull
    repository: _Repository


_PULL_DECODER = decoder(_PullPayload)
_DECODER = decoder(_Payload)
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
    if match is None or not _is_name(repository):
        raise InvalidRequest(f"deployment_callback_url is on no run of {repository[:200]!r} at {url}.")
    if not 0 < len(sent.environment) <= _LONGEST_ENVIRONMENT:
        raise InvalidRequest(f"environment: expected a name of 1 to {_LONGEST_ENVIRONMENT} characters.")
    return Waiting(repository, int(match[1]), sent.environment)


def merged(body: bytes) -> Merged | None:
    """Return the fix that was merged, None for any other news of a pull request.

    It names the response in a line of its description: ``Backout-Fixes: 20260302-120000-0a1b2c3d``.
    """
    sent = bodies.decoded(body, _PULL_DECODER, hint="It is GitHub's payload of pull_request.")
    pull, repository = sent.pull_request, sent.repository.full_name
    named = _FIXES.search((pull.body or "").replace("\r", ""))
    if sent.action != "closed" or not pull.merged or named is None or pull.merged_by is None:
        return None
    if not _is_name(repository):
        raise InvalidRequest(f"{repository[:200]!r} names no repository.")
    return Merged(
        repository,
        pull.number,
        pull.base.ref,
        sent.repository.default_branch,
        pull.merged_by.login,
        named[1].lower(),
    )


def _is_name(repository: str) -> bool:
    return _NAME.fullmatch(repository) is not None and repository.split("/")[1] not in {".", ".."}
