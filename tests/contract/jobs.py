"""What `KubernetesJobs` keeps to on any API server with controllers, real or not.

Nothing here needs a node, a kubelet or an image: pods fit no node, and the test says how they end.
"""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from shared.adapters.kubernetes import KubernetesJobs, KubernetesWorkloads
from shared.domain.changes import Applied, RunJob
from shared.domain.reasons import Reason
from shared.domain.workloads import WorkloadRef
from shared.errors import PermanentError
from shared.ports import JobPhase, JobRun
from tests.contract.api_server import ApiServer, Object
from tests.contract.workloads import eventually

CLUSTER = "test"
NOWHERE = {"backout.dev/no-node-has-this": "true"}
NAMES = (f"migrate-{n}" for n in itertools.count())


class JobsWorld:
    """A namespace of its own in the cluster of a kubeconfig."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.api = ApiServer(kubeconfig)
        self.namespace = namespace
        self.workloads = KubernetesWorkloads(CLUSTER, kubeconfig=str(kubeconfig))
        self.jobs = KubernetesJobs(self.workloads.connection)

    def close(self) -> None:
        self.workloads.close()
        self.api.close()

    def template(self, image: str = "shop/migrate:1", *, nowhere: bool = True, **spec: object) -> str:
        """Make a suspended CronJob, whose pods fit no node unless they are to run."""
        name = next(NAMES)
        pod: Object = {"restartPolicy": "Never", "containers": [{"name": "migrate", "image": image}]}
        if nowhere:
            pod["nodeSelector"] = NOWHERE
        job = {"backoffLimit": 0, "template": {"metadata": {"labels": {"app": "db"}}, "spec": pod}, **spec}
        made_of = {"metadata": {"labels": {"team": "payments"}, "annotations": {"note": "down"}}, "spec": job}
        body = {
            "metadata": {"name": name},
            "spec": {"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": made_of},
        }
        self.api.create(f"/apis/batch/v1/namespaces/{self.namespace}/cronjobs", body)
        return f"{self.namespace}/{name}"

    def change(self, template: str, *, response_id: str = "r-1") -> RunJob:
        ref = WorkloadRef(CLUSTER, self.namespace, "deployment", "checkout")
        return RunJob(workload=ref, response_id=response_id, template=template, name=f"backout-{next(NAMES)}")

    def path(self, name: str = "") -> str:
        return f"/apis/batch/v1/namespaces/{self.namespace}/jobs/{name}".rstrip("/")

    def stored(self, name: str) -> Object:
        found = self.api.get(self.path(name))
        assert found is not None
        return found

    def end(self, name: str, phase: str) -> None:
        """Let the Job's pod end, as a kubelet would say it."""
        pods = f"/api/v1/namespaces/{self.namespace}/pods"

        def made() -> Object | None:
            found = self.api.get(f"{pods}?labelSelector=job-name%3D{name}")
            return found["items"][0] if found is not None and found["items"] else None

        pod = eventually(made, "the Job's pod was made")
        self.api.patch(f"{pods}/{pod['metadata']['name']}/status", {"status": {"phase": phase}})

    def look(self, name: str) -> JobRun:
        found = self.jobs.look(self.namespace, name)
        assert found is not None
        return found

    def ended(self, name: str) -> JobRun:
        return eventually(
            lambda: run if (run := self.look(name)).phase is not JobPhase.RUNNING else None, "the Job ended"
        )


