"""Deployments roll out, get stuck, and come back, as the real controller makes them."""

from datetime import datetime
from typing import Any

import pytest

from sandbox.cluster import Behaviour, Cluster
from tests.sandbox.cluster.api import (
    APPS,
    BAD,
    CORE,
    DEPLOYMENT,
    GOOD,
    HISTORY,
    REVISION,
    THIRD,
    Api,
    Object,
    condition,
    undo,
    workload,
)
from tests.sandbox.endpoints import eventually


def create(api: Api, **spec: Any) -> Object:
    api.create(f"{APPS}/deployments", workload("Deployment", **spec))
    return api.rolled_out()


def roll_to(api: Api, image: str) -> Object:
    api.set_image(image)
    return api.rolled_out()


def numbers(api: Api) -> dict[str, str]:
    """Return the revision of each ReplicaSet by its image."""
    return {image: one["metadata"]["annotations"][REVISION] for image, one in api.replica_sets().items()}


def progressing(api: Api) -> Object:
    return condition(api.document(DEPLOYMENT), "Progressing")


def test_a_new_deployment_makes_one_replica_set_named_by_its_template(api: Api) -> None:
    create(api, replicas=2)

    [replica_set] = api.items(f"{APPS}/replicasets")
    digest = replica_set["metadata"]["labels"]["pod-template-hash"]
    assert replica_set["metadata"]["name"] == f"cart-{digest}"
    assert replica_set["spec"]["selector"]["matchLabels"] == {"app": "cart", "pod-template-hash": digest}
    assert replica_set["metadata"]["annotations"] == {
        REVISION: "1",
        "deployment.kubernetes.io/desired-replicas": "2",
        "deployment.kubernetes.io/max-replicas": "3",
    }
    assert len(api.pod_images()) == 2


def test_a_restored_replica_set_keeps_its_age_takes_the_highest_revision_and_remembers_its_own(
    api: Api,
) -> None:
    create(api)
    roll_to(api, BAD)
    before = api.replica_sets()[GOOD]
    assert numbers(api) == {GOOD: "1", BAD: "2"}

    assert undo(api, GOOD).status_code == 200
    restored = api.rolled_out()

    after = api.replica_sets()[GOOD]
    assert numbers(api) == {GOOD: "3", BAD: "2"}
    assert after["metadata"]["annotations"][HISTORY] == "1"
    assert after["metadata"]["creationTimestamp"] == before["metadata"]["creationTimestamp"]
    assert restored["metadata"]["annotations"][REVISION] == "3"


def test_earlier_revisions_of_a_replica_set_add_up(api: Api) -> None:
    create(api)
    for image in (BAD, GOOD, BAD, GOOD):
        roll_to(api, image)

    assert numbers(api) == {GOOD: "5", BAD: "4"}
    assert api.replica_sets()[GOOD]["metadata"]["annotations"][HISTORY] == "1,3"


def test_annotations_of_the_deployment_are_copied_but_for_its_own_bookkeeping(api: Api) -> None:
    create(api)
    applied = "kubectl.kubernetes.io/last-applied-configuration"
    api.merge(DEPLOYMENT, {"metadata": {"annotations": {"kubernetes.io/change-cause": "tea", applied: "{}"}}})

    eventually(
        lambda: api.replica_sets()[GOOD]["metadata"]["annotations"].get("kubernetes.io/change-cause") == "tea"
    )
    assert applied not in api.replica_sets()[GOOD]["metadata"]["annotations"]


def test_a_generation_test_stops_an_undo_that_saw_an_older_deployment(api: Api) -> None:
    create(api)
    roll_to(api, BAD)
    seen = api.document(DEPLOYMENT)["metadata"]["generation"]
    api.set_image(THIRD)

    response = api.send_patch(
        DEPLOYMENT,
        [
            {"op": "test", "path": "/metadata/generation", "value": seen},
            {"op": "replace", "path": "/spec/template", "value": {}},
        ],
        "json",
    )

    assert response.status_code == 422
    assert api.rolled_out()["spec"]["template"]["spec"]["containers"][0]["image"] == THIRD


def test_the_time_of_a_rollout_is_when_it_completed_and_scaling_does_not_move_it(
    api: Api, cluster: Cluster
) -> None:
    cluster.put_behaviour(BAD, Behaviour(start_seconds=1.1))
    create(api, replicas=1)
    first = progressing(api)
    assert (first["status"], first["reason"]) == ("True", "NewReplicaSetAvailable")

    roll_to(api, BAD)
    second = progressing(api)
    api.merge(f"{DEPLOYMENT}/scale", {"spec": {"replicas": 2}})
    api.rolled_out()

    assert datetime.fromisoformat(second["lastUpdateTime"]) > datetime.fromisoformat(first["lastUpdateTime"])
    assert second["lastTransitionTime"] == first["lastTransitionTime"]
    assert progressing(api) == second


