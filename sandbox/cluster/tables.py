"""Print objects as a `Table`, the form in which `kubectl get` asks for them."""

from __future__ import annotations

from sandbox.cluster.columns import COLUMNS, PLAIN
from sandbox.cluster.objects import Object
from sandbox.cluster.resources import Resource


def wanted(accept: str) -> str | None:
    """Return the version of Table that an Accept header prefers, None when it asks for the objects."""
    for choice in accept.split(","):
        parameters = {part.strip() for part in choice.split(";")}
        if "as=Table" in parameters:
            return "v1beta1" if "v=v1beta1" in parameters else "v1"
        if parameters & {"application/json", "*/*"}:
            return None
    return None


def table(
    resource: Resource,
    objects: list[Object],
    *,
    version: str,
    revision: str,
    include: str,
    headed: bool = True,
) -> Object:
    """Return one row for each object; `include` says how much of it goes along (Metadata, Object or None)."""
    columns = COLUMNS.get(resource.qualified, PLAIN)
    definitions = [
        {
            "name": heading, "type": "string", "priority": int(wide), "description": heading,
            "format": "name" if heading == "Name" else "",
        }
        for heading, _, wide in columns
    ]  # fmt: skip
    rows = [
        {"cells": [cell(obj) for _, cell, _ in columns], "object": _included(obj, include, version)}
        for obj in objects
    ]
    shown: Object = {
        "kind": "Table",
        "apiVersion": f"meta.k8s.io/{version}",
        "metadata": {"resourceVersion": revision},
    }
    return shown | {"columnDefinitions": definitions if headed else [], "rows": rows}


def _included(obj: Object, include: str, version: str) -> Object | None:
    if include == "None":
        return None
    if include == "Object":
        return obj
    partial = {"kind": "PartialObjectMetadata", "apiVersion": f"meta.k8s.io/{version}"}
    return partial | {"metadata": obj["metadata"]}
