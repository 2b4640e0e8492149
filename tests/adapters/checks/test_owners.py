from collections.abc import Iterator

import pytest

from sandbox.cluster import Cluster
from sandbox.cluster.faults import Denial
from shared.adapters.checks import owners
from shared.adapters.kubernetes.connection import Connection
from shared.adapters.owners import OwnersByKind
from shared.adapters.owners.flux import HELM_RELEASE, KUSTOMIZATION
from shared.domain.owners import Ownership
from shared.domain.prerequisites import Finding, State
from shared.domain.workloads import Owner
from shared.errors import PermanentError
from tests.domain.examples import a_service, a_workload
from tests.fakes.owners import FakeOwner
from tests.fakes.workloads import FakeWorkloads

SERVICE = a_service()
IN_FLUX = Ownership(KUSTOMIZATION, "flux-system", "apps", running=True)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster() as running:
        yield running


@pytest.fixture
def connection(cluster: Cluster) -> Iterator[Connection]:
    made = Connection(str(cluster.kubeconfig_path))
    yield made
    made.close()


def check(connection: Connection, owner: Owner | None, seen: Ownership | None = None) -> list[Finding]:
    workloads = FakeWorkloads()
    workloads.put(a_workload(ref=SERVICE.workload, owner=owner))
    known = OwnersByKind({seen.kind: FakeOwner(seen)} if seen else {})
    return list(owners.check(workloads, known, connection, SERVICE))


def owner_of(seen: Ownership) -> Owner:
    return Owner(seen.kind, seen.name, undoes_us=True, why="it syncs", namespace=seen.namespace)


def test_a_workload_that_nobody_owns_or_that_is_not_there_is_no_finding(connection: Connection) -> None:
    assert check(connection, None) == []
    assert list(owners.check(FakeWorkloads(), OwnersByKind({}), connection, SERVICE)) == []


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (IN_FLUX, "Flux Kustomization flux-system/apps: is stopped for a rollback"),
        (Ownership("Helm", "shop", "cart"), "Helm shop/cart: undoes no rollback now"),
    ],
)
def test_an_owner_that_leaves_a_rollback_alone_or_can_be_stopped_is_well(
    connection: Connection, seen: Ownership, told: str
) -> None:
    assert check(connection, owner_of(seen), seen) == [Finding("owner of checkout", State.OK, told)]


def test_an_obstacle_is_broken_and_told(connection: Connection) -> None:
    seen = Ownership("Argo CD", "argocd", "shop", running=True, obstacle="an ApplicationSet makes it")

    [finding] = check(connection, owner_of(seen), seen)

    assert (finding.state, finding.detail) == (State.BROKEN, "an ApplicationSet makes it")
    assert "managed_by_owner" in finding.mend


@pytest.mark.parametrize(
    ("kind", "resource"),
    [
        (KUSTOMIZATION, "kustomizations.kustomize.toolkit.fluxcd.io"),
        (HELM_RELEASE, "helmreleases.helm.toolkit.fluxcd.io"),
    ],
)
def test_the_right_to_suspend_flux_is_needed_where_its_object_is(
    cluster: Cluster, connection: Connection, kind: str, resource: str
) -> None:
    seen = Ownership(kind, "flux-system", "apps", running=True)
    cluster.deny(Denial(verb="patch", resource=resource.partition(".")[0], namespace="flux-system"))

    [finding] = check(connection, owner_of(seen), seen)

    assert finding.state is State.MISSING
    assert finding.detail == f"{kind} flux-system/apps: not granted: patch {resource}"
    assert "the namespace flux-system" in finding.mend


@pytest.mark.parametrize(("undoes_us", "state"), [(True, State.BROKEN), (False, State.OK)])
def test_an_owner_that_nothing_reaches_is_broken_where_it_undoes_rollbacks(
    connection: Connection, *, undoes_us: bool, state: State
) -> None:
    [finding] = check(connection, Owner("Argo CD", "shop", undoes_us=undoes_us, why="it syncs"))

    assert (finding.state, finding.detail) == (state, "Argo CD shop: it syncs")


def test_what_the_owner_refuses_is_left_to_be_told(connection: Connection) -> None:
    workloads, fake = FakeWorkloads(), FakeOwner(IN_FLUX, errors=[PermanentError("no right")])
    workloads.put(a_workload(ref=SERVICE.workload, owner=owner_of(IN_FLUX)))

    with pytest.raises(PermanentError, match="no right"):
        owners.check(workloads, OwnersByKind({KUSTOMIZATION: fake}), connection, SERVICE)
