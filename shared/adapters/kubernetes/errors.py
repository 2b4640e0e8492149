"""The one place that turns what the cluster and its client say into the project's errors.

Texts name what was asked for and never a header or a credential.
"""

import contextlib
import re
from collections.abc import Iterator

import msgspec

from shared.adapters.kubernetes import wire
from shared.adapters.kubernetes.resources import Request
from shared.domain.reasons import Reason
from shared.errors import BackoutError, PermanentError, TemporaryError
from shared.wire import decoder

RETRY_AFTER_SECONDS = 2.0
_SECRETS = re.compile(r"(?i)(bearer|basic)\s+\S+|//[^/@\s]+@")


def unreachable(request: Request, error: BaseException) -> TemporaryError:
    """Return the error for a call that got no answer; a change may have been made all the same."""
    said = _SECRETS.sub("…", str(error)) or type(error).__name__
    doubt = "; whether it was done is not known" if request.method != "GET" else ""
    return TemporaryError(
        f"the cluster did not answer {request}: {said}{doubt}", reason=Reason.CLUSTER_UNREACHABLE
    )


def refusal(request: Request, status: int, body: bytes, retry_after: str = "") -> BackoutError:
    """Return the error for an answer that is not what was asked for.

    Trouble of the server's own (5xx) and too many requests (429) pass; a missing right does not, and its
    text says which to grant.
    """
    said = _message(body)
    if status in (401, 403):
        return _forbidden(request, status, said)
    if status == 429 or status >= 500:
        wait = float(retry_after) if retry_after.isdecimal() else RETRY_AFTER_SECONDS
        text = f"the cluster answered {request} with {status}: {said}"
        return TemporaryError(text, retry_after=wait, reason=Reason.CLUSTER_UNREACHABLE)
    return PermanentError(f"the cluster refused {request} with {status}: {said}")


def is_status(body: bytes) -> bool:
    """Return whether the API server itself says it, and not a proxy or another program at its address."""
    try:
        return decoder(wire.Status).decode(body).kind == "Status"
    except msgspec.DecodeError:
        return False


@contextlib.contextmanager
def intelligible(request: Request) -> Iterator[None]:
    """Raise TemporaryError when what is decoded is not what was asked for, like a proxy's page."""
    try:
        yield
    except msgspec.DecodeError as error:
        text = f"what answered {request} does not speak the Kubernetes API: {error}"
        raise TemporaryError(text, reason=Reason.CLUSTER_UNREACHABLE) from error


def _forbidden(request: Request, status: int, said: str) -> PermanentError:
    if status == 401:
        text = f"the cluster does not accept the credential for {request} (401): renew it or its account"
        return PermanentError(text, reason=Reason.FORBIDDEN)
    text = (
        f"the cluster forbids {request} ({said}): grant the verb {request.verb} on {request.resource} "
        f"in the namespace {request.namespace} by a role"
    )
    return PermanentError(text, reason=Reason.FORBIDDEN)


def _message(body: bytes) -> str:
    """Return the message of a Status object, or the beginning of whatever else came."""
    with contextlib.suppress(msgspec.DecodeError):
        message = decoder(wire.Status).decode(body).message
        if message:
            return _SECRETS.sub("…", message)
    return body[:200].decode(errors="replace").strip() or "no explanation"
