"""Keep `metadata.managedFields`: who owns which field of a custom resource.

Server-side apply owns what it applies; any other write owns what it changes; a value that someone changes
is theirs alone. Lists are owned whole, and conflicts are refused unless the request forces them. Only
custom resources are tracked, and of their metadata only labels and annotations.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from sandbox.cluster.errors import conflict
from sandbox.cluster.objects import Object, clone, name_of, timestamp
from sandbox.cluster.resources import Resource

Path: TypeAlias = tuple[str, ...]
Owners: TypeAlias = dict[tuple[str, str], set[Path]]
MANAGED = "managedFields"
_UNTRACKED = frozenset({"apiVersion", "kind", "metadata", "status"})


def created(obj: Object, manager: str, *, applied: bool) -> Object:
    """Return a new object all of whose fields are the manager's."""
    empty: Object = {"metadata": {}}
    owners: Owners = {(manager, "Apply" if applied else "Update"): set(_leaves(obj))}
    return _owned(empty, obj, owners)


def updated(current: Object, desired: Object, manager: str) -> Object:
    """Return the desired object, in which the manager owns what it changed."""
    before, after = _leaves(current), _leaves(desired)
    changed = {path for path, value in after.items() if path not in before or before[path] != value}
    owners = {who: (paths - changed) & set(after) for who, paths in _owners(current).items()}
    owners.setdefault((manager, "Update"), set()).update(changed)
    return _owned(current, desired, owners)


def applied(
    resource: Resource, current: Object, desired: Object, *, document: Object, manager: str, force: bool
) -> Object:
    """Return the desired object, in which the manager owns what its document holds, and no more.

    What the document held the last time and holds no longer is removed, unless someone else owns it too.
    """
    before, mine = _leaves(current), set(_leaves(document))
    after = _leaves(desired)
    changed = {path for path in mine if before.get(path) != after.get(path)}
    owners = _owners(current)
    dropped = owners.pop((manager, "Apply"), set()) - mine
    for (other, _), paths in owners.items():
        if taken := paths & changed:
            if not force:
                raise conflict(resource, name_of(current), f'conflict with "{other}": {_told(taken)}')
            paths.difference_update(taken)
    left: Object = clone(desired)
    for path in dropped.difference(*owners.values()):
        _remove(left, path)
    return _owned(current, left, {**owners, (manager, "Apply"): mine})


def kept(current: Object, desired: Object) -> Object:
    """Return the desired object with the owners that it has now."""
    return _owned(current, desired, _owners(current))


def _leaves(obj: Object) -> dict[Path, Any]:
    tracked = {key: value for key, value in obj.items() if key not in _UNTRACKED}
    metadata = obj.get("metadata") or {}
    if labelled := {key: metadata[key] for key in ("labels", "annotations") if metadata.get(key)}:
        tracked["metadata"] = labelled
    return dict(_walk(tracked, ()))


def _walk(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if not isinstance(value, dict) or (path and not value):
        yield path, value
        return
    for key, inner in value.items():
        yield from _walk(inner, (*path, f"f:{key}"))


def _owners(obj: Object) -> Owners:
    entries = obj["metadata"].get(MANAGED) or []
    return {
        (entry["manager"], entry["operation"]): {path for path, _ in _walk_fields(entry["fieldsV1"], ())}
        for entry in entries
    }


def _walk_fields(fields: Object, path: Path) -> Iterator[tuple[Path, None]]:
    if not fields:
        yield path, None
    for key, inner in fields.items():
        yield from _walk_fields(inner, (*path, key))


def _owned(current: Object, desired: Object, owners: Owners) -> Object:
    """Write the owners down; an entry that has not changed keeps its time."""
    known = {(one["manager"], one["operation"]): one for one in current["metadata"].get(MANAGED) or []}
    entries = []
    for (manager, operation), paths in owners.items():
        if not paths:
            continue
        fields = _fields(paths)
        entry = known.get((manager, operation))
        if entry is None or entry["fieldsV1"] != fields:
            entry = {
                "manager": manager, "operation": operation, "apiVersion": desired.get("apiVersion", ""),
                "time": timestamp(), "fieldsType": "FieldsV1", "fieldsV1": fields,
            }  # fmt: skip
        entries.append(entry)
    metadata = {key: value for key, value in (desired.get("metadata") or {}).items() if key != MANAGED}
    return desired | {"metadata": metadata | ({MANAGED: entries} if entries else {})}


def _fields(paths: set[Path]) -> Object:
    fields: Object = {}
    for path in sorted(paths):
        inner = fields
        for part in path:
            inner = inner.setdefault(part, {})
    return fields


def _told(paths: set[Path]) -> str:
    return ", ".join(sorted(".".join(part.removeprefix("f:") for part in path) for path in paths))


def _remove(obj: Object, path: Path) -> None:
    *above, last = (part.removeprefix("f:") for part in path)
    for part in above:
        obj = obj.get(part) or {}
    obj.pop(last, None)
