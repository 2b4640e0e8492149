from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import stuck
from shared.domain.stuck import Cause, Stuck
from shared.domain.workloads import Pod, Rollout, RolloutState, Workload, WorkloadRef
from tests.domain.examples import COMPLETE, NOW, a_workload, ago

GRACE_SECONDS = 60.0
PROGRESSING = Rollout(RolloutState.PROGRESSING, "1 of 3 updated replicas are available")
FAILED = Rollout(RolloutState.FAILED, 'deployment "checkout" exceeded its progress deadline')
RESTORED, OTHER = "t8", "t9"


def a_pod(name: str = "a", **fields: Any) -> Pod:
    """Make a pod of the restored revision that has had its time and is not ready."""
    known: dict[str, Any] = {
        "phase": "Running",
        "ready": False,
        "restarts": 0,
        "images": {"app": "shop:1.8"},
        "uid": f"uid-{name}",
        "created_at": ago(minutes=5),
        "template_id": RESTORED,
    }
    return Pod(name=f"checkout-{name}", **{**known, **fields})


def a_rollout(
    *pods: Pod, kind: str = "deployment", rollout: Rollout = PROGRESSING, ordered: bool = False
) -> Workload:
    ref = WorkloadRef("prod", "production", kind, "checkout")
    return a_workload(9, 8, ref=ref, template_id=RESTORED, pods=pods, rollout=rollout, ordered=ordered)


def diagnosed(workload: Workload) -> Stuck | None:
    return stuck.diagnosed(workload, now=NOW, to_template_id=RESTORED, grace_seconds=GRACE_SECONDS)


def found(workload: Workload) -> Stuck:
    stuck_by = diagnosed(workload)
    assert stuck_by is not None
    return stuck_by


def names(found: Stuck) -> list[str]:
    return [pod.name.removeprefix("checkout-") for pod in found.broken]


class TestNothing:
    def test_is_said_of_a_rollout_whose_pods_are_ready(self) -> None:
        assert diagnosed(a_rollout(a_pod("a", ready=True), a_pod("b", ready=True))) is None

    def test_is_said_of_pods_that_still_have_time(self) -> None:
        assert diagnosed(a_rollout(a_pod(waiting="ErrImagePull", created_at=ago(seconds=59)))) is None

    def test_is_said_of_pods_that_still_have_time_to_end(self) -> None:
        assert diagnosed(a_rollout(a_pod(deleting_since=ago(seconds=59)))) is None

    def test_is_said_of_broken_pods_that_their_deployment_removes_by_itself(self) -> None:
        assert diagnosed(a_rollout(a_pod(waiting="CrashLoopBackOff", template_id=OTHER))) is None


class TestAPodOfTheRestoredRevision:
    @pytest.mark.parametrize(
        ("shown", "cause", "told"),
        [
            ({"waiting": "ImagePullBackOff"}, Cause.IMAGE_PULL, "cannot pull an image (ImagePullBackOff)"),
            ({"waiting": "ErrImagePull"}, Cause.IMAGE_PULL, "cannot pull an image (ErrImagePull)"),
            ({"waiting": "CrashLoopBackOff"}, Cause.CRASH_LOOP, "cannot stay up (CrashLoopBackOff)"),
            ({"restarts": 3}, Cause.CRASH_LOOP, "cannot stay up"),
            ({"restarts": 2}, Cause.NOT_READY, "cannot become ready"),
            ({"waiting": "CreateContainerConfigError"}, Cause.NOT_READY, "(CreateContainerConfigError)"),
            ({"trouble": "Unhealthy: probe failed"}, Cause.NOT_READY, "ready (Unhealthy: probe failed)"),
            ({"created_at": None}, Cause.NOT_READY, "cannot become ready"),
            ({"template_id": ""}, Cause.NOT_READY, "cannot become ready"),
        ],
    )
    def test_whose_trouble_a_fresh_start_may_end_is_evicted(
        self, shown: dict[str, Any], cause: Cause, told: str
    ) -> None:
        by = found(a_rollout(a_pod(**shown), a_pod("b", ready=True)))

        assert (by.cause, by.evictable, names(by)) == (cause, True, ["a"])
        assert by.told.startswith("checkout-a ")
        assert told in by.told

    @pytest.mark.parametrize("waiting", ["InvalidImageName", "ErrImageNeverPull"])
    def test_whose_image_no_new_pod_can_have_is_not(self, waiting: str) -> None:
        by = found(a_rollout(a_pod(waiting=waiting)))

        assert (by.cause, by.evictable, by.broken) == (Cause.IMAGE_PULL, False, ())

    def test_that_finds_no_room_is_not(self) -> None:
        pod = a_pod(unschedulable="0/2 nodes are available", waiting="Unschedulable", phase="Pending")

        by = found(a_rollout(pod))

        assert (by.cause, by.evictable, by.broken) == (Cause.NO_ROOM, False, ())
        assert by.told == "checkout-a cannot be placed on a node (0/2 nodes are available)"

    def test_that_finds_no_room_gets_that_of_a_broken_pod_of_another_revision(self) -> None:
        pending = a_pod("new", unschedulable="0/2 nodes are available")
        old = [a_pod(name, template_id=OTHER, waiting="CrashLoopBackOff") for name in "ab"]
        serving = a_pod("c", template_id=OTHER, ready=True)

        by = found(a_rollout(serving, *old, pending))

        assert (by.cause, by.evictable, names(by)) == (Cause.NO_ROOM, True, ["a"])

    def test_that_finds_no_room_gets_none_of_a_pod_that_has_none_itself(self) -> None:
        pending = [
            a_pod(name, template_id=t, unschedulable="0/2") for name, t in (("a", RESTORED), ("b", OTHER))
        ]

        assert not found(a_rollout(*pending)).evictable

    def test_that_can_be_helped_is_told_before_one_that_cannot(self) -> None:
        by = found(a_rollout(a_pod("a", unschedulable="0/2"), a_pod("b", waiting="CrashLoopBackOff")))

        assert (by.cause, names(by)) == (Cause.CRASH_LOOP, ["b"])

    def test_is_named_with_two_others_and_the_rest_is_counted(self) -> None:
        by = found(a_rollout(*(a_pod(name, waiting="ErrImagePull") for name in "abcde")))

        assert by.told.startswith("checkout-a, checkout-b, checkout-c and 2 more cannot pull an image")
        assert len(by.broken) == 5


