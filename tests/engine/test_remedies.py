"""The runbook's common issues: a stuck rollback, a database that does not fit, a cache that is stale."""

from datetime import timedelta
from typing import Any

import pytest

from shared.domain.changes import RestartWorkload, SetReplicas
from shared.domain.reasons import Reason
from shared.domain.remedies import CacheUse, Remedies, Remedy, WhenStuck, question
from shared.domain.response import Outcome, Step, Wanted
from shared.domain.services import Mode
from shared.engine.joining import Said
from shared.errors import PermanentError, TemporaryError
from shared.ports import DatabaseRestore, JobPhase, JobRun
from tests.engine.world import BAD, CHECKOUT, GOOD, World, a_service, an_alert
from tests.fakes.records import Moment

JOB = Remedies(job="production/migrate-down")
BOTH = Remedies(job="production/migrate-down", database="shop")


def alerted(world: World) -> str:
    [answer] = world.send(an_alert(at=world.now))
    return answer.response_id


def stuck(**remedies: Any) -> World:
    """Return a world in which the good image does not come up any more."""
    world = World([a_service(remedies=Remedies(**remedies))])
    world.story()
    world.workloads.broken = frozenset({GOOD})
    return world


def asked(world: World) -> str:
    """Return the response once it asks whether to scale to zero and back."""
    response_id = alerted(world)
    world.run_to(response_id, Step.APPROVE)
    return response_id


def replicas(world: World) -> int:
    found = world.workloads.read(CHECKOUT)
    assert found is not None
    return found.replicas


def made(world: World) -> list[str]:
    return [type(change).__name__ for change in world.workloads.applied]


