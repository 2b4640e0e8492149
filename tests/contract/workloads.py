"""What every cluster keeps to, the fake too: subclass the suite and give it a `world`."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TypeVar

import pytest

from shared.domain.changes import (
    AbortRollout,
    Applied,
    ClusterChange,
    EvictPods,
    RestartWorkload,
    RestoreRevision,
    SetAutoscalerMinimum,
    SetReplicas,
)
from shared.domain.reasons import Reason
from shared.domain.workloads import KINDS, Pod, RolloutState, Workload, WorkloadRef
from shared.errors import PermanentError
from shared.ports import Workloads

T = TypeVar("T")
Case = TypeVar("Case", bound=Callable[..., None])

GOOD = "registry.example/checkout:1.4.1"
BAD = "registry.example/checkout:1.4.2"
WORSE = "registry.example/checkout:1.4.3"
RESTARTED_AT = "2026-03-02T12:00:00Z"
PATIENCE_SECONDS = 30.0


def every_kind(case: Case) -> Case:
    """Make it one case for each kind of workload that the suite's world can make."""
    vars(case)["every_kind"] = True
    return case


def eventually(look: Callable[[], T | None], what: str) -> T:
    """Return the first thing that `look` finds; fail when it finds none for half a minute."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    pause = threading.Event()
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        pause.wait(0.02)
    pytest.fail(f"it never came about that {what}")


class World(ABC):
    """A cluster that the test can do to what people and their tools do to one.

    Each method returns when the controllers have taken note.
    """

    workloads: Workloads

    @abstractmethod
    def new(self, kind: str, image: str = GOOD) -> WorkloadRef:
        """Make a workload whose rollout completes."""

    @abstractmethod
    def absent(self, kind: str) -> WorkloadRef:
        """Name a workload that there is none of."""

    @abstractmethod
    def deploy(
        self,
        ref: WorkloadRef,
        image: str,
        *,
        schema: int | None = None,
        schema_at_least: int | None = None,
    ) -> None:
        """Give the workload a template of that image, which declares the schemas."""

    @abstractmethod
    def half_updated(self) -> WorkloadRef:
        """Make an Argo Rollout whose update, from the good image to the bad one, waits at a pause."""

    @abstractmethod
    def promote(self, ref: WorkloadRef) -> None:
        """Let a person take an Argo Rollout's update through all of its steps."""

    @abstractmethod
    def restart(self, ref: WorkloadRef) -> None:
        """Do as ``kubectl rollout restart``."""

    @abstractmethod
    def pause(self, ref: WorkloadRef) -> None: ...

    @abstractmethod
    def annotate(self, ref: WorkloadRef, annotations: Mapping[str, str]) -> None: ...

    @abstractmethod
    def resize(self, ref: WorkloadRef, replicas: int) -> None: ...

    @abstractmethod
    def autoscale(self, ref: WorkloadRef, *, minimum: int, maximum: int) -> None:
        """Give the workload an autoscaler, or change the one that it has."""

    @abstractmethod
    def stop_autoscaling(self, ref: WorkloadRef) -> None: ...

    @abstractmethod
    def get_stuck(self, ref: WorkloadRef) -> None:
        """Let the workload's rollout not complete any more."""

    @abstractmethod
    def forget_history(self, ref: WorkloadRef) -> None:
        """Let the history hold the current revision only."""

    @abstractmethod
    def delete(self, ref: WorkloadRef) -> None: ...

    @abstractmethod
    def let_a_second_pass(self) -> None:
        """Return in another second of the cluster's clock: its dates are whole seconds."""

    def read(self, ref: WorkloadRef) -> Workload:
        """Read a workload that must be there."""
        found = self.workloads.read(ref)
        assert found is not None
        return found

    def with_pods(self, kind: str, replicas: int) -> tuple[WorkloadRef, tuple[Pod, ...]]:
        """Make a workload with pods, ready or not."""
        ref = self.new(kind)
        self.resize(ref, replicas)
        return ref, eventually(
            lambda: found if len(found := self.read(ref).pods) == replicas else None,
            "its pods were made",
        )

    def with_history(self, kind: str) -> WorkloadRef:
        """Make a workload that was good and is bad now."""
        ref = self.new(kind, GOOD)
        self.deploy(ref, BAD)
        return ref

    def with_dated_history(self, kind: str) -> WorkloadRef:
        """Make such a workload whose revisions were not rolled out in the same second."""
        ref = self.new(kind, GOOD)
        self.let_a_second_pass()
        self.deploy(ref, BAD)
        return ref