class TestAPodOfAnotherRevision:
    def test_that_an_ordered_stateful_set_waits_for_is_evicted_alone(self) -> None:
        broken = a_pod("2", template_id=OTHER, waiting="CrashLoopBackOff", trouble="BackOff: restarting")
        pods = (a_pod("0", ready=True), a_pod("1"), broken)

        by = found(a_rollout(*pods, kind="statefulset", ordered=True))

        assert (by.cause, by.evictable, by.broken) == (Cause.ORDERED, True, (broken,))
        assert "checkout-2 cannot stay up (BackOff: restarting), of another revision" in by.told
        assert "one after the other" in by.told

    @pytest.mark.parametrize("kind", ["statefulset", "daemonset"])
    def test_comes_back_right_and_is_evicted_before_those_of_the_restored_one(self, kind: str) -> None:
        broken = a_pod("a", template_id=OTHER, waiting="ImagePullBackOff")

        by = found(a_rollout(broken, a_pod("b"), kind=kind))

        assert (by.cause, by.broken) == (Cause.IMAGE_PULL, (broken,))

    def test_that_is_ready_is_left_to_an_ordered_stateful_set(self) -> None:
        serving = a_pod("0", template_id=OTHER, ready=True)

        assert diagnosed(a_rollout(serving, kind="statefulset", ordered=True)) is None


class TestAPodThatHangs:
    def test_is_told_and_not_evicted(self) -> None:
        hanging = a_pod(deleting_since=ago(seconds=60))

        by = found(a_rollout(hanging, a_pod("b", ready=True), kind="statefulset", ordered=True))

        assert (by.cause, by.evictable, by.broken) == (Cause.TERMINATING, False, ())
        assert by.told == "checkout-a cannot end"

    def test_is_told_after_one_that_can_be_helped(self) -> None:
        by = found(a_rollout(a_pod("a", deleting_since=ago(hours=1)), a_pod("b")))

        assert (by.cause, names(by)) == (Cause.NOT_READY, ["b"])


class TestAProgressDeadline:
    def test_that_no_pod_explains_is_told_as_it_is(self) -> None:
        assert found(a_rollout(rollout=FAILED)) == Stuck(Cause.PROGRESS_DEADLINE, FAILED.message)

    def test_that_a_pod_explains_is_told_by_the_pod(self) -> None:
        assert found(a_rollout(a_pod(waiting="ErrImagePull"), rollout=FAILED)).cause is Cause.IMAGE_PULL


moments = st.none() | st.floats(0, 600).map(lambda seconds: ago(seconds=seconds))
waits = st.sampled_from(["", "ErrImagePull", "InvalidImageName", "CrashLoopBackOff", "ContainerCreating"])
pods = st.builds(
    a_pod,
    st.text("abcdef", min_size=1, max_size=4),
    ready=st.booleans(),
    restarts=st.integers(0, 9),
    waiting=waits,
    unschedulable=st.sampled_from(["", "0/2 nodes are available"]),
    template_id=st.sampled_from([RESTORED, OTHER, ""]),
    created_at=moments,
    deleting_since=moments,
)
several = st.lists(pods, max_size=6, unique_by=lambda pod: pod.name).map(tuple)
kinds = st.sampled_from(["deployment", "statefulset", "daemonset", "rollout"])


@given(several, kinds, st.booleans())
def test_a_workload_that_is_complete_is_never_stuck(pods: tuple[Pod, ...], kind: str, ordered: bool) -> None:
    assert diagnosed(a_rollout(*pods, kind=kind, rollout=COMPLETE, ordered=ordered)) is None


@given(several, kinds, st.sampled_from([PROGRESSING, FAILED]), st.booleans())
def test_only_pods_that_serve_nobody_and_have_had_their_time_are_evicted(
    pods: tuple[Pod, ...], kind: str, rollout: Rollout, ordered: bool
) -> None:
    by = diagnosed(a_rollout(*pods, kind=kind, rollout=rollout, ordered=ordered))

    for pod in by.broken if by is not None else ():
        assert pod in pods
        assert not pod.ready
        assert pod.deleting_since is None
        assert pod.created_at is None or (NOW - pod.created_at).total_seconds() >= GRACE_SECONDS


@given(several, kinds, st.sampled_from([PROGRESSING, FAILED]), st.booleans())
def test_what_is_stuck_is_told_and_evictable_if_there_is_a_pod_to_evict(
    pods: tuple[Pod, ...], kind: str, rollout: Rollout, ordered: bool
) -> None:
    by = diagnosed(a_rollout(*pods, kind=kind, rollout=rollout, ordered=ordered))

    if by is not None:
        assert by.told
        assert by.evictable == bool(by.broken)
        assert len({pod.template_id == OTHER for pod in by.broken}) <= 1
    else:
        assert rollout is PROGRESSING