class TestAStuckRollback:
    def test_has_its_broken_pods_evicted_once_and_is_verified_again(self) -> None:
        world = stuck()
        world.interrupt("cluster.apply", Moment.BEFORE, lambda: world.workloads.mend(CHECKOUT), nth=2)
        response_id = alerted(world)
        assert world.ended(response_id) == (Outcome.COMPLETED, Reason.HELD)
        assert made(world) == ["RestoreRevision", "EvictPods"]
        assert world.image() == GOOD

    def test_that_eviction_does_not_help_asks_for_force_and_takes_none_by_itself(self) -> None:
        world = stuck()
        response_id = alerted(world)
        world.run_to(response_id, Step.APPROVE)
        response = world.response(response_id)
        assert (response.offers, response.asks) == ((Remedy.FORCE,), (Reason.REMEDY_ASKS,))
        assert world.ended(response_id) == (Outcome.FAILED, Reason.ROLLOUT_TIMEOUT)
        assert "nobody answered" in world.response(response_id).detail
        assert made(world) == ["RestoreRevision", "EvictPods"]

    def test_is_scaled_to_zero_and_back_to_its_count_when_a_person_allows_it(self) -> None:
        world = stuck()
        response_id = asked(world)
        world.interrupt("cluster.apply", Moment.BEFORE, lambda: world.workloads.mend(CHECKOUT), nth=2)
        assert world.say(response_id, "approve") is Said.TAKEN
        assert world.ended(response_id) == (Outcome.COMPLETED, Reason.HELD)
        changes = [c for c in world.workloads.applied if isinstance(c, SetReplicas)]
        assert [change.replicas for change in changes] == [0, 3]
        assert replicas(world) == 3

    @pytest.mark.parametrize("moment", list(Moment))
    def test_that_is_aborted_while_it_is_scaled_is_scaled_back(self, moment: Moment) -> None:
        world = stuck()
        response_id = asked(world)
        world.interrupt("cluster.apply", moment, lambda: world.say(response_id, "abort"))
        world.say(response_id, "approve")
        assert world.ended(response_id)[0] == Outcome.ABORTED
        assert replicas(world) == 3
        assert "capacity_taken_back" in world.codes(response_id)

    def test_that_is_frozen_while_it_is_down_is_scaled_back_all_the_same(self) -> None:
        world = stuck()
        response_id = asked(world)
        world.interrupt(
            "cluster.apply",
            Moment.AFTER,
            lambda: world.door.freezer.freeze("global", by="bob", reason="looking"),
        )
        world.say(response_id, "approve")
        world.run(limit=timedelta(minutes=5))
        assert replicas(world) == 3

    def test_that_is_frozen_and_aborted_while_it_is_down_is_scaled_back(self) -> None:
        world = stuck()
        response_id = asked(world)

        def stop() -> None:
            world.door.freezer.freeze("global", by="bob", reason="looking")
            world.say(response_id, "abort")

        world.interrupt("cluster.apply", Moment.AFTER, stop)
        world.say(response_id, "approve")
        world.run(limit=timedelta(minutes=5))
        assert world.response(response_id).phase == Outcome.ABORTED
        assert replicas(world) == 3

    def test_is_scaled_back_however_long_the_cluster_is_away(self) -> None:
        world = stuck()
        response_id = asked(world)

        def away() -> None:
            for _ in range(400):
                world.workloads.fail(TemporaryError("the cluster is away"))

        world.interrupt("cluster.apply", Moment.AFTER, away)
        world.say(response_id, "approve")
        world.run(limit=timedelta(hours=2))
        assert replicas(world) == 3

    def test_that_mends_itself_is_not_scaled_whatever_was_allowed(self) -> None:
        world = stuck()
        response_id = asked(world)
        world.workloads.mend(CHECKOUT)
        world.say(response_id, "approve")
        assert world.ended(response_id) == (Outcome.COMPLETED, Reason.HELD)
        assert made(world) == ["RestoreRevision", "EvictPods"]

    def test_that_mends_itself_while_nobody_answers_goes_on(self) -> None:
        world = stuck()
        response_id = asked(world)
        world.workloads.mend(CHECKOUT)
        assert world.ended(response_id) == (Outcome.COMPLETED, Reason.HELD)

    def test_takes_no_order_to_roll_back_for_a_yes_to_force(self) -> None:
        world = stuck()
        response_id = asked(world)
        assert world.order(Wanted.ROLLBACK).response_id == response_id
        assert world.say(response_id, "now") is Said.NOT_ASKED
        assert world.ended(response_id) == (Outcome.FAILED, Reason.ROLLOUT_TIMEOUT)
        assert replicas(world) == 3

    def test_of_a_service_that_wants_no_remedy_fails_as_it_is(self) -> None:
        world = stuck(stuck=WhenStuck.OFF)
        assert world.ended(alerted(world)) == (Outcome.FAILED, Reason.ROLLOUT_TIMEOUT)
        assert made(world) == ["RestoreRevision"]

    def test_of_a_service_that_wants_eviction_alone_is_not_asked_about(self) -> None:
        world = stuck(stuck=WhenStuck.EVICT)
        response_id = alerted(world)
        assert world.ended(response_id) == (Outcome.FAILED, Reason.ROLLOUT_TIMEOUT)
        assert "asked" not in world.codes(response_id)

    def test_whose_eviction_a_budget_refuses_is_tried_until_the_time_is_over(self) -> None:
        world = stuck(stuck=WhenStuck.EVICT)
        world.workloads.protected = True
        response_id = alerted(world)
        assert world.ended(response_id) == (Outcome.FAILED, Reason.ROLLOUT_TIMEOUT)
        assert "eviction_refused" in world.codes(response_id)
        assert made(world) == ["RestoreRevision"]

    def test_whose_eviction_a_budget_refuses_to_the_end_asks_for_force(self) -> None:
        world = stuck()
        world.workloads.protected = True
        response_id = asked(world)
        assert world.response(response_id).offers == (Remedy.FORCE,)
        assert world.codes(response_id).count("eviction_refused") == 1

    def test_of_a_daemon_set_is_never_scaled(self) -> None:
        ref = CHECKOUT.__class__("test", "production", "daemonset", "checkout")
        world = World([a_service(workload=ref, match={"namespace": "production", "daemonset": "checkout"})])
        world.story()
        world.workloads.broken = frozenset({GOOD})
        alert = an_alert(at=world.now, daemonset="checkout")
        [answer] = world.send(alert)
        assert world.ended(answer.response_id) == (Outcome.FAILED, Reason.ROLLOUT_TIMEOUT)


