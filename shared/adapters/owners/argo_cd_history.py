"""The history of an Argo CD application: which of its deployments brings a revision back."""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from shared.adapters.owners.argo_cd_api import Application, Deployment
from shared.domain.workloads import WorkloadRef
from shared.wire import decoder

_LOOKED_THROUGH = 10


class _Container(Struct, frozen=True):
    name: str
    image: str = ""


class _PodSpec(Struct, frozen=True):
    containers: list[_Container] = []


class _Template(Struct, frozen=True):
    spec: _PodSpec = _PodSpec()


class _Spec(Struct, frozen=True):
    template: _Template = _Template()


class _Named(Struct, frozen=True):
    name: str = ""
    namespace: str = ""


class _Head(Struct, frozen=True):
    kind: str = ""
    metadata: _Named = _Named()


class _Manifest(_Head, frozen=True):
    spec: _Spec = _Spec()


def candidates(app: Application) -> Sequence[Deployment]:
    """Return the deployments that a rollback may go back to, the newest first.

    Only those of the present source: what another one made of its commit cannot be asked. The oldest of a
    full history would fall out of it by the very rollback, and then nobody could tell that it was made.
    """
    history = app.status.history
    full = len(history) > 2 and len(history) >= app.spec.revision_history_limit
    seen = {history[-1].revision} if history else set()
    source = _unpinned(app.spec.source)
    found = []
    for entry in reversed(history[1 if full else 0 : -1]):
        if entry.revision not in seen and _unpinned(entry.source) == source:
            found.append(entry)
        seen.add(entry.revision)
    return found[:_LOOKED_THROUGH]


def images(manifests: Sequence[str], ref: WorkloadRef) -> dict[str, str]:
    """Return the workload's images by container, none where no manifest is the workload's."""
    for text in manifests:
        try:
            if _is_of(decoder(_Head).decode(text), ref):
                template = decoder(_Manifest).decode(text).spec.template
                return {one.name: one.image for one in template.spec.containers}
        except msgspec.DecodeError:
            continue  # no manifest of a workload
    return {}


def _is_of(head: _Head, ref: WorkloadRef) -> bool:
    """Return whether that names the workload; without a namespace it goes to the application's."""
    named = (head.kind.lower(), head.metadata.name) == (ref.kind, ref.name)
    return named and head.metadata.namespace in ("", ref.namespace)


def _unpinned(source: Mapping[str, object]) -> Mapping[str, object]:
    return {key: value for key, value in source.items() if key != "targetRevision"}
