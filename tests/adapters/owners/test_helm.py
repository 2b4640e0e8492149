"""Helm releases are rolled back by a helm program, once; a stand-in of it runs here."""

import contextlib
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox.cluster import Change, Cluster, Denial, Fault
from shared.adapters.owners import helm_claims as claims
from shared.adapters.owners.helm import HelmOwner
from shared.domain.changes import MARKER, Applied, ResumeOwner, RollBackByOwner, StopOwner
from shared.domain.owners import Ownership, Suspension
from shared.domain.reasons import Reason
from shared.domain.workloads import Owner, WorkloadRef
from shared.errors import BackoutError, PermanentError, TemporaryError
from shared.ports import CALL_SECONDS
from tests.contract.helm_releases import HelmWorld
from tests.contract.kubernetes_workloads import namespace_of_its_own
from tests.contract.workloads import BAD, GOOD, WORSE, eventually

STAND_IN = f"{sys.executable} -m sandbox.helm"
SOON = 2.6
"""Seconds of a call that leave the program 0.6, for one that does not even begin."""


@dataclass
class Programs:
    """Writes programs for the test; each run of one leaves a line in `runs`."""

    folder: Path

    def write(self, *lines: str) -> str:
        path = self.folder / "helm"
        path.write_text("\n".join(("#!/bin/sh", f'echo "$@" >> {self.folder}/runs', *lines)) + "\n")
        path.chmod(0o755)
        return str(path)

    def stand_in(self, options: str = "") -> str:
        return self.write(f'exec {STAND_IN} {options} "$@"')

    def gate(self) -> str:
        """Return a command that ends once the test opens the gate."""
        return f"while [ ! -e {self.folder}/open ]; do sleep 0.02; done"

    def open(self) -> None:
        (self.folder / "open").touch()

    @property
    def runs(self) -> list[str]:
        found = self.folder / "runs"
        return found.read_text().splitlines() if found.exists() else []


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(start_seconds=0.02) as cluster:
        yield cluster


@pytest.fixture
def world(cluster: Cluster) -> Iterator[HelmWorld]:
    """Give a world in a namespace of its own, for denials stay."""
    with namespace_of_its_own(cluster.kubeconfig_path) as namespace:
        world = HelmWorld(cluster.kubeconfig_path, namespace)
        yield world
        cluster.clear_faults()
        world.close()


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    programs = Programs(tmp_path)
    yield programs
    programs.open()


def owner(world: HelmWorld, program: str, *, seconds: float = 12.0) -> HelmOwner:
    kubeconfig = str(world.kubeconfig)
    return HelmOwner(world.connection, program=program, kubeconfig=kubeconfig, seconds=seconds)


def broken(world: HelmWorld) -> RollBackByOwner:
    """Install a release, break it, and return the change that rolls it back."""
    name, ref = world.installed(GOOD, BAD)
    return RollBackByOwner(
        ref, "r-1", "Helm", world.namespace, name, target="1", seen="2", cause="backout: r-1"
    )


def look(helm: HelmOwner, world: HelmWorld, ref: WorkloadRef) -> Ownership:
    found = helm.look(world.read(ref))
    assert found is not None
    return found


def images(world: HelmWorld, ref: WorkloadRef) -> str:
    return world.read(ref).current.images["app"]


def versions(world: HelmWorld, change: RollBackByOwner) -> list[tuple[int, str, str]]:
    return [(one.version, one.status, one.description) for one in world.helm.history(change.name)]


def test_a_call_is_bounded_below_what_the_port_allows(world: HelmWorld) -> None:
    assert HelmOwner(world.connection)._seconds < CALL_SECONDS


# looking


def test_without_a_program_the_note_says_how_to_roll_the_release_back(world: HelmWorld) -> None:
    change = broken(world)

    owned = look(owner(world, ""), world, change.workload)

    assert (owned.by_owner, owned.running, owned.obstacle) == (False, False, "")
    assert owned.note == (
        f"only the pod template is restored, not the Helm release {change.name}: "
        "no helm program is configured; the next helm upgrade overwrites the template, "
        f"so roll the release back by `helm rollback {change.name} 1 --namespace {world.namespace}`"
    )


