"""What `FluxOwner` keeps to on any API server, real or not, that no Flux runs on.

The suite defines Flux's objects where the cluster does not know them, and writes their statuses itself.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.flux import DEFINITIONS
from shared.adapters.kubernetes import KubernetesWorkloads
from shared.adapters.owners.flux import HELM_RELEASE, KUSTOMIZATION, FluxOwner
from shared.domain.changes import Applied, ResumeOwner, RollBackByOwner, StopOwner
from shared.domain.owners import Ownership, Source, Suspension
from shared.domain.reasons import Reason
from shared.domain.workloads import Revision, Workload, WorkloadRef
from shared.errors import PermanentError, TemporaryError
from tests.contract.api_server import ApiServer, Object
from tests.contract.kubernetes_workloads import CLUSTER, KubernetesWorld
from tests.contract.owners import Owned, OwnersContract
from tests.contract.workloads import eventually

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUPS = {
    "gitrepositories": "source.toolkit.fluxcd.io/v1",
    "kustomizations": "kustomize.toolkit.fluxcd.io/v1",
    "helmreleases": "helm.toolkit.fluxcd.io/v2",
}
KINDS = {
    "gitrepositories": "GitRepository",
    "kustomizations": "Kustomization",
    "helmreleases": "HelmRelease",
}
PLURALS = {KUSTOMIZATION: "kustomizations", HELM_RELEASE: "helmreleases"}
LABELS = {KUSTOMIZATION: "kustomize.toolkit.fluxcd.io", HELM_RELEASE: "helm.toolkit.fluxcd.io"}
MARKER = "backout.dev/response"
REQUESTED = "reconcile.fluxcd.io/requestedAt"
URL = "ssh://git@git.example.com/shop/deploy.git"
COMMIT = "6f8f58cd6f8f58cd6f8f58cd6f8f58cd6f8f58cd"
LATER = "9a1c0de29a1c0de29a1c0de29a1c0de29a1c0de2"

every_owner = pytest.mark.parametrize("kind", [KUSTOMIZATION, HELM_RELEASE])


@contextmanager
def flux_definitions(kubeconfig: Path) -> Iterator[None]:
    """Define what the cluster does not know of Flux's objects, and remove that again."""
    api = ApiServer(kubeconfig)
    made = [one for one in DEFINITIONS if api.get(f"{CRDS}/{one['metadata']['name']}") is None]
    for definition in made:
        api.create(CRDS, definition)
    for plural, group in GROUPS.items():
        served = f"/apis/{group}/{plural}"
        eventually(lambda served=served: api.get(served), f"{served} was served")  # type: ignore[misc]
    try:
        yield
    finally:
        for definition in made:
            api.delete(f"{CRDS}/{definition['metadata']['name']}")
        api.close()


