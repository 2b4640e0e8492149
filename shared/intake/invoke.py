"""Orders by people and CI: the body of ``POST /invoke``.

A key that is not known is an error: an order whose `dry_run` is misspelt must not act.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from shared.domain.reasons import OVERRIDABLE
from shared.domain.response import Wanted
from shared.domain.signals import UNITS, Reading, Readings, Signal, Unit
from shared.domain.workloads import WorkloadRef
from shared.errors import InvalidRequest
from shared.intake import bodies, values
from shared.wire import decoder


@dataclass(frozen=True)
class Invocation:
    """One order. Either `service` or `workload` (``namespace/kind/name``) is set, the other is empty.

    `requested_by` is only a comment: who it was comes from the credential.
    """

    service: str
    workload: str
    wanted: Wanted
    to_revision: int | None = None
    replicas: int | None = None
    signals: Readings = field(default_factory=dict)
    override: tuple[str, ...] = ()
    reason: str = ""
    requested_by: str = ""
    dry_run: bool = False
    commit: str = ""


_Text = Annotated[str, msgspec.Meta(max_length=1000)]
_Count = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    action: Wanted
    service: _Text = ""
    workload: _Text = ""
    to_revision: _Count | None = None
    replicas: _Count | None = None
    signals: dict[str, float | bool] = {}
    override: list[str] = []
    reason: _Text = ""
    requested_by: _Text = ""
    dry_run: bool = False
    commit: Annotated[str, msgspec.Meta(pattern="^(|[0-9a-fA-F]{7,64})$")] = ""


_DECODER = decoder(_Body)
_HINT = (
    f"Known keys: {', '.join(_Body.__struct_fields__)}; action is one of {', '.join(Wanted)}; "
    "either service or workload is needed."
)


def parse(body: bytes) -> Invocation:
    """Parse an order. Raises InvalidRequest (400, 413, 422) and nothing else."""
    sent = bodies.decoded(body, _DECODER, hint=_HINT)
    _check_target(sent)
    _check_numbers(sent)
    _check_override(sent)
    return Invocation(
        service=sent.service,
        workload=sent.workload,
        wanted=sent.action,
        to_revision=sent.to_revision,
        replicas=sent.replicas,
        signals=_signals(sent.signals),
        override=tuple(dict.fromkeys(sent.override)),
        reason=sent.reason.strip(),
        requested_by=sent.requested_by.strip(),
        dry_run=sent.dry_run,
        commit=sent.commit.lower(),
    )


def _check_target(sent: _Body) -> None:
    if bool(sent.service) == bool(sent.workload):
        raise InvalidRequest("Give either `service` or `workload`, and not both.")
    if sent.workload:
        try:
            WorkloadRef.parse(sent.workload, cluster="")
        except ValueError as error:
            raise InvalidRequest(f"{error} - at `$.workload`.") from error


def _check_numbers(sent: _Body) -> None:
    if sent.to_revision is not None and sent.action is not Wanted.ROLLBACK:
        raise InvalidRequest(f"`to_revision` goes with action rollback, not with {sent.action}.")
    if sent.commit and sent.action is not Wanted.REVERT:
        raise InvalidRequest(f"`commit` goes with action revert, not with {sent.action}.")
    if (sent.replicas is not None) != (sent.action is Wanted.SCALE):
        raise InvalidRequest("`replicas` goes with action scale alone, and is needed there.")


def _check_override(sent: _Body) -> None:
    unknown = [name for name in sent.override if name not in OVERRIDABLE]
    if unknown:
        raise InvalidRequest(f"`override` knows {', '.join(OVERRIDABLE)}; not {unknown[0][:40]!r}.")
    if sent.override and not sent.reason.strip():
        raise InvalidRequest("`override` needs a `reason`.")


def _signals(sent: Mapping[str, float | bool]) -> dict[Signal, Reading]:
    """Return the readings. One that does not fit its signal is an error: the sender can put it right."""
    readings: dict[Signal, Reading] = {}
    for name, value in sent.items():
        if name not in set(Signal):
            raise InvalidRequest(f"`signals` knows {', '.join(Signal)}; not {name[:40]!r}.")
        signal = Signal(name)
        if isinstance(value, bool) is not (UNITS[signal] is Unit.FLAG):
            wanted = "true or false" if UNITS[signal] is Unit.FLAG else "a number"
            raise InvalidRequest(f"{wanted} is expected - at `$.signals.{name}`.")
        reading = values.number(value, signal)
        if reading.is_unknown:
            raise InvalidRequest(f"{reading.why} - at `$.signals.{name}`.")
        readings[signal] = reading
    return readings
