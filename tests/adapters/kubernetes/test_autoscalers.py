from typing import Any

import msgspec
import pytest

from shared.adapters.kubernetes import autoscalers, resources, wire
from shared.adapters.kubernetes.connection import Answer
from shared.adapters.kubernetes.kinds import KINDS
from shared.domain.workloads import Autoscaler
from shared.errors import TemporaryError

LISTING = resources.list_of(resources.AUTOSCALERS, "production")
SCALED = resources.get(resources.SCALED_OBJECTS, "production", "checkout-so")
OWNER = {"kind": "ScaledObject", "name": "checkout-so", "uid": "1", "controller": True}


def scaler(*owners: dict[str, Any], api_version: str = "apps/v1", kind: str = "Deployment") -> dict[str, Any]:
    aim = {"apiVersion": api_version, "kind": kind, "name": "checkout"}
    metadata = {"name": "keda-hpa-checkout-so", "resourceVersion": "7", "ownerReferences": list(owners)}
    return {"metadata": metadata, "spec": {"scaleTargetRef": aim, "minReplicas": 2, "maxReplicas": 4}}


def listed(*items: dict[str, Any], status: int = 200) -> Answer:
    return Answer(LISTING, status, msgspec.json.encode({"items": items}))


def found(*owners: dict[str, Any]) -> wire.Autoscaler:
    target = autoscalers.target(listed(scaler(*owners)), KINDS["deployment"], "checkout")
    assert target is not None
    return target


def scaled(status: int = 200, **spec: int) -> Answer:
    body = {"metadata": {"name": "checkout-so", "resourceVersion": "9"}, "spec": spec}
    return Answer(SCALED, status, msgspec.json.encode(body))


@pytest.mark.parametrize("status", [403, 404])
def test_where_autoscalers_cannot_be_listed_there_is_none(status: int) -> None:
    assert autoscalers.target(listed(status=status), KINDS["deployment"], "checkout") is None


@pytest.mark.parametrize(
    "other",
    [
        scaler(kind="StatefulSet"),
        scaler(kind="Rollout", api_version="argoproj.io/v1alpha1"),
        scaler(api_version="example.com/v1"),
    ],
)
def test_one_that_scales_another_kind_is_not_the_workloads(other: dict[str, Any]) -> None:
    assert autoscalers.target(listed(other), KINDS["deployment"], "checkout") is None


def test_a_rollouts_is_found_by_its_group() -> None:
    its = scaler(kind="Rollout", api_version="argoproj.io/v1alpha1")

    assert autoscalers.target(listed(its), KINDS["rollout"], "checkout") is not None


def test_one_that_nobody_writes_is_itself() -> None:
    assert autoscalers.scaled_object(found(), "production") is None
    assert autoscalers.described(found(), None) == Autoscaler("keda-hpa-checkout-so", "7", 2, 4)


def test_one_that_another_controller_writes_is_itself() -> None:
    assert autoscalers.scaled_object(found({**OWNER, "kind": "Shop"}), "production") is None


def test_one_that_keda_writes_is_its_scaled_object() -> None:
    assert autoscalers.scaled_object(found(OWNER), "production") == SCALED

    described = autoscalers.described(found(OWNER), scaled(minReplicaCount=3, maxReplicaCount=8))

    assert described == Autoscaler("checkout-so", "9", 3, 8, kind="ScaledObject")


def test_a_scaled_object_that_may_not_be_read_has_no_version() -> None:
    assert autoscalers.described(found(OWNER), scaled(403)) == Autoscaler(
        "checkout-so", "", 2, 4, kind="ScaledObject"
    )


def test_a_scaled_object_that_is_gone_writes_nothing_any_more() -> None:
    assert autoscalers.described(found(OWNER), scaled(404)) == Autoscaler("keda-hpa-checkout-so", "7", 2, 4)


def test_trouble_of_the_servers_own_is_temporary() -> None:
    with pytest.raises(TemporaryError):
        autoscalers.described(found(OWNER), scaled(503))
