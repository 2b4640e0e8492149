"""Pod templates: what is put back, and what makes one the same version as another."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from shared.adapters.kubernetes import wire
from shared.wire import decoder

ROLLOUT_HASH_LABEL = "rollouts-pod-template-hash"
HASH_LABELS = ("pod-template-hash", ROLLOUT_HASH_LABEL)
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
SCHEMA = "backout.dev/schema"
SCHEMA_AT_LEAST = "backout.dev/schema-at-least"


@dataclass(frozen=True)
class Template:
    """A pod template: `json` can be written to a workload as it is; `id` is the version's identity."""

    id: str
    json: Mapping[str, Any]
    images: Mapping[str, str]
    schema: int | None
    schema_at_least: int | None


def read(raw: msgspec.Raw, ignored_annotations: Collection[str] = ()) -> Template:
    """Return the template out of a workload, a ReplicaSet or a ControllerRevision.

    A ReplicaSet's carries its hash as a label, a ControllerRevision's the directive ``$patch``: neither
    belongs to the template and both are taken out, as kubectl does before it puts one back.
    Raises msgspec.DecodeError for what is no template.
    """
    known = decoder(wire.PodTemplate).decode(raw)
    template = decoder(dict[str, Any]).decode(raw)
    template.pop("$patch", None)
    for label in HASH_LABELS:
        template.get("metadata", {}).get("labels", {}).pop(label, None)
    annotations = known.metadata.annotations
    return Template(
        id=identity(template, ignored_annotations),
        json=template,
        images={container.name: container.image for container in known.spec.containers},
        schema=number(annotations.get(SCHEMA)),
        schema_at_least=number(annotations.get(SCHEMA_AT_LEAST)),
    )


def identity(template: Mapping[str, Any], ignored_annotations: Collection[str] = ()) -> str:
    """Return 12 hex digits that are the same for templates of the same version.

    What a restart, the configuration's ignored annotations or an encoder's habits leave in the metadata (a
    null creationTimestamp, a map that is empty) makes no version. Nothing is dropped from the spec, where
    an empty map can mean something else than none (an empty label selector matches everything).
    """
    metadata = dict(template.get("metadata") or {})
    ignored = {RESTARTED_AT, *ignored_annotations}
    annotations = metadata.get("annotations") or {}
    metadata["annotations"] = {key: value for key, value in annotations.items() if key not in ignored}
    labels = metadata.get("labels") or {}
    metadata["labels"] = {key: value for key, value in labels.items() if key not in HASH_LABELS}
    told = {key: value for key, value in metadata.items() if value not in (None, {})}
    canonical = json.dumps({**template, "metadata": told}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def number(text: str | None) -> int | None:
    """Return a whole number that an annotation declares; what is none declares nothing."""
    return int(text) if text is not None and text.isdecimal() and len(text) < 19 else None