class FluxWorld(KubernetesWorld):
    """A namespace with Flux's objects in it, and the adapter that looks at them."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        super().__init__(kubeconfig, namespace)
        self.owners = {kind: FluxOwner(self.adapter.connection, kind) for kind in PLURALS}

    def at(self, plural: str, name: str = "") -> str:
        return f"/apis/{GROUPS[plural]}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def owned(self, kind: str) -> Workload:
        """Make a workload and the owner of that kind, named like it, which applied `COMMIT`."""
        ref = self.new("deployment")
        own = {f"{LABELS[kind]}/name": ref.name, f"{LABELS[kind]}/namespace": self.namespace}
        self.change(ref, {"metadata": {"labels": own}})
        self.git(ref.name)
        self.kustomize(ref.name)
        if kind == HELM_RELEASE:
            chart = {"spec": {"chart": "shop", "sourceRef": {"kind": "HelmRepository", "name": "charts"}}}
            body = self.object("helmreleases", ref.name, {"interval": "1h", "chart": chart})
            body["metadata"]["labels"] = self.applied_by(ref.name)
            self.api.create(self.at("helmreleases"), body)
        return self.read(ref)

    def git(self, name: str) -> None:
        spec = {"url": URL, "interval": "1h", "ref": {"branch": "main"}}
        self.api.create(self.at("gitrepositories"), self.object("gitrepositories", name, spec))
        self.fetched(name, COMMIT)

    def kustomize(self, name: str) -> None:
        reference = {"kind": "GitRepository", "name": name}
        spec = {"interval": "1h", "prune": False, "path": "./", "sourceRef": reference}
        self.api.create(self.at("kustomizations"), self.object("kustomizations", name, spec))
        self.applied(name, COMMIT)

    def object(self, plural: str, name: str, spec: Object) -> Object:
        metadata: Object = {"name": name, "namespace": self.namespace}
        return {"apiVersion": GROUPS[plural], "kind": KINDS[plural], "metadata": metadata, "spec": spec}

    def applied_by(self, name: str) -> dict[str, str]:
        labels = LABELS[KUSTOMIZATION]
        return {f"{labels}/name": name, f"{labels}/namespace": self.namespace}

    def fetched(self, name: str, commit: str) -> None:
        """Say that the repository's branch is at that commit."""
        artifact = {
            "revision": f"main@sha1:{commit}",
            "digest": f"sha256:{'0' * 64}",
            "path": "deploy.tar.gz",
            "url": "http://source-controller.example/deploy.tar.gz",
            "lastUpdateTime": "2026-08-22T10:00:00Z",
        }
        self.api.patch(self.at("gitrepositories", f"{name}/status"), {"status": {"artifact": artifact}})

    def applied(self, name: str, commit: str) -> None:
        """Say that the Kustomization has applied that commit."""
        status = {"lastAppliedRevision": f"main@sha1:{commit}"}
        self.api.patch(self.at("kustomizations", f"{name}/status"), {"status": status})

    def conditions(self, kind: str, name: str, *, doing: str, reason: str, ready: str) -> None:
        """Say that a reconciliation is under way, or has failed."""
        told = [
            {"type": "Reconciling", "status": "True", "reason": reason, "message": doing},
            {"type": "Ready", "status": ready, "reason": reason, "message": "Reconciliation in progress"},
        ]
        conditions = [{**one, "lastTransitionTime": "2026-08-22T10:00:00Z"} for one in told]
        self.api.patch(self.at(PLURALS[kind], f"{name}/status"), {"status": {"conditions": conditions}})

    def owner(self, kind: str, name: str) -> Object:
        found = self.api.get(self.at(PLURALS[kind], name))
        assert found is not None
        return found

    def change_owner(self, kind: str, name: str, body: Object, *, manager: str = "hand") -> None:
        self.api.patch(self.at(PLURALS[kind], name) + f"?fieldManager={manager}", body)

    def apply_owner(self, kind: str, name: str, spec: Object, *, manager: str) -> None:
        """Apply fields of an owner as a controller does that takes them from git."""
        body = self.object(PLURALS[kind], name, spec)
        body["metadata"]["labels"] = self.applied_by("root")
        query = f"?fieldManager={manager}&force=true"
        self.api.patch(self.at(PLURALS[kind], name) + query, body, kind="apply")

    def remove_owner(self, kind: str, name: str) -> None:
        path = self.at(PLURALS[kind], name)
        self.api.delete(path)
        eventually(lambda: self.api.get(path) is None, f"{path} was deleted")

    def look(self, workload: Workload) -> Ownership:
        assert workload.owner is not None
        found = self.owners[workload.owner.kind].look(workload)
        assert found is not None
        return found


def stop(seen: Ownership, ref: WorkloadRef, *, response_id: str = "r-1") -> StopOwner:
    return StopOwner(
        ref,
        response_id,
        kind=seen.kind,
        namespace=seen.namespace,
        name=seen.name,
        version=seen.version,
        before=seen.before,
    )


def resume(stopped: StopOwner) -> ResumeOwner:
    return ResumeOwner(
        stopped.workload,
        stopped.response_id,
        kind=stopped.kind,
        namespace=stopped.namespace,
        name=stopped.name,
        before=stopped.before,
    )


def suspension(seen: Ownership) -> Suspension:
    return Suspension(seen.kind, seen.namespace, seen.name, seen.before)


def annotations(found: Object) -> Mapping[str, str]:
    kept: Mapping[str, str] = found["metadata"].get("annotations", {})
    return kept


class FluxOwned(Owned):
    """A workload and its owner of one kind."""

    def __init__(self, world: FluxWorld, kind: str) -> None:
        self.world, self.kind = world, kind
        self.owners = world.owners[kind]
        self.ref = world.owned(kind).ref

    def read(self) -> Workload:
        return self.world.read(self.ref)

    def edit(self) -> None:
        self.world.change_owner(self.kind, self.ref.name, {"spec": {"interval": "2h"}})

    def stop_by_hand(self) -> None:
        self.world.change_owner(self.kind, self.ref.name, {"spec": {"suspend": True}})

    def start_by_hand(self) -> None:
        self.world.change_owner(self.kind, self.ref.name, {"spec": {"suspend": False}})

    def take_over(self) -> None:
        body = {"metadata": {"annotations": {MARKER: None}}}
        self.world.change_owner(self.kind, self.ref.name, body)

    def remove(self) -> None:
        self.world.remove_owner(self.kind, self.ref.name)


