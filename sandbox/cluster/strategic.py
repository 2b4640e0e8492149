"""Merge strategic merge patches: lists of objects merge by a key, and `$` directives steer it.

The keys are those in the struct tags of the built-in types (`patchMergeKey`).
"""

from __future__ import annotations

from typing import Any

from sandbox.cluster.errors import bad_request
from sandbox.cluster.objects import Object, clone

MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "env": "name",
    "volumes": "name",
    "imagePullSecrets": "name",
    "secrets": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "conditions": "type",
    "addresses": "type",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
    "ownerReferences": "uid",
}
MERGED_PRIMITIVES = frozenset({"finalizers"})
ORDER, DELETE_PRIMITIVES = "$setElementOrder/", "$deleteFromPrimitiveList/"


def merge(current: Any, patch: Object) -> Object:
    """Return `current` with the patch merged in; neither is changed."""
    directive = patch.get("$patch")
    if directive == "replace":
        replaced: Object = _without_directives(patch)
        return replaced
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise bad_request(f"unknown patch directive: {directive}")
    merged: Object = clone(current) if isinstance(current, dict) else {}
    for key, value in patch.items():
        if not key.startswith("$"):
            _merge_field(merged, key, value)
        elif key.startswith(DELETE_PRIMITIVES):
            field = key.removeprefix(DELETE_PRIMITIVES)
            merged[field] = [one for one in merged.get(field) or [] if one not in value]
    for key, order in patch.items():
        field = key.removeprefix(ORDER)
        if key.startswith(ORDER) and isinstance(merged.get(field), list):
            merged[field] = _in_order(merged[field], order, _merge_key(field, merged[field]))
    if "$retainKeys" in patch:
        merged = {key: value for key, value in merged.items() if key in patch["$retainKeys"]}
    return merged


def _merge_field(merged: Object, key: str, value: Any) -> None:
    if value is None:
        merged.pop(key, None)
    elif isinstance(value, dict):
        if value.get("$patch") == "delete":
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    elif isinstance(value, list):
        merged[key] = _merge_list(key, merged.get(key) or [], value)
    else:
        merged[key] = value


def _merge_list(field: str, current: list[Any], patch: list[Any]) -> list[Any]:
    if field in MERGED_PRIMITIVES:
        return current + [one for one in patch if one not in current]
    merge_key = _merge_key(field, patch)
    replaces = any(isinstance(one, dict) and one.get("$patch") == "replace" for one in patch)
    if merge_key is None or replaces:
        return [_without_directives(one) for one in patch if one != {"$patch": "replace"}]
    merged = list(current)
    for item in patch:
        if merge_key not in item:
            raise bad_request(f"map: {item} does not contain declared merge key: {merge_key}")
        place = next((n for n, one in enumerate(merged) if one.get(merge_key) == item[merge_key]), None)
        if item.get("$patch") == "delete":
            merged = [one for one in merged if one.get(merge_key) != item[merge_key]]
        elif place is None:
            merged.append(merge({}, item))
        else:
            merged[place] = merge(merged[place], item)
    return merged


def _merge_key(field: str, items: list[Any]) -> str | None:
    if field != "ports":
        return MERGE_KEYS.get(field)
    # A container's ports merge by containerPort, a service's by port; both fields are called ports.
    return "containerPort" if any("containerPort" in one for one in items) else "port"


def _in_order(items: list[Any], order: list[Any], merge_key: str | None) -> list[Any]:
    """Put the items named in `order` in that order, the others after the ones that they followed."""

    def identity(one: Any) -> Any:
        return one.get(merge_key) if merge_key and isinstance(one, dict) else one

    ranks = {identity(one): rank for rank, one in enumerate(order)}
    last, placed = -1, []
    for item in items:
        last = ranks.get(identity(item), last)
        placed.append((last, item))
    return [item for _, item in sorted(placed, key=lambda pair: pair[0])]


def _without_directives(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_directives(item) for key, item in value.items() if not key.startswith("$")}
    if isinstance(value, list):
        return [_without_directives(item) for item in value]
    return value
