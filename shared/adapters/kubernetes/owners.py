"""Who else manages a workload, and whether it would undo a change of its template.

Each function knows one kind of owner by the marks that it leaves on the object; `OWNERS` is the order in
which they are asked, the surest and nearest first. Only marks are looked at: whether an Argo CD application
really heals itself, say, its own API would tell, so what cannot be ruled out counts as undoing us.
"""

from collections.abc import Callable
from dataclasses import dataclass

from shared.adapters.kubernetes.wire import Metadata
from shared.domain.workloads import Owner

ARGO_PREFIX = "argocd.argoproj.io/"
ARGO_TRACKING = "argocd.argoproj.io/tracking-id"
ARGO_LABEL = "app.kubernetes.io/instance"
KUSTOMIZE = "kustomize.toolkit.fluxcd.io"
HELM_CONTROLLER = "helm.toolkit.fluxcd.io"


@dataclass(frozen=True)
class Managed:
    """A workload as its owners mark it; `address` is what Argo CD's tracking id calls it."""

    metadata: Metadata
    address: str


def owner(metadata: Metadata, *, group: str = "apps", kind: str, namespace: str) -> Owner | None:
    """Return the first owner whose marks the workload carries; `group` and `kind` as the API writes them."""
    managed = Managed(metadata, f"{group}/{kind}:{namespace}/{metadata.name}")
    return next((found for find in OWNERS if (found := find(managed)) is not None), None)


def _controller(managed: Managed) -> Owner | None:
    """Find the controller by its owner reference: it writes the whole object."""
    reference = managed.metadata.controller
    if reference is None:
        return None
    why = f"its controller, the {reference.kind} {reference.name}, writes the pod template"
    return Owner(reference.kind, reference.name, undoes_us=True, why=why)


def _argo_cd(managed: Managed) -> Owner | None:
    """Find the Argo CD application by its tracking id, ``app:group/Kind:namespace/name``.

    An application outside Argo CD's own namespace is written ``namespace_app``. An id that names another
    object was copied along with a manifest and says nothing. The label of the label mode is set by Helm
    charts too, so it counts only beside another annotation of Argo CD's.
    """
    application, _, target = managed.metadata.annotations.get(ARGO_TRACKING, "").partition(":")
    named = bool(application) and target == managed.address
    if not named:
        others = any(
            key.startswith(ARGO_PREFIX) and key != ARGO_TRACKING for key in managed.metadata.annotations
        )
        application = managed.metadata.labels.get(ARGO_LABEL, "") if others else ""
    if not application:
        return None
    namespace, _, name = application.rpartition("_")
    why = f"the Argo CD application {name} may sync the template back to what git says"
    return Owner("Argo CD", name, undoes_us=True, why=why, namespace=namespace)


def _flux_kustomization(managed: Managed) -> Owner | None:
    """Find the Flux Kustomization by its labels; reconciliation can be disabled on the object itself."""
    name = managed.metadata.labels.get(f"{KUSTOMIZE}/name", "")
    if not name:
        return None
    switch = f"{KUSTOMIZE}/reconcile"
    disabled = "disabled" in (managed.metadata.annotations.get(switch), managed.metadata.labels.get(switch))
    if disabled:
        why = f"the Flux Kustomization {name} does not reconcile it ({switch}: disabled)"
    else:
        why = f"the Flux Kustomization {name} puts the template back at its next reconciliation"
    namespace = managed.metadata.labels.get(f"{KUSTOMIZE}/namespace", "")
    return Owner("Flux Kustomization", name, undoes_us=not disabled, why=why, namespace=namespace)


def _flux_helm_release(managed: Managed) -> Owner | None:
    """Find the Flux HelmRelease by its labels."""
    name = managed.metadata.labels.get(f"{HELM_CONTROLLER}/name", "")
    if not name:
        return None
    why = f"the Flux HelmRelease {name} may correct the drift, and its next upgrade overwrites the template"
    namespace = managed.metadata.labels.get(f"{HELM_CONTROLLER}/namespace", "")
    return Owner("Flux HelmRelease", name, undoes_us=True, why=why, namespace=namespace)


def _helm(managed: Managed) -> Owner | None:
    """Find the Helm release; no controller runs for it."""
    name = managed.metadata.annotations.get("meta.helm.sh/release-name", "")
    if not name or managed.metadata.labels.get("app.kubernetes.io/managed-by") != "Helm":
        return None
    why = f"the Helm release {name} stays as it is until the next helm upgrade, which overwrites the template"
    namespace = managed.metadata.annotations.get("meta.helm.sh/release-namespace", "")
    return Owner("Helm", name, undoes_us=False, why=why, namespace=namespace)


OWNERS: tuple[Callable[[Managed], Owner | None], ...] = (
    _controller,
    _argo_cd,
    _flux_kustomization,
    _flux_helm_release,
    _helm,
)