def rollback(workload: Workload, *, response_id: str = "r-1") -> RestoreRevision:
    """Return the change from the newest revision to the one before."""
    target = next(r for r in workload.revisions if r.template_id != workload.template_id)
    return RestoreRevision(
        workload=workload.ref,
        response_id=response_id,
        generation=workload.generation,
        from_template_id=workload.template_id,
        to_template_id=target.template_id,
        revision_name=target.name,
        cause=f"backout: {response_id}",
    )


def eviction(ref: WorkloadRef, *pods: Pod) -> EvictPods:
    return EvictPods(workload=ref, response_id="r-1", pods=",".join(f"{p.name}/{p.uid}" for p in pods))


def restarting(workload: Workload, *, response_id: str = "r-1", at: str = RESTARTED_AT) -> RestartWorkload:
    return RestartWorkload(
        workload=workload.ref,
        response_id=response_id,
        generation=workload.generation,
        template_id=workload.template_id,
        at=at,
    )


def abort(workload: Workload, *, response_id: str = "r-1") -> AbortRollout:
    """Return the change that goes back to the stable revision."""
    return AbortRollout(
        workload=workload.ref,
        response_id=response_id,
        generation=workload.generation,
        from_template_id=workload.template_id,
        to_template_id=workload.stable_template_id,
    )


def scale(workload: Workload, replicas: int) -> SetReplicas:
    return SetReplicas(
        workload=workload.ref,
        response_id="r-1",
        resource_version=workload.resource_version,
        replicas_before=workload.replicas,
        replicas=replicas,
    )


def minimum(workload: Workload, wanted: int, *, maximum: int) -> SetAutoscalerMinimum:
    scaler = workload.autoscaler
    assert scaler is not None
    return SetAutoscalerMinimum(
        workload=workload.ref,
        response_id="r-1",
        autoscaler=scaler.name,
        resource_version=scaler.resource_version,
        minimum_before=scaler.minimum,
        maximum_before=scaler.maximum,
        minimum=wanted,
        maximum=maximum,
        scaler=scaler.kind,
    )


def changed(world: World, ref: WorkloadRef, decide: Callable[[Workload], ClusterChange]) -> ClusterChange:
    """Decide on what is read and make the change, again as long as the world moves; return what was made.

    Controllers write the status of a workload whenever they like, and with it its resource version.
    """

    def attempt() -> tuple[ClusterChange] | None:
        change = decide(world.read(ref))
        applied = world.workloads.apply(change)
        assert applied is not Applied.ALREADY
        return (change,) if applied is Applied.CHANGED else None

    (change,) = eventually(attempt, "the change was made")
    return change


