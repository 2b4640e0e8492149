"""The cluster notes every accepted change, and fails on demand."""

import httpx
import pytest

from sandbox.cluster import Cluster, Denial, Fault
from tests.sandbox.cluster.api import APPS, BAD, CORE, DEPLOYMENT, GOOD, Api, Object, undo, workload
from tests.sandbox.endpoints import eventually


@pytest.fixture
def deployment(api: Api) -> Object:
    api.create(f"{APPS}/deployments", workload("Deployment", replicas=1))
    return api.rolled_out()


def test_the_audit_tells_template_changes_from_other_ones(
    api: Api, cluster: Cluster, deployment: Object
) -> None:
    api.headers["user-agent"] = "tea/1"
    api.set_image(BAD, f"{DEPLOYMENT}?fieldManager=deployer")
    api.merge(DEPLOYMENT, {"metadata": {"labels": {"team": "cart"}}})
    api.rolled_out()
    undo(api, GOOD)

    [created, deployed, labelled, restored] = cluster.audit
    assert created.verb == "create"
    assert [one.template_changed for one in (created, deployed, labelled, restored)] == [
        False,
        True,
        False,
        True,
    ]
    assert (deployed.user_agent, deployed.field_manager) == ("tea/1", "deployer")
    assert (deployed.images_from, deployed.images_to) == ({"app": GOOD}, {"app": BAD})
    assert (restored.images_from, restored.images_to) == ({"app": BAD}, {"app": GOOD})
    assert (restored.resource, restored.namespace, restored.name) == ("deployments.apps", "shop", "cart")


def test_the_audit_is_served_and_holds_neither_refused_requests_nor_dry_runs(
    api: Api, deployment: Object
) -> None:
    api.send_patch(DEPLOYMENT, {"spec": {"replicas": -1}}, "merge")
    api.send_patch(f"{DEPLOYMENT}?dryRun=All", {"spec": {"replicas": 3}}, "merge")

    entries = api.items("/sandbox/audit")

    assert [(entry["verb"], entry["path"]) for entry in entries] == [("create", f"{APPS}/deployments")]


def test_a_write_that_changes_nothing_is_noted_as_such(
    api: Api, cluster: Cluster, deployment: Object
) -> None:
    api.merge(DEPLOYMENT, {"spec": {"replicas": 1}})

    assert [entry.changed for entry in cluster.audit] == [True, False]


def test_a_fault_strikes_as_often_as_it_is_told_and_changes_nothing(
    api: Api, cluster: Cluster, deployment: Object
) -> None:
    cluster.add_fault(Fault(verb="patch", path="/deployments/cart$", times=2, status=503))

    codes = [api.send_patch(DEPLOYMENT, {"spec": {"replicas": 2}}, "merge").status_code for _ in range(3)]

    assert codes == [503, 503, 200]


def test_a_dropped_request_was_not_carried_out(api: Api, cluster: Cluster, deployment: Object) -> None:
    cluster.add_fault(Fault(verb="PATCH", drop=True))

    with pytest.raises(httpx.RemoteProtocolError):
        api.send_patch(DEPLOYMENT, {"spec": {"replicas": 2}}, "merge")

    assert api.document(DEPLOYMENT)["spec"]["replicas"] == 1


def test_a_request_whose_answer_is_lost_was_carried_out(
    api: Api, cluster: Cluster, deployment: Object
) -> None:
    cluster.add_fault(Fault(verb="patch", drop=True, after=True))

    with pytest.raises(httpx.RemoteProtocolError):
        api.send_patch(DEPLOYMENT, {"spec": {"replicas": 2}}, "merge")

    assert api.document(DEPLOYMENT)["spec"]["replicas"] == 2


def test_a_hanging_request_holds_nobody_else_up(api: Api, cluster: Cluster, deployment: Object) -> None:
    cluster.add_fault(Fault(verb="list", hang_seconds=60))

    with pytest.raises(httpx.ReadTimeout):
        api.get(f"{CORE}/pods", timeout=0.2)

    assert api.get(f"{CORE}/pods").status_code == 200


def test_a_denied_request_is_403_and_the_access_review_says_so(
    api: Api, cluster: Cluster, deployment: Object
) -> None:
    cluster.deny(Denial(verb="patch", resource="deployments/scale", namespace="shop"))

    def may(subresource: str) -> bool:
        asked = {"verb": "patch", "group": "apps", "resource": "deployments", "namespace": "shop"}
        spec = {"resourceAttributes": asked | {"subresource": subresource}}
        reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        found: bool = api.create(reviews, {"spec": spec})["status"]["allowed"]
        return found

    response = api.send_patch(f"{DEPLOYMENT}/scale", {"spec": {"replicas": 2}}, "merge")

    assert (response.status_code, response.json()["reason"]) == (403, "Forbidden")
    assert (may("scale"), may("")) == (False, True)
    api.merge(DEPLOYMENT, {"spec": {"replicas": 2}})


def test_faults_denials_and_behaviours_can_be_set_over_http(
    api: Api, cluster: Cluster, deployment: Object
) -> None:
    assert api.post("/sandbox/faults", json={"path": "/pods", "status": 500}).status_code == 200
    assert api.get(f"{CORE}/pods").status_code == 500
    assert api.post("/sandbox/denials", json={"verb": "list"}).status_code == 200
    assert api.get(f"{CORE}/pods").status_code == 403
    assert api.delete("/sandbox/denials").status_code == 200
    assert api.put("/sandbox/behaviours", json={"image": GOOD, "ready": False}).status_code == 200
    assert api.put("/sandbox/behaviours", json={"image": GOOD, "ready": "no"}).status_code == 400

    eventually(lambda: cluster.running_images("shop", "deployment", "cart") == [])


def test_a_cluster_with_a_token_answers_nobody_else() -> None:
    with Cluster(token="secret") as cluster, Api(cluster.url) as api:
        assert api.get("/api/v1/namespaces").status_code == 401
        assert api.get("/readyz").status_code == 200
        api.headers["authorization"] = "Bearer secret"
        assert api.get("/api/v1/namespaces").status_code == 200
        assert "secret" in cluster.kubeconfig()


def test_changes_are_told_as_they_happen_and_the_cluster_can_be_asked_from_there(
    api: Api, cluster: Cluster
) -> None:
    told: list[tuple[str, str, int]] = []
    end = cluster.on_change(
        lambda change: told.append((change.action, change.resource, len(cluster.pods("shop"))))
    )
    api.create(f"{CORE}/configmaps", {"metadata": {"name": "a"}})
    end()
    api.create(f"{CORE}/configmaps", {"metadata": {"name": "b"}})

    assert told == [("ADDED", "configmaps", 0)]