class FluxOwnersContract(OwnersContract):
    """What all owners keep to, and what only Flux's can. A subclass has a fixture `world`."""

    @pytest.fixture(params=[KUSTOMIZATION, HELM_RELEASE])
    def owned(self, world: FluxWorld, request: pytest.FixtureRequest) -> FluxOwned:
        return FluxOwned(world, request.param)

    # looking

    @every_owner
    def test_one_that_reconciles_has_to_be_stopped(self, world: FluxWorld, kind: str) -> None:
        workload = world.owned(kind)

        seen = world.look(workload)

        name = workload.ref.name
        assert (seen.kind, seen.namespace, seen.name) == (kind, world.namespace, name)
        assert (seen.running, seen.obstacle, seen.stopped_by, seen.by_owner) == (True, "", "", False)
        assert seen.before == "false"
        assert seen.version == world.owner(kind, name)["metadata"]["resourceVersion"]

    @every_owner
    def test_its_source_is_where_the_manifests_are_in_git(self, world: FluxWorld, kind: str) -> None:
        assert world.look(world.owned(kind)).source == Source(URL, "main", COMMIT)

    def test_a_helm_release_notes_that_its_values_still_name_the_bad_version(self, world: FluxWorld) -> None:
        assert "values" in world.look(world.owned(HELM_RELEASE)).note
        assert world.look(world.owned(KUSTOMIZATION)).note == ""

    def test_a_helm_release_that_is_not_in_git_has_no_source(self, world: FluxWorld) -> None:
        workload = world.owned(HELM_RELEASE)
        labels = dict.fromkeys(world.applied_by(workload.ref.name))
        world.change_owner(HELM_RELEASE, workload.ref.name, {"metadata": {"labels": labels}})

        seen = world.look(workload)

        assert (seen.running, seen.source) == (True, Source())

    def test_a_kustomization_whose_source_is_gone_has_none(self, world: FluxWorld) -> None:
        workload = world.owned(KUSTOMIZATION)
        world.api.delete(world.at("gitrepositories", workload.ref.name))

        seen = world.look(workload)

        assert (seen.running, seen.source) == (True, Source())

    @pytest.mark.parametrize(
        ("reference", "branch"),
        [
            (None, "master"),
            ({"branch": "release"}, "release"),
            ({"branch": "main", "commit": COMMIT}, ""),
            ({"tag": "v1.2.3"}, ""),
            ({"semver": ">=1.0"}, ""),
            ({"name": "refs/heads/next"}, "next"),
            ({"name": "refs/pull/7/head"}, ""),
        ],
    )
    def test_only_a_branch_that_is_followed_is_told(
        self, world: FluxWorld, reference: Object | None, branch: str
    ) -> None:
        workload = world.owned(KUSTOMIZATION)
        path = world.at("gitrepositories", workload.ref.name)
        world.api.patch(path, [{"op": "remove", "path": "/spec/ref"}], kind="json")
        if reference is not None:
            world.api.patch(path, {"spec": {"ref": reference}})

        assert world.look(workload).source == Source(URL, branch, COMMIT)

    def test_a_workload_that_it_leaves_alone_is_not_undone(self, world: FluxWorld) -> None:
        workload = world.owned(KUSTOMIZATION)
        world.annotate(workload.ref, {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"})

        seen = world.look(world.read(workload.ref))

        assert (seen.running, seen.obstacle) == (False, "")

    @every_owner
    def test_one_whose_suspension_git_itself_sets_is_an_obstacle(self, world: FluxWorld, kind: str) -> None:
        workload = world.owned(kind)
        world.apply_owner(kind, workload.ref.name, {"suspend": False}, manager="kustomize-controller")

        seen = world.look(workload)

        assert f"the Flux Kustomization {world.namespace}/root sets spec.suspend" in seen.obstacle
        assert f"{world.namespace}/{workload.ref.name}" in seen.obstacle

    @every_owner
    def test_one_that_git_applies_without_a_suspension_is_none(self, world: FluxWorld, kind: str) -> None:
        workload = world.owned(kind)
        world.apply_owner(kind, workload.ref.name, {"interval": "2h"}, manager="kustomize-controller")

        seen = world.look(workload)

        assert (seen.running, seen.obstacle) == (True, "")

    def test_a_suspension_that_another_program_applies_is_an_obstacle_too(self, world: FluxWorld) -> None:
        workload = world.owned(KUSTOMIZATION)
        labels = {"metadata": {"labels": None}}
        world.apply_owner(KUSTOMIZATION, workload.ref.name, {"suspend": False}, manager="flux-operator")
        world.change_owner(KUSTOMIZATION, workload.ref.name, labels)

        assert "flux-operator" in world.look(workload).obstacle

    def test_labels_that_name_no_object_are_an_obstacle(self, world: FluxWorld) -> None:
        workload = world.owned(KUSTOMIZATION)
        assert workload.owner is not None
        for namespace in ("", "../kube-system"):
            astray = replace(workload, owner=replace(workload.owner, namespace=namespace))
            assert "labels" in world.look(astray).obstacle

    def test_an_owner_of_another_kind_is_not_known(self, world: FluxWorld) -> None:
        workload = world.owned(HELM_RELEASE)

        assert world.owners[KUSTOMIZATION].look(workload) is None
        assert world.owners[KUSTOMIZATION].look(replace(workload, owner=None)) is None

    # stopping

    @every_owner
    def test_stopping_suspends_and_marks_it_once(self, world: FluxWorld, kind: str) -> None:
        workload = world.owned(kind)
        change = stop(world.look(workload), workload.ref)

        assert world.owners[kind].apply(change) is Applied.CHANGED
        assert world.owners[kind].apply(change) is Applied.ALREADY

        found = world.owner(kind, workload.ref.name)
        assert found["spec"]["suspend"] is True
        assert annotations(found)[MARKER] == "r-1"
        seen = world.look(workload)
        assert (seen.running, seen.obstacle, seen.stopped_by) == (False, "", "r-1")

    @every_owner
    def test_a_suspension_of_someone_elses_is_not_taken_over(self, world: FluxWorld, kind: str) -> None:
        workload = world.owned(kind)
        change = stop(world.look(workload), workload.ref)
        world.change_owner(kind, workload.ref.name, {"spec": {"suspend": True}})

        assert world.owners[kind].apply(change) is Applied.MOVED
        assert world.owners[kind].apply(stop(world.look(workload), workload.ref)) is Applied.MOVED

        assert MARKER not in annotations(world.owner(kind, workload.ref.name))

    def test_of_two_responses_at_once_one_stops_it(self, world: FluxWorld) -> None:
        workload = world.owned(KUSTOMIZATION)
        seen = world.look(workload)
        changes = [stop(seen, workload.ref, response_id=f"r-{n}") for n in range(8)]

        with ThreadPoolExecutor(len(changes)) as threads:
            came = list(threads.map(world.owners[KUSTOMIZATION].apply, changes))

        assert sorted(came) == [Applied.CHANGED, *[Applied.MOVED] * 7]
        assert world.look(workload).stopped_by == f"r-{came.index(Applied.CHANGED)}"

    def test_one_made_anew_is_not_stopped(self, world: FluxWorld) -> None:
        workload = world.owned(KUSTOMIZATION)
        change = stop(world.look(workload), workload.ref)
        world.remove_owner(KUSTOMIZATION, workload.ref.name)
        world.kustomize(workload.ref.name)

        assert world.owners[KUSTOMIZATION].apply(change) is Applied.MOVED
        assert world.look(workload).running

    @pytest.mark.parametrize("doing", ["Fulfilling prerequisites", f"Detecting drift for revision {COMMIT}"])
    def test_one_that_is_applying_at_the_moment_is_stopped_when_that_is_over(
        self, world: FluxWorld, doing: str
    ) -> None:
        workload = world.owned(KUSTOMIZATION)
        owner, name = world.owners[KUSTOMIZATION], workload.ref.name
        world.conditions(KUSTOMIZATION, name, doing=doing, reason="Progressing", ready="Unknown")

        with pytest.raises(TemporaryError) as busy:
            owner.apply(stop(world.look(workload), workload.ref))
        assert busy.value.reason is Reason.WORLD_KEEPS_MOVING
        assert not world.owner(KUSTOMIZATION, name)["spec"].get("suspend")

        world.conditions(KUSTOMIZATION, name, doing=doing, reason="ProgressingWithRetry", ready="False")
        assert owner.apply(stop(world.look(workload), workload.ref)) is Applied.CHANGED

    @every_owner
    @pytest.mark.parametrize(
        "doing", [f"Running health checks for revision {COMMIT}", "Running 'upgrade' action"]
    )
    def test_one_that_waits_for_what_it_applied_is_stopped(
        self, world: FluxWorld, kind: str, doing: str
    ) -> None:
        workload = world.owned(kind)
        world.conditions(kind, workload.ref.name, doing=doing, reason="Progressing", ready="Unknown")

        assert world.owners[kind].apply(stop(world.look(workload), workload.ref)) is Applied.CHANGED

    # resuming

    @every_owner
    def test_resuming_takes_the_suspension_and_the_mark_away_once(self, world: FluxWorld, kind: str) -> None:
        stopped = self.stopped(world, kind)

        assert world.owners[kind].apply(resume(stopped)) is Applied.CHANGED
        assert world.owners[kind].apply(resume(stopped)) is Applied.ALREADY

        found = world.owner(kind, stopped.name)
        assert found["spec"]["suspend"] is False
        assert MARKER not in annotations(found)
        assert annotations(found)[REQUESTED] == "r-1"
        seen = world.look(world.read(stopped.workload))
        assert (seen.running, seen.obstacle, seen.stopped_by) == (True, "", "")

    @every_owner
    def test_one_that_changed_otherwise_meanwhile_is_resumed(self, world: FluxWorld, kind: str) -> None:
        stopped = self.stopped(world, kind)
        world.change_owner(kind, stopped.name, {"spec": {"interval": "2h"}})

        assert world.owners[kind].apply(resume(stopped)) is Applied.CHANGED

        assert world.owner(kind, stopped.name)["spec"]["interval"] == "2h"

    @every_owner
    @pytest.mark.parametrize(
        "meanwhile",
        [
            {"spec": {"suspend": False}},
            {"metadata": {"annotations": {MARKER: "r-2"}}},
            {"metadata": {"annotations": {MARKER: None}}},
        ],
        ids=["resumed by hand", "stopped by another response", "kept by someone"],
    )
    def test_what_someone_else_made_of_it_stays(self, world: FluxWorld, kind: str, meanwhile: Object) -> None:
        stopped = self.stopped(world, kind)
        world.change_owner(kind, stopped.name, meanwhile)
        before = world.owner(kind, stopped.name)

        assert world.owners[kind].apply(resume(stopped)) is Applied.MOVED

        assert world.owner(kind, stopped.name) == before

    # whether it may be resumed

    def test_a_kustomization_is_in_step_once_its_source_is_at_the_revert(self, world: FluxWorld) -> None:
        seen = world.look(world.owned(KUSTOMIZATION))
        owner = world.owners[KUSTOMIZATION]
        assert not owner.in_step(suspension(seen), commit=LATER)

        world.fetched(seen.name, LATER)

        assert owner.in_step(suspension(seen), commit=LATER)
        assert not owner.in_step(suspension(seen), commit=COMMIT)

    def test_a_helm_release_is_in_step_once_its_values_have_been_applied(self, world: FluxWorld) -> None:
        seen = world.look(world.owned(HELM_RELEASE))
        owner = world.owners[HELM_RELEASE]
        world.fetched(seen.name, LATER)
        assert not owner.in_step(suspension(seen), commit=LATER)

        world.applied(seen.name, LATER)

        assert owner.in_step(suspension(seen), commit=LATER)

    @every_owner
    def test_without_a_revert_none_is_in_step(self, world: FluxWorld, kind: str) -> None:
        assert not world.owners[kind].in_step(suspension(world.look(world.owned(kind))), commit="")

    def test_a_helm_release_that_is_not_in_git_is_never_in_step(self, world: FluxWorld) -> None:
        seen = world.look(world.owned(HELM_RELEASE))
        labels = dict.fromkeys(world.applied_by(seen.name))
        world.change_owner(HELM_RELEASE, seen.name, {"metadata": {"labels": labels}})

        assert not world.owners[HELM_RELEASE].in_step(suspension(seen), commit=COMMIT)

    # rolling back

    @every_owner
    def test_it_has_no_rollback_of_its_own(self, world: FluxWorld, kind: str) -> None:
        workload = world.owned(kind)
        seen = world.look(workload)
        to = Revision("t-1", "shop-1", 1, {}, None)
        change = RollBackByOwner(
            workload.ref, "r-1", seen.kind, seen.namespace, seen.name, target="1", seen="2", cause="test"
        )

        assert world.owners[kind].target(workload, seen, to) is None
        with pytest.raises(PermanentError) as refused:
            world.owners[kind].apply(change)
        assert refused.value.reason is Reason.MANAGED_BY_OWNER

    def stopped(self, world: FluxWorld, kind: str) -> StopOwner:
        workload = world.owned(kind)
        change = stop(world.look(workload), workload.ref)
        assert world.owners[kind].apply(change) is Applied.CHANGED
        return change


def flux_owner(kubeconfig: Path, kind: str, **settings: Any) -> tuple[KubernetesWorkloads, FluxOwner]:
    """Return an owner of that kind over a connection of its own, and what closes it."""
    workloads = KubernetesWorkloads(CLUSTER, kubeconfig=str(kubeconfig))
    return workloads, FluxOwner(workloads.connection, kind, **settings)