class WorkloadsContract:
    """The cases. A subclass has a fixture `world`; `kinds` are those that its world can make."""

    kinds: Collection[str] = KINDS

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if vars(metafunc.function).get("every_kind"):
            metafunc.parametrize("kind", self.kinds)

    # reading

    @every_kind
    def test_there_is_no_workload_of_an_unknown_name(self, world: World, kind: str) -> None:
        assert world.workloads.read(world.absent(kind)) is None

    def test_a_kind_that_is_not_supported_is_refused(self, world: World) -> None:
        with pytest.raises(PermanentError) as refused:
            world.workloads.read(replace(world.absent("deployment"), kind="cronjob"))

        assert refused.value.reason is Reason.KIND_NOT_SUPPORTED

    @every_kind
    def test_the_history_is_read_newest_first(self, world: World, kind: str) -> None:
        workload = world.read(world.with_history(kind))

        assert [list(r.images.values()) for r in workload.revisions] == [[BAD], [GOOD]]
        assert workload.current.images == workload.revisions[0].images
        assert workload.revisions[0].number > workload.revisions[1].number
        assert workload.image == BAD

    @every_kind
    def test_a_revision_and_the_rollout_are_dated(self, world: World, kind: str) -> None:
        workload = world.read(world.with_dated_history(kind))

        now, before = (r.began_at for r in workload.revisions)
        assert now is not None
        assert before is not None
        assert before < now
        assert workload.rollout_began_at == now

    @every_kind
    def test_a_restart_is_the_same_revision_dated_from_the_first(self, world: World, kind: str) -> None:
        ref = world.with_dated_history(kind)
        before = world.read(ref)
        world.let_a_second_pass()
        world.restart(ref)

        after = world.read(ref)

        assert after.generation > before.generation
        assert after.template_id == before.template_id
        assert [r.template_id for r in after.revisions] == [r.template_id for r in before.revisions]
        assert after.current.number > before.current.number
        assert after.current.began_at == before.current.began_at
        assert after.rollout_began_at == before.rollout_began_at

    @every_kind
    def test_a_revision_used_again_has_no_date_of_its_own(self, world: World, kind: str) -> None:
        ref = world.with_dated_history(kind)
        world.let_a_second_pass()
        world.deploy(ref, GOOD)

        workload = world.read(ref)

        assert workload.image == GOOD
        assert workload.revisions[0].images == workload.current.images
        assert workload.current.began_at is None
        assert workload.revisions[1].began_at is not None

    def test_the_schema_is_what_the_template_declares(self, world: World) -> None:
        ref = world.new("deployment")
        world.deploy(ref, BAD, schema=42, schema_at_least=40)

        now, before = world.read(ref).revisions

        assert (now.schema, now.schema_at_least) == (42, 40)
        assert (before.schema, before.schema_at_least) == (None, None)

    def test_only_our_own_annotations_are_read(self, world: World) -> None:
        ref = world.new("deployment")
        world.annotate(ref, {"backout.dev/mode": "auto", "example.com/team": "payments"})

        assert dict(world.read(ref).annotations) == {"backout.dev/mode": "auto"}

    # rollouts

    @every_kind
    def test_a_rollout_that_is_done_is_complete(self, world: World, kind: str) -> None:
        assert world.read(world.with_history(kind)).rollout.state is RolloutState.COMPLETE

    @pytest.mark.parametrize("kind", ["deployment", "statefulset"])
    def test_a_rollout_that_gets_stuck_is_progressing(self, world: World, kind: str) -> None:
        ref = world.new(kind)
        world.get_stuck(ref)

        rollout = world.read(ref).rollout

        assert rollout.state is RolloutState.PROGRESSING
        assert rollout.message

    # rolling back

    @every_kind
    def test_a_rollback_restores_the_revision_and_says_whose_it_is(self, world: World, kind: str) -> None:
        ref = world.with_history(kind)

        change = changed(world, ref, lambda workload: rollback(workload, response_id="r-7"))

        after = eventually(
            lambda: found if (found := world.read(ref)).current.name and found.current.number > 2 else None,
            "the controller numbered the restored revision anew",
        )
        assert isinstance(change, RestoreRevision)
        assert after.template_id == change.to_template_id
        assert after.image == GOOD
        assert after.marker == "r-7"
        assert after.annotations["backout.dev/response"] == "r-7"

    @every_kind
    def test_a_rollback_made_twice_is_made_once(self, world: World, kind: str) -> None:
        ref = world.with_history(kind)
        change = changed(world, ref, rollback)
        restored = world.read(ref)

        assert world.workloads.apply(change) is Applied.ALREADY
        assert world.workloads.apply(replace(change, response_id="r-2")) is Applied.ALREADY

        after = world.read(ref)
        assert after.generation == restored.generation
        assert (after.image, after.marker) == (GOOD, "r-1")

    @every_kind
    def test_a_second_rollback_does_not_roll_forward(self, world: World, kind: str) -> None:
        ref = world.with_history(kind)
        first = changed(world, ref, rollback)
        assert isinstance(first, RestoreRevision)

        again = replace(first, generation=world.read(ref).generation, response_id="r-2")

        assert world.workloads.apply(again) is Applied.ALREADY
        assert world.read(ref).image == GOOD

    @every_kind
    def test_a_deploy_in_between_is_not_overwritten(self, world: World, kind: str) -> None:
        ref = world.with_history(kind)
        change = rollback(world.read(ref))
        world.deploy(ref, WORSE)

        assert world.workloads.apply(change) is Applied.MOVED
        assert world.workloads.apply(change) is Applied.MOVED

        after = world.read(ref)
        assert (after.image, after.marker) == (WORSE, "")

    def test_a_stale_generation_changes_nothing(self, world: World) -> None:
        ref = world.with_history("deployment")
        change = rollback(world.read(ref))
        world.annotate(ref, {"backout.dev/note": "someone was here"})

        assert world.workloads.apply(change) is Applied.MOVED

        after = world.read(ref)
        assert (after.image, after.marker) == (BAD, "")
        changed(world, ref, rollback)

    def test_a_paused_rollout_is_left_alone(self, world: World) -> None:
        ref = world.with_history("deployment")
        world.pause(ref)
        workload = world.read(ref)

        with pytest.raises(PermanentError) as refused:
            world.workloads.apply(rollback(workload))

        assert workload.paused
        assert refused.value.reason is Reason.PAUSED
        assert world.read(ref).image == BAD

    def test_what_the_history_no_longer_holds_cannot_be_restored(self, world: World) -> None:
        ref = world.with_history("deployment")
        change = rollback(world.read(ref))
        world.forget_history(ref)
        workload = eventually(
            lambda: found if len((found := world.read(ref)).revisions) == 1 else None,
            "the history was cut",
        )

        with pytest.raises(PermanentError) as refused:
            world.workloads.apply(replace(change, generation=workload.generation))

        assert refused.value.reason is Reason.NO_CANDIDATE
        assert world.read(ref).image == BAD

    def test_a_workload_that_is_gone_has_moved(self, world: World) -> None:
        ref = world.with_history("deployment")
        workload = world.read(ref)
        world.delete(ref)

        assert world.workloads.apply(rollback(workload)) is Applied.MOVED
        assert world.workloads.apply(scale(workload, 2)) is Applied.MOVED

    # scaling

    @pytest.mark.parametrize("kind", ["deployment", "statefulset"])
    def test_replicas_are_set_once(self, world: World, kind: str) -> None:
        ref = world.new(kind)
        wanted = world.read(ref).replicas + 2

        change = changed(world, ref, lambda workload: scale(workload, wanted))

        assert world.read(ref).replicas == wanted
        assert world.workloads.apply(change) is Applied.ALREADY

    def test_replicas_that_someone_else_set_are_kept(self, world: World) -> None:
        ref = world.new("deployment")
        stale = scale(world.read(ref), 5)
        world.resize(ref, 2)

        assert world.workloads.apply(stale) is Applied.MOVED
        assert world.read(ref).replicas == 2

    def test_a_daemon_set_cannot_be_scaled(self, world: World) -> None:
        workload = world.read(world.new("daemonset"))

        with pytest.raises(PermanentError) as refused:
            world.workloads.apply(scale(workload, 2))

        assert refused.value.reason is Reason.SCALE_NOT_POSSIBLE

    def test_a_workload_without_an_autoscaler_has_none(self, world: World) -> None:
        world.autoscale(world.new("deployment"), minimum=1, maximum=2)

        assert world.read(world.new("deployment")).autoscaler is None

    @pytest.mark.parametrize("kind", ["deployment", "statefulset"])
    def test_the_minimum_of_an_autoscaler_is_set_once(self, world: World, kind: str) -> None:
        ref = world.new(kind)
        world.autoscale(ref, minimum=2, maximum=4)

        change = changed(world, ref, lambda workload: minimum(workload, 5, maximum=6))

        scaler = world.read(ref).autoscaler
        assert scaler is not None
        assert (scaler.minimum, scaler.maximum) == (5, 6)
        assert world.workloads.apply(change) is Applied.ALREADY

    def test_an_autoscaler_that_someone_else_set_is_kept(self, world: World) -> None:
        ref = world.new("deployment")
        world.autoscale(ref, minimum=2, maximum=4)
        stale = minimum(world.read(ref), 3, maximum=4)
        world.autoscale(ref, minimum=1, maximum=8)

        assert world.workloads.apply(stale) is Applied.MOVED

        scaler = world.read(ref).autoscaler
        assert scaler is not None
        assert (scaler.minimum, scaler.maximum) == (1, 8)

    def test_an_autoscaler_that_is_gone_has_moved(self, world: World) -> None:
        ref = world.new("deployment")
        world.autoscale(ref, minimum=2, maximum=4)
        change = minimum(world.read(ref), 3, maximum=4)
        world.stop_autoscaling(ref)

        assert world.workloads.apply(change) is Applied.MOVED

    # pods

    def test_a_pod_is_known_by_its_uid_its_age_and_its_revision(self, world: World) -> None:
        ref, pods = world.with_pods("deployment", 2)

        workload = world.read(ref)

        assert {pod.template_id for pod in pods} == {workload.template_id}
        assert len({pod.uid for pod in pods} - {""}) == 2
        assert all(pod.created_at is not None for pod in pods)
        assert all(pod.deleting_since is None for pod in pods)

    def test_warnings_may_be_asked_for(self, world: World) -> None:
        ref, pods = world.with_pods("deployment", 1)

        workload = world.workloads.read(ref, events=True)

        assert workload is not None
        assert [pod.uid for pod in workload.pods] == [pod.uid for pod in pods]

    def test_pods_are_evicted_once_and_made_anew(self, world: World) -> None:
        ref, (first, second) = world.with_pods("deployment", 2)
        change = eviction(ref, first)

        assert world.workloads.apply(change) is Applied.CHANGED
        assert world.workloads.apply(change) is Applied.ALREADY

        uids = eventually(
            lambda: found if len(found := {p.uid for p in world.read(ref).pods}) == 2 else None,
            "another pod was made",
        )
        assert first.uid not in uids
        assert second.uid in uids

    def test_a_pod_made_anew_is_not_evicted_for_the_one_before(self, world: World) -> None:
        ref, (pod,) = world.with_pods("deployment", 1)

        assert world.workloads.apply(eviction(ref, replace(pod, uid="another"))) is Applied.ALREADY

        assert [p.uid for p in world.read(ref).pods] == [pod.uid]

    def test_pods_that_are_gone_do_not_keep_the_others(self, world: World) -> None:
        ref, (first, second) = world.with_pods("deployment", 2)
        gone = replace(first, name="never-was", uid="nobody")

        assert world.workloads.apply(eviction(ref, gone, second)) is Applied.CHANGED

        eventually(lambda: second.uid not in {p.uid for p in world.read(ref).pods}, "it was evicted")

    # restarting

    @every_kind
    def test_a_restart_is_made_once_and_keeps_the_revision(self, world: World, kind: str) -> None:
        ref = world.with_history(kind)
        before = world.read(ref)

        change = changed(world, ref, lambda workload: restarting(workload, response_id="r-7"))

        assert isinstance(change, RestartWorkload)
        assert world.workloads.apply(change) is Applied.ALREADY
        after = world.read(ref)
        assert after.generation > before.generation
        assert world.workloads.apply(replace(change, generation=after.generation)) is Applied.ALREADY
        assert (after.template_id, after.image, after.marker) == (before.template_id, BAD, "r-7")

    def test_a_restart_at_another_time_is_another(self, world: World) -> None:
        ref = world.new("deployment")
        changed(world, ref, restarting)

        changed(world, ref, lambda workload: restarting(workload, at="2026-03-02T13:00:00Z"))

    @every_kind
    def test_what_was_deployed_meanwhile_is_not_restarted(self, world: World, kind: str) -> None:
        ref = world.with_history(kind)
        change = restarting(world.read(ref))
        world.deploy(ref, WORSE)

        assert world.workloads.apply(change) is Applied.MOVED
        assert world.workloads.apply(change) is Applied.MOVED

        after = world.read(ref)
        assert (after.image, after.marker) == (WORSE, "")

    def test_a_paused_workload_is_not_restarted(self, world: World) -> None:
        ref = world.new("deployment")
        world.pause(ref)

        with pytest.raises(PermanentError) as refused:
            world.workloads.apply(restarting(world.read(ref)))

        assert refused.value.reason is Reason.PAUSED

    def test_a_workload_that_is_gone_is_not_restarted(self, world: World) -> None:
        ref = world.new("deployment")
        change = restarting(world.read(ref))
        world.delete(ref)

        assert world.workloads.apply(change) is Applied.MOVED


