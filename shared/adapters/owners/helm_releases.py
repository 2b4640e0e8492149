"""Helm's own history: a Secret for each version of a release, as Helm 3 and 4 keep them by default.

``data.release`` is JSON, gzipped, in base64 (helm's pkg/storage/driver/util.go), and in base64 once more by
Kubernetes. It is decoded version by version, as far as it is asked for: a release holds its whole chart.
"""

import base64
import binascii
import hashlib
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import yaml

from shared.adapters.kubernetes import resources, wire
from shared.adapters.kubernetes.resources import Request, Resource
from shared.domain.workloads import WorkloadRef
from shared.wire import convert, decoder

SECRETS = Resource("", "v1", "secrets")
TYPE = "helm.sh/release.v1"
DEPLOYED = "deployed"
FAILED = "failed"
PENDING_ROLLBACK = "pending-rollback"
GOOD = frozenset({DEPLOYED, "superseded"})
"""Statuses of versions that were installed whole."""

LARGEST_STORED = 3 * 1024 * 1024
"""Characters of one Secret that are looked at: the API server takes 1 MiB before its own base64."""
LARGEST_RELEASE = 32 * 1024 * 1024
"""Bytes that one release may be after gzip, which a hostile one can make a thousand times larger."""

_GROUPS = {"Deployment": "apps", "StatefulSet": "apps", "DaemonSet": "apps", "Rollout": "argoproj.io"}
_OF_INTEREST = re.compile(rf"kind[\"']?:\s*[\"']?(?:{'|'.join(_GROUPS)})\b")
_DOCUMENTS = re.compile(r"^---(?:[ \t].*)?$", re.MULTILINE)
_GZIPPED = b"\x1f\x8b\x08"
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Info(msgspec.Struct, frozen=True):
    description: str = ""


class ChartMetadata(msgspec.Struct, frozen=True):
    name: str = ""
    version: str = ""


class Chart(msgspec.Struct, frozen=True):
    metadata: ChartMetadata | None = None


class Release(msgspec.Struct, frozen=True):
    """One version of a release, as far as it is read."""

    name: str
    version: int
    namespace: str = ""
    info: Info = Info()
    chart: Chart | None = None
    manifest: str = ""

    @property
    def told(self) -> str:
        """The version in words, with its chart where that is known."""
        chart = self.chart.metadata if self.chart is not None else None
        return f"release {self.version}" + (f" (chart {chart.name}-{chart.version})" if chart else "")


class Secret(msgspec.Struct, frozen=True):
    metadata: wire.Metadata
    type: str = ""
    data: dict[str, str] = {}


class _Template(msgspec.Struct, frozen=True):
    spec: wire.PodSpec


class _Spec(msgspec.Struct, frozen=True):
    template: _Template


class _Object(msgspec.Struct, rename="camel", frozen=True):
    api_version: str
    kind: str
    metadata: "_Named"
    spec: _Spec


class _Named(msgspec.Struct, frozen=True):
    name: str
    namespace: str | None = None


@dataclass(frozen=True)
class Rendered:
    """A workload as a release's manifest has it. `template` is the same for pod templates that are."""

    ref: WorkloadRef
    images: Mapping[str, str]
    template: str


@dataclass(frozen=True)
class Version:
    """One version of a release by the metadata of its Secret; `stored` is what is still to be decoded."""

    number: int
    status: str
    secret: wire.Metadata
    stored: str = field(repr=False)

    @property
    def created_at(self) -> datetime:
        """When Helm began with it, by the clock that dates ReplicaSets too."""
        return self.secret.created_at

    @property
    def pending(self) -> bool:
        """Whether an operation of Helm's is under way on it, or was broken off."""
        return self.status.startswith("pending-")


@dataclass(frozen=True)
class History:
    """The versions of one release that the cluster keeps, newest first."""

    versions: Sequence[Version]

    @property
    def newest(self) -> Version | None:
        return self.versions[0] if self.versions else None

    def version(self, number: int) -> Version | None:
        return next((v for v in self.versions if v.number == number), None)

    def release(self, number: int) -> Release | None:
        """Return a version decoded; None when it is not there or cannot be read."""
        found = self.version(number)
        return decoded(found.stored) if found is not None else None


def request(namespace: str, release: str) -> Request:
    """Return the request for the Secrets of a release."""
    return resources.list_of(
        SECRETS, namespace, wire.Selector(match_labels={"owner": "helm", "name": release})
    )


def history(secrets: Sequence[Secret]) -> History:
    """Return what the Secrets say; one that is not a version of a release is left out."""
    versions = [
        Version(
            int(secret.metadata.labels["version"]),
            secret.metadata.labels.get("status", ""),
            secret.metadata,
            secret.data.get("release", ""),
        )
        for secret in secrets
        if secret.type == TYPE and secret.metadata.labels.get("version", "").isdecimal()
    ]
    return History(sorted(versions, key=lambda version: version.number, reverse=True))


def decoded(stored: str) -> Release | None:
    """Return the release in ``data.release``; None for what is too large or not as Helm writes it."""
    if len(stored) > LARGEST_STORED:
        return None
    try:
        content = base64.b64decode(base64.b64decode(stored, validate=True), validate=True)
        if content.startswith(_GZIPPED):  # as ever since Helm 3.0; older ones are plain
            unpacking = zlib.decompressobj(wbits=31)
            content = unpacking.decompress(content, LARGEST_RELEASE)
            if not unpacking.eof:
                return None
        return decoder(Release).decode(content)
    except (binascii.Error, zlib.error, msgspec.DecodeError):
        return None


def rendered(release: Release, cluster: str) -> list[Rendered]:
    """Return the workloads in the release's manifest; a document that cannot be read holds none."""
    documents = (text for text in _DOCUMENTS.split(release.manifest) if _OF_INTEREST.search(text))
    found = (_workload(text, cluster, release.namespace) for text in documents)
    return [one for one in found if one is not None]


def rendered_as(release: Release | None, ref: WorkloadRef) -> Rendered | None:
    """Return the one workload as the release's manifest has it, None when that does not hold it."""
    workloads: Iterator[Rendered] = iter(rendered(release, ref.cluster) if release is not None else ())
    return next((one for one in workloads if one.ref == ref), None)


def _workload(text: str, cluster: str, namespace: str) -> Rendered | None:
    try:
        document = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader
        found = convert(_Object, document)
    except (yaml.YAMLError, msgspec.ValidationError, ValueError, RecursionError):
        return None
    if _GROUPS.get(found.kind) != found.api_version.partition("/")[0]:
        return None
    ref = WorkloadRef(cluster, found.metadata.namespace or namespace, found.kind.lower(), found.metadata.name)
    images = {container.name: container.image for container in found.spec.template.spec.containers}
    return Rendered(ref, images, _identity(text, document))


def _identity(text: str, document: Mapping[str, Any]) -> str:
    """Return what is equal for equal templates. Anchors can nest without end, so then the text has to do."""
    if "&" in text and "*" in text:
        canonical = text
    else:
        canonical = json.dumps(document["spec"]["template"], sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()
