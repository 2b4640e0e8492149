"""Argo CD as an owner, on its stand-in with a stand-in cluster and a real git repository."""

import json
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.argocd.server import TOKEN
from shared.adapters.kubernetes import KubernetesWorkloads
from shared.adapters.owners.argo_cd import ArgoCd
from shared.domain.changes import Applied, ResumeOwner, RollBackByOwner, StopOwner
from shared.domain.owners import Ownership, Source, Suspension, Target
from shared.domain.reasons import Reason
from shared.domain.workloads import Workload, WorkloadRef
from shared.errors import PermanentError, TemporaryError
from tests.sandbox.argocd.world import (
    APP,
    BAD,
    DEPLOYMENT,
    GOOD,
    SELF_HEAL,
    WORSE,
    Object,
    World,
    application,
    deployment,
    running,
)
from tests.sandbox.endpoints import eventually

CLUSTER, ID = "test", "20260302-120000-0a1b2c3d"
REF = WorkloadRef(CLUSTER, "shop", "deployment", "cart")
OFF = {"spec": {"syncPolicy": {"automated": {"enabled": False}}}}


class Hands:
    """Argo CD by the adapter, and what the runbook would do with it."""

    def __init__(self, world: World, *, seconds: float = 6.0) -> None:
        self.world = world
        self.argo_cd = ArgoCd(world.argocd.url, TOKEN, cluster=CLUSTER, seconds=seconds)

    def read(self) -> Workload:
        with closing(
            KubernetesWorkloads(CLUSTER, kubeconfig=str(self.world.cluster.kubeconfig_path))
        ) as cluster:
            found = cluster.read(REF)
        assert found is not None
        return found

    def look(self) -> Ownership:
        found = self.argo_cd.look(self.read())
        assert found is not None
        return found

    def target(self, image: str = GOOD) -> Target | None:
        workload = self.read()
        to = next(r for r in workload.revisions if r.images == {"app": image})
        return self.argo_cd.target(workload, self.look(), to)

    def stop(self, seen: Ownership | None = None, *, response: str = ID) -> StopOwner:
        seen = seen or self.look()
        return StopOwner(REF, response, seen.kind, seen.namespace, seen.name, seen.version, seen.before)

    def roll_back(self, target: Target | None = None) -> RollBackByOwner:
        target = target or self.target()
        assert target is not None
        return RollBackByOwner(REF, ID, "Argo CD", "argocd", APP, target.id, target.seen, "because")

    def resume(self, before: Object = SELF_HEAL, *, response: str = ID) -> ResumeOwner:
        return ResumeOwner(REF, response, "Argo CD", "argocd", APP, json.dumps(before))

    def in_step(self, commit: str = "") -> bool:
        return self.argo_cd.in_step(Suspension("Argo CD", "argocd", APP, "{}"), commit=commit)

    def rolled_back(self) -> None:
        """Stop it, roll back and wait for that to be done."""
        deployments = len(self.world.history())
        assert self.argo_cd.apply(self.stop()) is Applied.CHANGED
        assert self.argo_cd.apply(self.roll_back()) is Applied.CHANGED
        eventually(lambda: len(self.world.history()) == deployments + 1)

    def automated(self) -> Any:
        return self.world.argocd.application(APP)["spec"].get("syncPolicy", {}).get("automated")

    def marker(self) -> str | None:
        annotations = self.world.argocd.application(APP)["metadata"].get("annotations", {})
        found: str | None = annotations.get("backout.dev/response")
        return found


def broken(world: World, automated: Object | None = SELF_HEAL, **metadata: Any) -> Hands:
    """Deploy the good image, then the bad one."""
    world.create(automated, **metadata)
    if automated is None:
        world.argocd.sync(APP)
    world.settled()
    world.push(BAD)
    if automated is None:
        world.argocd.sync(APP)
    world.settled()
    return Hands(world)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running(tmp_path) as world:
        yield world


# the whole of it


