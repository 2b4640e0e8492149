"""Apply the patch types of the API server: JSON patch, merge patch, strategic merge patch, apply."""

from __future__ import annotations

from typing import Any

import jsonpatch
import msgspec

from sandbox.cluster import strategic
from sandbox.cluster.errors import bad_request, unprocessable, unsupported_media_type
from sandbox.cluster.objects import Object, clone

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
ACCEPTED = (JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, APPLY_PATCH)


def decode(body: bytes, media_type: str) -> Any:
    """Decode a body; 400 for what is not JSON, or for an apply patch not YAML."""
    try:
        return msgspec.yaml.decode(body) if media_type == APPLY_PATCH else msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise bad_request(f"error decoding patch: {error}") from error


def patched(current: Object, body: bytes, media_type: str, *, custom: bool) -> Object:
    """Return a changed copy of the object.

    415 for a type that is not served (custom resources have no strategic merge), 422 for a JSON patch
    whose test fails or whose path is missing, 400 for a patch that is none.
    """
    if media_type not in ACCEPTED or (custom and media_type == STRATEGIC_MERGE_PATCH):
        raise unsupported_media_type(", ".join(ACCEPTED))
    patch = decode(body, media_type)
    if media_type == JSON_PATCH:
        return _json_patched(current, patch)
    if not isinstance(patch, dict):
        raise bad_request("error decoding patch: expected an object")
    if media_type == MERGE_PATCH or (custom and media_type == APPLY_PATCH):
        merged = merge(current, patch)
        assert isinstance(merged, dict)
        return merged
    return strategic.merge(current, patch)


def _json_patched(current: Object, patch: Any) -> Object:
    try:
        changed = jsonpatch.JsonPatch(patch).apply(clone(current), in_place=True)
    except (
        jsonpatch.JsonPatchTestFailed,
        jsonpatch.JsonPatchConflict,
        jsonpatch.JsonPointerException,
    ) as error:
        message = "the server rejected our request due to an error in our request"
        raise unprocessable(f"{message}: {error}") from error
    except (jsonpatch.InvalidJsonPatch, TypeError) as error:
        raise bad_request(f"error decoding patch: {error}") from error
    if not isinstance(changed, dict):
        raise unprocessable("the patch does not leave an object")
    return changed


def merge(current: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7386): null deletes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return clone(patch)
    merged = dict(current) if isinstance(current, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged
