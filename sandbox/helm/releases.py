"""Releases as Helm stores them: ``data.release`` is JSON, gzipped, in base64, and in base64 once more."""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

Object = dict[str, Any]

TYPE = "helm.sh/release.v1"


@dataclass(frozen=True, kw_only=True)
class Release:
    """One version of a release."""

    name: str
    namespace: str
    version: int
    status: str
    manifest: str
    description: str
    chart: str = "shop"
    chart_version: str = "1.0.0"
    first_deployed: str = ""

    @property
    def key(self) -> str:
        """The name of the Secret that holds it."""
        return f"sh.helm.release.v1.{self.name}.v{self.version}"

    @property
    def objects(self) -> list[Object]:
        """The objects of the manifest."""
        return [one for one in yaml.safe_load_all(self.manifest) if one]


def manifest_of(objects: Sequence[Object], *, chart: str = "shop") -> str:
    """Return the objects as Helm renders them: a document each, with the template that it came from."""
    return "".join(
        f"---\n# Source: {chart}/templates/{one['kind'].lower()}.yaml\n{yaml.safe_dump(one, sort_keys=False)}"
        for one in objects
    )


def secret_of(release: Release, *, modified: bool = False) -> Object:
    """Return the Secret that holds a release; `modified` for one that was there before."""
    stamp = "modifiedAt" if modified else "createdAt"
    labels = {
        stamp: str(int(time.time())),
        "name": release.name,
        "owner": "helm",
        "status": release.status,
        "version": str(release.version),
    }
    metadata = {"name": release.key, "namespace": release.namespace, "labels": labels}
    data = {"release": packed(json.dumps(_document(release)).encode())}
    return {"apiVersion": "v1", "kind": "Secret", "type": TYPE, "metadata": metadata, "data": data}


def packed(document: bytes) -> str:
    """Return what stands in the Secret for that JSON."""
    return base64.b64encode(base64.b64encode(gzip.compress(document, 9))).decode()


def release_in(secret: Object) -> Release:
    """Return the release that a Secret holds."""
    text = base64.b64decode(base64.b64decode(secret["data"]["release"]))
    document = json.loads(gzip.decompress(text))
    info, chart = document["info"], document["chart"]["metadata"]
    return Release(
        name=document["name"],
        namespace=document["namespace"],
        version=document["version"],
        status=info["status"],
        manifest=document["manifest"],
        description=info["description"],
        chart=chart["name"],
        chart_version=chart["version"],
        first_deployed=info["first_deployed"],
    )


def _document(release: Release) -> Object:
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z", time.gmtime())
    return {
        "name": release.name,
        "info": {
            "first_deployed": release.first_deployed or now,
            "last_deployed": now,
            "deleted": "",
            "description": release.description,
            "status": release.status,
            "notes": "Thank you for installing.\n",
        },
        "chart": {
            "metadata": {"name": release.chart, "version": release.chart_version, "apiVersion": "v2"},
            "lock": None,
            "templates": [{"name": "templates/deployment.yaml", "data": "e3sgLlZhbHVlcyB9fQ=="}],
            "values": {"image": {"tag": ""}},
            "schema": None,
            "files": [],
        },
        "config": {"replicas": 2},
        "manifest": release.manifest,
        "version": release.version,
        "namespace": release.namespace,
    }
