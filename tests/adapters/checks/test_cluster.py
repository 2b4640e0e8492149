import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.cluster import Cluster
from sandbox.cluster.faults import Denial, Fault
from shared.adapters.checks import cluster as checks
from shared.adapters.kubernetes.changing import Changer, Looks
from shared.adapters.kubernetes.connection import Budget, Connection, Pending
from shared.adapters.kubernetes.jobs import KubernetesJobs
from shared.adapters.kubernetes.reading import Reader
from shared.adapters.kubernetes.resources import Request
from shared.domain.changes import (
    AbortRollout,
    ClusterChange,
    EvictPods,
    RestoreRevision,
    RunJob,
    SetAutoscalerMinimum,
    SetReplicas,
)
from shared.domain.prerequisites import Finding, State
from shared.domain.workloads import KINDS, Workload, WorkloadRef

LABELS = {"app": "cart"}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "cart", "image": "cart:v1"}]}}
EVERY_KIND = set(KINDS)
ROLLOUTS = "argoproj.io/v1alpha1"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(start_seconds=0.05) as running:
        running.create_namespace("shop")
        running.define_rollouts()
        running.define_scaled_objects()
        yield running


@pytest.fixture
def connection(cluster: Cluster) -> Iterator[Connection]:
    made = Connection(str(cluster.kubeconfig_path))
    yield made
    made.close()


class Recording(Connection):
    """Notes what each request needs a right to."""

    def __init__(self, kubeconfig: str) -> None:
        super().__init__(kubeconfig)
        self.used: set[str] = set()

    def start(self, request: Request, budget: Budget) -> Pending:
        self.used.add(f"{request.verb} {request.resource}")
        return super().start(request, budget)


def create(cluster: Cluster, group: str, plural: str, kind: str, **spec: Any) -> None:
    body = {
        "apiVersion": group,
        "kind": kind,
        "metadata": {"name": kind.lower(), "namespace": "shop"},
        "spec": spec,
    }
    path = f"{cluster.url}/apis/{group}/namespaces/shop/{plural}"
    httpx.post(path, json=body).raise_for_status()


def names(findings: list[Finding]) -> list[tuple[str, State]]:
    return [(finding.name, finding.state) for finding in findings]


def test_a_cluster_that_answers_is_found(connection: Connection) -> None:
    assert names(list(checks.reachable(connection))) == [("cluster", State.OK)]


def test_a_cluster_that_does_not_answer_is_broken(cluster: Cluster, connection: Connection) -> None:
    cluster.add_fault(Fault(path="/version", times=None, status=503))

    [finding] = checks.reachable(connection)

    assert finding.state is State.BROKEN
    assert finding.mend


def test_without_a_credential_it_is_broken_and_says_so(tmp_path: Path) -> None:
    [finding] = checks.reachable(Connection(str(tmp_path / "none")))

    assert finding.state is State.BROKEN
    assert "credential" in finding.detail


def test_an_account_with_every_right_is_well(connection: Connection) -> None:
    findings = list(checks.rights(connection, "shop", EVERY_KIND))

    assert names(findings) == [("cluster rights in shop", State.OK)]


@pytest.mark.parametrize("right", [right for right in checks.RIGHTS if right.kinds], ids=str)
def test_a_right_that_lacks_is_missing_and_named(
    cluster: Cluster, connection: Connection, right: checks.Right
) -> None:
    resource = "/".join(filter(None, (right.resource.plural, right.subresource)))
    denial = Denial(verb=right.verb, group=right.resource.group, resource=resource, namespace="shop")
    cluster.deny(denial)

    [finding] = checks.rights(connection, "shop", EVERY_KIND)

    assert (finding.state, finding.detail) == (State.MISSING, f"not granted: {right}")
    assert "Role" in finding.mend
    assert names(list(checks.rights(connection, "other", EVERY_KIND))) == [
        ("cluster rights in other", State.OK)
    ]


def test_a_right_that_no_service_needs_is_no_fault(cluster: Cluster, connection: Connection) -> None:
    cluster.deny(Denial(resource="statefulsets"))
    cluster.deny(Denial(group="metrics.k8s.io"))

    findings = list(checks.rights(connection, "shop", {"deployment"}))

    assert [finding.state for finding in findings] == [State.OK, State.OFF]
    assert "list pods.metrics.k8s.io" in findings[1].detail
    assert "patch statefulsets.apps" in findings[1].detail


@pytest.mark.parametrize("defined", [False, True], ids=["without Argo Rollouts", "with them"])
def test_where_any_kind_may_be_discovered_rollouts_count_where_they_are(*, defined: bool) -> None:
    with Cluster() as cluster:
        if defined:
            cluster.define_rollouts()
        cluster.deny(Denial(resource="rollouts"))
        connection = Connection(str(cluster.kubeconfig_path))
        first = checks.rights(connection, "shop", ())[0]
        connection.close()

    assert first.state is (State.MISSING if defined else State.OK)