def test_a_good_version_is_named_only_where_it_is_known(world: HelmWorld) -> None:
    _, ref = world.installed(BAD)

    assert look(owner(world, ""), world, ref).note.endswith("so roll the release back")


def test_a_program_that_is_not_there_leaves_the_template_alone_to_be_restored(world: HelmWorld) -> None:
    change = broken(world)
    helm = owner(world, "/nowhere/helm")

    owned = look(helm, world, change.workload)

    assert not owned.by_owner
    assert "there is no program /nowhere/helm" in owned.note
    with pytest.raises(PermanentError, match="cannot be started"):
        helm.apply(change)


def test_secrets_that_may_not_be_read_leave_the_template_alone_to_be_restored(
    cluster: Cluster, world: HelmWorld, programs: Programs
) -> None:
    change = broken(world)
    cluster.deny(Denial(verb="list", resource="secrets", namespace=world.namespace))
    helm = owner(world, programs.stand_in())

    owned = look(helm, world, change.workload)

    assert (owned.by_owner, owned.obstacle) == (False, "")
    assert f"grant the verb list on secrets in the namespace {world.namespace}" in owned.note
    with pytest.raises(PermanentError) as refused:
        helm.apply(change)
    assert refused.value.reason is Reason.FORBIDDEN
    assert programs.runs == []


def test_a_version_that_cannot_be_read_leaves_the_template_alone_to_be_restored(world: HelmWorld) -> None:
    change = broken(world)
    newest = world.helm.history(change.name)[-1]
    path = f"/api/v1/namespaces/{world.namespace}/secrets/{newest.key}"
    world.api.patch(path, {"data": {"release": "bm90IGhlbG0="}})

    owned = look(owner(world, "/bin/true"), world, change.workload)

    assert not owned.by_owner
    assert "version 2 cannot be read" in owned.note


def test_a_cluster_that_does_not_answer_is_temporary(cluster: Cluster, world: HelmWorld) -> None:
    change = broken(world)
    workload = world.read(change.workload)
    cluster.add_fault(Fault(verb="list", path="secrets", status=503))

    with pytest.raises(TemporaryError):
        owner(world, "").look(workload)


@pytest.mark.parametrize("name", ["--kubeconfig=evil", "../shop", "Shop", ""])
def test_a_name_that_no_release_can_have_is_never_put_to_helm(
    world: HelmWorld, programs: Programs, name: str
) -> None:
    change = broken(world)
    helm = owner(world, programs.stand_in())
    marked = replace(world.read(change.workload), owner=Owner("Helm", name, undoes_us=False, why=""))

    owned = helm.look(marked)

    assert owned is not None
    assert not owned.by_owner
    with pytest.raises(PermanentError):
        helm.apply(replace(change, name=name))
    assert programs.runs == []


# rolling back


def test_a_release_is_rolled_back_once(world: HelmWorld, programs: Programs) -> None:
    change = broken(world)
    helm = owner(world, programs.stand_in())

    assert helm.apply(change) is Applied.CHANGED
    assert helm.apply(change) is Applied.ALREADY

    assert images(world, change.workload) == GOOD
    assert versions(world, change) == [
        (1, "superseded", "Install complete"),
        (2, "superseded", "Upgrade complete"),
        (3, "deployed", "Rollback to 1"),
    ]
    assert programs.runs == [f"rollback {change.name} 1 --namespace {world.namespace} --history-max 0"]


