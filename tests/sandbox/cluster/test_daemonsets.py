"""DaemonSets have one pod on each node, and replace them a few at a time."""

from sandbox.cluster import Behaviour, Cluster
from tests.sandbox.cluster.api import APPS, BAD, CORE, GOOD, Api, Object, workload
from tests.sandbox.endpoints import eventually

PATH = f"{APPS}/daemonsets/cart"


def create(api: Api) -> None:
    api.create(f"{APPS}/daemonsets", workload("DaemonSet"))
    rolled_out(api)


def rolled_out(api: Api) -> Object:
    def is_done() -> bool:
        found = api.document(PATH)
        status = found["status"]
        observed = status.get("observedGeneration") == found["metadata"]["generation"]
        counts = ("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable")
        return observed and len({status.get(count, 0) for count in counts}) == 1

    eventually(is_done)
    return api.document(PATH)


def placed(api: Api) -> dict[str, str]:
    return {
        pod["spec"]["nodeName"]: pod["spec"]["containers"][0]["image"] for pod in api.items(f"{CORE}/pods")
    }


def test_every_node_has_a_pod_and_a_new_node_gets_one(api: Api) -> None:
    create(api)
    assert placed(api) == {"node-1": GOOD, "node-2": GOOD}

    api.create("/api/v1/nodes", {"metadata": {"name": "node-3"}, "spec": {}})

    eventually(lambda: placed(api) == {"node-1": GOOD, "node-2": GOOD, "node-3": GOOD})


def test_a_broken_revision_takes_one_node_at_most(api: Api, cluster: Cluster) -> None:
    create(api)
    cluster.put_behaviour(BAD, Behaviour(ready=False))

    api.set_image(BAD, PATH)

    eventually(lambda: sorted(placed(api).values()) == [GOOD, BAD])
    eventually(lambda: api.document(PATH)["status"].get("numberUnavailable") == 1)
    assert api.document(PATH)["status"]["numberAvailable"] == 1


def test_undoing_a_broken_revision_replaces_its_pod_and_uses_the_old_revision_again(
    api: Api, cluster: Cluster
) -> None:
    create(api)
    cluster.put_behaviour(BAD, Behaviour(ready=False))
    [first] = api.items(f"{APPS}/controllerrevisions")
    api.set_image(BAD, PATH)
    eventually(lambda: BAD in placed(api).values())

    response = api.send_patch(PATH, first["data"], "strategic-merge")

    assert response.status_code == 200
    rolled_out(api)
    eventually(lambda: placed(api) == {"node-1": GOOD, "node-2": GOOD})
    numbers = {one["metadata"]["name"]: one["revision"] for one in api.items(f"{APPS}/controllerrevisions")}
    assert numbers[first["metadata"]["name"]] == 3