class JobsContract:
    """The cases. A subclass has a fixture `world`."""

    def test_a_job_is_started_once(self, world: JobsWorld) -> None:
        change = world.change(world.template())

        assert world.jobs.apply(change) is Applied.CHANGED
        uid = world.stored(change.name)["metadata"]["uid"]
        assert world.jobs.apply(change) is Applied.ALREADY

        assert world.stored(change.name)["metadata"]["uid"] == uid
        assert world.look(change.name).phase is JobPhase.RUNNING

    def test_a_job_is_what_its_template_says_and_says_whose_it_is(self, world: JobsWorld) -> None:
        change = world.change(world.template(backoffLimit=3, activeDeadlineSeconds=600))

        world.jobs.apply(change)

        job = world.stored(change.name)
        annotations = job["metadata"]["annotations"]
        assert job["metadata"]["labels"]["team"] == "payments"
        assert (annotations["note"], annotations["backout.dev/response"]) == ("down", "r-1")
        assert (job["spec"]["backoffLimit"], job["spec"]["activeDeadlineSeconds"]) == (3, 600)
        assert job["spec"]["template"]["metadata"]["labels"]["app"] == "db"
        assert job["spec"]["template"]["spec"]["containers"][0]["image"] == "shop/migrate:1"

    def test_a_job_outlives_its_end_and_its_template(self, world: JobsWorld) -> None:
        change = world.change(world.template(ttlSecondsAfterFinished=0))

        world.jobs.apply(change)

        job = world.stored(change.name)
        assert job["spec"]["ttlSecondsAfterFinished"] >= 3600
        assert "ownerReferences" not in job["metadata"]
        world.api.delete(f"/apis/batch/v1/namespaces/{change.template.replace('/', '/cronjobs/')}")
        assert world.jobs.apply(change) is Applied.ALREADY

    def test_a_template_that_is_missing_is_named(self, world: JobsWorld) -> None:
        change = world.change(f"{world.namespace}/never-was")

        with pytest.raises(PermanentError) as refused:
            world.jobs.apply(change)

        assert refused.value.reason is Reason.NOT_FOUND
        assert f"CronJob {world.namespace}/never-was" in str(refused.value)
        assert world.jobs.look(world.namespace, change.name) is None

    def test_a_job_of_another_response_is_left_alone(self, world: JobsWorld) -> None:
        change = world.change(world.template())
        world.jobs.apply(change)

        with pytest.raises(PermanentError, match="not of this response"):
            world.jobs.apply(replace(change, response_id="r-2"))

        assert world.stored(change.name)["metadata"]["annotations"]["backout.dev/response"] == "r-1"

    def test_a_job_of_someone_elses_is_left_alone(self, world: JobsWorld) -> None:
        change = world.change(world.template())
        pod = {"restartPolicy": "Never", "containers": [{"name": "app", "image": "shop/other:1"}]}
        job = {"metadata": {"name": change.name}, "spec": {"template": {"spec": pod}}}
        world.api.create(world.path(), job)

        with pytest.raises(PermanentError, match="not of this response"):
            world.jobs.apply(change)

    @pytest.mark.parametrize("name", ["x" * 64, "Migrate", "../cronjobs/a", ""])
    def test_a_name_that_no_job_can_have_is_refused(self, world: JobsWorld, name: str) -> None:
        with pytest.raises(PermanentError, match="no name for a Job"):
            world.jobs.apply(replace(world.change(world.template()), name=name))

        assert world.jobs.look(world.namespace, name) is None

    @pytest.mark.parametrize("template", ["migrate", "a/b/c", "a/", "../a"])
    def test_what_names_no_template_is_refused(self, world: JobsWorld, template: str) -> None:
        with pytest.raises(PermanentError, match="names no CronJob"):
            world.jobs.apply(world.change(template))

    def test_there_is_no_job_of_an_unknown_name(self, world: JobsWorld) -> None:
        assert world.jobs.look(world.namespace, "never-was") is None

    def test_a_job_whose_pod_succeeded_has_succeeded(self, world: JobsWorld) -> None:
        change = world.change(world.template())
        world.jobs.apply(change)
        world.end(change.name, "Succeeded")

        assert world.ended(change.name).phase is JobPhase.SUCCEEDED

    def test_a_job_whose_pod_failed_has_failed_and_says_why(self, world: JobsWorld) -> None:
        change = world.change(world.template())
        world.jobs.apply(change)
        world.end(change.name, "Failed")

        ended = world.ended(change.name)

        assert ended.phase is JobPhase.FAILED
        assert ended.detail.startswith("BackoffLimitExceeded: ")
        assert world.jobs.apply(change) is Applied.ALREADY

    def test_a_job_past_its_deadline_has_failed_and_says_why(self, world: JobsWorld) -> None:
        change = world.change(world.template(activeDeadlineSeconds=1))
        world.jobs.apply(change)

        ended = world.ended(change.name)

        assert ended.phase is JobPhase.FAILED
        assert ended.detail.startswith("DeadlineExceeded: ")
