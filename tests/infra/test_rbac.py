"""The roles are what the code asks for, each no more than its capability.

That they are neither more nor less than what was asked for over the whole test run is held by
tests/plugins/rights.py.
"""

from typing import Any

import yaml

from shared.adapters.checks import cluster, owners
from tests.plugins import rights
from tests.plugins.rights import Right

BINDINGS = rights.ROLES.with_name("production.yaml")
OWNERS = {"backout-flux", "backout-helm", "backout-helm-program"}
WORKLOADS = {"deployments", "statefulsets", "daemonsets"}


def needed(asked: cluster.Right) -> Right:
    resource = "/".join(filter(None, (asked.resource.plural, asked.subresource)))
    return asked.verb, asked.resource.group, resource


def bindings() -> list[Any]:
    return list(yaml.safe_load_all(BINDINGS.read_text()))


def test_the_roles_for_workloads_grant_together_what_the_doctor_asks_for() -> None:
    granted = set().union(*(rules for name, rules in rights.granted().items() if name not in OWNERS))

    assert granted == {needed(right) for right in cluster.RIGHTS}


def test_the_role_for_flux_grants_what_the_doctor_asks_for() -> None:
    patched = {right for right in rights.granted()["backout-flux"] if right[0] == "patch"}

    assert patched == {needed(right) for right in owners.RIGHTS.values()}


def test_no_right_is_in_two_roles() -> None:
    granted = rights.granted().values()

    assert sum(map(len, granted)) == len(set().union(*granted))


def test_nothing_is_granted_by_a_wildcard_and_nothing_can_be_deleted() -> None:
    verbs = {verb for granted in rights.granted().values() for verb, _, _ in granted}
    names = {part for granted in rights.granted().values() for right in granted for part in right}

    assert verbs == {"get", "list", "patch", "create"}
    assert "*" not in names


def test_reading_changes_nothing() -> None:
    assert {verb for verb, _, _ in rights.granted()["backout-read"]} == {"get", "list"}


def test_rolling_back_is_a_patch_of_workloads_alone() -> None:
    assert rights.granted()["backout-roll-back"] == {("patch", "apps", workload) for workload in WORKLOADS}


def test_scaling_touches_no_template() -> None:
    resources = {resource for _, _, resource in rights.granted()["backout-scale"]}

    assert resources == {"deployments/scale", "statefulsets/scale", "horizontalpodautoscalers"}


def test_remedies_create_evictions_and_jobs_and_patch_nothing() -> None:
    changes = {right for right in rights.granted()["backout-remedies"] if right[0] != "get"}

    assert changes == {("create", "", "pods/eviction"), ("create", "batch", "jobs")}


def test_each_binding_is_in_a_namespace_and_to_a_role_of_its_name() -> None:
    for binding in bindings():
        assert (binding["kind"], binding["metadata"]["namespace"]) == ("RoleBinding", "production")
        assert binding["roleRef"]["name"] == binding["metadata"]["name"]
        assert binding["roleRef"]["name"] in rights.granted()


def test_a_right_that_lacks_and_one_that_nobody_uses_are_told() -> None:
    every = set().union(*rights.granted().values())
    stranger: Right = ("delete", "", "pods")

    assert rights.complaint(every, whole=True) == ""
    assert "('delete', '', 'pods')" in rights.complaint({stranger}, whole=False)
    assert rights.complaint(every - {("patch", "keda.sh", "scaledobjects")}, whole=True).count("\n") == 0
    assert "scaledobjects" in rights.complaint(every - {("patch", "keda.sh", "scaledobjects")}, whole=True)
    assert rights.complaint(set(), whole=False) == ""
