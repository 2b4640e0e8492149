"""Name pod templates by a hash of their content."""

from __future__ import annotations

import hashlib

import msgspec

from sandbox.cluster.objects import Object
from sandbox.cluster.registry import SAFE_LETTERS

HASH_LABEL = "pod-template-hash"


def template_hash(template: Object, collisions: int = 0) -> str:
    """Return ten safe letters that depend on the content only; `collisions` gives a taken name another."""
    content = msgspec.json.encode([template, collisions] if collisions else template, order="deterministic")
    digest = hashlib.sha256(content).digest()
    return "".join(SAFE_LETTERS[byte % len(SAFE_LETTERS)] for byte in digest[:10])


def without_hash(template: Object) -> Object:
    """Return the template without the label that its controller added: what two templates compare by."""
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    return template | {"metadata": metadata | {"labels": labels}}


def with_hash(template: Object, value: str) -> Object:
    metadata = template.get("metadata") or {}
    return template | {
        "metadata": metadata | {"labels": (metadata.get("labels") or {}) | {HASH_LABEL: value}}
    }
