"""Note every accepted change that a client asked for, so that the cluster itself can count them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sandbox.cluster.controllers.hashes import without_hash
from sandbox.cluster.objects import Object, images_of
from sandbox.cluster.targets import Target

MUTATING = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True)
class Asked:
    """What a role would have to grant a client for a request."""

    user_agent: str
    verb: str
    group: str
    resource: str

    @classmethod
    def of(cls, user_agent: str, verb: str, target: Target) -> Asked:
        """Name what a request asks for; a subresource is granted on its own, as ``pods/eviction``."""
        resource = "/".join(filter(None, (target.resource.plural, target.subresource)))
        return cls(user_agent, verb, target.resource.group, resource)


ASKED: set[Asked] = set()
"""What all clients have asked of all clusters of this process, granted or not."""


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """One accepted request; images are those of the pod template by container, empty without one."""

    at: datetime
    verb: str
    path: str
    resource: str
    namespace: str
    name: str
    subresource: str
    user_agent: str
    field_manager: str
    changed: bool
    template_changed: bool
    images_from: dict[str, str]
    images_to: dict[str, str]
    annotations: dict[str, str]


def entry(
    verb: str, target: Target, path: str, *, user_agent: str, field_manager: str,
    before: Object | None, after: Object | None,
) -> AuditEntry:  # fmt: skip
    """Describe an accepted request by its object before and after, None where there is none."""
    old, new = _template(before), _template(after)
    subject = after or before or {"metadata": {}}
    return AuditEntry(
        at=datetime.now(UTC),
        verb=verb,
        path=path,
        resource=target.resource.qualified,
        namespace=target.namespace,
        name=target.name or subject["metadata"].get("name", ""),
        subresource=target.subresource,
        user_agent=user_agent,
        field_manager=field_manager,
        changed=before != after,
        template_changed=bool(old and new) and without_hash(old or {}) != without_hash(new or {}),
        images_from=images_of(old) if old else {},
        images_to=images_of(new) if new else {},
        annotations=dict((after or {"metadata": {}})["metadata"].get("annotations") or {}),
    )


def _template(obj: Object | None) -> Object | None:
    template = ((obj or {}).get("spec") or {}).get("template")
    return template if isinstance(template, dict) else None
