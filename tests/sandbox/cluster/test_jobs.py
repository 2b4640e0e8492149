"""Jobs run their pods to an end, by how their images behave; nothing starts them by the clock."""

from typing import Any

import pytest

from sandbox.cluster import Behaviour, Cluster
from tests.sandbox.cluster.api import CORE, GOOD, Api, Object, condition
from tests.sandbox.endpoints import eventually

BATCH = "/apis/batch/v1/namespaces/shop"
JOB = f"{BATCH}/jobs/down"


def spec(*, policy: str = "Never", **more: Any) -> Object:
    pod = {"restartPolicy": policy, "containers": [{"name": "app", "image": GOOD}]}
    return {"template": {"spec": pod}, **more}


def run(api: Api, **more: Any) -> Object:
    return api.create(f"{BATCH}/jobs", {"metadata": {"name": "down"}, "spec": spec(**more)})


def ended(api: Api, kind: str) -> Object:
    eventually(lambda: condition(api.document(JOB), kind).get("status") == "True")
    return api.document(JOB)


def test_a_job_is_complete_when_its_pod_has_succeeded(api: Api) -> None:
    run(api)

    status = ended(api, "Complete")["status"]

    assert (status["succeeded"], status.get("active"), status.get("failed")) == (1, None, None)
    [pod] = api.items(f"{CORE}/pods")
    assert pod["status"]["phase"] == "Succeeded"
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 0


def test_a_jobs_pods_are_found_by_labels_that_the_server_gives_them(api: Api) -> None:
    job = run(api)

    uid = job["metadata"]["uid"]
    assert job["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    eventually(lambda: len(api.items(f"{CORE}/pods?labelSelector=batch.kubernetes.io/job-name=down")) == 1)
    assert len(api.items(f"{CORE}/pods?labelSelector=job-name=down")) == 1


@pytest.mark.parametrize("behaviour", [Behaviour(exit_code=3), Behaviour(crash=True)])
def test_failed_pods_are_replaced_until_the_limit(api: Api, cluster: Cluster, behaviour: Behaviour) -> None:
    cluster.put_behaviour(GOOD, behaviour)

    run(api, backoffLimit=2)

    status = ended(api, "Failed")["status"]
    assert condition({"status": status}, "Failed")["reason"] == "BackoffLimitExceeded"
    assert status["failed"] == 3
    assert {pod["status"]["phase"] for pod in api.items(f"{CORE}/pods")} == {"Failed"}


def test_containers_that_are_started_again_in_their_pod_count_too(api: Api, cluster: Cluster) -> None:
    cluster.put_behaviour(GOOD, Behaviour(exit_code=1))

    run(api, policy="OnFailure", backoffLimit=1)

    assert condition(ended(api, "Failed"), "Failed")["reason"] == "BackoffLimitExceeded"
    eventually(lambda: api.items(f"{CORE}/pods") == [])


def test_a_job_that_never_ends_is_ended_by_its_deadline(api: Api, cluster: Cluster) -> None:
    cluster.put_behaviour(GOOD, Behaviour(exit_code=None))

    run(api, activeDeadlineSeconds=1)
    eventually(lambda: api.document(JOB)["status"].get("ready") == 1)

    assert condition(ended(api, "Failed"), "Failed")["reason"] == "DeadlineExceeded"
    eventually(lambda: api.items(f"{CORE}/pods") == [])


def test_a_job_takes_as_long_as_its_image_runs(api: Api, cluster: Cluster) -> None:
    cluster.put_behaviour(GOOD, Behaviour(run_seconds=0.3))

    run(api)

    eventually(lambda: [pod["status"]["phase"] for pod in api.items(f"{CORE}/pods")] == ["Running"])
    ended(api, "Complete")


def test_a_pod_that_has_ended_stays_as_it_is(api: Api, cluster: Cluster) -> None:
    run(api)
    ended(api, "Complete")

    cluster.put_behaviour(GOOD, Behaviour(crash=True))
    run_again = api.create(f"{BATCH}/jobs", {"metadata": {"name": "again"}, "spec": spec(backoffLimit=0)})

    path = f"{BATCH}/jobs/{run_again['metadata']['name']}"
    eventually(lambda: condition(api.document(path), "Failed").get("status") == "True")
    assert sorted(pod["status"]["phase"] for pod in api.items(f"{CORE}/pods")) == ["Failed", "Succeeded"]


def test_a_suspended_job_has_no_pods(api: Api) -> None:
    run(api, suspend=True)

    ended(api, "Suspended")
    assert api.items(f"{CORE}/pods") == []


def test_a_job_that_is_deleted_takes_its_pods_along(api: Api) -> None:
    run(api)
    ended(api, "Complete")

    api.delete(JOB)

    eventually(lambda: api.items(f"{CORE}/pods") == [])


@pytest.mark.parametrize("kind", ["jobs", "cronjobs"])
def test_a_job_must_say_how_its_pods_end(api: Api, kind: str) -> None:
    wanted = spec(policy="Always")
    if kind == "cronjobs":
        wanted = {"schedule": "* * * * *", "jobTemplate": {"spec": wanted}}

    response = api.post(f"{BATCH}/{kind}", json={"metadata": {"name": "down"}, "spec": wanted})

    assert response.status_code == 422
    assert "restartPolicy: Required value" in response.json()["message"]


def test_a_cron_job_only_holds_its_template(api: Api) -> None:
    body = {"metadata": {"name": "down"}, "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": spec()}}}

    created = api.create(f"{BATCH}/cronjobs", body)

    assert created["spec"]["suspend"] is False
    assert created["spec"]["jobTemplate"]["spec"]["template"]["spec"]["dnsPolicy"] == "ClusterFirst"
    assert api.items(f"{BATCH}/jobs") == []


def test_the_log_of_a_pod_that_has_ended_can_be_read_and_cut(api: Api, cluster: Cluster) -> None:
    cluster.put_behaviour(GOOD, Behaviour(log_lines=("one", "two", "three")))
    run(api)
    ended(api, "Complete")
    path = f"{CORE}/pods/{api.items(f'{CORE}/pods')[0]['metadata']['name']}/log"

    assert api.get(f"{path}?tailLines=2").text == "two\nthree\n"
    assert api.get(f"{path}?tailLines=2&limitBytes=5").text == "two\nt"
