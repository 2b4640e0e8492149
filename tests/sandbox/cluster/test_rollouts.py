"""Argo Rollouts go through their canary steps, are aborted, retried, promoted and undone."""

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.cluster import Behaviour, Cluster
from tests.sandbox.cluster.api import APPS, BAD, GOOD, THIRD, Api, Object, condition, template, workload
from tests.sandbox.endpoints import eventually

ROLLOUTS = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts"
ROLLOUT = f"{ROLLOUTS}/cart"
HASH = "rollouts-pod-template-hash"
REVISION = "rollout.argoproj.io/revision"
HISTORY = "rollout.argoproj.io/revision-history"
STEPS = [{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]
ROUTED = {"stableService": "cart", "canaryService": "cart-canary", "trafficRouting": {"nginx": {}}}


@pytest.fixture(autouse=True)
def _installed(cluster: Cluster) -> None:
    cluster.define_rollouts()


def create(api: Api, image: str = GOOD, *, canary: Object | None = None, **spec: Any) -> Object:
    strategy = {"canary": {"steps": STEPS, **(canary or {})}}
    made = workload("Rollout", image=image, strategy=strategy, **{"replicas": 4, **spec})
    api.create(ROLLOUTS, made | {"apiVersion": "argoproj.io/v1alpha1"})
    return reached(api, phase="Healthy")


def reached(api: Api, **wanted: Any) -> Object:
    """Wait until the status, of the newest spec, has these values."""

    def arrived() -> Object | None:
        found = api.document(ROLLOUT)
        status = found["status"]
        observed = status.get("observedGeneration") == str(found["metadata"]["generation"])
        return found if observed and all(status.get(key) == value for key, value in wanted.items()) else None

    found = eventually(arrived)
    assert found is not None
    return found


def deploy(api: Api, image: str) -> None:
    api.merge(ROLLOUT, {"spec": {"template": template(image)}})


def sizes(api: Api) -> dict[str, int]:
    """Return how many pods each ReplicaSet asks for, by image, those with none left out."""
    found = {image: one["spec"]["replicas"] for image, one in api.replica_sets().items()}
    return {image: size for image, size in found.items() if size}


def at_pause(api: Api, index: int) -> Object:
    return reached(api, phase="Paused", currentStepIndex=index, message="CanaryPauseStep")


def in_the_middle(api: Api, image: str = BAD, **spec: Any) -> Object:
    """Make a rollout whose update waits at its first pause."""
    create(api, **spec)
    deploy(api, image)
    return at_pause(api, 1)


def steer(api: Api, status: Object) -> None:
    api.merge(f"{ROLLOUT}/status", {"status": status})


def undo(api: Api, image: str) -> None:
    put_back = api.replica_sets()[image]["spec"]["template"]
    del put_back["metadata"]["labels"][HASH]
    operations = [{"op": "replace", "path": "/spec/template", "value": put_back}]
    assert api.send_patch(ROLLOUT, operations, "json").status_code == 200


def promoted(api: Api, image: str) -> Object:
    """Take an update through all of its steps."""
    deploy(api, image)
    at_pause(api, 1)
    steer(api, {"promoteFull": True})
    return reached(api, phase="Healthy")


def test_a_new_rollout_is_stable_at_once_and_its_replica_set_is_named_by_its_template(api: Api) -> None:
    created = create(api)

    [replica_set] = api.items(f"{APPS}/replicasets")
    pod_hash = replica_set["metadata"]["labels"][HASH]
    status = created["status"]
    assert replica_set["metadata"]["name"] == f"cart-{pod_hash}"
    assert replica_set["spec"]["template"]["metadata"]["labels"][HASH] == pod_hash
    assert replica_set["metadata"]["annotations"][REVISION] == "1"
    assert created["metadata"]["annotations"][REVISION] == "1"
    assert (status["stableRS"], status["currentPodHash"]) == (pod_hash, pod_hash)
    assert status["currentStepIndex"] == len(STEPS)
    assert {status[count] for count in ("replicas", "updatedReplicas", "readyReplicas")} == {4}
    assert condition(created, "Completed")["status"] == "True"


def test_the_api_server_fills_no_defaults_into_its_template(api: Api) -> None:
    created = create(api)

    [replica_set] = api.items(f"{APPS}/replicasets")
    assert created["spec"]["template"] == template(GOOD)
    assert replica_set["spec"]["template"]["spec"]["restartPolicy"] == "Always"


def test_an_update_goes_through_its_steps_and_waits_at_a_pause(api: Api) -> None:
    found = in_the_middle(api)

    assert sizes(api) == {GOOD: 3, BAD: 1}
    assert found["status"]["stableRS"] != found["status"]["currentPodHash"]
    assert found["status"]["pauseConditions"][0]["reason"] == "CanaryPauseStep"
    assert found["status"]["controllerPause"] is True
    assert condition(found, "Completed")["status"] == "False"

    steer(api, {"pauseConditions": None})
    at_pause(api, 3)

    assert sizes(api) == {GOOD: 2, BAD: 2}
    steer(api, {"pauseConditions": None})
    done = reached(api, phase="Healthy")
    assert sizes(api) == {BAD: 4}
    assert done["status"]["stableRS"] == done["status"]["currentPodHash"]
    assert done["metadata"]["annotations"][REVISION] == "2"


def test_a_pause_with_a_duration_ends_by_itself(api: Api) -> None:
    create(api, canary={"steps": [{"setWeight": 25}, {"pause": {"duration": "3s"}}]})
    deploy(api, BAD)

    reached(api, phase="Paused")
    reached(api, phase="Healthy")

    assert sizes(api) == {BAD: 4}


def test_an_abort_brings_the_stable_pods_back_and_leaves_the_template(api: Api) -> None:
    in_the_middle(api)

    steer(api, {"abort": True})

    found = reached(api, phase="Degraded")
    assert found["status"]["message"] == "RolloutAborted: Rollout aborted update to revision 2"
    assert found["status"]["abortedAt"]
    assert "pauseConditions" not in found["status"]
    assert found["spec"]["template"] == template(BAD)
    assert condition(found, "Progressing")["reason"] == "RolloutAborted"
    eventually(lambda: sizes(api) == {GOOD: 4})
    assert reached(api, readyReplicas=4, replicas=4)["status"]["currentStepIndex"] == 0


def test_metadata_in_a_patch_of_the_status_is_ignored_but_for_the_version(api: Api) -> None:
    version = in_the_middle(api)["metadata"]["resourceVersion"]
    metadata = {"annotations": {"example.com/by": "me"}, "resourceVersion": version}
    body = {"metadata": metadata, "status": {"abort": True}}

    patched = api.merge(f"{ROLLOUT}/status", body)

    assert "example.com/by" not in patched["metadata"]["annotations"]
    assert patched["status"]["abort"] is True
    assert api.send_patch(f"{ROLLOUT}/status", body, "merge").status_code == 409


def test_a_retry_begins_the_update_anew(api: Api) -> None:
    in_the_middle(api)
    steer(api, {"abort": True})
    reached(api, phase="Degraded")

    steer(api, {"abort": False})

    found = at_pause(api, 1)
    assert "abortedAt" not in found["status"]
    eventually(lambda: sizes(api) == {GOOD: 3, BAD: 1})


def test_full_promotion_skips_the_steps(api: Api) -> None:
    in_the_middle(api)

    steer(api, {"promoteFull": True})

    found = reached(api, phase="Healthy")
    assert sizes(api) == {BAD: 4}
    assert "promoteFull" not in found["status"]


def test_full_promotion_is_taken_back_by_another_template(cluster: Cluster, api: Api) -> None:
    cluster.put_behaviour(BAD, Behaviour(crash=True))
    create(api)
    deploy(api, BAD)
    reached(api, phase="Progressing")
    steer(api, {"promoteFull": True})
    assert reached(api, currentStepIndex=len(STEPS))["status"]["promoteFull"] is True

    deploy(api, THIRD)

    assert "promoteFull" not in at_pause(api, 1)["status"]


@pytest.mark.parametrize("aborted", [True, False])
def test_an_undo_to_the_stable_template_completes_at_once(api: Api, aborted: bool) -> None:
    in_the_middle(api)
    if aborted:
        steer(api, {"abort": True})
        reached(api, phase="Degraded")

    undo(api, GOOD)

    found = reached(api, phase="Healthy")
    assert sizes(api) == {GOOD: 4}
    assert "abort" not in found["status"]
    annotations = api.replica_sets()[GOOD]["metadata"]["annotations"]
    assert (annotations[REVISION], annotations[HISTORY]) == ("3", "1")


def test_an_undo_to_another_revision_goes_through_the_steps(api: Api) -> None:
    create(api)
    promoted(api, BAD)

    undo(api, GOOD)

    at_pause(api, 1)
    assert sizes(api) == {BAD: 3, GOOD: 1}


def test_an_undo_within_the_rollback_window_skips_the_steps(
    api: Api, past_second: Callable[[], None]
) -> None:
    create(api, rollbackWindow={"revisions": 1})
    past_second()
    promoted(api, BAD)

    undo(api, GOOD)

    reached(api, phase="Healthy")
    assert sizes(api) == {GOOD: 4}


def test_the_revision_is_noted_as_an_earlier_one_when_an_annotation_is_copied(api: Api) -> None:
    create(api)

    api.merge(ROLLOUT, {"metadata": {"annotations": {"example.com/team": "payments"}}})

    def annotations() -> Object:
        found: Object = api.replica_sets()[GOOD]["metadata"]["annotations"]
        return found

    eventually(lambda: annotations().get("example.com/team") == "payments")
    assert (annotations()[REVISION], annotations()[HISTORY]) == ("1", "1")


def test_routed_traffic_follows_the_steps_and_comes_back_with_an_abort(api: Api) -> None:
    found = in_the_middle(api, canary=ROUTED)
    weights = found["status"]["canary"]["weights"]
    assert (weights["canary"]["weight"], weights["stable"]["weight"]) == (25, 75)
    assert sizes(api) == {GOOD: 4, BAD: 1}

    steer(api, {"abort": True})

    weights = reached(api, phase="Degraded")["status"]["canary"]["weights"]
    assert (weights["canary"]["weight"], weights["stable"]["weight"]) == (0, 100)
    assert weights["stable"]["podTemplateHash"] == found["status"]["stableRS"]
    assert sizes(api) == {GOOD: 4, BAD: 1}


def test_what_gets_no_traffic_any_more_goes_after_a_delay(api: Api) -> None:
    in_the_middle(api, canary={**ROUTED, "abortScaleDownDelaySeconds": 1})

    steer(api, {"abort": True})

    reached(api, phase="Degraded")
    eventually(lambda: sizes(api) == {GOOD: 4})


def test_an_update_whose_pods_do_not_come_up_passes_its_deadline(cluster: Cluster, api: Api) -> None:
    cluster.put_behaviour(BAD, Behaviour(crash=True))
    create(api, progressDeadlineSeconds=1)

    deploy(api, BAD)

    found = reached(api, phase="Degraded")
    assert found["status"]["message"].startswith("ProgressDeadlineExceeded: ")
    assert sizes(api)[GOOD] == 3


def test_a_spec_that_cannot_be_carried_out_is_degraded(api: Api) -> None:
    create(api)

    api.merge(ROLLOUT, {"spec": {"strategy": {"canary": {"steps": [{"analysis": {}}]}}}})

    found = reached(api, phase="Degraded")
    assert condition(found, "InvalidSpec")["status"] == "True"
    assert found["status"]["message"].startswith("InvalidSpec: ")
    api.merge(ROLLOUT, {"spec": {"strategy": {"canary": {"steps": STEPS}}}})
    reached(api, phase="Healthy")


def test_it_is_scaled_by_its_subresource(api: Api) -> None:
    create(api)

    api.merge(f"{ROLLOUT}/scale", {"spec": {"replicas": 6}})

    eventually(lambda: sizes(api) == {GOOD: 6})
    assert reached(api, HPAReplicas=6)["status"]["phase"] in ("Healthy", "Progressing")


def test_what_is_paused_by_hand_stays_as_it_is(api: Api) -> None:
    create(api)
    api.merge(ROLLOUT, {"spec": {"paused": True, "template": template(THIRD)}})

    found = reached(api, phase="Paused")

    assert found["status"]["message"] == "manually paused"
    assert sizes(api) == {GOOD: 4}


def test_the_oldest_revisions_beyond_the_limit_go(api: Api) -> None:
    create(api, revisionHistoryLimit=1)
    for image in (BAD, THIRD):
        promoted(api, image)

    eventually(lambda: set(api.replica_sets()) == {BAD, THIRD})


def test_deleting_it_deletes_its_replica_sets(api: Api) -> None:
    create(api)

    api.delete(ROLLOUT)

    eventually(lambda: api.items(f"{APPS}/replicasets") == [])


def test_the_images_that_run_are_told(cluster: Cluster, api: Api) -> None:
    in_the_middle(api)

    assert sorted(cluster.running_images("shop", "rollout", "cart")) == [GOOD, GOOD, GOOD, BAD]


def test_without_operators_nobody_acts_on_it() -> None:
    with Cluster(operators=False) as cluster, Api(cluster.url) as api:
        cluster.create_namespace("shop")
        cluster.define_rollouts()
        made = workload("Rollout", strategy={"canary": {}}) | {"apiVersion": "argoproj.io/v1alpha1"}
        api.create(ROLLOUTS, made)
        api.create(f"{APPS}/deployments", workload("Deployment"))
        api.rolled_out()

        assert api.document(ROLLOUT)["status"] == {}