def test_an_unready_revision_leaves_the_old_pods_serving_and_exceeds_its_deadline(
    api: Api, cluster: Cluster
) -> None:
    cluster.put_behaviour(BAD, Behaviour(ready=False))
    create(api, replicas=3, progressDeadlineSeconds=1)

    api.set_image(BAD)

    late = eventually(lambda: condition(api.document(DEPLOYMENT), "Progressing")["status"] == "False")
    assert late
    assert progressing(api)["reason"] == "ProgressDeadlineExceeded"
    assert cluster.running_images("shop", "Deployment", "cart") == [GOOD] * 3
    assert sorted(api.pod_images()) == [GOOD] * 3 + [BAD]
    assert condition(api.document(DEPLOYMENT), "Available")["status"] == "True"


def test_undo_from_a_rollout_past_its_deadline_brings_both_conditions_back(
    api: Api, cluster: Cluster
) -> None:
    cluster.put_behaviour(BAD, Behaviour(pull_error=True))
    create(api, replicas=2, progressDeadlineSeconds=1)
    api.set_image(BAD)
    eventually(lambda: progressing(api)["reason"] == "ProgressDeadlineExceeded")

    undo(api, GOOD)

    api.rolled_out()
    eventually(lambda: progressing(api)["reason"] == "NewReplicaSetAvailable")
    assert progressing(api)["status"] == condition(api.document(DEPLOYMENT), "Available")["status"] == "True"
    eventually(lambda: api.pod_images() == [GOOD] * 2)


def test_max_unavailable_lets_old_pods_go_before_new_ones_are_ready(api: Api, cluster: Cluster) -> None:
    cluster.put_behaviour(BAD, Behaviour(ready=False))
    rolling = {"maxSurge": 0, "maxUnavailable": 2}
    create(api, replicas=4, strategy={"type": "RollingUpdate", "rollingUpdate": rolling})

    api.set_image(BAD)

    eventually(lambda: api.pod_images() == [GOOD] * 2 + [BAD] * 2)
    assert api.document(DEPLOYMENT)["status"]["unavailableReplicas"] == 2


def test_recreate_ends_every_old_pod_before_it_starts_a_new_one(api: Api, cluster: Cluster) -> None:
    create(api, replicas=2, strategy={"type": "Recreate"})
    mixed: list[bool] = []
    end = cluster.on_change(
        lambda _: mixed.append(
            len({pod["spec"]["containers"][0]["image"] for pod in cluster.pods("shop")}) > 1
        )
    )

    roll_to(api, BAD)
    undo(api, GOOD)
    api.rolled_out()
    end()

    assert api.pod_images() == [GOOD] * 2
    assert True not in mixed


def test_a_paused_deployment_scales_but_does_not_roll_out(api: Api) -> None:
    create(api, replicas=1)
    api.merge(DEPLOYMENT, {"spec": {"paused": True}})
    eventually(lambda: progressing(api)["reason"] == "DeploymentPaused")

    api.set_image(BAD)
    api.merge(DEPLOYMENT, {"spec": {"replicas": 2}})

    eventually(lambda: api.pod_images() == [GOOD] * 2)
    assert [*api.replica_sets()] == [GOOD]
    api.merge(DEPLOYMENT, {"spec": {"paused": None}})
    api.rolled_out()
    eventually(lambda: api.pod_images() == [BAD] * 2)


def test_scaling_in_the_middle_of_a_rollout_shares_the_new_pods_out(api: Api, cluster: Cluster) -> None:
    cluster.put_behaviour(BAD, Behaviour(ready=False))
    rolling = {"maxSurge": 2, "maxUnavailable": 0}
    create(api, replicas=4, strategy={"type": "RollingUpdate", "rollingUpdate": rolling})
    api.set_image(BAD)
    eventually(lambda: api.pod_images() == [GOOD] * 4 + [BAD] * 2)

    api.merge(DEPLOYMENT, {"spec": {"replicas": 10}})

    eventually(lambda: api.pod_images() == [GOOD] * 8 + [BAD] * 4)


def test_a_deployment_of_no_replicas_keeps_its_history(api: Api) -> None:
    create(api, replicas=1)
    roll_to(api, BAD)

    api.merge(f"{DEPLOYMENT}/scale", {"spec": {"replicas": 0}})

    eventually(lambda: api.pod_images() == [])
    assert api.rolled_out()["status"].get("replicas", 0) == 0
    assert numbers(api) == {GOOD: "1", BAD: "2"}


