"""What `KubernetesWorkloads` keeps to on any API server with controllers, real or not.

Nothing here needs a node, a kubelet or an image: workloads have no replicas, or pods that fit no node.
"""

import itertools
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.adapters.kubernetes import KubernetesWorkloads
from shared.domain.changes import Applied
from shared.domain.stuck import Cause, Stuck, diagnosed
from shared.domain.workloads import RolloutState, WorkloadRef
from shared.errors import TemporaryError
from tests.contract.api_server import ApiServer, Object
from tests.contract.workloads import (
    BAD,
    GOOD,
    RESTARTED_AT,
    WorkloadsContract,
    World,
    changed,
    eventually,
    every_kind,
    eviction,
    restarting,
    rollback,
    scale,
)

CLUSTER = "test"
REVISION = "rollout.argoproj.io/revision"
NOWHERE = {"backout.dev/no-node-has-this": "true"}
NAMES = (f"shop-{n}" for n in itertools.count())
BUILT_IN = ("deployment", "statefulset", "daemonset")
KIND_NAMES = {
    "deployment": "Deployment",
    "statefulset": "StatefulSet",
    "daemonset": "DaemonSet",
    "rollout": "Rollout",
}
STEPS = [{"setWeight": 50}, {"pause": {}}]


class KubernetesWorld(World):
    """A namespace of its own in the cluster of a kubeconfig."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.api = ApiServer(kubeconfig)
        self.kubeconfig = kubeconfig
        self.namespace = namespace
        self.workloads = self.adapter = KubernetesWorkloads(CLUSTER, kubeconfig=str(kubeconfig))

    def close(self) -> None:
        self.adapter.close()
        self.api.close()

    def path(self, ref: WorkloadRef) -> str:
        return f"/apis/{api_version(ref)}/namespaces/{ref.namespace}/{ref.kind}s/{ref.name}"

    def stored(self, ref: WorkloadRef) -> Object:
        found = self.api.get(self.path(ref))
        assert found is not None
        return found

    def new(self, kind: str, image: str = GOOD) -> WorkloadRef:
        ref = self.absent(kind)
        self.create(ref, template(image))
        return ref

    def create(self, ref: WorkloadRef, pod_template: Object, **spec: object) -> None:
        """Make a workload of that template; `spec` adds to what every workload of the suite has."""
        own = {"app": ref.name}
        pod_template["metadata"]["labels"] = {**pod_template["metadata"].get("labels", {}), **own}
        body: Object = {
            "apiVersion": api_version(ref),
            "kind": KIND_NAMES[ref.kind],
            "metadata": {"name": ref.name},
            "spec": {"selector": {"matchLabels": own}, "template": pod_template, **spec},
        }
        if ref.kind != "daemonset":
            body["spec"].setdefault("replicas", 0)
        if ref.kind == "statefulset":
            body["spec"]["serviceName"] = ref.name
        if ref.kind == "rollout":
            body["spec"].setdefault("strategy", {"canary": {}})
        self.api.create(self.path(ref).rpartition("/")[0], body)
        self.settled(ref)

    def absent(self, kind: str) -> WorkloadRef:
        return WorkloadRef(CLUSTER, self.namespace, kind, next(NAMES))

    def change(self, ref: WorkloadRef, body: object, *, kind: str = "merge") -> None:
        """Patch the workload and wait until its controller has seen it."""
        self.api.patch(self.path(ref), body, kind=kind)
        self.settled(ref)

    def settled(self, ref: WorkloadRef) -> None:
        """Wait until the controller has seen the newest spec."""

        def seen() -> bool:
            found = self.stored(ref)
            generation: int = found["metadata"]["generation"]
            if int(found.get("status", {}).get("observedGeneration", 0)) < generation:
                return False
            return ref.kind != "rollout" or self._is_numbered(found)

        eventually(seen, f"the controller saw {ref}")

    def _is_numbered(self, rollout: Object) -> bool:
        """Return whether a Rollout's new ReplicaSet is there, and done with if it has no pods."""
        spec, status = rollout["spec"], rollout["status"]
        name = f"{rollout['metadata']['name']}-{status['currentPodHash']}"
        found = self.api.get(f"/apis/apps/v1/namespaces/{self.namespace}/replicasets/{name}")
        objects = () if found is None else (found, rollout)
        numbers = {obj["metadata"].get("annotations", {}).get(REVISION, "") for obj in objects}
        is_done = status["phase"] == "Healthy" or spec.get("paused") or spec["replicas"] > 0
        return len(numbers) == 1 and numbers != {""} and (is_done or bool(spec["strategy"]["canary"]))

    def half_updated(self) -> WorkloadRef:
        ref = self.absent("rollout")
        self.create(ref, template(GOOD), strategy={"canary": {"steps": STEPS}})
        self.deploy(ref, BAD)
        eventually(lambda: self.stored(ref)["status"]["phase"] == "Paused", "the update paused")
        return ref

    def promote(self, ref: WorkloadRef) -> None:
        self.api.patch(f"{self.path(ref)}/status", {"status": {"promoteFull": True}})
        eventually(lambda: self.stored(ref)["status"]["phase"] == "Healthy", "the update was promoted")

    def version(self, ref: WorkloadRef) -> object:
        """Return what tells versions apart: of a Rollout its hash, as defaults are filled in late."""
        found = self.stored(ref)
        if ref.kind != "rollout":
            return found["spec"]["template"]
        self.settled(ref)
        return self.stored(ref)["status"]["currentPodHash"]

    def deploy(
        self,
        ref: WorkloadRef,
        image: str,
        *,
        schema: int | None = None,
        schema_at_least: int | None = None,
    ) -> None:
        declared = {"backout.dev/schema": schema, "backout.dev/schema-at-least": schema_at_least}
        annotations = {key: str(value) for key, value in declared.items() if value is not None}
        containers = [
            {**c, "image": image} for c in self.stored(ref)["spec"]["template"]["spec"]["containers"]
        ]
        body = {
            "spec": {
                "template": {"metadata": {"annotations": annotations}, "spec": {"containers": containers}}
            }
        }
        self.change(ref, body)

    def restart(self, ref: WorkloadRef) -> None:
        stamp = {"kubectl.kubernetes.io/restartedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        self.change(ref, {"spec": {"template": {"metadata": {"annotations": stamp}}}})

    def pause(self, ref: WorkloadRef) -> None:
        self.change(ref, {"spec": {"paused": True}})

    def annotate(self, ref: WorkloadRef, annotations: Mapping[str, str]) -> None:
        self.change(ref, {"metadata": {"annotations": annotations}})

    def resize(self, ref: WorkloadRef, replicas: int) -> None:
        self.change(ref, {"spec": {"replicas": replicas, "template": {"spec": {"nodeSelector": NOWHERE}}}})

    def autoscale(self, ref: WorkloadRef, *, minimum: int, maximum: int) -> None:
        collection = f"/apis/autoscaling/v2/namespaces/{ref.namespace}/horizontalpodautoscalers"
        limits = {"minReplicas": minimum, "maxReplicas": maximum}
        if self.api.get(f"{collection}/{ref.name}") is not None:
            self.api.patch(f"{collection}/{ref.name}", {"spec": limits})
            return
        target = {"apiVersion": api_version(ref), "kind": KIND_NAMES[ref.kind], "name": ref.name}
        metric = {
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
        }
        body = {
            "metadata": {"name": ref.name},
            "spec": {**limits, "scaleTargetRef": target, "metrics": [metric]},
        }
        self.api.create(collection, body)

    def stop_autoscaling(self, ref: WorkloadRef) -> None:
        path = f"/apis/autoscaling/v2/namespaces/{ref.namespace}/horizontalpodautoscalers/{ref.name}"
        self.api.delete(path)
        eventually(lambda: self.api.get(path) is None, "the autoscaler was deleted")

    def get_stuck(self, ref: WorkloadRef) -> None:
        self.resize(ref, 1)

    def forget_history(self, ref: WorkloadRef) -> None:
        self.change(ref, {"spec": {"revisionHistoryLimit": 0}})

    def delete(self, ref: WorkloadRef) -> None:
        self.api.delete(self.path(ref))
        eventually(lambda: self.api.get(self.path(ref)) is None, f"{ref} was deleted")

    def come_up(self, pod: str) -> None:
        """Say, as a kubelet would, that a pod runs and is ready."""
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-03-02T12:00:00Z"}
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/status"
        self.api.patch(path, {"status": {"phase": "Running", "conditions": [ready]}})

    def guard(self, ref: WorkloadRef, *, minimum: int) -> None:
        """Give the workload's pods a disruption budget, and wait until it counts."""
        collection = f"/apis/policy/v1/namespaces/{ref.namespace}/poddisruptionbudgets"
        selector = {"matchLabels": {"app": ref.name}}
        spec = {"minAvailable": minimum, "selector": selector}
        self.api.create(collection, {"metadata": {"name": ref.name}, "spec": spec})

        def counted() -> bool:
            found = self.api.get(f"{collection}/{ref.name}")
            return found is not None and found.get("status", {}).get("observedGeneration", 0) >= 1

        eventually(counted, "the budget was counted")

    def let_a_second_pass(self) -> None:
        started_at = time.monotonic()
        eventually(lambda: time.monotonic() > started_at + 1.05, "the second was over")


def api_version(ref: WorkloadRef) -> str:
    return "argoproj.io/v1alpha1" if ref.kind == "rollout" else "apps/v1"


@contextmanager
def namespace_of_its_own(kubeconfig: Path) -> Iterator[str]:
    """Make a namespace with a new name; remove it and all that is in it."""
    api = ApiServer(kubeconfig)
    name = f"backout-test-{uuid.uuid4().hex[:8]}"
    api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    try:
        yield name
    finally:
        api.delete(f"/api/v1/namespaces/{name}")
        api.close()


def template(image: str) -> Object:
    """Return a pod template with fields that a client's models of another version may not know."""
    return {
        "metadata": {"labels": {"tier": "web"}, "annotations": {"example.com/scrape": "true"}},
        "spec": {
            "nodeSelector": NOWHERE,
            "containers": [
                {
                    "name": "app",
                    "image": image,
                    "env": [{"name": "MODE", "value": "1"}, {"name": "EMPTY"}],
                    "resources": {"limits": {"memory": "128Mi"}},
                    "resizePolicy": [{"resourceName": "cpu", "restartPolicy": "NotRequired"}],
                    "readinessProbe": {"httpGet": {"port": 8080}, "periodSeconds": 3},
                    "securityContext": {},
                },
            ],
            "initContainers": [{"name": "migrate", "image": image}],
            "tolerations": [{"key": "spot", "operator": "Exists", "effect": "NoSchedule"}],
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "kubernetes.io/hostname",
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchLabels": {"tier": "web"}},
                    "matchLabelKeys": ["pod-template-hash"],
                }
            ],
            "volumes": [{"name": "scratch", "emptyDir": {}}],
        },
    }


