import pytest

from shared import wire
from shared.domain.changes import (
    KINDS,
    AbortRollout,
    Change,
    EvictPods,
    FlushCache,
    Intent,
    RestartWorkload,
    RestoreDatabase,
    RestoreRevision,
    ResumeOwner,
    RevertCommit,
    RollBackByOwner,
    RunJob,
    SetAutoscalerMinimum,
    SetFlag,
    SetReplicas,
    StopOwner,
)
from tests.domain.examples import CHECKOUT

CHANGES: list[Change] = [
    RestoreRevision(
        workload=CHECKOUT,
        response_id="r1",
        generation=7,
        from_template_id="t9",
        to_template_id="t8",
        revision_name="checkout-8",
        cause="backout r1: error_rate_high",
    ),
    SetReplicas(workload=CHECKOUT, response_id="r1", resource_version="70", replicas_before=3, replicas=5),
    SetAutoscalerMinimum(
        workload=CHECKOUT,
        response_id="r1",
        autoscaler="checkout-hpa",
        resource_version="71",
        minimum_before=3,
        maximum_before=4,
        minimum=5,
        maximum=5,
        scaler="ScaledObject",
    ),
    AbortRollout(
        workload=CHECKOUT, response_id="r1", generation=7, from_template_id="t9", to_template_id="t8"
    ),
    StopOwner(
        workload=CHECKOUT,
        response_id="r1",
        kind="Argo CD",
        namespace="argocd",
        name="shop",
        version="72",
        before='{"prune":true}',
    ),
    RollBackByOwner(
        workload=CHECKOUT,
        response_id="r1",
        kind="Argo CD",
        namespace="argocd",
        name="shop",
        target="3",
        seen="4",
        cause="backout r1: revision 9 back to 8",
    ),
    ResumeOwner(
        workload=CHECKOUT,
        response_id="r1",
        kind="Argo CD",
        namespace="argocd",
        name="shop",
        before='{"prune":true}',
    ),
    RevertCommit(
        workload=CHECKOUT,
        response_id="r1",
        repository="shop/checkout",
        branch="main",
        commit="0123abc",
        by="commit",
        at="2026-03-02T03:00:00+00:00",
        cause="backout r1: revision 9 back to 8",
    ),
    EvictPods(workload=CHECKOUT, response_id="r1", pods="checkout-1/u1,checkout-2/u2"),
    RestartWorkload(
        workload=CHECKOUT,
        response_id="r1",
        generation=7,
        template_id="t8",
        at="2026-03-02T03:00:00+00:00",
    ),
    RunJob(workload=CHECKOUT, response_id="r1", template="production/migrate-down", name="backout-r1"),
    RestoreDatabase(
        workload=CHECKOUT,
        response_id="r1",
        instance="shop",
        to_instance="shop-backout-r1",
        at="2026-03-02T02:30:00+00:00",
    ),
    FlushCache(workload=CHECKOUT, response_id="r1", cache="sessions", prefix="checkout:"),
    SetFlag(workload=CHECKOUT, response_id="r1", flag="new-prices", on=False),
]
every_change = pytest.mark.parametrize("change", CHANGES, ids=lambda change: type(change).__name__)


def test_every_kind_of_change_is_tried_here() -> None:
    assert {type(change) for change in CHANGES} == set(KINDS.values())


@every_change
def test_an_intent_gives_the_change_again_exactly_as_it_was_intended(change: Change) -> None:
    intent = Intent.of(change, step="rollback")
    assert intent.step == "rollback"
    assert intent.change(CHECKOUT, "r1") == change


@every_change
def test_an_intent_survives_being_stored(change: Change) -> None:
    stored = wire.decode(Intent, wire.encode(Intent.of(change, step="scale")))
    assert stored.change(CHECKOUT, "r1") == change


@every_change
def test_an_intent_does_not_repeat_what_its_record_holds(change: Change) -> None:
    assert not {"workload", "response_id"} & set(Intent.of(change, step="scale").fields)


def test_an_intent_of_an_unknown_kind_makes_no_change() -> None:
    with pytest.raises(KeyError):
        Intent("rollback", "delete_pods", {}).change(CHECKOUT, "r1")