def test_old_revisions_beyond_the_limit_are_deleted_lowest_first(api: Api) -> None:
    create(api, replicas=1, revisionHistoryLimit=1)
    roll_to(api, BAD)

    roll_to(api, THIRD)

    eventually(lambda: numbers(api) == {BAD: "2", THIRD: "3"})


def test_min_ready_seconds_hold_a_rollout_back(api: Api) -> None:
    api.create(f"{APPS}/deployments", workload("Deployment", replicas=1, minReadySeconds=2))
    eventually(lambda: api.document(DEPLOYMENT)["status"].get("readyReplicas") == 1)

    assert "availableReplicas" not in api.document(DEPLOYMENT)["status"]
    assert condition(api.document(DEPLOYMENT), "Available")["status"] == "False"
    api.rolled_out()


def test_a_crashing_image_shows_as_crash_loop_back_off_and_recovers_when_it_behaves(
    api: Api, cluster: Cluster
) -> None:
    cluster.put_behaviour(GOOD, Behaviour(crash=True, log_lines=("boom",)))
    api.create(f"{APPS}/deployments", workload("Deployment", replicas=1))

    def statuses() -> list[Object]:
        pods = api.items(f"{CORE}/pods")
        return [status for pod in pods for status in pod["status"].get("containerStatuses", [])]

    eventually(lambda: [status["restartCount"] for status in statuses()] == [1])
    [status] = statuses()
    assert status["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert status["lastState"]["terminated"]["exitCode"] == 1
    [pod] = api.items(f"{CORE}/pods")
    assert api.get(f"{CORE}/pods/{pod['metadata']['name']}/log?tailLines=1").text == "boom\n"
    cluster.put_behaviour(GOOD, Behaviour())
    api.rolled_out()


def test_an_image_that_cannot_be_pulled_says_so_and_has_no_log(api: Api, cluster: Cluster) -> None:
    cluster.put_behaviour(GOOD, Behaviour(pull_error=True))
    api.create(f"{APPS}/deployments", workload("Deployment", replicas=1))

    def reasons() -> list[str]:
        return [
            status["state"].get("waiting", {}).get("reason")
            for pod in api.items(f"{CORE}/pods")
            for status in pod["status"].get("containerStatuses", [])
        ]

    eventually(lambda: reasons() == ["ImagePullBackOff"])
    [pod] = api.items(f"{CORE}/pods")
    response = api.get(f"{CORE}/pods/{pod['metadata']['name']}/log")
    assert response.status_code == 400
    assert "waiting to start: ImagePullBackOff" in response.json()["message"]
    events = {event["reason"] for event in api.items(f"{CORE}/events")}
    assert {"SuccessfulCreate", "ScalingReplicaSet", "Failed", "BackOff"} <= events


def test_a_pod_that_no_node_fits_stays_pending_and_runs_once_one_does(api: Api) -> None:
    made = workload("Deployment", replicas=1)
    made["spec"]["template"]["spec"]["nodeSelector"] = {"disk": "ssd"}
    api.create(f"{APPS}/deployments", made)

    def scheduled() -> list[Object]:
        return [condition(pod, "PodScheduled") for pod in api.items(f"{CORE}/pods")]

    eventually(lambda: [one.get("reason") for one in scheduled()] == ["Unschedulable"])
    assert "FailedScheduling" in {event["reason"] for event in api.items(f"{CORE}/events")}
    api.merge("/api/v1/nodes/node-2", {"metadata": {"labels": {"disk": "ssd"}}})

    api.rolled_out()
    assert [pod["spec"]["nodeName"] for pod in api.items(f"{CORE}/pods")] == ["node-2"]


def test_a_deleted_pod_is_replaced(api: Api) -> None:
    create(api, replicas=1)
    [pod] = api.items(f"{CORE}/pods")

    ended = api.delete(f"{CORE}/pods/{pod['metadata']['name']}").json()

    assert ended["metadata"]["deletionTimestamp"]

    def names() -> set[str]:
        return {one["metadata"]["name"] for one in api.items(f"{CORE}/pods")}

    eventually(lambda: len(names()) == 1 and pod["metadata"]["name"] not in names())


@pytest.mark.parametrize("seconds", [0, 0.05])
def test_the_time_that_pods_take_to_start_may_be_nothing(seconds: float) -> None:
    with Cluster(nodes=1, start_seconds=seconds) as cluster, Api(cluster.url) as api:
        cluster.create_namespace("shop")
        create(api, replicas=3)

        assert {pod["spec"]["nodeName"] for pod in cluster.pods("shop")} == {"node-1"}
