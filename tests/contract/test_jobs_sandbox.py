"""The contract of Jobs on the stand-in cluster, and what only it can show: logs, trouble, missing rights."""

from collections.abc import Iterator

import pytest

from sandbox.cluster import Behaviour, Cluster, Denial, Fault
from shared.domain.changes import Applied
from shared.domain.reasons import Reason
from shared.errors import PermanentError, TemporaryError
from shared.ports import JobPhase
from tests.contract.jobs import JobsContract, JobsWorld
from tests.contract.kubernetes_workloads import namespace_of_its_own
from tests.contract.workloads import eventually

DOWN, FAILS, MISSING, ENDLESS = (f"shop/migrate:{tag}" for tag in ("down", "fails", "missing", "endless"))
BEHAVIOURS = {
    DOWN: Behaviour(log_lines=(*(f"line {n}" for n in range(80)), "down to 41")),
    FAILS: Behaviour(exit_code=3, log_lines=("x" * 9000, "relation orders does not exist")),
    MISSING: Behaviour(pull_error=True, log_lines=("never",)),
    ENDLESS: Behaviour(exit_code=None, log_lines=("waits for a lock",)),
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(start_seconds=0.02, behaviours=BEHAVIOURS) as cluster:
        yield cluster


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    with namespace_of_its_own(cluster.kubeconfig_path) as name:
        yield name


@pytest.fixture
def world(cluster: Cluster, namespace: str) -> Iterator[JobsWorld]:
    world = JobsWorld(cluster.kubeconfig_path, namespace)
    yield world
    cluster.clear_faults()
    world.close()


class TestSandbox(JobsContract):
    pass


def started(world: JobsWorld, image: str) -> str:
    change = world.change(world.template(image, nowhere=False))
    assert world.jobs.apply(change) is Applied.CHANGED
    return change.name


def test_the_end_of_the_log_is_read_with_the_end_of_the_job(world: JobsWorld) -> None:
    run = world.ended(started(world, DOWN))

    assert (run.phase, run.detail) == (JobPhase.SUCCEEDED, "")
    assert run.log.splitlines()[-1] == "down to 41"
    assert len(run.log.splitlines()) == 50


def test_of_a_long_log_the_end_is_kept(world: JobsWorld) -> None:
    run = world.ended(started(world, FAILS))

    assert run.phase is JobPhase.FAILED
    assert run.log.endswith("relation orders does not exist\n")
    assert len(run.log) == 4096


def test_a_job_whose_image_is_missing_runs_on_and_says_what_it_waits_for(world: JobsWorld) -> None:
    name = started(world, MISSING)

    run = eventually(
        lambda: found if (found := world.look(name)).detail == "ImagePullBackOff" else None,
        "the pod was in trouble",
    )
    assert (run.phase, run.log) == (JobPhase.RUNNING, "")


def test_a_job_that_fits_nowhere_says_so(world: JobsWorld) -> None:
    change = world.change(world.template())
    world.jobs.apply(change)

    eventually(lambda: "0/2 nodes are available" in world.look(change.name).detail, "the scheduler gave up")


def test_a_job_that_never_ends_is_read_while_it_runs(world: JobsWorld) -> None:
    name = started(world, ENDLESS)

    eventually(lambda: world.look(name).log == "waits for a lock\n", "its log was there")
    assert world.look(name).phase is JobPhase.RUNNING


def test_a_job_whose_answer_was_lost_is_started_once(cluster: Cluster, world: JobsWorld) -> None:
    change = world.change(world.template())
    cluster.add_fault(Fault(verb="create", path="/jobs", drop=True, after=True))

    with pytest.raises(TemporaryError):
        world.jobs.apply(change)

    assert world.jobs.apply(change) is Applied.ALREADY


def test_a_job_that_came_about_meanwhile_is_looked_at(cluster: Cluster, world: JobsWorld) -> None:
    change = world.change(world.template())
    world.jobs.apply(change)
    cluster.add_fault(Fault(verb="get", path=f"/jobs/{change.name}", status=404))

    assert world.jobs.apply(change) is Applied.ALREADY


@pytest.mark.parametrize(
    ("verb", "resource", "grant"),
    [
        ("get", "cronjobs", "verb get on cronjobs.batch"),
        ("get", "jobs", "verb get on jobs.batch"),
        ("create", "jobs", "verb create on jobs.batch"),
    ],
)
def test_a_missing_right_is_named(
    cluster: Cluster, world: JobsWorld, verb: str, resource: str, grant: str
) -> None:
    change = world.change(world.template())
    cluster.deny(Denial(verb=verb, resource=resource, namespace=world.namespace))

    with pytest.raises(PermanentError) as refused:
        world.jobs.apply(change)

    assert refused.value.reason is Reason.FORBIDDEN
    assert grant in str(refused.value)


@pytest.mark.parametrize("resource", ["pods", "pods/log"])
def test_a_job_is_looked_at_without_the_right_to_see_its_pods(
    cluster: Cluster, world: JobsWorld, resource: str
) -> None:
    name = started(world, DOWN)
    world.ended(name)
    cluster.deny(Denial(resource=resource, namespace=world.namespace))

    run = world.look(name)

    assert (run.phase, run.log) == (JobPhase.SUCCEEDED, "")
