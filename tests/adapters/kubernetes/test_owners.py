import pytest

from shared.adapters.kubernetes.owners import owner
from shared.adapters.kubernetes.wire import Metadata, OwnerReference
from shared.domain.workloads import Owner

TRACKING = "argocd.argoproj.io/tracking-id"
OWN_TRACKING_ID = "shop:apps/Deployment:production/checkout"
KUSTOMIZATION = {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux"}
HELM_RELEASE = {"helm.toolkit.fluxcd.io/name": "shop", "helm.toolkit.fluxcd.io/namespace": "flux"}
HELM_LABEL = {"app.kubernetes.io/managed-by": "Helm"}
HELM_NAME = {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "production"}


def marked(
    *,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    references: tuple[OwnerReference, ...] = (),
) -> Owner | None:
    metadata = Metadata(
        name="checkout", labels=labels or {}, annotations=annotations or {}, owner_references=list(references)
    )
    return owner(metadata, kind="Deployment", namespace="production")


def told(found: Owner | None) -> tuple[str, str, bool]:
    assert found is not None
    assert found.why
    return found.kind, found.name, found.undoes_us


def test_a_workload_without_marks_is_nobodys() -> None:
    assert marked(labels={"app": "checkout"}, annotations={"example.com/team": "payments"}) is None


def test_a_controller_would_undo_us() -> None:
    reference = OwnerReference(kind="Shop", name="main", uid="1", controller=True)

    assert told(marked(references=(reference,))) == ("Shop", "main", True)


def test_a_rollout_that_controls_a_deployment_would_undo_us() -> None:
    reference = OwnerReference(kind="Rollout", name="checkout", uid="1", controller=True)

    found = marked(references=(reference,))

    assert told(found) == ("Rollout", "checkout", True)
    assert found is not None
    assert "the Rollout checkout, writes the pod template" in found.why


def test_a_tracking_id_names_the_group_of_the_workload() -> None:
    annotations = {TRACKING: "shop:argoproj.io/Rollout:production/checkout"}
    metadata = Metadata(name="checkout", annotations=annotations)

    found = owner(metadata, group="argoproj.io", kind="Rollout", namespace="production")

    assert told(found) == ("Argo CD", "shop", True)
    assert owner(metadata, kind="Rollout", namespace="production") is None


def test_an_owner_that_does_not_control_is_none() -> None:
    assert marked(references=(OwnerReference(kind="Shop", name="main", uid="1"),)) is None


def test_argo_cd_would_undo_us() -> None:
    assert told(marked(annotations={TRACKING: OWN_TRACKING_ID})) == ("Argo CD", "shop", True)


@pytest.mark.parametrize(
    "tracking_id",
    [
        "shop:apps/Deployment:production/another",
        "shop:apps/Deployment:staging/checkout",
        "shop:apps/StatefulSet:production/checkout",
        "shop:/Service:production/checkout",
        "shop",
        "",
    ],
)
def test_a_tracking_id_that_names_another_object_says_nothing(tracking_id: str) -> None:
    labels = {"app.kubernetes.io/instance": "shop"}

    assert marked(labels=labels, annotations={TRACKING: tracking_id}) is None


def test_the_instance_label_alone_is_not_argo_cds() -> None:
    assert marked(labels={"app.kubernetes.io/instance": "shop"}) is None


def test_the_instance_label_beside_an_annotation_of_argo_cds_is() -> None:
    annotations = {"argocd.argoproj.io/sync-wave": "2"}

    found = marked(labels={"app.kubernetes.io/instance": "shop"}, annotations=annotations)

    assert told(found) == ("Argo CD", "shop", True)


def test_a_flux_kustomization_would_undo_us() -> None:
    assert told(marked(labels=KUSTOMIZATION)) == ("Flux Kustomization", "apps", True)


@pytest.mark.parametrize("place", ["labels", "annotations"])
def test_a_kustomization_that_is_told_to_leave_it_alone_would_not(place: str) -> None:
    disabled = {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}
    labels = {**KUSTOMIZATION, **(disabled if place == "labels" else {})}

    found = marked(labels=labels, annotations=disabled if place == "annotations" else {})

    assert told(found) == ("Flux Kustomization", "apps", False)


def test_a_flux_helm_release_would_undo_us() -> None:
    found = marked(labels={**HELM_RELEASE, **HELM_LABEL}, annotations=HELM_NAME)

    assert told(found) == ("Flux HelmRelease", "shop", True)


def test_helm_would_not() -> None:
    assert told(marked(labels=HELM_LABEL, annotations=HELM_NAME)) == ("Helm", "shop", False)


def test_the_label_of_helm_alone_is_not_helms() -> None:
    assert marked(labels=HELM_LABEL) is None


def test_the_nearest_owner_counts() -> None:
    labels = {**KUSTOMIZATION, **HELM_RELEASE, **HELM_LABEL}
    annotations = {TRACKING: OWN_TRACKING_ID, **HELM_NAME}
    reference = OwnerReference(kind="Shop", name="main", uid="1", controller=True)

    assert told(marked(labels=labels, annotations=annotations, references=(reference,)))[0] == "Shop"
    assert told(marked(labels=labels, annotations=annotations))[0] == "Argo CD"
    assert told(marked(labels=labels))[0] == "Flux Kustomization"
    assert told(marked(labels={**HELM_RELEASE, **HELM_LABEL}, annotations=HELM_NAME))[0] == "Flux HelmRelease"


def lives_in(found: Owner | None) -> str:
    assert found is not None
    return found.namespace


def test_the_marks_tell_where_an_owner_lives() -> None:
    assert lives_in(marked(labels=KUSTOMIZATION)) == "flux"
    assert lives_in(marked(labels=HELM_RELEASE)) == "flux"
    assert lives_in(marked(labels=HELM_LABEL, annotations=HELM_NAME)) == "production"


def test_marks_that_do_not_tell_leave_it_open() -> None:
    reference = OwnerReference(kind="Shop", name="main", uid="1", controller=True)

    assert lives_in(marked(references=(reference,))) == ""
    assert lives_in(marked(annotations={TRACKING: OWN_TRACKING_ID})) == ""
    assert lives_in(marked(labels={"kustomize.toolkit.fluxcd.io/name": "apps"})) == ""


@pytest.mark.parametrize("mode", ["annotation", "label"])
def test_an_argo_cd_application_in_any_namespace_is_told_apart_from_its_namespace(mode: str) -> None:
    labels = {"app.kubernetes.io/instance": "payments_shop"}
    annotations = {TRACKING: f"payments_{OWN_TRACKING_ID}"}
    if mode == "label":
        annotations = {"argocd.argoproj.io/sync-wave": "2"}

    found = marked(labels=labels, annotations=annotations)

    assert told(found) == ("Argo CD", "shop", True)
    assert lives_in(found) == "payments"
