"""What reading Helm's history keeps to on any API server: the releases are written here, as Helm does."""

import itertools
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.helm import Helm
from sandbox.helm.releases import Object
from shared.adapters.kubernetes.connection import Connection
from shared.adapters.owners.helm import HelmOwner
from shared.domain.owners import Ownership, Target
from shared.domain.workloads import Owner, Workload, WorkloadRef
from tests.contract.kubernetes_workloads import CLUSTER, KIND_NAMES, KubernetesWorld, template
from tests.contract.workloads import BAD, GOOD, WORSE

NAMES = (f"release-{n}" for n in itertools.count())

every_kind = pytest.mark.parametrize("kind", ["daemonset", "deployment", "statefulset"])


class HelmWorld(KubernetesWorld):
    """A namespace that releases are installed into; the owner reads it by the same kubeconfig.

    `program` only has to be there: nothing here rolls a release back.
    """

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        super().__init__(kubeconfig, namespace)
        self.helm = Helm(self.api, namespace)
        self.connection = Connection(str(kubeconfig))
        self.owner = HelmOwner(self.connection, program=sys.executable, kubeconfig=str(kubeconfig))

    def close(self) -> None:
        self.connection.close()
        super().close()

    def rendered(self, ref: WorkloadRef, image: str, **template_annotations: str) -> Object:
        """Return the object that a chart renders for the workload."""
        own = {"app": ref.name}
        pods = template(image)
        pods["metadata"] = {"labels": own, "annotations": template_annotations}
        spec: Object = {"selector": {"matchLabels": own}, "template": pods}
        if ref.kind != "daemonset":
            spec["replicas"] = 0
        if ref.kind == "statefulset":
            spec["serviceName"] = ref.name
        metadata = {"name": ref.name, "labels": own}
        return {"apiVersion": "apps/v1", "kind": KIND_NAMES[ref.kind], "metadata": metadata, "spec": spec}

    def installed(self, *images: str, kind: str = "deployment") -> tuple[str, WorkloadRef]:
        """Install a release of one workload, and upgrade it to each further image."""
        name, ref = next(NAMES), self.absent(kind)
        for place, image in enumerate(images):
            self.rolled_out(name, ref, self.rendered(ref, image), first=place == 0)
        return name, ref

    def rolled_out(self, name: str, ref: WorkloadRef, *objects: Object, first: bool = False) -> None:
        """Install or upgrade, and wait until the workload's controller has seen it."""
        deploy = self.helm.install if first else self.helm.upgrade
        deploy(name, objects)
        self.settled(ref)

    def look(self, ref: WorkloadRef) -> Ownership:
        found = self.owner.look(self.read(ref))
        assert found is not None
        return found

    def target(self, ref: WorkloadRef, image: str) -> Target | None:
        """Return what the owner can go back to for the newest earlier revision of that image."""
        workload = self.read(ref)
        to = next(r for r in workload.revisions[1:] if r.images["app"] == image)
        return self.owner.target(workload, self.look(ref), to)