def test_a_rollback_lasts_until_git_is_in_step_and_then_it_goes_on(world: World) -> None:
    hands = broken(world)

    hands.rolled_back()
    assert world.image() == GOOD
    assert not hands.in_step()

    revert = world.push(GOOD)
    assert hands.in_step(revert)
    assert hands.argo_cd.apply(hands.resume()) is Applied.CHANGED
    assert hands.automated() == SELF_HEAL

    world.api.set_image(BAD, DEPLOYMENT)
    eventually(lambda: world.image() == GOOD)
    world.deploy(WORSE)


def test_without_stopping_it_a_rollback_is_undone(world: World) -> None:
    hands = broken(world)

    world.api.set_image(GOOD, DEPLOYMENT)

    eventually(lambda: [e.images_to for e in world.cluster.audit if e.template_changed][-1] == {"app": BAD})
    assert hands.look().running


# looking


def test_an_application_that_syncs_itself_is_running(world: World) -> None:
    world.repository.commit({"cart/other.json": json.dumps(deployment("shop/till:1", name="till"))}, "till")
    hands = broken(world)

    seen = hands.look()

    assert seen == Ownership(
        "Argo CD",
        "argocd",
        APP,
        running=True,
        version=world.argocd.application(APP)["metadata"]["resourceVersion"],
        before='{"prune":true,"selfHeal":true}',
        by_owner=True,
        companions=(WorkloadRef(CLUSTER, "shop", "deployment", "till"),),
        source=Source(world.repository.url, "main", world.commits[BAD]),
    )


@pytest.mark.parametrize("automated", [None, {"enabled": False, "selfHeal": True}])
def test_one_that_people_sync_is_not(world: World, automated: Object | None) -> None:
    world.create(automated)
    for image in (GOOD, BAD):
        world.push(image)
        world.argocd.sync(APP)
        world.settled()

    seen = Hands(world).look()

    assert (seen.running, seen.stopped_by, seen.obstacle, seen.by_owner) == (False, "", "", True)


@pytest.mark.parametrize("automated", [{}, {"prune": True}, SELF_HEAL | {"enabled": True}])
def test_one_without_self_heal_runs_too(world: World, automated: Object) -> None:
    assert broken(world, automated).look().running


def test_an_application_in_another_namespace_is_found_there(world: World) -> None:
    world.create(SELF_HEAL, namespace="teams")
    eventually(lambda: world.image() == GOOD)
    world.push(BAD)
    eventually(lambda: world.image() == BAD)
    hands = Hands(world)

    seen = hands.look()

    assert (seen.namespace, seen.name, seen.running) == ("teams", APP, True)
    assert hands.argo_cd.apply(hands.stop(seen)) is Applied.CHANGED
    assert not hands.look().running


def test_a_short_history_is_an_obstacle(world: World) -> None:
    world.create(SELF_HEAL)
    world.settled()

    assert Hands(world).look().obstacle == (
        f"the history of the application argocd/{APP} holds nothing to go back to (1 of 2)"
    )


def test_several_sources_are_an_obstacle(world: World) -> None:
    hands = broken(world)
    source = application(world.repository.url)["spec"]["source"]
    world.argocd.edit(APP, {"spec": {"sources": [source, source]}})

    assert "several sources" in hands.look().obstacle


def test_an_application_set_is_an_obstacle(world: World) -> None:
    world.argocd.generate("carts", application(world.repository.url, automated=SELF_HEAL))
    world.settled()
    world.deploy(BAD)

    assert Hands(world).look().obstacle == (
        f"the ApplicationSet carts makes the application argocd/{APP} "
        "and would start its automated sync again"
    )


