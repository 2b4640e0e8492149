from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from shared.adapters.kubernetes import resources, revisions, templates, wire
from shared.adapters.kubernetes.connection import Answer
from shared.adapters.kubernetes.revisions import Held
from shared.adapters.kubernetes.templates import Template

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


def template(version: str) -> Template:
    return Template(id=version, json={}, images={"app": version}, schema=None, schema_at_least=None)


def held(version: str, number: int, minutes: int, *, earlier: tuple[int, ...] = ()) -> Held:
    """Return what a ReplicaSet made at that minute holds, with the numbers that it had before."""
    return Held(
        name=f"set-{version}-{minutes}",
        uid="",
        number=number,
        created_at=at(minutes),
        template=template(version),
        earlier=earlier,
        used_again=bool(earlier),
    )


def deployment(*conditions: dict[str, Any], generation: int = 1) -> wire.Workload:
    raw = {
        "metadata": {"name": "checkout", "generation": generation},
        "spec": {"selector": {}, "template": {}},
        "status": {"observedGeneration": 1, "conditions": list(conditions)},
    }
    return msgspec.json.decode(msgspec.json.encode(raw), type=wire.Workload)


def progressing(minutes: int, reason: str = "NewReplicaSetAvailable") -> dict[str, Any]:
    return {"type": "Progressing", "status": "True", "reason": reason, "lastUpdateTime": at(minutes)}


def dates(history: revisions.History) -> dict[str, datetime | None]:
    return {r.template_id: r.began_at for r in history.revisions}


def test_revisions_are_distinct_and_newest_first() -> None:
    found = [held("a", 1, 0), held("b", 2, 10), held("c", 3, 20)]

    history = revisions.history(found, template("c"), deployment())

    assert [(r.template_id, r.number) for r in history.revisions] == [("c", 3), ("b", 2), ("a", 1)]
    assert dates(history) == {"c": at(20), "b": at(10), "a": at(0)}
    assert history.rollout_began_at == at(20)


def test_twins_are_the_newest_of_them_dated_from_the_first() -> None:
    found = [held("a", 1, 0), held("b", 2, 10), held("b", 3, 30), held("b", 4, 40)]

    history = revisions.history(found, template("b"), deployment(progressing(40)))

    assert [(r.name, r.number) for r in history.revisions] == [("set-b-40", 4), ("set-a-0", 1)]
    assert dates(history)["b"] == at(10)
    assert history.rollout_began_at == at(10)


def test_a_version_deployed_again_as_a_new_object_is_dated_by_its_last_rollout() -> None:
    found = [held("a", 1, 0), held("b", 2, 10), held("a", 3, 30)]

    history = revisions.history(found, template("a"), deployment())

    assert dates(history) == {"a": None, "b": at(10)}
    assert history.rollout_began_at == at(30)


def test_an_object_used_again_is_dated_by_the_deployments_progress() -> None:
    found = [held("a", 3, 0, earlier=(1,)), held("b", 2, 10)]

    history = revisions.history(found, template("a"), deployment(progressing(45)))

    assert [(r.template_id, r.number) for r in history.revisions] == [("a", 3), ("b", 2)]
    assert dates(history) == {"a": None, "b": at(10)}
    assert history.rollout_began_at == at(45)


@pytest.mark.parametrize("reason", ["ReplicaSetUpdated", "ProgressDeadlineExceeded"])
def test_a_rollout_under_way_is_dated_by_its_progress_so_far(reason: str) -> None:
    found = [held("a", 3, 0, earlier=(1,)), held("b", 2, 10)]

    history = revisions.history(found, template("a"), deployment(progressing(31, reason)))

    assert history.rollout_began_at == at(31)


@pytest.mark.parametrize(
    "behind",
    [
        deployment(),
        deployment(progressing(45), generation=2),
        deployment(progressing(5)),
        deployment(progressing(45, "DeploymentResumed")),
        deployment(progressing(45, "DeploymentPaused")),
    ],
)
def test_progress_that_cannot_be_this_rollouts_tells_nothing(behind: wire.Workload) -> None:
    found = [held("a", 3, 0, earlier=(1,)), held("b", 2, 10)]

    assert revisions.history(found, template("a"), behind).rollout_began_at is None


def test_a_restart_of_a_version_used_again_has_no_date() -> None:
    found = [held("a", 3, 0, earlier=(1,)), held("b", 2, 10), held("a", 4, 50)]

    history = revisions.history(found, template("a"), deployment(progressing(50)))

    assert dates(history)["a"] is None
    assert history.rollout_began_at is None


def test_a_version_that_no_object_holds_yet_is_the_next_revision() -> None:
    history = revisions.history([held("a", 7, 0)], template("b"), deployment(progressing(0)))

    newest = history.revisions[0]
    assert (newest.template_id, newest.name, newest.number, newest.began_at) == ("b", "", 8, None)
    assert history.rollout_began_at is None


def test_an_old_version_that_the_controller_has_not_numbered_anew_has_no_rollout_date() -> None:
    found = [held("a", 1, 0), held("b", 2, 10)]

    assert revisions.history(found, template("a"), deployment(progressing(10))).rollout_began_at is None


def test_the_first_template_of_all_is_a_revision() -> None:
    history = revisions.history([], template("a"), deployment())

    assert [(r.template_id, r.number) for r in history.revisions] == [("a", 1)]


def controller_revisions(*numbers_and_minutes: tuple[str, int, int]) -> list[Held]:
    owner = {"kind": "StatefulSet", "name": "checkout", "uid": "u-1", "controller": True}
    items = [
        {
            "metadata": {
                "name": f"checkout-{version}",
                "creationTimestamp": at(minutes),
                "ownerReferences": [owner],
                "annotations": {"kubernetes.io/change-cause": f"deploy {version}"},
            },
            "revision": number,
            "data": {"spec": {"template": {"$patch": "replace", "spec": {"x": version}}}},
        }
        for version, number, minutes in numbers_and_minutes
    ]
    request = resources.list_of(resources.CONTROLLER_REVISIONS, "production")
    answer = Answer(request, 200, msgspec.json.encode({"items": items}))
    return revisions.of_controller_revisions(answer, "u-1", templates.read)


def test_a_controller_revision_older_than_its_number_was_used_again() -> None:
    found = controller_revisions(("a", 3, 0), ("b", 2, 10))

    history = revisions.history(found, found[1].template, deployment())

    assert [(h.name, h.used_again) for h in found] == [("checkout-b", False), ("checkout-a", True)]
    assert [r.began_at for r in history.revisions] == [None, at(10)]
    assert history.rollout_began_at is None


def test_controller_revisions_in_their_order_are_dated() -> None:
    found = controller_revisions(("a", 1, 0), ("b", 2, 10))

    history = revisions.history(found, found[1].template, deployment())

    assert [r.began_at for r in history.revisions] == [at(10), at(0)]
    assert [r.change_cause for r in history.revisions] == ["deploy b", "deploy a"]
    assert history.rollout_began_at == at(10)


def test_what_another_owner_controls_is_left_out() -> None:
    request = resources.list_of(resources.REPLICA_SETS, "production")
    items = [{"metadata": {"name": "orphan"}, "spec": {"template": {}}}]

    answer = Answer(request, 200, msgspec.json.encode({"items": items}))

    assert revisions.of_replica_sets(answer, "u-1", templates.read) == []
