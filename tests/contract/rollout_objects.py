"""What `KubernetesWorkloads` makes of an Argo Rollout as its controller leaves it, on any API server.

Nothing acts on Rollouts here: the definition, the objects and their status are the test's own. The API server
fills in defaults, compares versions and keeps status and spec apart.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.cluster import custom
from shared.adapters.kubernetes import KubernetesWorkloads
from shared.domain.changes import Applied, RestoreRevision
from shared.domain.reasons import Reason
from shared.domain.workloads import RolloutState, Workload, WorkloadRef
from shared.errors import PermanentError, TemporaryError
from tests.contract.api_server import ApiServer, Object
from tests.contract.kubernetes_workloads import CLUSTER, NAMES, STEPS, template
from tests.contract.workloads import BAD, GOOD, WORSE, abort, eventually, rollback, scale

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
HASH = "rollouts-pod-template-hash"
REVISION = "rollout.argoproj.io/revision"
HASHES = {GOOD: "7d9f8c6b5", BAD: "5c8b7d4f9", WORSE: "6b4d9f7c8"}
ABORTED = {
    "type": "Progressing",
    "status": "False",
    "reason": "RolloutAborted",
    "message": "Rollout aborted update to revision 2",
}
IN_STEPS = {"canary": {"steps": STEPS}}
PAUSED = {
    "phase": "Paused",
    "message": "CanaryPauseStep",
    "controllerPause": True,
    "currentStepIndex": 1,
}


class WrittenRollouts:
    """Writes Rollouts, their ReplicaSets and their status into a namespace."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.kubeconfig = kubeconfig
        self.namespace = namespace
        self.has_status = True
        self.api = ApiServer(kubeconfig)
        self.workloads = KubernetesWorkloads(CLUSTER, kubeconfig=str(kubeconfig))

    def close(self) -> None:
        self.workloads.close()
        self.api.close()

    @property
    def collection(self) -> str:
        return f"/apis/argoproj.io/v1alpha1/namespaces/{self.namespace}/rollouts"

    def install(self, definition: Object = custom.ROLLOUTS) -> bool:
        """Define the resource unless it is; return whether it was not."""
        name = definition["metadata"]["name"]
        self.has_status = "status" in definition["spec"]["versions"][0]["subresources"]
        is_new = self.api.get(f"{DEFINITIONS}/{name}") is None
        if is_new:
            self.api.create(DEFINITIONS, json.loads(json.dumps(definition)))
        eventually(lambda: self.api.get(self.collection) is not None, "Rollouts were served")
        return is_new

    def uninstall(self) -> None:
        self.api.delete(f"{DEFINITIONS}/{custom.ROLLOUTS['metadata']['name']}")

    def make(self, image: str, **spec: Any) -> WorkloadRef:
        """Make a Rollout of that image without pods, of which the controller has said nothing yet."""
        ref = WorkloadRef(CLUSTER, self.namespace, "rollout", next(NAMES))
        labels = {"app": ref.name}
        body: Object = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Rollout",
            "metadata": {"name": ref.name, "annotations": {"example.com/team": "payments"}},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": labels},
                "strategy": {"canary": {}},
                "template": self.template(ref, image),
                **spec,
            },
        }
        self.api.create(self.collection, body)
        return ref

    def template(self, ref: WorkloadRef, image: str) -> Object:
        made = template(image)
        made["metadata"]["labels"] = {"tier": "web", "app": ref.name}
        return made

    def stored(self, ref: WorkloadRef) -> Object:
        found = self.api.get(f"{self.collection}/{ref.name}")
        assert found is not None
        return found

    def change(self, ref: WorkloadRef, body: Object) -> None:
        self.api.patch(f"{self.collection}/{ref.name}", body)

    def hold(self, ref: WorkloadRef, image: str, number: int, *, role: str = "", earlier: str = "") -> None:
        """Make the ReplicaSet of an image; `role` labels its part in an update, `earlier` are its numbers."""
        added = {"role": role} if role else {}
        held = self.template(ref, image)
        held["metadata"]["labels"] |= {HASH: HASHES[image], **added}
        owner: Object = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": ref.name}
        owner |= {"uid": self.stored(ref)["metadata"]["uid"], "controller": True}
        annotations = {REVISION: str(number)}
        if added:
            annotations["rollout.argoproj.io/ephemeral-metadata"] = json.dumps({"labels": added})
        if earlier:
            annotations["rollout.argoproj.io/revision-history"] = earlier
        body = {
            "metadata": {
                "name": f"{ref.name}-{HASHES[image]}",
                "labels": held["metadata"]["labels"],
                "annotations": annotations,
                "ownerReferences": [owner],
            },
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": {"app": ref.name, HASH: HASHES[image]}},
                "template": held,
            },
        }
        self.api.create(f"/apis/apps/v1/namespaces/{self.namespace}/replicasets", body)

    def say(self, ref: WorkloadRef, *, stable: str, current: str, **status: Any) -> None:
        """Write the status as the controller does that has seen the newest spec."""
        said = {
            "stableRS": HASHES[stable],
            "currentPodHash": HASHES[current],
            "observedGeneration": str(self.stored(ref)["metadata"]["generation"]),
            **status,
        }
        for condition in said.get("conditions", []):
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            condition |= {"lastUpdateTime": now, "lastTransitionTime": now}
        path = f"{self.collection}/{ref.name}"
        if not self.has_status:
            said["observedGeneration"] = str(int(said["observedGeneration"]) + 1)  # a status moves it, too
        self.api.patch(f"{path}/status" if self.has_status else path, {"status": said})

    def healthy(self, **spec: Any) -> WorkloadRef:
        """Make a Rollout that was good and is bad now, its update being through."""
        ref = self.make(BAD, **spec)
        self.hold(ref, GOOD, 1)
        self.hold(ref, BAD, 2)
        self.say(ref, stable=BAD, current=BAD, phase="Healthy")
        return ref

    def half_updated(self, **spec: Any) -> WorkloadRef:
        """Make a Rollout whose update, from the good image to the bad one, waits at a pause."""
        ref = self.make(BAD, **spec)
        self.hold(ref, GOOD, 1)
        self.hold(ref, BAD, 2)
        start = {"reason": "CanaryPauseStep", "startTime": "2026-03-02T12:00:00Z"}
        self.say(ref, stable=GOOD, current=BAD, pauseConditions=[start], **PAUSED)
        return ref

    def aborted(self, **spec: Any) -> WorkloadRef:
        """Make a Rollout whose update someone aborted."""
        ref = self.half_updated(**spec)
        self.carry_out_abort(ref)
        return ref

    def carry_out_abort(self, ref: WorkloadRef, **status: Any) -> None:
        """Write what the controller writes once it has seen `status.abort`."""
        said: Object = {
            "abort": True,
            "phase": "Degraded",
            "message": f"RolloutAborted: {ABORTED['message']}",
            "conditions": [dict(ABORTED)],
            "pauseConditions": None,
            "controllerPause": None,
        }
        self.say(ref, stable=GOOD, current=BAD, **said, **status)

    def read(self, ref: WorkloadRef) -> Workload:
        found = self.workloads.read(ref)
        assert found is not None
        return found

    def apply_unseen(self, change: RestoreRevision) -> None:
        """Restore what the controller does not take up in time."""
        impatient = KubernetesWorkloads(CLUSTER, kubeconfig=str(self.kubeconfig), timeout_seconds=2.0)
        with pytest.raises(TemporaryError, match="has not taken up the template") as unseen:
            impatient.apply(change)
        impatient.close()
        assert unseen.value.reason is Reason.ROLLOUT_TIMEOUT