def test_what_was_looked_at_and_chosen_is_what_is_rolled_back(world: HelmWorld, programs: Programs) -> None:
    change = broken(world)
    helm = owner(world, programs.stand_in())
    workload = world.read(change.workload)
    owned = look(helm, world, change.workload)
    target = helm.target(workload, owned, workload.revisions[1])
    assert target is not None

    asked = replace(change, namespace=owned.namespace, name=owned.name, target=target.id, seen=target.seen)

    assert helm.apply(asked) is Applied.CHANGED
    assert world.read(change.workload).template_id == workload.revisions[1].template_id


def test_helm_is_told_where_the_cluster_and_the_releases_are(world: HelmWorld, programs: Programs) -> None:
    change = broken(world)
    right = f'[ "$KUBECONFIG" = {world.kubeconfig} ] && [ "$HELM_DRIVER" = secret ]'
    helm = owner(world, programs.write(f'{right} && exec {STAND_IN} "$@"', "exit 3"))

    assert helm.apply(change) is Applied.CHANGED


def test_a_rollback_that_someone_else_made_is_not_made_again(world: HelmWorld, programs: Programs) -> None:
    change = broken(world)
    world.helm.rollback(change.name, 1)

    assert owner(world, programs.stand_in()).apply(change) is Applied.ALREADY
    assert programs.runs == []


def test_an_upgrade_to_what_the_target_holds_is_as_good(world: HelmWorld, programs: Programs) -> None:
    change = broken(world)
    world.rolled_out(change.name, change.workload, world.rendered(change.workload, GOOD))

    assert owner(world, programs.stand_in()).apply(change) is Applied.ALREADY
    assert programs.runs == []


@pytest.mark.parametrize("status", ["deployed", "pending-upgrade", "failed"])
def test_an_upgrade_that_came_meanwhile_is_left_alone(
    world: HelmWorld, programs: Programs, status: str
) -> None:
    change = broken(world)
    world.rolled_out(change.name, change.workload, world.rendered(change.workload, WORSE))
    world.helm.mark(world.helm.history(change.name)[-1], status)

    assert owner(world, programs.stand_in()).apply(change) is Applied.MOVED
    assert programs.runs == []
    assert images(world, change.workload) == WORSE


def test_a_release_that_is_gone_is_left_alone(world: HelmWorld, programs: Programs) -> None:
    change = replace(broken(world), name="gone")

    assert owner(world, programs.stand_in()).apply(change) is Applied.MOVED
    assert programs.runs == []


def test_a_rollback_under_way_is_waited_for(world: HelmWorld, programs: Programs) -> None:
    change = broken(world)
    third = world.helm.rollback(change.name, 1)
    world.helm.mark(third, "pending-rollback")

    with pytest.raises(TemporaryError, match="helm is rolling release"):
        owner(world, programs.stand_in()).apply(change)
    assert programs.runs == []


def test_an_upgrade_that_helm_overtook_is_told(world: HelmWorld, programs: Programs) -> None:
    change = broken(world)
    theirs = f"{STAND_IN} rollback {change.name} 2 --namespace {world.namespace}"
    helm = owner(world, programs.write(theirs, f'exec {STAND_IN} "$@"'))

    with pytest.raises(PermanentError, match=r"version 3 .* was rolled back too"):
        helm.apply(change)


# claims


def test_of_several_responses_at_once_one_runs_helm(world: HelmWorld, programs: Programs) -> None:
    change = broken(world)
    helm = owner(world, programs.stand_in())

    def apply(number: int) -> Applied | None:
        with contextlib.suppress(TemporaryError):
            return owner(world, str(programs.folder / "helm")).apply(
                replace(change, response_id=f"r-{number}")
            )
        return None

    with ThreadPoolExecutor(4) as threads:
        came = list(threads.map(apply, range(4)))

    assert came.count(Applied.CHANGED) == 1
    assert helm.apply(change) is Applied.ALREADY
    assert len(programs.runs) == 1