def migrating(remedies: Remedies = JOB) -> World:
    """Return a world whose bad version left the database at a schema that the good one cannot use."""
    world = World([a_service(remedies=remedies)])
    world.workloads.deploy(CHECKOUT, GOOD, schema=41)
    world.sleep(days=1)
    world.workloads.deploy(CHECKOUT, BAD, schema=42, schema_at_least=42)
    world.sleep(minutes=2)
    return world


class TestADatabaseThatDoesNotFit:
    def test_refuses_the_rollback_before_anything_is_touched(self) -> None:
        world = migrating(Remedies())
        response_id = alerted(world)
        assert world.ended(response_id) == (Outcome.REFUSED, Reason.SCHEMA)
        assert made(world) == []

    def test_refuses_it_by_the_word_of_the_configuration_too(self) -> None:
        world = World([a_service(schema_at_least=42)])
        world.story()
        assert world.ended(alerted(world)) == (Outcome.REFUSED, Reason.SCHEMA)

    def test_is_migrated_back_when_a_person_allows_it_and_then_rolled_back(self) -> None:
        world = migrating()
        response_id = alerted(world)
        world.run_to(response_id, Step.APPROVE)
        assert (made(world), world.jobs.started) == ([], [])
        world.say(response_id, "approve")
        assert world.ended(response_id) == (Outcome.COMPLETED, Reason.HELD)
        [job] = world.jobs.started
        assert job.template == "production/migrate-down"
        assert (world.image(), world.rollbacks()) == (GOOD, 1)
        [migrated] = [e for e in world.events(response_id) if e.code == "migrated"]
        assert migrated.facts["log"] == "down to 41"

    def test_is_not_migrated_while_a_freeze_or_cooldown_would_delay_the_rollback(self) -> None:
        world = migrating()
        world.door.freezer.freeze("global", by="bob", reason="peak")
        response_id = alerted(world)
        world.run(limit=timedelta(minutes=5))
        assert world.response(response_id).delay is Reason.FREEZE
        assert world.response(response_id).offers == ()

    def test_in_mode_approve_needs_one_yes_alone(self) -> None:
        world = migrating()
        world.services = (a_service(remedies=JOB, mode=Mode.APPROVE),)
        world.restart()
        response_id = alerted(world)
        world.run_to(response_id, Step.APPROVE)
        world.say(response_id, "approve")
        assert world.ended(response_id) == (Outcome.COMPLETED, Reason.HELD)

    def test_that_nobody_answers_about_stays_refused(self) -> None:
        world = migrating()
        response_id = alerted(world)
        assert world.ended(response_id) == (Outcome.REFUSED, Reason.SCHEMA)
        assert (made(world), world.jobs.started) == ([], [])

    @pytest.mark.parametrize(
        ("run", "told"),
        [
            (JobRun(JobPhase.FAILED, "BackoffLimitExceeded", "column in use"), "BackoffLimitExceeded"),
            (JobRun(JobPhase.RUNNING), "did not end in time"),
        ],
        ids=["fails", "never ends"],
    )
    def test_whose_migration_goes_wrong_is_not_rolled_back(self, run: JobRun, told: str) -> None:
        world = migrating()
        world.jobs.ends = run
        response_id = alerted(world)
        world.run_to(response_id, Step.APPROVE)
        world.say(response_id, "approve")
        assert world.ended(response_id) == (Outcome.FAILED, Reason.REMEDY_FAILED)
        assert told in world.response(response_id).detail
        assert made(world) == []

    @pytest.mark.parametrize(
        "error",
        [PermanentError("no right to create jobs", reason=Reason.FORBIDDEN), None],
        ids=["forbidden", "no template"],
    )
    def test_whose_migration_cannot_start_says_why(self, error: PermanentError | None) -> None:
        world = migrating()
        if error is None:
            world.jobs.templates.clear()
        else:
            world.jobs.errors = [error]
        response_id = alerted(world)
        world.run_to(response_id, Step.APPROVE)
        world.say(response_id, "approve")
        world.ended(response_id)
        assert ("no right" if error else "has no CronJob") in world.response(response_id).detail
        assert made(world) == []

    def test_with_two_ways_out_needs_a_person_to_choose(self) -> None:
        world = migrating(BOTH)
        response_id = alerted(world)
        world.run_to(response_id, Step.APPROVE)
        assert world.say(response_id, "approve") is Said.NOT_ASKED
        chosen = world.door.listener.say(
            response_id, "approve", by="alice", question=question(Remedy.RESTORE_DATABASE)
        )
        assert chosen is Said.TAKEN
        world.run(until=lambda: "database_restored" in world.codes(response_id))
        [restore] = world.databases.restored
        assert restore.instance == "shop"
        assert restore.to_instance == f"shop-{response_id}"
        assert world.jobs.started == []
        assert made(world) == []
        assert world.response(response_id).phase == Step.APPROVE
        assert world.say(response_id, "approve") is Said.TAKEN
        assert world.ended(response_id) == (Outcome.COMPLETED, Reason.HELD)
        assert world.rollbacks() == 1

    def test_whose_restore_fails_is_not_rolled_back(self) -> None:
        world = migrating(Remedies(database="shop"))
        world.databases.stands = DatabaseRestore("incompatible-restore", failed=True)
        response_id = alerted(world)
        world.run_to(response_id, Step.APPROVE)
        world.say(response_id, "approve")
        assert world.ended(response_id) == (Outcome.FAILED, Reason.REMEDY_FAILED)
        assert "incompatible-restore" in world.response(response_id).detail
        assert made(world) == []


