"""A workload that something else manages: its owner is stopped first, and is never forgotten."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.domain import aftercare
from shared.domain.changes import ResumeOwner, RollBackByOwner, StopOwner
from shared.domain.owners import Source
from shared.domain.reasons import Reason
from shared.domain.response import Outcome, Step, Task, Wanted
from shared.domain.workloads import WorkloadRef
from shared.engine.joining import Said
from shared.errors import PermanentError, TemporaryError
from tests.engine.world import BAD, BROKEN, CHECKOUT, GOOD, HUNGRY, RAISED, World, a_service, an_alert
from tests.fakes.owners import FakeOwner
from tests.fakes.records import Moment

COMMIT = "bad0" * 10
GIT = Source("git@github.com:shop/checkout.git", "main", COMMIT)
CART = WorkloadRef("test", "production", "deployment", "cart")
SHOP = [
    a_service(),
    a_service(name="cart", workload=CART, match={"namespace": "production", "deployment": "cart"}),
]


def owned(**fields: Any) -> tuple[World, FakeOwner]:
    world = World([a_service(repository="shop/checkout", reverts=fields.pop("reverts", False))])
    world.story()
    world.repositories.tip = COMMIT
    return world, world.own(**{"source": GIT, **fields})


def alerted(world: World) -> str:
    [answer] = world.send(an_alert(at=world.now))
    return answer.response_id


def made(owner: FakeOwner) -> list[type]:
    return [type(change) for change in owner.applied]


def tasks(world: World, response_id: str, kind: str) -> list[Task]:
    return [task for task in world.records.tasks(response_id) if task.kind == kind]


def stopped(world: World, response_id: str) -> bool:
    response = world.response(response_id)
    return aftercare.still_stopped(response, {t.name: t for t in world.records.tasks(response_id)})


class TestARollback:
    def test_is_made_by_the_owner_after_it_was_stopped(self) -> None:
        world, owner = owned()
        response_id = alerted(world)
        assert world.ended(response_id) == (Outcome.COMPLETED, Reason.HELD)
        assert made(owner) == [StopOwner, RollBackByOwner]
        assert (world.image(), world.workloads.applied) == (GOOD, [])
        assert world.record().quarantined != ()
        assert stopped(world, response_id)

    def test_is_made_at_the_template_where_the_owner_has_none_of_its_own(self) -> None:
        world, owner = owned(by_owner=False)
        assert world.ended(alerted(world))[0] == Outcome.COMPLETED
        assert made(owner) == [StopOwner]
        assert (world.image(), world.rollbacks()) == (GOOD, 1)

    def test_of_an_owner_that_is_stopped_already_stops_nothing(self) -> None:
        world, owner = owned(running=False)
        response_id = alerted(world)
        assert world.ended(response_id)[0] == Outcome.COMPLETED
        assert made(owner) == [RollBackByOwner]
        assert not stopped(world, response_id)

    def test_is_refused_with_the_owners_own_obstacle_and_nothing_is_touched(self) -> None:
        world, owner = owned(obstacle="its ApplicationSet puts auto-sync back")
        response_id = alerted(world)
        assert world.ended(response_id) == (Outcome.REFUSED, Reason.MANAGED_BY_OWNER)
        assert "its ApplicationSet puts auto-sync back" in world.response(response_id).detail
        assert (owner.applied, world.workloads.applied, world.image()) == ([], [], BAD)

    def test_is_refused_where_the_owners_history_is_too_short(self) -> None:
        world, owner = owned()
        owner.history = {"2": BAD}
        response_id = alerted(world)
        assert world.ended(response_id) == (Outcome.REFUSED, Reason.MANAGED_BY_OWNER)
        assert "history holds nothing" in world.response(response_id).detail
        assert owner.applied == []

    def test_falls_back_to_the_template_where_the_owner_would_not_mind(self) -> None:
        world, owner = owned(running=False, or_template=True)
        owner.history = {"2": BAD}
        assert world.ended(alerted(world))[0] == Outcome.COMPLETED
        assert (owner.applied, world.rollbacks()) == ([], 1)

    def test_waits_for_an_owner_that_is_away_and_then_fails_with_the_reason(self) -> None:
        world, owner = owned()
        response_id = alerted(world)
        owner.errors = [TemporaryError("Argo CD is away") for _ in range(200)]
        outcome, _ = world.ended(response_id)
        assert outcome == Outcome.FAILED
        assert "Argo CD is away" in world.response(response_id).detail
        assert world.rollbacks() == 0

    def test_goes_on_when_the_owner_answers_again(self) -> None:
        world, owner = owned()
        response_id = alerted(world)
        owner.errors = [TemporaryError("Argo CD is away")]
        assert world.ended(response_id)[0] == Outcome.COMPLETED
        assert world.rollbacks() == 1

    def test_is_refused_when_the_owner_refuses(self) -> None:
        world, owner = owned()
        response_id = alerted(world)
        owner.errors = [PermanentError("no right to sync", reason=Reason.FORBIDDEN)]
        outcome, reason = world.ended(response_id)
        assert (outcome, reason) == (Outcome.FAILED, Reason.FORBIDDEN)
        assert world.rollbacks() == 0

    def test_that_the_owner_took_but_never_brought_out_fails_and_leaves_it_stopped(self) -> None:
        world, owner = owned()
        owner.rolls_back = lambda image: None
        response_id = alerted(world)
        assert world.ended(response_id) == (Outcome.FAILED, Reason.ROLLOUT_TIMEOUT)
        assert "has not brought the revision back" in world.response(response_id).detail
        assert stopped(world, response_id)

    def test_scales_first_under_a_stopped_owner_which_starts_again_when_that_was_enough(self) -> None:
        world = World(readings={BAD: HUNGRY})
        world.story()
        owner = world.own(source=GIT)
        [answer] = world.send(an_alert(None, None, at=world.now))
        world.run_to(answer.response_id, Step.SETTLE)
        world.shop.readings.clear()
        outcome, reason = world.ended(answer.response_id)
        assert (outcome, reason) == (Outcome.COMPLETED, Reason.SCALED)
        assert made(owner) == [StopOwner, ResumeOwner]
        assert owner.state.running
        assert not stopped(world, answer.response_id)


class TestAnOwnerThatChangesMidway:
    def test_and_is_another_one_is_assessed_again(self) -> None:
        world, owner = owned()
        response_id = alerted(world)

        def change() -> None:
            owner.state = replace(owner.state, name="another")

        world.interrupt("cluster.read", Moment.AFTER, change, nth=2)
        assert world.ended(response_id)[0] == Outcome.COMPLETED
        assert "owner_changed" in world.codes(response_id)
        assert world.rollbacks() == 1

    def test_and_is_stopped_by_someone_else_is_left_stopped(self) -> None:
        world, owner = owned()
        response_id = alerted(world)
        world.interrupt("owners.apply", Moment.BEFORE, owner.taken_over)
        assert world.ended(response_id)[0] == Outcome.COMPLETED
        assert made(owner) == [RollBackByOwner]
        assert not stopped(world, response_id)

    def test_and_is_given_up_by_an_abort_starts_again(self) -> None:
        world, owner = owned()
        response_id = alerted(world)
        world.interrupt("owners.apply", Moment.AFTER, lambda: world.say(response_id, "abort"))
        assert world.ended(response_id) == (Outcome.ABORTED, Reason.ABORTED_BY_PERSON)
        assert made(owner) == [StopOwner, ResumeOwner]
        assert (owner.state.running, world.image()) == (True, BAD)
        assert not stopped(world, response_id)

    def test_and_was_taken_over_by_a_person_is_left_alone_by_an_abort(self) -> None:
        world = World(readings={BAD: HUNGRY})
        world.story()
        owner = world.own(source=GIT)
        [answer] = world.send(an_alert(None, None, at=world.now))
        world.run_to(answer.response_id, Step.SETTLE)
        owner.taken_over()
        world.say(answer.response_id, "abort")
        assert world.ended(answer.response_id)[0] == Outcome.ABORTED
        assert "changed by someone else and is left alone" in world.people.titles[-1]
        assert made(owner) == [StopOwner]
        assert not owner.state.running
        assert not stopped(world, answer.response_id)


class TestWhatIsLeftStopped:
    def test_starts_again_by_itself_once_the_owner_is_in_step(self) -> None:
        world, owner = owned()
        response_id = alerted(world)
        world.run(until=lambda: not world.response(response_id).live)
        world.run(limit=timedelta(minutes=5))
        assert stopped(world, response_id)
        owner.synced = True
        world.run(limit=timedelta(minutes=1))
        assert made(owner)[-1] is ResumeOwner
        assert not stopped(world, response_id)
        assert world.people.titles[-1] == "checkout: Argo CD argocd/shop runs again"

    def test_starts_again_when_a_person_says_so_and_the_history_tells_who(self) -> None:
        world, owner = owned()
        response_id = alerted(world)
        assert world.say(response_id, "resume") is Said.NOT_ASKED
        world.run(until=lambda: not world.response(response_id).live)
        assert world.say(response_id, "resume") is Said.TAKEN
        world.run(limit=timedelta(seconds=1))
        assert made(owner)[-1] is ResumeOwner
        assert world.events(response_id)[-1].by == "alice"
        assert not stopped(world, response_id)

    def test_is_left_alone_and_told_when_someone_else_has_changed_it(self) -> None:
        world, owner = owned()
        response_id = alerted(world)
        world.run(until=lambda: not world.response(response_id).live)
        owner.taken_over()
        world.say(response_id, "resume")
        world.run(limit=timedelta(seconds=1))
        assert made(owner) == [StopOwner, RollBackByOwner]
        assert "changed by someone else and is left alone" in world.people.titles[-1]

    def test_is_reminded_of_ever_more_seldom_until_it_runs(self) -> None:
        world, owner = owned()
        response_id = alerted(world)
        world.run(until=lambda: not world.response(response_id).live)
        world.run(limit=timedelta(hours=16))
        reminded = [title for title in world.people.titles if title.endswith("is still stopped")]
        assert len(reminded) == 4  # after 1, 3, 7 and 15 hours
        owner.synced = True
        world.run(limit=timedelta(days=2))
        assert len([t for t in world.people.titles if t.endswith("is still stopped")]) == 4
        assert {task.due_at for task in world.records.tasks(response_id)} == {None}

    def test_does_not_start_by_itself_while_a_freeze_holds(self) -> None:
        world, owner = owned()
        response_id = alerted(world)
        world.run(until=lambda: not world.response(response_id).live)
        world.door.freezer.freeze("global", by="bob", reason="looking")
        owner.synced = True
        world.run(limit=timedelta(minutes=5))
        assert made(owner)[-1] is RollBackByOwner
        world.door.freezer.thaw("global")
        world.run(limit=timedelta(minutes=1))
        assert made(owner)[-1] is ResumeOwner

    def test_stays_stopped_for_a_later_rollback_that_relies_on_it(self) -> None:
        world = World(SHOP)
        world.story()
        owner = world.own(by_owner=False)
        world.own(CART, by_owner=False)
        world.owner = owner
        first = alerted(world)
        world.run(until=lambda: not world.response(first).live)
        [answer] = world.send(an_alert(at=world.now, deployment="cart"))
        world.run(until=lambda: not world.response(answer.response_id).live)
        assert world.response(answer.response_id).phase == Outcome.COMPLETED
        owner.synced = True
        world.run(limit=timedelta(hours=1))
        assert made(owner) == [StopOwner]
        world.say(first, "resume")
        world.run(limit=timedelta(seconds=1))
        assert made(owner) == [StopOwner, ResumeOwner]


class TestWorkloadsOfOneApplication:
    def test_are_claimed_and_verified_together_and_let_go_of(self) -> None:
        world = World(SHOP)
        world.story()
        world.own(companions=(CART,))
        response_id = alerted(world)
        world.run_to(response_id, Step.STABILISE)
        assert world.record(CART).live == response_id
        [joined] = world.send(an_alert(at=world.now, deployment="cart"))
        assert (joined.outcome, joined.response_id) == ("joined", response_id)
        assert world.ended(response_id)[0] == Outcome.COMPLETED
        assert world.record(CART).live is None
        assert [past.id for past in world.record(CART).responses] == [response_id]

    def test_hold_it_up_where_one_of_them_does_not_come_up(self) -> None:
        world = World(SHOP)
        world.story()
        world.own(companions=(CART,))
        cart = world.workloads.read(CART)
        assert cart is not None
        world.workloads.put(replace(cart, ready_replicas=0))
        response_id = alerted(world)
        assert world.ended(response_id) == (Outcome.FAILED, Reason.ROLLOUT_TIMEOUT)
        assert world.response(response_id).detail.startswith("production/deployment/cart: 0 of 3")

    def test_are_rolled_back_by_the_older_of_two_responses(self) -> None:
        world = World(SHOP, readings={BAD: RAISED})
        world.story()
        owner = shared(world)
        [first] = world.send(an_alert(value=0.08, at=world.now))
        world.run_to(first.response_id, Step.HOLD)
        world.sleep(seconds=1)
        [second] = world.send(an_alert(value=0.08, at=world.now, deployment="cart"))
        world.say(second.response_id, "now")
        world.run(until=lambda: not world.response(first.response_id).live)
        assert world.response(first.response_id).phase == Outcome.COMPLETED
        assert made(owner).count(RollBackByOwner) == 1
        later = world.response(second.response_id)
        assert (later.phase, later.reason) == (Outcome.DISMISSED, Reason.ROLLED_BACK_TOGETHER)

    def test_are_not_given_up_for_an_older_response_that_touches_nothing(self) -> None:
        world = World(SHOP, readings={BAD: RAISED})
        world.story()
        owner = shared(world)
        [first] = world.send(an_alert(value=0.08, at=world.now))
        world.run_to(first.response_id, Step.HOLD)
        world.sleep(seconds=1)
        [second] = world.send(an_alert(value=0.08, at=world.now, deployment="cart"))
        world.run(until=lambda: world.response(second.response_id).phase == Step.HOLD)
        world.say(second.response_id, "now")
        world.run(until=lambda: "in_turn" in world.codes(second.response_id))
        world.say(first.response_id, "abort")
        world.run(until=lambda: not world.response(second.response_id).live)
        assert world.response(second.response_id).phase == Outcome.COMPLETED
        assert made(owner).count(RollBackByOwner) == 1

    def test_remember_that_they_were_rolled_back_together_so_that_no_rollback_undoes_it(self) -> None:
        world = World(SHOP)
        world.story()
        shared(world)
        first = alerted(world)
        world.run(until=lambda: not world.response(first).live)
        cart, remembered = world.workloads.read(CART), world.record(CART)
        assert cart is not None
        assert remembered.restored is not None
        assert (remembered.restored.response_id, remembered.restored.to_template_id) == (
            first,
            cart.template_id,
        )
        assert remembered.cooldown_until == world.record().cooldown_until


class TestAnAnswerThatWasLost:
    def test_of_a_stop_leaves_the_owner_listed_and_started_again(self) -> None:
        world, owner = owned()
        response_id = alerted(world)

        def lose() -> None:
            world.say(response_id, "abort")
            raise TemporaryError("no answer")

        world.interrupt("owners.apply", Moment.AFTER, lose)
        assert world.ended(response_id)[0] == Outcome.ABORTED
        assert made(owner) == [StopOwner, ResumeOwner]
        assert owner.state.running
        assert not stopped(world, response_id)

    def test_of_a_stop_goes_on_with_the_rollback_and_knows_what_is_stopped(self) -> None:
        world, owner = owned()
        response_id = alerted(world)

        def lose() -> None:
            raise TemporaryError("no answer")

        world.interrupt("owners.apply", Moment.AFTER, lose)
        assert world.ended(response_id)[0] == Outcome.COMPLETED
        assert made(owner) == [StopOwner, RollBackByOwner]
        assert stopped(world, response_id)


class TestAnOwnerThatBeginsToRun:
    def test_after_it_was_looked_at_is_stopped_all_the_same(self) -> None:
        world = World([a_service()], readings={BAD: RAISED})
        world.story()
        owner = world.own(running=False, by_owner=False)
        [answer] = world.send(an_alert(value=0.08, at=world.now))
        world.run_to(answer.response_id, Step.HOLD)
        owner.state = replace(owner.state, running=True)
        assert world.ended(answer.response_id)[0] == Outcome.COMPLETED
        assert made(owner) == [StopOwner]

    def test_stays_stopped_while_another_response_relies_on_it(self) -> None:
        world = World(SHOP, readings={BAD: HUNGRY})
        world.story()
        owner = shared(world, by_owner=False, companions=())
        [first] = world.send(an_alert(None, None, at=world.now))
        world.run_to(first.response_id, Step.SETTLE)
        order = world.door.catalogue.named("cart")
        assert order is not None
        [second] = world.send(an_alert(None, None, at=world.now, deployment="cart"))
        world.shop.readings[BAD] = BROKEN
        world.run(until=lambda: "rolled_back" in world.codes(second.response_id))
        world.say(first.response_id, "abort")
        world.run(limit=timedelta(hours=1))
        assert ResumeOwner not in made(owner)
        assert stopped(world, first.response_id)


def shared(world: World, **fields: Any) -> FakeOwner:
    """Have one application manage both workloads of the shop."""
    owner = world.own(**{"companions": (CHECKOUT, CART), **fields})
    found, cart = world.workloads.read(CHECKOUT), world.workloads.read(CART)
    assert found is not None
    assert cart is not None
    world.workloads.put(replace(cart, owner=found.owner))
    owner.rolls_back = lambda image: [world.workloads.roll_back(ref, image) for ref in (CHECKOUT, CART)]
    return owner


class TestARevert:
    def test_follows_a_rollback_that_has_held_and_starts_the_owner_again(self) -> None:
        world, owner = owned(reverts=True)
        response_id = alerted(world)
        assert world.ended(response_id)[0] == Outcome.COMPLETED
        [revert] = world.repositories.reverts
        assert (revert.repository, revert.branch, revert.commit) == ("shop/checkout", "main", COMMIT)
        assert f"Backout {response_id}" in revert.cause
        assert made(owner) == [StopOwner, RollBackByOwner, ResumeOwner]
        assert not stopped(world, response_id)

    def test_by_a_pull_request_starts_the_owner_once_it_is_merged(self) -> None:
        world, owner = owned(reverts=True)
        world.repositories.by = "pull_request"
        response_id = alerted(world)
        world.run(limit=timedelta(minutes=30))
        assert "checkout: reverted in git: pull request 7 waits to be merged" in world.people.titles
        assert stopped(world, response_id)
        world.repositories.merge()
        world.run(limit=timedelta(minutes=30))
        assert not stopped(world, response_id)
        assert made(owner)[-1] is ResumeOwner

    def test_that_is_not_possible_is_told_and_changes_nothing_of_the_rollback(self) -> None:
        world, _ = owned(reverts=True)
        world.repositories.obstacle = "main is protected"
        response_id = alerted(world)
        assert world.ended(response_id) == (Outcome.COMPLETED, Reason.HELD)
        [task] = tasks(world, response_id, "revert")
        assert task.result == "not reverted: main is protected"
        assert any("could not be reverted in git" in title for title in world.people.titles)

    def test_of_a_commit_that_is_younger_than_the_rollout_is_not_made(self) -> None:
        world, _ = owned(reverts=True)
        world.repositories.made_at = world.now
        response_id = alerted(world)
        assert world.ended(response_id)[0] == Outcome.COMPLETED
        [task] = tasks(world, response_id, "revert")
        assert "younger than the rollout" in task.result
        assert world.repositories.reverts == []

    def test_of_a_commit_of_another_repository_is_not_made(self) -> None:
        world, _ = owned(reverts=True, source=replace(GIT, repository="https://github.com/shop/deploy"))
        response_id = alerted(world)
        world.ended(response_id)
        [task] = tasks(world, response_id, "revert")
        assert "not known which commit" in task.result

    def test_that_alerts_joined_meanwhile_is_followed_by_a_rollback(self) -> None:
        world, _ = owned()
        world.door.freezer.freeze("global", by="bob", reason="wait")
        ordered = world.order(Wanted.REVERT)
        world.run(limit=timedelta(seconds=20))
        [joined] = world.send(an_alert(at=world.now))
        assert joined.response_id == ordered.response_id
        world.door.freezer.thaw("global")
        assert world.ended(ordered.response_id) == (Outcome.COMPLETED, Reason.HELD)
        assert (len(world.repositories.reverts), world.rollbacks()) == (1, 1)

    def test_that_a_push_gets_in_between_of_is_looked_at_again(self) -> None:
        world, _ = owned(reverts=True)

        def push() -> None:
            world.repositories.tip = "f" * 40

        world.interrupt("repositories.apply", Moment.BEFORE, push)
        response_id = alerted(world)
        world.ended(response_id)
        [task] = tasks(world, response_id, "revert")
        assert "is not the tip of main" in task.result
        assert world.repositories.reverts == []

    def test_that_a_person_orders_is_made_once_and_touches_no_workload(self) -> None:
        world, owner = owned(reverts=True)
        answer = world.order(Wanted.REVERT, reason="broken checkout")
        again = world.order(Wanted.REVERT, reason="broken checkout")
        assert again.response_id == answer.response_id
        assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.REVERTED)
        assert len(world.repositories.reverts) == 1
        assert (owner.applied, world.workloads.applied) == ([], [])
        assert "https://github.example/shop/checkout/commit/" in world.response(answer.response_id).detail

    def test_that_is_ordered_of_a_commit_that_nobody_knows_is_refused(self) -> None:
        world, _ = owned(source=Source())
        answer = world.order(Wanted.REVERT)
        assert world.ended(answer.response_id) == (Outcome.REFUSED, Reason.NOT_REVERTIBLE)
        assert "not known which commit" in world.response(answer.response_id).detail

    def test_that_is_ordered_after_a_rollback_needs_the_commit_named(self) -> None:
        world, _ = owned()
        world.ended(alerted(world))
        refused = world.order(Wanted.REVERT, key="order-2")
        assert world.ended(refused.response_id) == (Outcome.REFUSED, Reason.NOT_REVERTIBLE)
        named = world.order(Wanted.REVERT, key="order-3", commit=COMMIT[:12])
        assert world.ended(named.response_id) == (Outcome.COMPLETED, Reason.REVERTED)

    @pytest.mark.parametrize("moment", list(Moment))
    def test_that_is_ordered_is_made_once_through_a_freeze_set_before_it(self, moment: Moment) -> None:
        world, _ = owned()
        world.interrupt(
            "repositories.look",
            moment,
            lambda: world.door.freezer.freeze("global", by="bob", reason="stop"),
        )
        answer = world.order(Wanted.REVERT)
        world.run(limit=timedelta(minutes=5))
        assert world.repositories.reverts == []
        assert world.response(answer.response_id).delay is Reason.FREEZE
        world.door.freezer.thaw("global")
        assert world.ended(answer.response_id)[0] == Outcome.COMPLETED
        assert len(world.repositories.reverts) == 1
