"""Read how an object is to be deleted, from the query or from the `DeleteOptions` in the body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.cluster.errors import bad_request
from sandbox.cluster.patches import decode

POLICIES = ("Background", "Foreground", "Orphan")


@dataclass(frozen=True, kw_only=True)
class DeleteOptions:
    """`policy` is the fate of dependents; `grace_seconds` None leaves it to the object."""

    policy: str = "Background"
    grace_seconds: int | None = None
    preconditions: Mapping[str, str]
    dry_run: bool = False

    @classmethod
    def read(cls, query: Mapping[str, str], body: bytes) -> DeleteOptions:
        document = decode(body, "") if body else {}
        if not isinstance(document, dict):
            raise bad_request("the body of the request is not an object")
        policy = query.get("propagationPolicy") or document.get("propagationPolicy") or "Background"
        if document.get("orphanDependents"):
            policy = "Orphan"
        if policy not in POLICIES:
            raise bad_request(f"propagationPolicy {policy!r} is not one of {POLICIES}")
        grace = query.get("gracePeriodSeconds", document.get("gracePeriodSeconds"))
        return cls(
            policy=policy,
            grace_seconds=None if grace is None else int(grace),
            preconditions=document.get("preconditions") or {},
            dry_run=query.get("dryRun") == "All" or document.get("dryRun") == ["All"],
        )