@contextmanager
def defined(kubeconfig: Path, namespace: str) -> Iterator[None]:
    """Define Rollouts unless the cluster has them; take back what was defined."""
    written = WrittenRollouts(kubeconfig, namespace)
    is_ours = written.install()
    try:
        yield
    finally:
        if is_ours:
            written.uninstall()
        written.close()


class RolloutObjectsContract:
    """The cases. A subclass has the fixtures `kubeconfig` and `namespace`, of a cluster that has Rollouts."""

    @pytest.fixture
    def world(self, kubeconfig: Path, namespace: str) -> Iterator[WrittenRollouts]:
        world = WrittenRollouts(kubeconfig, namespace)
        yield world
        world.close()

    # reading

    def test_there_is_none_of_an_unknown_name(self, world: WrittenRollouts) -> None:
        assert world.workloads.read(WorkloadRef(CLUSTER, world.namespace, "rollout", "nobody")) is None

    def test_its_revisions_are_those_of_its_replica_sets(self, world: WrittenRollouts) -> None:
        ref = world.healthy()

        workload = world.read(ref)

        assert [(r.number, r.name, list(r.images.values())) for r in workload.revisions] == [
            (2, f"{ref.name}-{HASHES[BAD]}", [BAD]),
            (1, f"{ref.name}-{HASHES[GOOD]}", [GOOD]),
        ]
        assert workload.image == BAD
        assert workload.rollout.state is RolloutState.COMPLETE
        assert workload.rollout_began_at == workload.current.began_at
        assert workload.rollout_began_at is not None
        assert (workload.stable_template_id, workload.paused, workload.owner) == ("", False, None)

    def test_one_that_the_controller_has_not_seen_is_a_revision_without_a_name(
        self, world: WrittenRollouts
    ) -> None:
        workload = world.read(world.make(GOOD))

        assert [(r.number, r.name, list(r.images.values())) for r in workload.revisions] == [(1, "", [GOOD])]
        assert workload.rollout.state is RolloutState.PROGRESSING
        assert workload.rollout_began_at is None

    def test_an_update_at_a_pause_is_progressing_and_not_paused_by_hand(self, world: WrittenRollouts) -> None:
        workload = world.read(world.half_updated())

        stable = workload.revision(workload.stable_template_id)
        assert stable is not None
        assert list(stable.images.values()) == [GOOD]
        assert workload.rollout.state is RolloutState.PROGRESSING
        assert workload.rollout.message == "Paused - CanaryPauseStep"
        assert not workload.paused

    def test_of_an_aborted_one_the_stable_revision_is_what_it_is(self, world: WrittenRollouts) -> None:
        workload = world.read(world.aborted())

        assert [list(r.images.values()) for r in workload.revisions] == [[GOOD]]
        assert (workload.image, workload.stable_template_id, workload.marker) == (GOOD, "", "")
        assert workload.rollout.state is RolloutState.COMPLETE

    def test_an_aborted_one_that_is_scaled_stays_aborted(self, world: WrittenRollouts) -> None:
        ref = world.aborted()
        world.change(ref, {"spec": {"replicas": 1}})

        workload = world.read(ref)

        assert workload.image == GOOD
        assert workload.rollout.state is RolloutState.PROGRESSING

    def test_one_that_is_tried_again_is_under_way(self, world: WrittenRollouts) -> None:
        ref = world.aborted()
        world.api.patch(f"{world.collection}/{ref.name}/status", {"status": {"abort": False}})

        workload = world.read(ref)

        assert workload.image == BAD
        assert workload.stable_template_id
        assert workload.rollout.state is RolloutState.FAILED

    def test_what_was_tried_and_never_stable_is_no_revision_to_go_back_to(
        self, world: WrittenRollouts
    ) -> None:
        ref = world.half_updated()
        world.change(ref, {"spec": {"template": world.template(ref, WORSE)}})
        world.hold(ref, WORSE, 3)
        world.say(ref, stable=GOOD, current=WORSE, phase="Progressing")

        assert [list(r.images.values()) for r in world.read(ref).revisions] == [[WORSE], [GOOD]]

    def test_labels_of_a_part_in_the_update_make_no_version(self, world: WrittenRollouts) -> None:
        ref = world.make(BAD)
        world.hold(ref, GOOD, 1, role="stable")
        world.hold(ref, BAD, 2, role="canary")
        world.say(ref, stable=GOOD, current=BAD, phase="Progressing")
        target = rollback(world.read(ref))

        assert world.workloads.apply(target) is Applied.CHANGED

        assert world.stored(ref)["spec"]["template"]["metadata"]["labels"] == {"tier": "web", "app": ref.name}
        assert world.read(ref).image == GOOD

    def test_a_number_noted_as_an_earlier_one_is_no_use_again(self, world: WrittenRollouts) -> None:
        ref = world.make(GOOD)
        world.hold(ref, GOOD, 1, earlier="1,1")
        world.say(ref, stable=GOOD, current=GOOD, phase="Healthy")

        assert world.read(ref).rollout_began_at is not None

    def test_a_revision_used_again_has_no_date(self, world: WrittenRollouts) -> None:
        ref = world.make(GOOD)
        world.hold(ref, BAD, 2)
        world.hold(ref, GOOD, 3, earlier="1")
        world.say(
            ref,
            stable=GOOD,
            current=GOOD,
            phase="Healthy",
            conditions=[{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}],
        )

        assert world.read(ref).rollout_began_at is None

    @pytest.mark.parametrize(
        ("spec", "said"),
        [
            (
                {"workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart"}},
                "the Deployment cart (spec.workloadRef)",
            ),
            (
                {
                    "strategy": {
                        "canary": {"antiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}}
                    }
                },
                "antiAffinity",
            ),
        ],
    )
    def test_one_whose_versions_cannot_be_told_is_refused_in_words(
        self, world: WrittenRollouts, spec: Object, said: str
    ) -> None:
        ref = world.make(GOOD, **spec)

        with pytest.raises(PermanentError) as refused:
            world.workloads.read(ref)

        assert refused.value.reason is Reason.KIND_NOT_SUPPORTED
        assert said in str(refused.value)

    # aborting

    def test_an_abort_sets_the_status_and_leaves_the_spec(self, world: WrittenRollouts) -> None:
        ref = world.half_updated()
        before = world.stored(ref)

        assert world.workloads.apply(abort(world.read(ref), response_id="r-7")) is Applied.CHANGED

        after = world.stored(ref)
        assert after["status"]["abort"] is True
        assert after["spec"] == before["spec"]
        assert after["metadata"]["generation"] == before["metadata"]["generation"]
        assert after["metadata"]["annotations"] == {
            "example.com/team": "payments",
            "backout.dev/response": "r-7",
        }

    def test_an_abort_is_complete_once_the_controller_has_carried_it_out(
        self, world: WrittenRollouts
    ) -> None:
        ref = world.half_updated()
        before = world.read(ref)
        change = abort(before)
        assert world.workloads.apply(change) is Applied.CHANGED

        under_way = world.read(ref)
        world.carry_out_abort(ref)
        done = world.read(ref)

        assert {under_way.template_id, done.template_id} == {before.stable_template_id}
        assert under_way.rollout.state is RolloutState.PROGRESSING
        assert done.rollout.state is RolloutState.COMPLETE
        assert done.marker == "r-1"
        assert world.workloads.apply(change) is Applied.ALREADY

    def test_an_abort_of_someone_elses_is_found_and_stays_theirs(self, world: WrittenRollouts) -> None:
        ref = world.half_updated()
        change = abort(world.read(ref))
        world.carry_out_abort(ref)

        assert world.workloads.apply(change) is Applied.ALREADY

        assert world.read(ref).marker == ""

    def test_a_step_of_the_controllers_in_between_does_not_matter(self, world: WrittenRollouts) -> None:
        ref = world.half_updated()
        change = abort(world.read(ref))
        world.say(ref, stable=GOOD, current=BAD, currentStepIndex=3)

        assert world.workloads.apply(change) is Applied.CHANGED

        assert world.stored(ref)["status"]["abort"] is True

    @pytest.mark.parametrize("between", ["deployed", "promoted", "scaled"])
    def test_an_update_that_is_another_now_is_not_aborted(self, world: WrittenRollouts, between: str) -> None:
        ref = world.half_updated()
        change = abort(world.read(ref))
        if between == "deployed":
            world.change(ref, {"spec": {"template": world.template(ref, WORSE)}})
        elif between == "promoted":
            world.say(ref, stable=BAD, current=BAD, phase="Healthy", pauseConditions=None)
        else:
            world.change(ref, {"spec": {"replicas": 1}})

        assert world.workloads.apply(change) is Applied.MOVED

        assert "abort" not in world.stored(ref)["status"]
        assert "backout.dev/response" not in world.stored(ref)["metadata"]["annotations"]

    def test_one_that_is_gone_has_moved(self, world: WrittenRollouts) -> None:
        ref = world.half_updated()
        workload = world.read(ref)
        world.api.delete(f"{world.collection}/{ref.name}")
        eventually(lambda: world.api.get(f"{world.collection}/{ref.name}") is None, "it was deleted")

        assert world.workloads.apply(abort(workload)) is Applied.MOVED
        assert world.workloads.apply(rollback(workload)) is Applied.MOVED
        assert world.workloads.apply(scale(workload, 2)) is Applied.MOVED
        assert world.workloads.read(ref) is None

    # restoring

    def test_a_revision_is_restored_as_its_replica_set_holds_it(self, world: WrittenRollouts) -> None:
        ref = world.healthy()
        change = rollback(world.read(ref), response_id="r-7")

        assert world.workloads.apply(change) is Applied.CHANGED
        assert world.workloads.apply(change) is Applied.ALREADY
        assert world.workloads.apply(replace(change, response_id="r-2")) is Applied.ALREADY

        stored = world.stored(ref)
        annotations = stored["metadata"]["annotations"]
        assert stored["spec"]["template"]["spec"]["containers"][0]["image"] == GOOD
        assert HASH not in stored["spec"]["template"]["metadata"]["labels"]
        assert annotations["backout.dev/response"] == "r-7"
        assert annotations["kubernetes.io/change-cause"] == "backout: r-7"
        assert annotations["example.com/team"] == "payments"

    def test_what_was_restored_is_known_before_the_controller_sees_it(self, world: WrittenRollouts) -> None:
        ref = world.healthy()
        change = rollback(world.read(ref))
        world.workloads.apply(change)

        workload = world.read(ref)

        assert workload.template_id == change.to_template_id
        assert (workload.image, workload.marker) == (GOOD, "r-1")
        assert workload.rollout.state is RolloutState.PROGRESSING

    def test_nothing_is_decided_on_a_spec_that_only_the_controller_can_tell(
        self, world: WrittenRollouts
    ) -> None:
        ref = world.healthy()
        world.change(ref, {"spec": {"template": world.template(ref, WORSE)}})

        workload = world.read(ref)

        assert workload.image == BAD
        assert workload.rollout.state is RolloutState.PROGRESSING
        assert world.workloads.apply(rollback(workload)) is Applied.MOVED
        assert world.stored(ref)["spec"]["template"] == world.template(ref, WORSE)

    def test_a_deploy_in_between_is_not_overwritten(self, world: WrittenRollouts) -> None:
        ref = world.healthy()
        change = rollback(world.read(ref))
        world.change(ref, {"spec": {"template": world.template(ref, WORSE)}})

        assert world.workloads.apply(change) is Applied.MOVED
        world.hold(ref, WORSE, 3)
        world.say(ref, stable=BAD, current=WORSE, phase="Progressing")
        assert world.workloads.apply(change) is Applied.MOVED

        assert world.read(ref).image == WORSE

    def test_one_paused_by_hand_is_left_alone(self, world: WrittenRollouts) -> None:
        ref = world.half_updated(paused=True)
        workload = world.read(ref)

        for change in (rollback(workload), abort(workload)):
            with pytest.raises(PermanentError) as refused:
                world.workloads.apply(change)
            assert refused.value.reason is Reason.PAUSED
        assert workload.paused

    # promoting what was restored

    def test_what_comes_back_in_steps_is_promoted_once_the_controller_has_seen_it(
        self, world: WrittenRollouts
    ) -> None:
        ref = world.healthy(strategy=IN_STEPS)
        change = rollback(world.read(ref))
        world.apply_unseen(change)
        assert "promoteFull" not in world.stored(ref)["status"]
        world.say(ref, stable=BAD, current=GOOD, **PAUSED)

        assert world.workloads.apply(change) is Applied.ALREADY

        promoted = world.stored(ref)
        assert promoted["status"]["promoteFull"] is True
        assert world.workloads.apply(change) is Applied.ALREADY
        assert world.stored(ref) == promoted

    def test_a_generation_that_was_seen_without_its_template_is_not_promoted(
        self, world: WrittenRollouts
    ) -> None:
        ref = world.healthy(strategy=IN_STEPS)
        change = rollback(world.read(ref))
        world.apply_unseen(change)
        world.say(ref, stable=BAD, current=BAD, phase="Progressing", promoteFull=True)
        before = world.stored(ref)
        assert world.workloads.apply(change) is Applied.MOVED

        world.apply_unseen(rollback(world.read(ref)))

        assert world.stored(ref)["status"] == before["status"]

    @pytest.mark.parametrize("theirs", ["response", "template", "abort", "pause"])
    def test_what_is_someone_elses_is_not_promoted(self, world: WrittenRollouts, theirs: str) -> None:
        ref = world.healthy(strategy=IN_STEPS)
        change = rollback(world.read(ref))
        world.apply_unseen(change)
        world.say(ref, stable=BAD, current=GOOD, abort=theirs == "abort", **PAUSED)
        if theirs == "response":
            change = replace(change, response_id="r-2")
        elif theirs == "template":
            world.change(ref, {"spec": {"template": world.template(ref, WORSE)}})
        elif theirs == "pause":
            world.change(ref, {"spec": {"paused": True}})

        applied = world.workloads.apply(change)

        assert applied is (Applied.MOVED if theirs in ("template", "abort") else Applied.ALREADY)
        assert "promoteFull" not in world.stored(ref)["status"]

    # capacity

    def test_it_is_scaled_by_its_subresource_once(self, world: WrittenRollouts) -> None:
        ref = world.healthy()
        change = scale(world.read(ref), 2)

        assert world.workloads.apply(change) is Applied.CHANGED
        assert world.workloads.apply(change) is Applied.ALREADY

        assert world.stored(ref)["spec"]["replicas"] == 2

    def test_its_autoscaler_is_found(self, world: WrittenRollouts) -> None:
        ref = world.healthy()
        for version, name in (("argoproj.io/v1alpha1", ref.name), ("apps/v1", f"{ref.name}-other")):
            aim = {"apiVersion": version, "kind": "Rollout", "name": ref.name}
            world.api.create(
                f"/apis/autoscaling/v2/namespaces/{world.namespace}/horizontalpodautoscalers",
                {
                    "metadata": {"name": name},
                    "spec": {"scaleTargetRef": aim, "minReplicas": 2, "maxReplicas": 4},
                },
            )

        scaler = world.read(ref).autoscaler

        assert scaler is not None
        assert (scaler.name, scaler.minimum, scaler.maximum) == (ref.name, 2, 4)