class AbortsContract(WorkloadsContract):
    """The cases of Argo Rollouts that something acts on."""

    @pytest.fixture
    def ref(self, world: World) -> WorkloadRef:
        return world.half_updated()

    def test_an_update_under_way_says_what_it_would_go_back_to(self, world: World, ref: WorkloadRef) -> None:
        workload = world.read(ref)

        stable = workload.revision(workload.stable_template_id)
        assert stable is not None
        assert list(stable.images.values()) == [GOOD]
        assert workload.image == BAD
        assert workload.rollout.state is RolloutState.PROGRESSING
        assert not workload.paused

    def test_a_workload_of_which_nothing_is_under_way_says_none(self, world: World) -> None:
        assert world.read(world.with_history("rollout")).stable_template_id == ""
        assert world.read(world.new("deployment")).stable_template_id == ""

    def test_an_abort_goes_back_to_the_stable_revision_and_says_whose_it_is(
        self, world: World, ref: WorkloadRef
    ) -> None:
        before = world.read(ref)

        changed(world, ref, lambda workload: abort(workload, response_id="r-7"))

        after = eventually(
            lambda: found if (found := world.read(ref)).rollout.state is RolloutState.COMPLETE else None,
            "the stable revision served again",
        )
        assert after.template_id == before.stable_template_id
        assert (after.image, after.marker, after.stable_template_id) == (GOOD, "r-7", "")
        assert after.generation == before.generation
        assert [r.template_id for r in after.revisions] == [before.stable_template_id]

    def test_an_abort_made_twice_is_made_once(self, world: World, ref: WorkloadRef) -> None:
        change = changed(world, ref, abort)
        assert isinstance(change, AbortRollout)

        assert world.workloads.apply(change) is Applied.ALREADY
        assert world.workloads.apply(replace(change, response_id="r-2")) is Applied.ALREADY

        assert world.read(ref).marker == "r-1"

    def test_an_update_that_was_replaced_is_not_aborted(self, world: World, ref: WorkloadRef) -> None:
        change = abort(world.read(ref))
        world.deploy(ref, WORSE)

        assert world.workloads.apply(change) is Applied.MOVED

        after = world.read(ref)
        assert (after.image, after.marker) == (WORSE, "")
        assert after.stable_template_id == change.to_template_id

    def test_an_update_that_is_through_is_not_aborted(self, world: World, ref: WorkloadRef) -> None:
        change = abort(world.read(ref))
        world.promote(ref)

        assert world.workloads.apply(change) is Applied.MOVED

        after = world.read(ref)
        assert (after.image, after.stable_template_id) == (BAD, "")

    def test_a_rollout_that_is_gone_has_moved(self, world: World, ref: WorkloadRef) -> None:
        change = abort(world.read(ref))
        world.delete(ref)

        assert world.workloads.apply(change) is Applied.MOVED

    def test_an_update_paused_by_hand_is_left_alone(self, world: World, ref: WorkloadRef) -> None:
        world.pause(ref)
        workload = world.read(ref)

        with pytest.raises(PermanentError) as refused:
            world.workloads.apply(abort(workload))

        assert refused.value.reason is Reason.PAUSED
        assert world.read(ref).image == BAD

    def test_only_an_argo_rollout_can_be_aborted(self, world: World) -> None:
        workload = world.read(world.with_history("deployment"))

        with pytest.raises(PermanentError) as refused:
            world.workloads.apply(abort(workload))

        assert refused.value.reason is Reason.KIND_NOT_SUPPORTED

    def test_the_stable_revision_can_be_restored_too(self, world: World, ref: WorkloadRef) -> None:
        changed(world, ref, rollback)

        after = eventually(
            lambda: found if (found := world.read(ref)).rollout.state is RolloutState.COMPLETE else None,
            "the stable revision served again",
        )
        assert (after.image, after.marker, after.stable_template_id) == (GOOD, "r-1", "")

    def test_replicas_of_a_rollout_are_set_once(self, world: World) -> None:
        ref = world.new("rollout")
        wanted = world.read(ref).replicas + 2

        change = changed(world, ref, lambda workload: scale(workload, wanted))

        assert world.read(ref).replicas == wanted
        assert world.workloads.apply(change) is Applied.ALREADY

    def test_the_minimum_of_a_rollouts_autoscaler_is_set_once(self, world: World) -> None:
        ref = world.new("rollout")
        world.autoscale(ref, minimum=2, maximum=4)

        change = changed(world, ref, lambda workload: minimum(workload, 5, maximum=6))

        scaler = world.read(ref).autoscaler
        assert scaler is not None
        assert (scaler.minimum, scaler.maximum) == (5, 6)
        assert world.workloads.apply(change) is Applied.ALREADY