def of_a_parent(world: World, child: Object, parent: Object | None) -> Hands:
    """Break an application that another one makes."""
    manifest = application(world.repository.url, automated=child)
    manifest |= {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application"}
    world.repository.commit({"apps/cart.json": json.dumps(manifest)}, "the application")
    parents = application(world.repository.url, name="parent", automated=parent, path="apps")
    parents["spec"]["destination"]["namespace"] = "argocd"
    world.argocd.create(parents)
    if parent is None:
        world.argocd.sync("parent")
    eventually(lambda: world.image() == GOOD)
    world.settled()
    world.deploy(BAD)
    return Hands(world)


def test_a_parent_that_heals_it_is_an_obstacle(world: World) -> None:
    hands = of_a_parent(world, SELF_HEAL | {"enabled": True}, SELF_HEAL)

    assert hands.look().obstacle == (
        f"the application parent heals the application argocd/{APP} and would start its automated sync again"
    )


def test_a_parent_that_only_syncs_is_worth_a_note(world: World) -> None:
    hands = of_a_parent(world, SELF_HEAL | {"enabled": True}, {})

    seen = hands.look()

    assert seen.obstacle == ""
    assert (
        seen.note
        == f"the next sync of the application parent starts the automated sync of argocd/{APP} again"
    )


def test_a_parent_that_people_sync_is_neither(world: World) -> None:
    seen = of_a_parent(world, SELF_HEAL | {"enabled": True}, None).look()

    assert (seen.obstacle, seen.note, seen.running) == ("", "", True)


def test_a_parent_whose_repository_does_not_name_the_switch_leaves_it(world: World) -> None:
    hands = of_a_parent(world, SELF_HEAL, SELF_HEAL)
    assert hands.look().obstacle == ""

    hands.rolled_back()
    hands.in_step()  # has the controller look at everything again

    assert world.image() == GOOD
    assert hands.automated() == SELF_HEAL | {"enabled": False}


def test_under_an_older_argo_cd_a_parent_that_heals_is_always_an_obstacle(tmp_path: Path) -> None:
    with running(tmp_path, version="v2.14.3") as world:
        assert "the application parent heals" in of_a_parent(world, SELF_HEAL, SELF_HEAL).look().obstacle


@pytest.mark.parametrize(
    ("marks", "told"),
    [
        (
            {"annotations": {"argocd.argoproj.io/tracking-id": f"gone:argoproj.io/Application:argocd/{APP}"}},
            True,
        ),
        (
            {"annotations": {"argocd.argoproj.io/tracking-id": "gone:argoproj.io/Application:argocd/other"}},
            False,
        ),
        ({"labels": {"app.kubernetes.io/instance": "gone"}}, False),
        (
            {
                "labels": {"app.kubernetes.io/instance": "gone"},
                "annotations": {"argocd.argoproj.io/sync-wave": "1"},
            },
            False,
        ),
    ],
)
def test_a_parent_that_is_not_shown_is_an_obstacle_where_the_mark_is_sure(
    world: World, marks: Object, *, told: bool
) -> None:
    hands = broken(world, SELF_HEAL | {"enabled": True}, **marks)

    obstacle = hands.look().obstacle

    assert ("the application gone, which Backout may not see" in obstacle) is told


def test_an_application_that_is_not_shown_is_an_error_that_says_what_is_lacking(world: World) -> None:
    hands = broken(world)
    workload = hands.read()
    world.argocd.delete(APP)

    with pytest.raises(PermanentError, match="applications, get") as refused:
        hands.argo_cd.look(workload)

    assert refused.value.reason is Reason.FORBIDDEN
    assert str(refused.value) == (
        f"Argo CD shows no application {APP}: there is none, or its account lacks the right "
        "`applications, get` on it"
    )


def test_an_application_that_is_known_to_be_gone_is_no_owner(world: World) -> None:
    hands = broken(world)
    workload = hands.read()
    stop, back, resume = hands.stop(), hands.roll_back(), hands.resume()
    world.argocd.fail(status=404, path="/api/v1/applications")

    assert hands.argo_cd.look(workload) == Ownership("Argo CD", "", APP)
    assert [hands.argo_cd.apply(each) for each in (stop, back, resume)] == [Applied.MOVED] * 3
    assert hands.in_step()


# what can be gone back to


def test_the_target_is_the_newest_deployment_of_the_images(world: World) -> None:
    hands = broken(world)
    world.deploy(GOOD, annotations={"again": "yes"})
    newer = world.commits[GOOD]
    world.deploy(WORSE)

    assert hands.target() == Target("2", seen="3", told=f"history 2 ({newer[:7]})", commit=newer)
    assert hands.target(BAD) == Target(
        "1", seen="3", told=f"history 1 ({world.commits[BAD][:7]})", commit=world.commits[BAD]
    )


def test_a_commit_that_was_deployed_twice_is_not_gone_back_to_itself(world: World) -> None:
    hands = broken(world)
    world.argocd.sync(APP)
    eventually(lambda: len(world.history()) == 3)

    assert hands.target(BAD) is None
    found = hands.target()
    assert found is not None
    assert (found.id, found.seen) == ("0", "2")


def test_images_that_no_deployment_had_are_not_found(world: World) -> None:
    hands = broken(world)
    workload = hands.read()
    unknown = replace(workload.current, images={"app": "shop/cart:hand-made"})
    more = replace(workload.revisions[-1], images={"app": GOOD, "sidecar": "shop/proxy:1"})

    assert hands.argo_cd.target(workload, hands.look(), unknown) is None
    assert hands.argo_cd.target(workload, hands.look(), more) is None


def test_deployments_of_another_source_are_not_gone_back_to(world: World) -> None:
    hands = broken(world)
    world.repository.commit({"new/deployment.json": json.dumps(deployment(BAD))}, "moved")
    world.argocd.edit(APP, {"spec": {"source": {"path": "new"}}})
    world.argocd.sync(APP)
    eventually(lambda: len(world.history()) == 3)

    assert hands.target() is None


def test_the_oldest_of_a_full_history_is_not_gone_back_to(world: World) -> None:
    hands = broken(world)
    world.argocd.edit(APP, {"spec": {"revisionHistoryLimit": 3}})
    world.deploy(WORSE)

    assert hands.target() is None
    assert hands.target(BAD) is not None


def test_a_commit_that_is_gone_from_git_does_not_hide_the_others(world: World) -> None:
    hands = broken(world)
    world.deploy(WORSE)
    gone = f"/api/v1/applications/{APP}/manifests"
    world.argocd.fail(1, status=500, path=gone)  # of the newest candidate, which is asked about first
    assert hands.target() is not None

    world.argocd.fail(1, status=500, path=gone)
    with pytest.raises(TemporaryError):
        hands.target(BAD)


# stopping


def test_stopping_keeps_the_settings_and_marks_the_application(world: World) -> None:
    hands = broken(world)

    assert hands.argo_cd.apply(hands.stop()) is Applied.CHANGED

    assert hands.automated() == SELF_HEAL | {"enabled": False}
    assert hands.marker() == ID


def test_an_older_argo_cd_is_stopped_and_started_by_the_whole_setting(tmp_path: Path) -> None:
    with running(tmp_path, version="v2.14.3") as world:
        hands = broken(world)

        assert hands.argo_cd.apply(hands.stop()) is Applied.CHANGED
        assert (hands.automated(), hands.marker()) == (None, ID)
        assert hands.look().stopped_by == ID
        assert hands.argo_cd.apply(hands.resume()) is Applied.CHANGED
        assert (hands.automated(), hands.marker()) == (SELF_HEAL, None)


def test_the_policys_other_settings_stay(tmp_path: Path) -> None:
    with running(tmp_path, version="v2.14.3") as world:
        hands = broken(world)
        world.argocd.edit(APP, {"spec": {"syncPolicy": {"syncOptions": ["Validate=false"]}}})

        hands.argo_cd.apply(hands.stop())
        hands.argo_cd.apply(hands.resume())

        policy = world.argocd.application(APP)["spec"]["syncPolicy"]
        assert policy == {"automated": SELF_HEAL, "syncOptions": ["Validate=false"]}


def test_annotations_of_others_stay(world: World) -> None:
    hands = broken(world, annotations={"example.com/team": "cart"})

    hands.argo_cd.apply(hands.stop())
    hands.argo_cd.apply(hands.resume())

    assert world.argocd.application(APP)["metadata"]["annotations"] == {"example.com/team": "cart"}


@pytest.mark.parametrize(
    "by_someone",
    [OFF, {"spec": {"syncPolicy": None}}, {"spec": {"syncPolicy": {"automated": {"prune": False}}}}],
)
def test_an_application_that_someone_changed_is_not_stopped(world: World, by_someone: Object) -> None:
    hands = broken(world)
    change = hands.stop()
    world.argocd.edit(APP, by_someone)
    left = hands.automated()

    assert hands.argo_cd.apply(change) is Applied.MOVED

    assert (hands.automated(), hands.marker()) == (left, None)


def test_notes_of_the_controller_do_not_hold_it_up(world: World) -> None:
    hands = broken(world)
    change = hands.stop()
    world.argocd.edit(APP, {"metadata": {"labels": {"team": "cart"}}})

    assert hands.argo_cd.apply(change) is Applied.CHANGED


def test_of_two_responses_one_stops_it(world: World) -> None:
    hands = broken(world)
    seen = hands.look()
    results: list[Applied] = []

    def stop(response: str) -> None:
        results.append(hands.argo_cd.apply(hands.stop(seen, response=response)))

    threads = [threading.Thread(target=stop, args=(f"r-{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == [Applied.CHANGED, *[Applied.MOVED] * 3]


def test_a_change_under_our_hands_is_read_again(world: World) -> None:
    """What moves between the reading and the patch is not overwritten: the patch tests the version."""
    hands = broken(world)
    change = hands.stop()
    slow = f"/api/v1/applications/{APP}"
    world.argocd.slow(0.5, 1, path="/api/version")
    world.argocd.slow(0.5, 2, path=slow)
    results: list[Applied] = []
    thread = threading.Thread(target=lambda: results.append(hands.argo_cd.apply(change)))
    thread.start()
    eventually(lambda: world.argocd.requests("PATCH", slow))

    world.argocd.edit(APP, OFF | {"metadata": {"annotations": {"example.com/why": "by hand"}}})
    thread.join()

    assert results == [Applied.MOVED]
    assert hands.marker() is None


# rolling back


def test_rolling_back_twice_is_rolling_back_once(world: World) -> None:
    hands = broken(world)
    hands.argo_cd.apply(hands.stop())
    change = hands.roll_back()

    assert hands.argo_cd.apply(change) is Applied.CHANGED
    assert hands.argo_cd.apply(change) is Applied.ALREADY  # under way, or done
    eventually(lambda: world.image() == GOOD)
    eventually(lambda: len(world.history()) == 3)
    assert hands.argo_cd.apply(change) is Applied.ALREADY

    assert len(world.history()) == 3
    assert len(world.argocd.requests("POST", f"/api/v1/applications/{APP}/rollback")) == 1


def test_a_rollback_that_is_under_way_is_not_started_again(world: World) -> None:
    hands = broken(world)
    hands.argo_cd.apply(hands.stop())
    change = hands.roll_back()
    world.argocd.hold()
    hands.argo_cd.apply(change)
    eventually(lambda: world.status("operationState")["phase"] == "Running")

    assert hands.argo_cd.apply(change) is Applied.ALREADY


def test_another_operation_that_is_under_way_is_waited_for(world: World) -> None:
    hands = broken(world)
    hands.argo_cd.apply(hands.stop())
    change = hands.roll_back()
    world.argocd.hold()
    world.argocd.sync(APP)
    eventually(lambda: world.status("operationState")["phase"] == "Running")

    with pytest.raises(TemporaryError, match="under way"):
        hands.argo_cd.apply(change)

    world.argocd.hold(holding=False)
    eventually(lambda: world.status("operationState")["phase"] == "Succeeded")
    assert hands.argo_cd.apply(change) is Applied.MOVED  # the history moved on


def test_a_deployment_meanwhile_is_left_alone(world: World) -> None:
    hands = broken(world)
    change = hands.roll_back()
    world.deploy(WORSE)
    hands.argo_cd.apply(hands.stop())

    assert hands.argo_cd.apply(change) is Applied.MOVED
    assert world.image() == WORSE


def test_a_rollback_by_someone_to_the_same_is_done_already(world: World) -> None:
    hands = broken(world)
    hands.argo_cd.apply(hands.stop())
    change = hands.roll_back()
    world.argocd.sync(APP, world.commits[GOOD])
    eventually(lambda: world.image() == GOOD)
    eventually(lambda: len(world.history()) == 3)

    assert hands.argo_cd.apply(change) is Applied.ALREADY


def test_an_application_that_was_started_again_is_not_rolled_back(world: World) -> None:
    hands = broken(world)

    assert hands.argo_cd.apply(hands.roll_back()) is Applied.MOVED
    assert world.argocd.requests("POST", f"/api/v1/applications/{APP}/rollback") == []


def test_a_target_that_the_history_does_not_hold_any_more_has_moved(world: World) -> None:
    hands = broken(world)
    hands.argo_cd.apply(hands.stop())

    assert hands.argo_cd.apply(replace(hands.roll_back(), target="77")) is Applied.MOVED


# starting again


def test_starting_again_puts_the_settings_back_and_takes_the_mark_away(world: World) -> None:
    hands = broken(world)
    hands.argo_cd.apply(hands.stop())

    assert hands.argo_cd.apply(hands.resume()) is Applied.CHANGED

    assert (hands.automated(), hands.marker()) == (SELF_HEAL, None)


@pytest.mark.parametrize(
    "by_someone",
    [
        {"metadata": {"annotations": {"backout.dev/response": None}}},
        {"metadata": {"annotations": {"backout.dev/response": "another"}}},
        {"spec": {"syncPolicy": {"automated": {"prune": None}}}},
        {"spec": {"syncPolicy": None}},
    ],
)
def test_what_someone_changed_since_is_not_started_again(world: World, by_someone: Object) -> None:
    hands = broken(world)
    hands.argo_cd.apply(hands.stop())
    world.argocd.edit(APP, by_someone)
    left = (hands.automated(), hands.marker())

    assert hands.argo_cd.apply(hands.resume()) is Applied.MOVED

    assert (hands.automated(), hands.marker()) == left


def test_one_that_someone_started_again_loses_the_mark(world: World) -> None:
    hands = broken(world)
    hands.argo_cd.apply(hands.stop())
    world.argocd.edit(APP, {"spec": {"syncPolicy": {"automated": {"enabled": None}}}})

    hands.argo_cd.apply(hands.resume())

    assert (hands.automated(), hands.marker()) == (SELF_HEAL, None)


# being in step


def test_it_is_in_step_when_it_is_synced_with_the_tip(world: World) -> None:
    hands = broken(world)
    assert hands.in_step()

    hands.rolled_back()

    assert not hands.in_step()
    assert not hands.in_step(world.commits[GOOD])


def test_a_revert_counts_once_the_branch_holds_it(world: World) -> None:
    hands = broken(world)
    assert not hands.in_step("0" * 40)

    hands.rolled_back()
    revert = world.push(GOOD)

    assert hands.in_step(revert)
    assert hands.in_step(revert[:7])


def test_commits_after_the_revert_do_not_hold_it_up(world: World) -> None:
    hands = broken(world)
    hands.rolled_back()
    revert = world.push(GOOD)
    world.repository.commit({"readme": "about something else"}, "another team's")

    assert hands.in_step(revert)


def test_another_version_after_the_revert_does(world: World) -> None:
    hands = broken(world)
    hands.rolled_back()
    revert = world.push(GOOD)
    world.push(WORSE)

    assert not hands.in_step(revert)


# trouble


def everything(hands: Hands) -> list[Callable[[], object]]:
    workload, seen = hands.read(), hands.look()
    to = next(r for r in workload.revisions if r.images == {"app": GOOD})
    stop, back, resume = hands.stop(seen), hands.roll_back(), hands.resume()
    apply = hands.argo_cd.apply
    return [
        lambda: hands.argo_cd.look(workload),
        lambda: hands.argo_cd.target(workload, seen, to),
        lambda: apply(stop),
        lambda: apply(back),
        lambda: apply(resume),
        hands.in_step,
    ]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_trouble_of_its_own_is_temporary(world: World, status: int) -> None:
    hands = broken(world)
    calls = everything(hands)
    world.argocd.fail(status=status)

    for call in calls:
        with pytest.raises(TemporaryError, match="Argo CD"):
            call()


def test_a_web_page_from_in_between_is_temporary(world: World) -> None:
    hands = broken(world)
    calls = everything(hands)
    world.argocd.html()

    for call in calls:
        with pytest.raises(TemporaryError, match="web page"):
            call()


def test_one_that_is_away_is_temporary() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    away = ArgoCd(f"http://127.0.0.1:{port}", TOKEN, cluster=CLUSTER)

    with pytest.raises(TemporaryError, match="Argo CD: connection refused"):
        away.in_step(Suspension("Argo CD", "argocd", APP, "{}"), commit="")


def test_one_that_is_slow_is_left_in_time(world: World) -> None:
    broken(world)
    calls = everything(Hands(world, seconds=0.6))
    world.argocd.slow(30)

    for call in calls:
        started = time.monotonic()
        with pytest.raises(TemporaryError):
            call()
        assert time.monotonic() - started < 2.0


def test_a_stop_whose_answer_was_lost_is_found_again(world: World) -> None:
    hands = broken(world)
    change = hands.stop()
    path = f"/api/v1/applications/{APP}"
    world.argocd.lose_answers(1, path="/api/version")
    with pytest.raises(TemporaryError):
        hands.argo_cd.apply(change)
    world.argocd.hold()  # nothing but ours may write

    assert hands.argo_cd.apply(change) is Applied.CHANGED
    assert hands.argo_cd.apply(change) is Applied.ALREADY
    assert len(world.argocd.requests("PATCH", path)) == 1


def test_a_rollback_whose_answer_was_lost_is_found_again(world: World) -> None:
    hands = broken(world)
    hands.argo_cd.apply(hands.stop())
    change = hands.roll_back()
    world.argocd.lose_answers(1, path=f"/api/v1/applications/{APP}/rollback")

    with pytest.raises(TemporaryError):
        hands.argo_cd.apply(change)

    assert hands.argo_cd.apply(change) is Applied.ALREADY
    eventually(lambda: len(world.history()) == 3)
    assert hands.argo_cd.apply(change) is Applied.ALREADY
    assert len(world.history()) == 3


@pytest.mark.parametrize(
    ("right", "change"), [("update", Hands.stop), ("update", Hands.resume), ("sync", Hands.roll_back)]
)
def test_a_right_that_is_lacking_is_named(world: World, right: str, change: Callable[[Hands], Any]) -> None:
    hands = broken(world)
    made = change(hands)
    if not isinstance(made, StopOwner):
        hands.argo_cd.apply(hands.stop())
    world.argocd.rights.discard(right)

    with pytest.raises(PermanentError, match=f"`applications, {right}`") as refused:
        hands.argo_cd.apply(made)

    assert refused.value.reason is Reason.FORBIDDEN


def test_a_wrong_token_is_refused_and_not_told(world: World) -> None:
    hands = broken(world)
    stranger = ArgoCd(world.argocd.url, "another-secret", cluster=CLUSTER)

    with pytest.raises(PermanentError, match="token") as refused:
        stranger.look(hands.read())

    assert refused.value.reason is Reason.FORBIDDEN
    assert "another-secret" not in "".join(traceback.format_exception(refused.value))


def test_an_application_that_was_deleted_meanwhile_is_left_alone(world: World) -> None:
    hands = broken(world)
    calls = everything(hands)
    world.argocd.delete(APP)

    for call in calls:
        with pytest.raises(PermanentError, match="there is none, or"):
            call()
    assert world.image() == BAD