def test_a_claim_of_another_response_is_waited_for_and_then_no_longer(
    world: HelmWorld, programs: Programs
) -> None:
    change = broken(world)
    failing = owner(world, programs.write("exit 1"))
    with pytest.raises(PermanentError):
        failing.apply(replace(change, response_id="r-0"))
    program = programs.stand_in()

    with pytest.raises(TemporaryError, match="another response"):
        owner(world, program).apply(change)
    assert len(programs.runs) == 1

    later = datetime.now(UTC) + claims.LASTS
    patient = HelmOwner(
        world.connection, program=program, kubeconfig=str(world.kubeconfig), clock=lambda: later
    )
    assert patient.apply(change) is Applied.CHANGED


def test_a_response_that_is_tried_again_has_its_claim(world: HelmWorld, programs: Programs) -> None:
    change = broken(world)
    with pytest.raises(PermanentError):
        owner(world, programs.write("exit 1")).apply(change)

    assert owner(world, programs.stand_in()).apply(change) is Applied.CHANGED


@pytest.mark.parametrize("since", ["", "noon", "2026-08-22T10:00:00"])
def test_a_claim_without_a_time_is_none(world: HelmWorld, programs: Programs, since: str) -> None:
    change = broken(world)
    newest = world.helm.history(change.name)[-1]
    marks = {MARKER: "r-0", claims.SINCE: since}
    path = f"/api/v1/namespaces/{world.namespace}/secrets/{newest.key}"
    world.api.patch(path, {"metadata": {"annotations": marks}})

    assert owner(world, programs.stand_in()).apply(change) is Applied.CHANGED


def test_a_release_that_may_not_be_claimed_is_not_rolled_back(
    cluster: Cluster, world: HelmWorld, programs: Programs
) -> None:
    change = broken(world)
    cluster.deny(Denial(verb="patch", resource="secrets", namespace=world.namespace))

    with pytest.raises(PermanentError, match="grant the verb patch on secrets"):
        owner(world, programs.stand_in()).apply(change)
    assert programs.runs == []


# trouble


def test_a_rollback_whose_answer_was_lost_is_found_again(
    cluster: Cluster, world: HelmWorld, programs: Programs
) -> None:
    change = broken(world)
    helm = owner(world, programs.stand_in())

    def lose_the_next_answer(seen: Change) -> None:
        if seen.obj["metadata"].get("labels", {}).get("version") == "3" and seen.obj["kind"] == "Secret":
            cluster.clear_faults()
            cluster.add_fault(Fault(verb="list", path="labelSelector=owner", status=503))

    ended = cluster.on_change(lose_the_next_answer)
    with pytest.raises(TemporaryError):
        helm.apply(change)
    ended()
    cluster.clear_faults()

    assert helm.apply(change) is Applied.ALREADY
    assert len(programs.runs) == 1


def test_a_helm_that_fails_after_it_has_done_it_has_done_it(world: HelmWorld, programs: Programs) -> None:
    change = broken(world)
    helm = owner(world, programs.write(f'{STAND_IN} "$@"', "echo 'Error: connection reset' >&2", "exit 1"))

    assert helm.apply(change) is Applied.ALREADY
    assert images(world, change.workload) == GOOD


def test_a_helm_that_does_nothing_is_not_believed(world: HelmWorld, programs: Programs) -> None:
    change = broken(world)

    with pytest.raises(PermanentError, match="made no version"):
        owner(world, programs.write("exit 0")).apply(change)


@pytest.mark.parametrize(
    ("said", "error", "reason"),
    [
        ("another operation (install/upgrade/rollback) is in progress", TemporaryError, None),
        ("release: already exists", TemporaryError, None),
        ('Kubernetes cluster unreachable: Get "https://10.0.0.1/version": dial tcp', TemporaryError, None),
        ("context deadline exceeded", TemporaryError, None),
        ('secrets is forbidden: User "backout" cannot create resource', PermanentError, Reason.FORBIDDEN),
        ("release has no 1 version", PermanentError, Reason.NO_CANDIDATE),
        ("release: not found", PermanentError, Reason.NO_CANDIDATE),
        ("unable to build kubernetes objects from current release manifest", PermanentError, Reason.INTERNAL),
    ],
)
def test_what_helm_says_is_told(
    world: HelmWorld,
    programs: Programs,
    said: str,
    error: type[BackoutError],
    reason: Reason | None,
) -> None:
    change = broken(world)
    helm = owner(world, programs.write("echo 'WARNING: insecure' >&2", f"echo 'Error: {said}' >&2", "exit 1"))

    with pytest.raises(error) as failed:
        helm.apply(change)

    assert said in str(failed.value)
    assert "WARNING" not in str(failed.value)
    assert reason is None or vars(failed.value)["reason"] is reason