class KubernetesContract(WorkloadsContract):
    """The cases that only an API server can show. A subclass has a fixture `world`."""

    @every_kind
    def test_the_template_comes_back_exactly_as_it_was(self, world: KubernetesWorld, kind: str) -> None:
        ref = world.new(kind)
        before = world.version(ref)
        world.change(ref, [{"op": "replace", "path": "/spec/template", "value": plain(ref)}], kind="json")

        changed(world, ref, rollback)

        assert world.version(ref) == before

    @every_kind
    def test_a_process_that_has_not_read_it_restores_the_same(
        self, world: KubernetesWorld, kind: str
    ) -> None:
        ref = world.new(kind)
        before = world.version(ref)
        world.deploy(ref, BAD)
        world.annotate(ref, {"example.com/team": "payments"})  # without any, each status write is a move
        change = rollback(world.read(ref))
        other = KubernetesWorkloads(CLUSTER, kubeconfig=str(world.kubeconfig))

        assert other.apply(change) is Applied.CHANGED
        assert other.apply(change) is Applied.ALREADY

        other.close()
        assert world.version(ref) == before

    @every_kind
    def test_a_rollback_keeps_the_annotations_and_gives_its_cause(
        self, world: KubernetesWorld, kind: str
    ) -> None:
        ref = world.with_history(kind)
        world.annotate(ref, {"example.com/team": "payments"})

        changed(world, ref, lambda workload: rollback(workload, response_id="r-9"))

        annotations = world.stored(ref)["metadata"]["annotations"]
        assert annotations["example.com/team"] == "payments"
        assert annotations["kubernetes.io/change-cause"] == "backout: r-9"
        assert annotations["backout.dev/response"] == "r-9"

    def test_annotations_that_came_meanwhile_are_kept(self, world: KubernetesWorld) -> None:
        ref = world.with_history("statefulset")
        change = rollback(world.read(ref))
        world.annotate(ref, {"example.com/team": "payments"})

        assert world.workloads.apply(change) is Applied.MOVED

        assert world.stored(ref)["metadata"]["annotations"] == {"example.com/team": "payments"}
        assert world.workloads.apply(change) is Applied.CHANGED

    def test_a_rollback_is_known_by_its_field_manager(self, world: KubernetesWorld) -> None:
        ref = world.with_history("deployment")
        changed(world, ref, rollback)

        managers = world.stored(ref)["metadata"].get("managedFields", [{"manager": "backout"}])
        assert "backout" in {entry["manager"] for entry in managers}

    def test_a_workload_made_anew_has_moved(self, world: KubernetesWorld) -> None:
        ref = world.with_history("deployment")
        change = rollback(world.read(ref))
        world.delete(ref)
        world.create(ref, template(GOOD))
        world.deploy(ref, BAD)
        assert world.stored(ref)["metadata"]["generation"] == change.generation

        assert world.workloads.apply(change) is Applied.MOVED

        assert world.read(ref).image == BAD

    def test_a_rollback_leaves_the_replicas_alone(self, world: KubernetesWorld) -> None:
        ref = world.with_history("deployment")
        changed(world, ref, lambda workload: scale(workload, 3))
        world.settled(ref)

        changed(world, ref, rollback)

        assert world.read(ref).replicas == 3

    def test_a_rollout_past_its_deadline_has_failed(self, world: KubernetesWorld) -> None:
        ref = world.absent("deployment")
        world.create(ref, template(GOOD), replicas=1, progressDeadlineSeconds=1)

        failed = eventually(
            lambda: found if (found := world.read(ref)).rollout.state is RolloutState.FAILED else None,
            "the progress deadline passed",
        )
        assert failed.rollout.message == f'deployment "{ref.name}" exceeded its progress deadline'

    def test_a_rollout_past_its_deadline_whose_pods_are_young_is_stuck_by_the_deadline(
        self, world: KubernetesWorld
    ) -> None:
        ref = world.absent("deployment")
        world.create(ref, template(GOOD), replicas=1, progressDeadlineSeconds=1)

        found = eventually(lambda: _stuck(world, ref, grace_seconds=3600.0), "it was told to be stuck")

        assert found.cause is Cause.PROGRESS_DEADLINE
        assert found.broken == ()

    def test_a_rollout_whose_pods_do_not_come_up_is_stuck_by_them(self, world: KubernetesWorld) -> None:
        ref = world.absent("deployment")
        world.create(ref, template(GOOD), replicas=2)

        found = eventually(lambda: _stuck(world, ref, pods=2), "both pods were told to be broken")

        assert found.cause in (Cause.NO_ROOM, Cause.NOT_READY)  # by whether there is a scheduler

    def test_an_ordered_stateful_set_waits_for_the_broken_pod_of_another_revision(
        self, world: KubernetesWorld
    ) -> None:
        ref = world.absent("statefulset")
        world.create(ref, template(GOOD), replicas=1)
        eventually(lambda: world.read(ref).pods, "its pod was made")
        world.deploy(ref, BAD)
        world.settled(ref)

        found = eventually(lambda: _stuck(world, ref, pods=1), "the pod was told to be broken")

        assert found.cause is Cause.ORDERED
        assert [pod.template_id == world.read(ref).template_id for pod in found.broken] == [False]
        assert found.evictable

    def test_a_rollout_is_never_dated_before_what_it_replaced(self, world: KubernetesWorld) -> None:
        ref = world.with_history("deployment")
        replaced_at = world.read(ref).current.began_at
        assert replaced_at is not None
        world.let_a_second_pass()
        changed(world, ref, rollback)
        world.settled(ref)

        dated = world.read(ref).rollout_began_at

        assert dated is None or dated >= replaced_at

    def test_a_template_that_no_controller_has_seen_is_a_revision_too(self, world: KubernetesWorld) -> None:
        ref = world.new("deployment")
        world.pause(ref)
        world.deploy(ref, BAD)

        workload = world.read(ref)

        assert workload.current.images == {"app": BAD}
        assert workload.current.name == ""
        assert workload.current.number == 2
        assert workload.rollout_began_at is None

    def test_ignored_annotations_make_no_revision(self, world: KubernetesWorld) -> None:
        ref = world.new("deployment")
        stamp = {"spec": {"template": {"metadata": {"annotations": {"example.com/built-at": "noon"}}}}}
        world.change(ref, stamp)
        ignoring = KubernetesWorkloads(
            CLUSTER, kubeconfig=str(world.kubeconfig), ignored_annotations=["example.com/built-at"]
        )

        found = ignoring.read(ref)

        ignoring.close()
        assert found is not None
        assert len(found.revisions) == 1
        assert len(world.read(ref).revisions) == 2

    def test_only_the_workloads_own_history_is_read(self, world: KubernetesWorld) -> None:
        ref, other = world.new("statefulset"), world.new("deployment")
        owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": other.name, "controller": True}
        owner["uid"] = world.stored(other)["metadata"]["uid"]
        stray = {
            "metadata": {
                "name": f"{ref.name}-stray",
                "labels": world.stored(ref)["spec"]["selector"]["matchLabels"],
                "ownerReferences": [owner],
            },
            "data": {"whatever": "another controller keeps"},
            "revision": 7,
        }
        world.api.create(f"/apis/apps/v1/namespaces/{ref.namespace}/controllerrevisions", stray)

        assert [r.number for r in world.read(ref).revisions] == [1]

    def test_an_owner_is_known_by_its_marks(self, world: KubernetesWorld) -> None:
        ref = world.new("deployment")
        assert world.read(ref).owner is None

        world.annotate(
            ref, {"argocd.argoproj.io/tracking-id": f"shop:apps/Deployment:{ref.namespace}/{ref.name}"}
        )

        owner = world.read(ref).owner
        assert owner is not None
        assert (owner.kind, owner.name, owner.undoes_us) == ("Argo CD", "shop", True)

    def test_a_controller_reference_is_an_owner(self, world: KubernetesWorld) -> None:
        owner_ref = world.new("deployment")
        ref = world.new("statefulset")
        uid = world.stored(owner_ref)["metadata"]["uid"]
        reference = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": owner_ref.name,
            "uid": uid,
            "controller": True,
        }
        world.change(ref, {"metadata": {"ownerReferences": [reference]}})

        owner = world.read(ref).owner

        assert owner is not None
        assert (owner.kind, owner.name, owner.undoes_us) == ("Deployment", owner_ref.name, True)

    # pods

    def test_a_pod_that_is_evicted_leaves_as_one_that_is_deleted(self, world: KubernetesWorld) -> None:
        ref, (pod,) = world.with_pods("statefulset", 1)

        assert world.workloads.apply(eviction(ref, pod)) is Applied.CHANGED

        again = eventually(
            lambda: found if (found := world.read(ref).pods) and found[0].uid != pod.uid else None,
            "the pod was made anew",
        )
        assert [p.name for p in again] == [pod.name]
        assert again[0].template_id == pod.template_id == world.read(ref).template_id

    def test_a_disruption_budget_is_kept_and_the_other_pods_are_evicted(self, world: KubernetesWorld) -> None:
        ref, (guarded,) = world.with_pods("deployment", 1)
        other_ref, (other,) = world.with_pods("deployment", 1)
        world.come_up(guarded.name)
        world.guard(ref, minimum=1)
        change = eviction(ref, guarded, other)

        with pytest.raises(TemporaryError) as refused:
            world.workloads.apply(change)

        assert f"disruption budget {ref.name} needs 1 healthy pods" in str(refused.value)
        assert guarded.name in str(refused.value)
        assert refused.value.retry_after >= 5
        assert [p.uid for p in world.read(ref).pods] == [guarded.uid]
        eventually(
            lambda: [p.uid for p in world.read(other_ref).pods] != [other.uid], "the other was evicted"
        )

    def test_a_pod_that_does_not_run_yet_is_evicted_whatever_the_budget(self, world: KubernetesWorld) -> None:
        ref, (pod,) = world.with_pods("deployment", 1)
        world.guard(ref, minimum=1)

        assert world.workloads.apply(eviction(ref, pod)) is Applied.CHANGED

    def test_only_a_stateful_set_may_come_up_in_order(self, world: KubernetesWorld) -> None:
        parallel = world.absent("statefulset")
        world.create(parallel, template(GOOD), podManagementPolicy="Parallel")

        assert world.read(world.new("statefulset")).ordered
        assert not world.read(parallel).ordered
        assert not world.read(world.new("deployment")).ordered

    def test_a_pod_of_a_stateful_set_keeps_the_revision_that_it_was_made_from(
        self, world: KubernetesWorld
    ) -> None:
        ref, (pod,) = world.with_pods("statefulset", 1)
        before = world.read(ref)
        world.deploy(ref, BAD)

        workload = world.read(ref)

        assert workload.template_id != before.template_id
        assert [(p.uid, p.template_id) for p in workload.pods] == [(pod.uid, before.template_id)]

    @every_kind
    def test_a_restart_keeps_the_rest_of_the_template(self, world: KubernetesWorld, kind: str) -> None:
        ref = world.new(kind)
        before = world.stored(ref)["spec"]["template"]

        changed(world, ref, restarting)

        spec = world.stored(ref)["spec"]
        if kind == "rollout":
            assert spec["restartAt"] == RESTARTED_AT
        else:
            stamps = spec["template"]["metadata"]["annotations"]
            assert stamps.pop("kubectl.kubernetes.io/restartedAt") == RESTARTED_AT
        assert spec["template"] == before


def plain(ref: WorkloadRef) -> Object:
    """Return a template with nothing that the suite's usual one has beside its containers."""
    return {
        "metadata": {"labels": {"app": ref.name}},
        "spec": {"nodeSelector": NOWHERE, "containers": [{"name": "app", "image": BAD}]},
    }


def _stuck(
    world: KubernetesWorld, ref: WorkloadRef, *, grace_seconds: float = 0.0, pods: int | None = None
) -> Stuck | None:
    """Return why the rollout to the present template is stuck, with as many pods as that."""
    workload = world.workloads.read(ref, events=True)
    if workload is None or (pods is not None and len(workload.pods) != pods):
        return None
    now = datetime.now(UTC)
    return diagnosed(workload, now=now, to_template_id=workload.template_id, grace_seconds=grace_seconds)
