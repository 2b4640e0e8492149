"""Logs of pods on the stand-in cluster: bounded, since a time, of the containers that have begun."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from sandbox.cluster import Behaviour, Cluster, Denial, Fault
from shared.adapters.kubernetes import KubernetesWorkloads
from shared.adapters.kubernetes.connection import Budget, Connection, Pending
from shared.adapters.kubernetes.logs import MOST_BYTES, MOST_LINES, KubernetesLogs
from shared.adapters.kubernetes.resources import Request
from shared.domain.logs import PodLog, to_read
from shared.domain.reasons import Reason
from shared.domain.workloads import Workload, WorkloadRef
from shared.errors import PermanentError, TemporaryError
from tests.contract.api_server import ApiServer
from tests.contract.kubernetes_workloads import namespace_of_its_own
from tests.contract.workloads import eventually

CHATTY, LONG, WIDE, MISSING = (f"shop/checkout:{tag}" for tag in ("chatty", "long", "wide", "missing"))
BEHAVIOURS = {
    CHATTY: Behaviour(log_lines=("started", "level=error msg=boom")),
    LONG: Behaviour(log_lines=tuple(f"line {n}" for n in range(MOST_LINES + 200))),
    WIDE: Behaviour(log_lines=("x" * (MOST_BYTES + 10),)),
    MISSING: Behaviour(pull_error=True, log_lines=("never",)),
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(start_seconds=0.02, behaviours=BEHAVIOURS) as cluster:
        yield cluster


class LogsWorld:
    """A Deployment in a namespace of its own, and the port that reads its logs."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.began_at = datetime.now(UTC) - timedelta(seconds=2)
        self.ref = WorkloadRef("test", namespace, "deployment", "checkout")
        self.api = ApiServer(cluster.kubeconfig_path)
        self.workloads = KubernetesWorkloads("test", kubeconfig=str(cluster.kubeconfig_path))
        self.logs = KubernetesLogs(self.workloads.connection)

    def run(self, *images: str, replicas: int = 1) -> Workload:
        """Run these images in one pod, and return the workload once its pods are as they will be."""
        containers = [{"name": f"c{n}", "image": image} for n, image in enumerate(images)]
        labels = {"app": "checkout"}
        spec = {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        }
        path = f"/apis/apps/v1/namespaces/{self.ref.namespace}/deployments"
        self.api.create(path, {"metadata": {"name": "checkout"}, "spec": spec})
        return eventually(self._settled, "the pods had begun, or failed to")

    def _settled(self) -> Workload | None:
        found = self.workloads.read(self.ref)
        pods = found.pods if found else ()
        settled = pods and all(pod.ready or pod.waiting == "ImagePullBackOff" for pod in pods)
        return found if settled else None

    def read(self, workload: Workload, *, since: datetime | None = None) -> list[PodLog]:
        return list(self.logs.read(self.ref, to_read(workload), since=since or self.began_at))


@pytest.fixture
def world(cluster: Cluster) -> Iterator[LogsWorld]:
    with namespace_of_its_own(cluster.kubeconfig_path) as namespace:
        world = LogsWorld(cluster, namespace)
        yield world
        cluster.clear_faults()
        world.workloads.close()
        world.api.close()


def test_every_container_of_every_pod_is_read(world: LogsWorld) -> None:
    workload = world.run(CHATTY, "shop/proxy:1", replicas=2)

    read = world.read(workload)

    assert [(log.pod, log.container) for log in read] == [
        (pod.name, container) for pod in workload.pods for container in ("c0", "c1")
    ]
    assert {log.lines for log in read} == {("started", "level=error msg=boom"), ()}
    assert not any(log.cut for log in read)


def test_what_was_written_before_is_not_read(world: LogsWorld) -> None:
    workload = world.run(CHATTY)

    [log] = world.read(workload, since=datetime.now(UTC) + timedelta(minutes=1))

    assert log.lines == ()


@pytest.mark.parametrize("image", [LONG, WIDE])
def test_a_long_log_is_cut_and_says_so(world: LogsWorld, image: str) -> None:
    [log] = world.read(world.run(image))

    assert log.cut
    assert len(log.lines) <= MOST_LINES
    assert sum(map(len, log.lines)) <= MOST_BYTES


def test_a_container_that_has_not_begun_and_a_pod_that_is_gone_have_no_log(world: LogsWorld) -> None:
    workload = world.run(MISSING)
    gone = replace(workload.pods[0], name="checkout-gone")

    assert world.read(workload) == []
    assert list(world.logs.read(world.ref, [gone], since=world.began_at)) == []


class Recording(Connection):
    """Notes the path of each request."""

    def __init__(self, kubeconfig: str) -> None:
        super().__init__(kubeconfig)
        self.paths: list[str] = []

    def start(self, request: Request, budget: Budget) -> Pending:
        self.paths.append(request.path)
        return super().start(request, budget)


def test_a_request_names_the_container_the_time_and_its_bounds(world: LogsWorld) -> None:
    workload = world.run(CHATTY)
    connection = Recording(str(world.cluster.kubeconfig_path))
    since = datetime(2026, 3, 2, 3, 2, 10, 123456, tzinfo=UTC)

    KubernetesLogs(connection).read(world.ref, workload.pods, since=since)
    connection.close()

    [path] = connection.paths
    assert urlsplit(path).path == f"/api/v1/namespaces/{world.ref.namespace}/pods/{workload.pods[0].name}/log"
    assert dict(parse_qsl(urlsplit(path).query)) == {
        "container": "c0",
        "sinceTime": "2026-03-02T03:02:10Z",
        "tailLines": str(MOST_LINES),
        "limitBytes": str(MOST_BYTES),
    }


def test_a_missing_right_is_named(world: LogsWorld) -> None:
    workload = world.run(CHATTY)
    world.cluster.deny(Denial(verb="get", resource="pods/log", namespace=world.ref.namespace))

    with pytest.raises(PermanentError, match="verb get on pods/log") as refused:
        world.read(workload)

    assert refused.value.reason is Reason.FORBIDDEN


def test_a_cluster_in_trouble_is_asked_again_later(world: LogsWorld) -> None:
    workload = world.run(CHATTY)
    world.cluster.add_fault(Fault(verb="get", path="/log", status=503))

    with pytest.raises(TemporaryError):
        world.read(workload)