def caching(**use: Any) -> World:
    world = World([a_service(remedies=Remedies(cache=CacheUse("sessions", "checkout:", **use)))])
    world.story()
    return world


class TestACache:
    def test_is_flushed_after_a_rollback_and_the_pods_are_restarted(self) -> None:
        world = caching(after_rollback=True)
        response_id = alerted(world)
        assert world.ended(response_id) == (Outcome.COMPLETED, Reason.HELD)
        [flush] = world.caches.flushed
        assert (flush.cache, flush.prefix) == ("sessions", "checkout:")
        assert made(world) == ["RestoreRevision", "RestartWorkload"]
        codes = world.codes(response_id)
        assert codes.index("rolled_back") < codes.index("flushed") < codes.index("restarted")

    def test_is_left_alone_where_that_is_not_configured(self) -> None:
        world = caching()
        assert world.ended(alerted(world))[0] == Outcome.COMPLETED
        assert world.caches.flushed == []

    def test_is_flushed_when_a_person_orders_it_without_any_rollback(self) -> None:
        world = caching()
        answer = world.order(Wanted.FLUSH)
        assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.FLUSHED)
        assert len(world.caches.flushed) == 1
        assert made(world) == ["RestartWorkload"]
        assert world.image() == BAD
        assert world.record().restored is None

    def test_is_flushed_without_a_restart_where_none_is_wanted(self) -> None:
        world = caching(restart=False)
        assert world.ended(world.order(Wanted.FLUSH).response_id)[0] == Outcome.COMPLETED
        assert made(world) == []

    def test_that_is_not_configured_cannot_be_flushed(self) -> None:
        world = World()
        world.story()
        answer = world.order(Wanted.FLUSH)
        assert world.ended(answer.response_id) == (Outcome.REFUSED, Reason.NO_REMEDY)

    def test_that_is_away_after_a_rollback_leaves_the_outcome_open(self) -> None:
        world = caching(after_rollback=True)
        world.caches.errors = [TemporaryError("Redis is away") for _ in range(500)]
        response_id = alerted(world)
        outcome, _ = world.ended(response_id)
        assert outcome == Outcome.INCONCLUSIVE
        assert "Redis is away" in world.response(response_id).detail

    def test_restarts_are_made_once(self) -> None:
        world = caching()
        world.interrupt(
            "cluster.apply",
            Moment.AFTER,
            lambda: world.workloads.fail(TemporaryError("no answer"), after=False),
        )
        world.ended(world.order(Wanted.FLUSH).response_id)
        assert len([c for c in world.workloads.applied if isinstance(c, RestartWorkload)]) == 1
