"""The sentences are those of ``kubectl rollout status``."""

from typing import Any

import msgspec
import pytest

from shared.adapters.kubernetes import rollouts, wire
from shared.domain.workloads import RolloutState

COMPLETE, PROGRESSING, FAILED = RolloutState.COMPLETE, RolloutState.PROGRESSING, RolloutState.FAILED
LATE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}


def workload(status: dict[str, Any], *, generation: int = 2, **spec: Any) -> wire.Workload:
    raw = {
        "metadata": {"name": "checkout", "generation": generation},
        "spec": {"selector": {}, "template": {}, **spec},
        "status": {"observedGeneration": 2, **status},
    }
    return msgspec.json.decode(msgspec.json.encode(raw), type=wire.Workload)


DEPLOYMENT = {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3, "readyReplicas": 3}


@pytest.mark.parametrize(
    ("status", "state", "said"),
    [
        ({}, COMPLETE, 'deployment "checkout" successfully rolled out'),
        ({"updatedReplicas": 1, "replicas": 4}, PROGRESSING, "1 out of 3 new replicas have been updated"),
        ({"replicas": 5}, PROGRESSING, "2 old replicas are pending termination"),
        ({"availableReplicas": 2}, PROGRESSING, "2 of 3 updated replicas are available"),
        ({"observedGeneration": 1}, PROGRESSING, "Waiting for deployment spec update to be observed"),
        ({"conditions": [LATE]}, FAILED, 'deployment "checkout" exceeded its progress deadline'),
        ({"conditions": [LATE], "observedGeneration": 1}, PROGRESSING, "to be observed"),
    ],
)
def test_a_deployments_rollout(status: dict[str, Any], state: RolloutState, said: str) -> None:
    rollout = rollouts.of_deployment(workload({**DEPLOYMENT, **status}, replicas=3))

    assert rollout.state is state
    assert said in rollout.message


def test_a_deployment_without_replicas_is_complete() -> None:
    assert rollouts.of_deployment(workload({}, replicas=0)).state is COMPLETE


def test_a_deployment_that_does_not_say_wants_one_replica() -> None:
    assert rollouts.of_deployment(workload({})).state is PROGRESSING


DAEMON_SET = {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2}


@pytest.mark.parametrize(
    ("status", "state", "said"),
    [
        ({}, COMPLETE, 'daemon set "checkout" successfully rolled out'),
        ({"updatedNumberScheduled": 1}, PROGRESSING, "1 out of 2 new pods have been updated"),
        ({"numberAvailable": 1}, PROGRESSING, "1 of 2 updated pods are available"),
        ({"observedGeneration": 1}, PROGRESSING, "Waiting for daemon set spec update to be observed"),
    ],
)
def test_a_daemon_sets_rollout(status: dict[str, Any], state: RolloutState, said: str) -> None:
    rollout = rollouts.of_daemon_set(workload({**DAEMON_SET, **status}))

    assert rollout.state is state
    assert said in rollout.message


PARTITION: dict[str, Any] = {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
STATEFUL_SET = {"readyReplicas": 3, "updatedReplicas": 3, "currentRevision": "c-2", "updateRevision": "c-2"}


@pytest.mark.parametrize(
    ("status", "strategy", "state", "said"),
    [
        ({}, PARTITION, COMPLETE, "partitioned roll out complete: 3 new pods have been updated"),
        ({"readyReplicas": 2}, PARTITION, PROGRESSING, "Waiting for 1 pods to be ready"),
        ({"updatedReplicas": 1}, PARTITION, PROGRESSING, "1 out of 3 new pods have been updated"),
        (
            {"updatedReplicas": 1},
            {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}},
            COMPLETE,
            "partitioned roll out complete: 1 new pods",
        ),
        ({"currentReplicas": 3}, {"type": "RollingUpdate"}, COMPLETE, "complete 3 pods at revision c-2"),
        (
            {"currentRevision": "c-1", "updatedReplicas": 1},
            {"type": "RollingUpdate"},
            PROGRESSING,
            "to complete 1 pods at revision c-2",
        ),
        ({"observedGeneration": 1}, PARTITION, PROGRESSING, "Waiting for statefulset spec update"),
        ({"observedGeneration": 0}, PARTITION, PROGRESSING, "Waiting for statefulset spec update"),
    ],
)
def test_a_stateful_sets_rollout(
    status: dict[str, Any], strategy: dict[str, Any], state: RolloutState, said: str
) -> None:
    rollout = rollouts.of_stateful_set(
        workload({**STATEFUL_SET, **status}, replicas=3, updateStrategy=strategy)
    )

    assert rollout.state is state
    assert said in rollout.message


@pytest.mark.parametrize(("updated", "state"), [(1, PROGRESSING), (2, COMPLETE)])
def test_on_delete_waits_for_pods_to_be_deleted(updated: int, state: RolloutState) -> None:
    strategy = {"type": "OnDelete"}
    stateful_set = workload({"updatedReplicas": updated}, replicas=2, updateStrategy=strategy)
    daemon_set = workload({**DAEMON_SET, "updatedNumberScheduled": updated}, updateStrategy=strategy)

    for rollout in (rollouts.of_stateful_set(stateful_set), rollouts.of_daemon_set(daemon_set)):
        assert rollout.state is state
        assert f"{updated} of 2 pods are updated" in rollout.message