def test_the_rights_asked_for_are_those_that_the_adapter_uses(cluster: Cluster) -> None:
    workload = {"selector": {"matchLabels": LABELS}, "template": TEMPLATE}
    create(cluster, "apps/v1", "deployments", "Deployment", replicas=1, **workload)
    create(cluster, "apps/v1", "statefulsets", "StatefulSet", replicas=1, serviceName="cart", **workload)
    create(cluster, "apps/v1", "daemonsets", "DaemonSet", **workload)
    canary = {"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}}
    create(cluster, ROLLOUTS, "rollouts", "Rollout", replicas=1, strategy=canary, **workload)
    scaled = {"kind": "StatefulSet", "name": "statefulset"}
    create(cluster, "keda.sh/v1alpha1", "scaledobjects", "ScaledObject", scaleTargetRef=scaled, triggers=[])
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "deployment"}
    create(
        cluster,
        "autoscaling/v2",
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
        scaleTargetRef=target,
        minReplicas=1,
        maxReplicas=3,
    )
    connection = Recording(str(cluster.kubeconfig_path))
    reader = Reader(connection, ())
    changer = Changer(connection, reader, Looks())
    for kind in KINDS:
        ref = WorkloadRef("test", "shop", kind, kind)
        if kind == "rollout":
            update(cluster)
        found = settled(reader, ref)
        for change in changes(found):
            changer.apply(change, Budget(10))
    run_a_job(cluster, connection)
    connection.close()

    assert connection.used == {str(right) for right in checks.RIGHTS}


def update(cluster: Cluster) -> None:
    """Give the Rollout another image once its first is through."""
    path = f"{cluster.url}/apis/{ROLLOUTS}/namespaces/shop/rollouts/rollout"
    deadline = time.monotonic() + 20
    while httpx.get(path).json()["status"].get("phase") != "Healthy":
        assert time.monotonic() < deadline, "the Rollout is not healthy"
    containers = [{"name": "cart", "image": "cart:v2"}]
    body = {"spec": {"template": {"spec": {"containers": containers}}}}
    headers = {"content-type": "application/merge-patch+json"}
    httpx.patch(path, json=body, headers=headers).raise_for_status()


def run_a_job(cluster: Cluster, connection: Recording) -> None:
    """Run a Job from a CronJob, and look at it until its pod has begun."""
    containers = [{"name": "migrate", "image": "cart:v1"}]
    template = {"spec": {"template": {"spec": {"containers": containers, "restartPolicy": "Never"}}}}
    spec = {"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": template}
    create(cluster, "batch/v1", "cronjobs", "CronJob", **spec)
    jobs = KubernetesJobs(connection)
    ref = WorkloadRef("test", "shop", "deployment", "deployment")
    jobs.apply(RunJob(ref, "r1", "shop/cronjob", "job-1"))
    deadline = time.monotonic() + 20
    while "get pods/log" not in connection.used:
        jobs.look("shop", "job-1")
        assert time.monotonic() < deadline, "the Job's pod has not begun"


def settled(reader: Reader, ref: WorkloadRef) -> Workload:
    """Read the workload until its controller has noted its revision, and of a Rollout what is stable."""
    deadline = time.monotonic() + 20
    while True:
        found = reader.read(ref, Budget(10), usage=True, events=True)
        workload = found[0] if found is not None else None
        if workload is not None and _is_settled(workload):
            return workload
        assert time.monotonic() < deadline, f"{ref} has no revision"


def _is_settled(workload: Workload) -> bool:
    has_revision = bool(workload.revisions and workload.revisions[0].name)
    return has_revision and (workload.ref.kind != "rollout" or bool(workload.stable_template_id))


def changes(workload: Workload) -> list[ClusterChange]:
    """Return a change of each sort; those that are stale are refused with 409 and read back."""
    ref, template_id, scaler = workload.ref, workload.template_id, workload.autoscaler
    found: list[ClusterChange] = []
    if ref.kind == "rollout":
        stable = workload.stable_template_id
        found.append(AbortRollout(ref, "r1", workload.generation, template_id, stable))
    found.append(
        RestoreRevision(
            workload=ref,
            response_id="r1",
            generation=workload.generation,
            from_template_id=template_id,
            to_template_id=template_id,
            revision_name=workload.revisions[0].name,
            cause="a test",
        )
    )
    if ref.kind != "daemonset":
        found.append(SetReplicas(ref, "r1", resource_version="1", replicas_before=1, replicas=2))
    found += [EvictPods(ref, "r1", f"{pod.name}/{pod.uid}") for pod in workload.pods[:1]]
    if scaler is not None:
        found.append(SetAutoscalerMinimum(ref, "r1", scaler.name, "1", 1, 3, 2, 3, scaler.kind))
    return found