class HelmReleasesContract:
    """The cases; a subclass has a fixture `world`."""

    @every_kind
    def test_a_release_is_rolled_back_by_helm(self, world: HelmWorld, kind: str) -> None:
        name, ref = world.installed(GOOD, BAD, kind=kind)

        owned = world.look(ref)

        assert str(owned) == f"Helm {world.namespace}/{name}"
        assert (owned.by_owner, owned.running, owned.obstacle, owned.version) == (True, False, "", "2")
        assert world.target(ref, GOOD) == Target("1", "2", "release 1 (chart shop-1.0.0)")

    def test_the_newest_version_that_brings_the_revision_is_gone_back_to(self, world: HelmWorld) -> None:
        name, ref = world.installed(GOOD, BAD)
        world.helm.rollback(name, 1)
        world.rolled_out(name, ref, world.rendered(ref, WORSE))

        found = world.target(ref, GOOD)

        assert found is not None
        assert (found.id, found.seen) == ("3", "4")

    def test_a_version_that_failed_is_not_gone_back_to(self, world: HelmWorld) -> None:
        name, ref = world.installed(GOOD, GOOD, BAD)
        second = next(one for one in world.helm.history(name) if one.version == 2)
        world.helm.mark(second, "failed")

        found = world.target(ref, GOOD)

        assert found is not None
        assert found.id == "1"

    def test_a_failed_upgrade_can_be_gone_back_from(self, world: HelmWorld) -> None:
        name, ref = world.installed(GOOD, BAD)
        first, second = world.helm.history(name)
        world.helm.mark(first, "deployed")
        world.helm.mark(second, "failed", description='Upgrade "shop" failed: timed out')

        assert world.look(ref).by_owner
        found = world.target(ref, GOOD)
        assert found is not None
        assert (found.id, found.seen) == ("1", "2")

    def test_of_versions_with_the_same_images_the_one_that_made_the_revision_is_meant(
        self, world: HelmWorld
    ) -> None:
        name, ref = next(NAMES), world.absent("deployment")
        for place, settings in enumerate(("one", "two")):
            world.rolled_out(name, ref, world.rendered(ref, GOOD, settings=settings), first=place == 0)
            world.let_a_second_pass()
        world.rolled_out(name, ref, world.rendered(ref, BAD))
        workload, owned = world.read(ref), world.look(ref)

        targets = [world.owner.target(workload, owned, to) for to in workload.revisions[1:]]

        assert [target.id for target in targets if target is not None] == ["2", "1"]

    def test_a_revision_that_no_version_has_is_not_brought_by_helm(self, world: HelmWorld) -> None:
        _, ref = world.installed(GOOD, BAD)
        workload = world.read(ref)
        to = replace(workload.revisions[1], images={"app": WORSE})

        assert world.owner.target(workload, world.look(ref), to) is None

    def test_the_other_workloads_of_the_release_are_told(self, world: HelmWorld) -> None:
        name, ref = world.installed(GOOD)
        other = world.absent("statefulset")
        settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": ref.name}}
        both = [world.rendered(ref, GOOD), world.rendered(other, GOOD), settings]
        world.rolled_out(name, ref, *both)

        assert world.look(ref).companions == (other,)

    def test_a_pending_release_leaves_the_template_alone_to_be_restored(self, world: HelmWorld) -> None:
        name, ref = world.installed(GOOD, BAD)
        world.helm.mark(world.helm.history(name)[-1], "pending-upgrade")

        owned = world.look(ref)

        assert (owned.by_owner, owned.running, owned.obstacle) == (False, False, "")
        assert "version 2 is pending-upgrade" in owned.note
        assert f"`helm rollback {name} 1 --namespace {world.namespace}`" in owned.note

    def test_a_template_that_helm_did_not_write_is_not_gone_back_from_by_helm(self, world: HelmWorld) -> None:
        _, ref = world.installed(GOOD)
        world.deploy(ref, BAD)

        owned = world.look(ref)

        assert not owned.by_owner
        assert "version 1 has other images than what runs" in owned.note

    def test_marks_of_a_release_that_does_not_hold_the_workload_say_nothing(self, world: HelmWorld) -> None:
        name, _ = world.installed(GOOD)
        ref = world.new("deployment")
        marked = replace(world.read(ref), owner=Owner("Helm", name, undoes_us=False, why=""))

        owned = world.owner.look(marked)

        assert owned is not None
        assert not owned.by_owner
        assert f"does not hold {ref}" in owned.note

    def test_a_release_that_is_gone_is_no_obstacle(self, world: HelmWorld) -> None:
        ref = world.new("deployment")
        marked = replace(world.read(ref), owner=Owner("Helm", "gone", undoes_us=False, why=""))

        owned = world.owner.look(marked)

        assert owned is not None
        assert (owned.by_owner, owned.running, owned.obstacle) == (False, False, "")
        assert "no Secret holds a version of it" in owned.note

    def test_the_release_is_looked_for_where_its_marks_say(self, world: HelmWorld) -> None:
        name, ref = world.installed(GOOD)
        workload = world.read(ref)
        elsewhere = Owner("Helm", name, undoes_us=False, why="", namespace="kube-public")

        owned = world.owner.look(replace(workload, owner=elsewhere))

        assert owned is not None
        assert owned.namespace == "kube-public"
        assert not owned.by_owner

    @pytest.mark.parametrize("owner", [None, Owner("Argo CD", "shop", undoes_us=True, why="")])
    def test_other_owners_are_none_of_helms(self, world: HelmWorld, owner: Owner | None) -> None:
        workload: Workload = replace(world.read(world.new("deployment")), owner=owner)

        assert world.owner.look(workload) is None


__all__ = ["CLUSTER", "HelmReleasesContract", "HelmWorld"]
