"""Feature flags at their vendors: what the adapters have in common. One vendor is configured at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from shared.adapters.json_api import Refused
from shared.domain.changes import SetFlag
from shared.domain.reasons import Reason
from shared.errors import PermanentError

_RIGHTS = frozenset({401, 403})


def in_path(flag: str) -> str:
    """Return a flag's name as one part of a path; refuse what no path can hold."""
    if flag in {"", ".", ".."}:
        raise PermanentError(f"{flag!r} names no feature flag", reason=Reason.NOT_FOUND)
    return quote(flag, safe="")


def said(change: SetFlag) -> str:
    """Return whose change it is, for vendors that keep a comment."""
    workload = change.workload
    return (
        f"backout {change.response_id}: switched {'on' if change.on else 'off'} for "
        f"{workload.namespace}/{workload.kind}/{workload.name}"
    )


def gated(vendor: str, flag: str, where: str, *, bypass: str = "") -> PermanentError:
    """Return the refusal of a change that people must approve at the vendor first.

    `bypass` is the right by which a token may go past approvals, where the vendor has such a one.
    """
    otherwise = f", or give Backout's token the right {bypass}" if bypass else ""
    return PermanentError(
        f"{vendor} lets nobody change the flag {flag} in {where} without an approval: "
        f"request the change there{otherwise}",
        reason=Reason.FORBIDDEN,
    )


@contextmanager
def refusals(flag: str) -> Iterator[None]:
    """Give a vendor's refusals their reasons, and the flag's name."""
    try:
        yield
    except Refused as error:
        reason = Reason.INTERNAL
        if error.status in _RIGHTS:
            reason = Reason.FORBIDDEN
        elif error.status == 404:
            reason = Reason.NOT_FOUND
        raise PermanentError(f"{error} (feature flag {flag})", reason=reason) from error
