"""The messages are those of ``kubectl argo rollouts status``."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from shared.adapters.kubernetes import argo_rollouts, wire
from shared.adapters.kubernetes.revisions import Held
from shared.adapters.kubernetes.standing import Standing
from shared.adapters.kubernetes.templates import Template
from shared.domain.workloads import RolloutState

COMPLETE, PROGRESSING, FAILED = RolloutState.COMPLETE, RolloutState.PROGRESSING, RolloutState.FAILED
CANARY: dict[str, Any] = {"canary": {}}
ROUTED: dict[str, Any] = {"canary": {"trafficRouting": {"istio": {}}}}
BLUE_GREEN: dict[str, Any] = {"blueGreen": {"activeService": "checkout"}}
ABORTED: dict[str, Any] = {
    "abort": True,
    "phase": "Degraded",
    "message": "RolloutAborted: Rollout aborted update to revision 2",
    "conditions": [{"type": "Progressing", "status": "False", "reason": "RolloutAborted"}],
}
HEALTHY = {"phase": "Healthy", "stableRS": "b", "currentPodHash": "b"}


def weights(stable: int, *, verified: bool | None = None) -> dict[str, Any]:
    told = {} if verified is None else {"verified": verified}
    return {"canary": {"weights": {"stable": {"weight": stable}, "canary": {"weight": 100 - stable}, **told}}}


def held(version: str, number: int, *, available: int = 3, used_again: bool = False) -> Held:
    return Held(
        name=f"checkout-{version}",
        uid=f"uid-{version}",
        number=number,
        created_at=datetime(2026, 3, 2, 12, number, tzinfo=UTC),
        template=template(version),
        pod_hash=version,
        available=available,
        used_again=used_again,
    )


def template(version: str) -> Template:
    return Template(id=f"t-{version}", json={}, images={"app": version}, schema=None, schema_at_least=None)


A, B, C = held("a", 1), held("b", 2), held("c", 3)


def standing(
    status: dict[str, Any],
    *sets: Held,
    strategy: dict[str, Any] = CANARY,
    written: str = "raw",
    generation: int = 2,
    **spec: Any,
) -> Standing:
    """Return where a Rollout of three pods stands that is updated from `a` to `b`."""
    raw = {
        "metadata": {"name": "checkout", "uid": "u-1", "generation": generation},
        "spec": {"selector": {}, "template": {}, "replicas": 3, "strategy": strategy, **spec},
        "status": {"stableRS": "a", "currentPodHash": "b", "observedGeneration": "2", **status},
    }
    found = msgspec.json.decode(msgspec.json.encode(raw), type=wire.Workload)
    return argo_rollouts.standing(found, template(written), sets or (A, B))


@pytest.mark.parametrize(
    ("status", "state", "said"),
    [
        (HEALTHY, COMPLETE, 'rollout "checkout" is healthy'),
        (
            {"phase": "Progressing", "message": "more replicas need to be updated"},
            PROGRESSING,
            "more replicas",
        ),
        ({"phase": "Paused", "message": "CanaryPauseStep"}, PROGRESSING, "Paused - CanaryPauseStep"),
        ({"phase": "Degraded", "message": "InvalidSpec: no strategy"}, FAILED, "InvalidSpec: no strategy"),
        ({"phase": "Degraded", "message": "ProgressDeadlineExceeded: x"}, FAILED, "ProgressDeadlineExceeded"),
        ({**HEALTHY, "observedGeneration": "1"}, PROGRESSING, "spec update to be observed"),
        ({**HEALTHY, "observedGeneration": ""}, PROGRESSING, "spec update to be observed"),
        ({"phase": "Paused", "controllerPause": True}, PROGRESSING, "waiting for rollout to unpause"),
        ({}, PROGRESSING, "waiting for the controller"),
    ],
)
def test_a_rollouts_state(status: dict[str, Any], state: RolloutState, said: str) -> None:
    rollout = standing(status).rollout

    assert rollout.state is state
    assert said in rollout.message


@pytest.mark.parametrize(
    ("strategy", "status", "state"),
    [
        (ROUTED, weights(100), COMPLETE),
        (ROUTED, weights(100, verified=True), COMPLETE),
        (ROUTED, weights(100, verified=False), PROGRESSING),
        (ROUTED, weights(75), PROGRESSING),
        (ROUTED, {}, PROGRESSING),
        (BLUE_GREEN, {"blueGreen": {"activeSelector": "b"}}, COMPLETE),
        (BLUE_GREEN, {"blueGreen": {"activeSelector": "a"}}, PROGRESSING),
    ],
)
def test_it_is_complete_only_with_all_of_the_traffic(
    strategy: dict[str, Any], status: dict[str, Any], state: RolloutState
) -> None:
    assert standing({**HEALTHY, **status}, strategy=strategy).rollout.state is state


@pytest.mark.parametrize(
    ("strategy", "status", "available", "state", "said"),
    [
        (CANARY, {}, 3, COMPLETE, "its stable revision serves"),
        (CANARY, {}, 2, PROGRESSING, "2 of 3 stable pods are available"),
        (CANARY, {"updatedReplicas": 1}, 3, PROGRESSING, "1 pods of the aborted revision are still there"),
        (ROUTED, {"updatedReplicas": 1, **weights(100)}, 3, COMPLETE, "its stable revision serves"),
        (ROUTED, weights(90), 3, PROGRESSING, "90 % of the traffic"),
        (BLUE_GREEN, {"blueGreen": {"activeSelector": "b"}}, 3, PROGRESSING, "active service"),
        (BLUE_GREEN, {"blueGreen": {"activeSelector": "a"}}, 3, COMPLETE, "its stable revision serves"),
    ],
)
def test_an_abort_is_complete_once_the_stable_revision_serves_alone(
    strategy: dict[str, Any], status: dict[str, Any], available: int, state: RolloutState, said: str
) -> None:
    found = standing({**ABORTED, **status}, held("a", 1, available=available), B, strategy=strategy)

    assert found.rollout.state is state
    assert said in found.rollout.message
    assert found.template.id == "t-a"


def test_an_abort_that_the_controller_has_not_seen_is_progressing() -> None:
    found = standing(
        {"abort": True, "phase": "Paused", "message": "CanaryPauseStep", "controllerPause": True}
    )

    assert found.rollout.state is PROGRESSING
    assert (found.template.id, found.stable_id) == ("t-a", "")


def test_an_invalid_spec_fails_though_it_was_aborted() -> None:
    invalid = {"type": "InvalidSpec", "status": "True", "reason": "InvalidSpec"}
    status = {**ABORTED, "message": "InvalidSpec: x", "conditions": [*ABORTED["conditions"], invalid]}

    assert standing(status).rollout.state is FAILED


def test_an_abort_after_the_promotion_left_the_new_revision() -> None:
    found = standing({**ABORTED, "stableRS": "b"})

    assert (found.template.id, found.stable_id) == ("t-b", "")


def test_an_update_under_way_is_the_new_revision_and_knows_the_stable_one() -> None:
    found = standing({"phase": "Progressing"})

    assert (found.template.id, found.stable_id, found.is_sure) == ("t-b", "t-a", True)


def test_the_first_revision_of_all_has_nothing_to_go_back_to() -> None:
    found = standing({"stableRS": "", "currentPodHash": "a"}, A)

    assert (found.template.id, found.stable_id) == ("t-a", "")


def test_versions_that_differ_in_what_makes_none_are_not_under_way() -> None:
    restarted = replace(B, template=A.template)

    assert standing({"phase": "Progressing"}, A, restarted).stable_id == ""


def test_a_spec_that_the_controller_has_not_seen_is_not_sure() -> None:
    found = standing({"phase": "Paused"}, generation=3)

    assert (found.template.id, found.is_sure) == ("t-b", False)


def test_a_template_out_of_a_replica_set_is_known_before_the_controller_says_so() -> None:
    found = standing(HEALTHY, written="a", generation=3)

    assert (found.template.id, found.stable_id, found.is_sure) == ("t-a", "t-b", True)


def test_a_template_that_the_controller_has_yet_to_see_takes_an_abort_back() -> None:
    found = standing({**ABORTED, "stableRS": "b", "currentPodHash": "c"}, A, B, C, written="a", generation=3)

    assert (found.template.id, found.stable_id, found.is_sure) == ("t-a", "t-b", True)


def test_a_template_that_no_replica_set_holds_is_its_own() -> None:
    found = standing({"currentPodHash": "new"})

    assert (found.template.id, found.stable_id, found.is_sure) == ("t-raw", "t-a", True)


@pytest.mark.parametrize("aborted", [True, False])
def test_what_was_only_tried_is_not_in_the_history(aborted: bool) -> None:
    status = {**(ABORTED if aborted else {"phase": "Progressing"}), "currentPodHash": "c"}

    ran = standing(status, A, B, C).ran

    assert [h.name for h in ran] == (["checkout-a"] if aborted else ["checkout-a", "checkout-c"])


def test_what_was_tried_again_and_ran_before_stays_in_the_history() -> None:
    again = held("b", 3, used_again=True)

    assert again in standing({**ABORTED, "currentPodHash": "c"}, A, again, held("c", 4)).ran


def test_pods_without_traffic_do_not_count_once_the_update_is_through() -> None:
    old = standing({**HEALTHY, **weights(100)}, strategy=ROUTED)
    under_way = standing({**HEALTHY, **weights(50)}, strategy=ROUTED)
    shared = standing(HEALTHY)

    assert old.pods_of == {"uid-b"}
    assert under_way.pods_of == shared.pods_of == {"uid-a", "uid-b"}