def test_secrets_in_what_helm_says_are_not_told(world: HelmWorld, programs: Programs) -> None:
    change = broken(world)
    said = 'Get "https://ci:hunter2@10.0.0.1/": Authorization: Bearer abc.def password=hunter3'
    helm = owner(world, programs.write(f"echo 'Error: {said}' >&2", "exit 1"))

    with pytest.raises(PermanentError) as failed:
        helm.apply(change)

    for secret in ("hunter2", "abc.def", "hunter3"):
        assert secret not in str(failed.value)


def test_a_helm_that_does_not_begin_is_ended_and_tried_again(world: HelmWorld, programs: Programs) -> None:
    change = broken(world)
    helm = owner(world, programs.write(f"echo $$ > {programs.folder}/pid", programs.gate()), seconds=SOON)

    with pytest.raises(TemporaryError, match="did not begin"):
        helm.apply(change)

    with pytest.raises(ProcessLookupError):
        os.kill(int((programs.folder / "pid").read_text()), 0)
    programs.stand_in()
    assert owner(world, str(programs.folder / "helm")).apply(change) is Applied.CHANGED


def test_a_helm_that_takes_long_is_left_to_end_and_not_started_again(
    world: HelmWorld, programs: Programs
) -> None:
    change = broken(world)
    helm = owner(world, programs.stand_in(f"--hook \"sh -c '{programs.gate()}'\""), seconds=6.0)

    for _ in range(2):
        with pytest.raises(TemporaryError, match="helm is rolling release"):
            helm.apply(change)
    with pytest.raises(TemporaryError, match="helm is rolling release"):
        owner(world, str(programs.folder / "helm")).apply(change)  # another process would say so too
    programs.open()
    eventually(lambda: versions(world, change)[-1][1] == "deployed", "helm ended")
    eventually(lambda: not helm._program.is_running(change.namespace, change.name), "helm was gone")

    assert helm.apply(change) is Applied.ALREADY
    assert len(programs.runs) == 1


def test_a_hook_that_fails_leaves_the_release_pending_and_is_told(
    world: HelmWorld, programs: Programs
) -> None:
    change = broken(world)

    with pytest.raises(PermanentError, match=r"hooks failed.*left pending-rollback"):
        owner(world, programs.stand_in("--hook false")).apply(change)


def test_a_rollback_that_failed_half_way_is_told(
    cluster: Cluster, world: HelmWorld, programs: Programs
) -> None:
    change = broken(world)
    cluster.deny(Denial(verb="patch", resource="deployments", namespace=world.namespace))
    helm = owner(world, programs.stand_in())

    for _ in range(2):
        with pytest.raises(PermanentError, match=r"made version 3 of .* failed: .*cannot patch"):
            helm.apply(change)
    assert len(programs.runs) == 1


# what Helm has none of


def test_a_release_is_never_stopped_or_resumed(world: HelmWorld, programs: Programs) -> None:
    change = broken(world)
    helm = owner(world, programs.stand_in())
    about = (change.workload, "r-1", "Helm", world.namespace, change.name)

    for other in (StopOwner(*about, version="2", before=""), ResumeOwner(*about, before="")):
        with pytest.raises(PermanentError):
            helm.apply(other)
    assert not helm.in_step(Suspension("Helm", world.namespace, change.name, ""), commit="")
