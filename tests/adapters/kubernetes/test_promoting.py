"""Which revisions an Argo Rollout's controller brings back in steps."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from shared.adapters.kubernetes import argo_rollouts, promoting, wire
from shared.adapters.kubernetes.reading import Look
from shared.adapters.kubernetes.revisions import Held
from shared.adapters.kubernetes.templates import Template
from shared.domain.changes import RestoreRevision
from shared.domain.workloads import WorkloadRef

STEPS: dict[str, Any] = {"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}}
BLUE_GREEN: dict[str, Any] = {"blueGreen": {"activeService": "checkout", "autoPromotionEnabled": False}}


def held(version: str, number: int) -> Held:
    made_at = datetime(2026, 3, 2, 12, number, tzinfo=UTC)
    return Held(version, f"uid-{version}", number, made_at, template(version), pod_hash=version)


def template(version: str) -> Template:
    return Template(id=f"t-{version}", json={}, images={"app": version}, schema=None, schema_at_least=None)


def is_called_for(target: str, *, stable: str = "c", **spec: Any) -> bool:
    """Return it for a Rollout with the revisions `a`, `b` and `c`."""
    raw = {
        "metadata": {"name": "checkout", "uid": "u-1", "generation": 2},
        "spec": {"selector": {}, "template": {}, "strategy": STEPS, **spec},
        "status": {"stableRS": stable, "currentPodHash": "c", "observedGeneration": "2"},
    }
    found = msgspec.json.decode(msgspec.json.encode(raw), type=wire.Workload)
    sets = (held("a", 1), held("b", 2), held("c", 3))
    look = Look(found, sets, argo_rollouts.standing(found, template("c"), sets), template("c"))
    ref = WorkloadRef("test", "production", "rollout", "checkout")
    return promoting.is_called_for(
        look,
        RestoreRevision(
            ref,
            "r-1",
            generation=2,
            from_template_id="t-c",
            to_template_id=f"t-{target}",
            revision_name=target,
            cause="",
        ),
    )


@pytest.mark.parametrize(
    ("strategy", "called_for"),
    [
        (STEPS, True),
        (BLUE_GREEN, True),
        ({"canary": {}}, False),
        ({"canary": {"steps": []}}, False),
        ({}, False),
    ],
)
def test_only_what_has_steps_or_pauses_is_promoted(strategy: dict[str, Any], called_for: bool) -> None:
    assert is_called_for("b", strategy=strategy) is called_for


def test_the_stable_revision_needs_no_promotion() -> None:
    assert not is_called_for("b", stable="b")


@pytest.mark.parametrize("stable", ["", "gone"])
def test_nothing_is_promoted_while_no_revision_is_stable(stable: str) -> None:
    assert not is_called_for("b", stable=stable)


def test_a_revision_that_the_history_no_longer_holds_is_not_promoted() -> None:
    assert not is_called_for("z")


@pytest.mark.parametrize(
    ("revisions", "target", "stable", "called_for"),
    [
        (0, "b", "c", True),
        (1, "b", "c", False),
        (1, "a", "c", True),
        (2, "a", "c", False),
        (2, "b", "a", True),  # newer than the stable one: no way back
    ],
)
@pytest.mark.parametrize("strategy", [STEPS, BLUE_GREEN])
def test_the_rollback_window_needs_no_promotion(
    strategy: dict[str, Any], revisions: int, target: str, stable: str, called_for: bool
) -> None:
    window = {"revisions": revisions}

    assert is_called_for(target, stable=stable, strategy=strategy, rollbackWindow=window) is called_for
