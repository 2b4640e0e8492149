from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import guardrails
from shared.domain.guardrails import Effect, Finding, Rails
from shared.domain.reasons import OVERRIDABLE, Reason
from shared.domain.records import Freeze, Freezes, PastResponse, Restored, WorkloadRecord
from shared.domain.services import MaintenanceWindow, Mode, Service
from shared.domain.workloads import Owner, Workload, WorkloadRef
from tests.domain.examples import CHECKOUT, NOW, a_revision, a_service, a_workload, ago

RAILS = Rails(namespaces=("production",))
NO_FREEZE = Freezes()
ALWAYS = MaintenanceWindow(frozenset(range(7)), time(0), time(0), UTC)
UNTIL_ONE = MaintenanceWindow(frozenset(range(7)), time(11), time(13), UTC)
LATER = NOW + timedelta(minutes=10)
FINDINGS = st.lists(
    st.builds(
        Finding,
        st.sampled_from(Effect),
        st.sampled_from(Reason),
        st.sampled_from(["", "a", "b"]),
        st.none() | st.integers(1, 3).map(lambda hours: NOW + timedelta(hours=hours)),
    ),
    max_size=5,
)


def before(
    service: Service | None = None, rails: Rails = RAILS, freezes: Freezes = NO_FREEZE
) -> list[tuple[Effect, Reason]]:
    found = guardrails.known_before(service or a_service(), rails, freezes, NOW)
    return [(f.effect, f.reason) for f in found]


def world(
    workload: Workload | None = None, record: WorkloadRecord | None = None, *, rolls_back: bool = True
) -> list[tuple[Effect, Reason]]:
    found = guardrails.of_world(
        a_service(), workload or a_workload(), record or WorkloadRecord(CHECKOUT), NOW, rolls_back=rolls_back
    )
    return [(f.effect, f.reason) for f in found]


def a_record(*, to: str = "t8", cooldown_until: datetime | None = None) -> WorkloadRecord:
    restored = Restored("r1", ago(minutes=5), ago(minutes=1), "t7", to)
    return WorkloadRecord(CHECKOUT, restored=restored, cooldown_until=cooldown_until)


class TestBeforeTheWorldIsLookedAt:
    def test_a_service_in_order_is_let_through(self) -> None:
        assert before() == []

    def test_no_namespace_is_allowed_that_is_not_named(self) -> None:
        assert before(rails=Rails()) == [(Effect.REFUSE, Reason.NAMESPACE_NOT_ALLOWED)]

    def test_a_kind_that_cannot_be_rolled_back_is_refused(self) -> None:
        cronjob = a_service(workload=WorkloadRef("prod", "production", "cronjob", "report"))
        assert before(cronjob) == [(Effect.REFUSE, Reason.KIND_NOT_SUPPORTED)]

    def test_a_service_that_only_observes_is_refused(self) -> None:
        assert before(a_service(mode=Mode.OBSERVE)) == [(Effect.REFUSE, Reason.MODE_OBSERVE)]

    def test_the_mode_of_a_discovered_service_is_not_known_yet(self) -> None:
        assert before(a_service(mode=Mode.OBSERVE, discovered=True)) == []

    def test_all_that_is_wrong_is_found_at_once(self) -> None:
        wrong = a_service(workload=WorkloadRef("prod", "staging", "job", "x"), mode=Mode.OBSERVE)
        assert len(before(wrong, rails=Rails(maintenance=(ALWAYS,)))) == 4


class TestDelays:
    def test_an_open_maintenance_window_delays_until_it_closes(self) -> None:
        rails = Rails(namespaces=("production",), maintenance=(UNTIL_ONE,))
        [found] = guardrails.delays(a_service(), rails, NO_FREEZE, NOW)
        assert (found.effect, found.reason) == (Effect.DELAY, Reason.MAINTENANCE_WINDOW)
        assert found.until == NOW + timedelta(hours=1)

    def test_of_several_open_windows_the_last_to_close_counts(self) -> None:
        rails = Rails(maintenance=(UNTIL_ONE, ALWAYS))
        [found] = guardrails.delays(a_service(), rails, NO_FREEZE, NOW)
        assert found.until == NOW + timedelta(hours=12)

    @pytest.mark.parametrize("scope", ["global", "namespace/production", "team/shop"])
    def test_a_freeze_delays_and_says_whose_it_is_and_why(self, scope: str) -> None:
        freezes = Freezes({scope: Freeze("alice", "peak sale", ago(hours=1), LATER)})
        [found] = guardrails.delays(a_service(team="shop"), RAILS, freezes, NOW)
        assert (found.effect, found.reason, found.until) == (Effect.DELAY, Reason.FREEZE, LATER)
        assert found.detail == f"{scope}, by alice: peak sale"

    @pytest.mark.parametrize("scope", ["namespace/staging", "team/search"])
    def test_a_freeze_of_another_scope_does_not(self, scope: str) -> None:
        freezes = Freezes({scope: Freeze("alice", "", ago(hours=1))})
        assert guardrails.delays(a_service(team="shop"), RAILS, freezes, NOW) == []


class TestOfTheWorld:
    def test_a_fresh_bad_rollout_is_let_through(self) -> None:
        assert world() == []

    @pytest.mark.parametrize("rolls_back", [True, False])
    def test_an_owner_that_would_undo_the_change_refuses_scaling_too(self, rolls_back: bool) -> None:
        owner = Owner("Application", "shop", undoes_us=True, why="self-heal is on")
        found = guardrails.of_world(
            a_service(), a_workload(owner=owner), WorkloadRecord(CHECKOUT), NOW, rolls_back=rolls_back
        )
        assert [(f.effect, f.reason) for f in found] == [(Effect.REFUSE, Reason.MANAGED_BY_OWNER)]
        assert found[0].detail == "Application shop: self-heal is on"

    def test_an_owner_that_leaves_changes_alone_does_not_refuse(self) -> None:
        assert world(a_workload(owner=Owner("HelmRelease", "shop", undoes_us=False, why=""))) == []

    def test_a_paused_rollout_refuses_a_rollback(self) -> None:
        assert world(a_workload(paused=True)) == [(Effect.REFUSE, Reason.PAUSED)]

    @pytest.mark.parametrize(
        ("age", "asks"), [(timedelta(hours=4), False), (timedelta(hours=4, seconds=1), True)]
    )
    def test_a_rollout_older_than_recent_rollout_asks(self, age: timedelta, asks: bool) -> None:
        found = world(a_workload(rollout_began_at=NOW - age))
        assert found == ([(Effect.ASK, Reason.NO_RECENT_ROLLOUT)] if asks else [])

    def test_a_rollout_of_unknown_date_asks(self) -> None:
        assert world(a_workload(rollout_began_at=None)) == [(Effect.ASK, Reason.NO_RECENT_ROLLOUT)]

    def test_the_cooldown_delays_the_restored_revision_and_a_person_is_asked_about_going_on(self) -> None:
        found = world(a_workload(9, 8), a_record(to="t9", cooldown_until=LATER))
        assert found == [(Effect.DELAY, Reason.COOLDOWN), (Effect.ASK, Reason.RESTORED_REVISION)]

    def test_the_cooldown_only_asks_about_a_newer_revision(self) -> None:
        found = world(a_workload(9, 8), a_record(to="t8", cooldown_until=LATER))
        assert found == [(Effect.ASK, Reason.COOLDOWN)]

    def test_a_cooldown_is_over_at_its_end(self) -> None:
        assert world(a_workload(9, 8), a_record(to="t8", cooldown_until=NOW)) == []

    def test_a_restored_revision_that_alerts_again_asks_however_long_ago(self) -> None:
        assert world(a_workload(9), a_record(to="t9")) == [(Effect.ASK, Reason.RESTORED_REVISION)]

    def test_a_revision_that_was_restored_without_anybody_recording_it_asks_too(self) -> None:
        failed = PastResponse("r-lost", NOW - timedelta(minutes=20), "failed", "cluster_unreachable")
        record = WorkloadRecord(CHECKOUT, responses=(failed,))
        began_at = NOW - timedelta(minutes=19)
        marked = a_workload(9, 8, marker="r-lost", rollout_began_at=began_at)
        assert world(marked, record) == [(Effect.ASK, Reason.RESTORED_REVISION)]
        assert world(replace(marked, marker="another"), record) == []
        assert world(replace(marked, rollout_began_at=NOW - timedelta(minutes=30)), record) == []

    def test_a_restart_that_ended_well_before_a_newer_rollout_asks_nothing(self) -> None:
        restarted = PastResponse("r-flush", NOW - timedelta(minutes=20), "completed", "held")
        record = WorkloadRecord(CHECKOUT, responses=(restarted,))
        newer = a_workload(9, 8, marker="r-flush", rollout_began_at=NOW - timedelta(minutes=5))
        assert world(newer, record) == []

    def test_a_revision_that_was_rolled_away_from_and_is_back_asks(self) -> None:
        record = WorkloadRecord(CHECKOUT, quarantined=("t9",))
        assert world(a_workload(9, 8), record) == [(Effect.ASK, Reason.QUARANTINED_REVISION)]

    def test_scaling_is_held_back_by_no_rollback_of_the_past(self) -> None:
        old = a_workload(9, 8, paused=True, rollout_began_at=None)
        assert world(old, a_record(to="t9", cooldown_until=LATER), rolls_back=False) == []


class TestOfTheCandidate:
    def test_a_sure_one_whose_schema_fits_is_let_through(self) -> None:
        assert guardrails.of_candidate(a_revision(9), a_revision(8), sure=True) == []

    def test_one_whose_schema_does_not_fit_is_refused_with_the_numbers(self) -> None:
        [found] = guardrails.of_candidate(
            a_revision(9, schema_at_least=12), a_revision(8, schema=11), sure=True
        )
        assert (found.effect, found.reason) == (Effect.REFUSE, Reason.SCHEMA)
        assert found.detail == "needs at least 12, revision 8 has 11"

    def test_one_not_shown_to_be_healthy_asks(self) -> None:
        [found] = guardrails.of_candidate(a_revision(9), a_revision(8), sure=False)
        assert (found.effect, found.reason) == (Effect.ASK, Reason.CANDIDATE_UNKNOWN)


class TestOverriding:
    ALL = tuple(Finding(Effect.ASK, reason) for reason in Reason)

    @pytest.mark.parametrize("name", list(OVERRIDABLE))
    def test_an_override_lifts_exactly_what_it_names(self, name: str) -> None:
        left = {f.reason for f in guardrails.without(self.ALL, (name,))}
        assert set(Reason) - left == set(OVERRIDABLE[name])

    def test_all_overrides_together_lift_what_each_does(self) -> None:
        left = {f.reason for f in guardrails.without(self.ALL, tuple(OVERRIDABLE))}
        assert set(Reason) - left == {reason for reasons in OVERRIDABLE.values() for reason in reasons}

    @pytest.mark.parametrize("name", ["owner", "managed_by_owner", "schema", "claim", "freeze", "", "STORM"])
    def test_a_name_that_may_not_be_overridden_lifts_nothing(self, name: str) -> None:
        assert guardrails.without(self.ALL, (name,)) == list(self.ALL)


class TestWeighing:
    def test_nothing_found_decides_nothing(self) -> None:
        assert guardrails.weightiest([]) is None

    def test_a_refusal_outweighs_a_delay_and_a_delay_a_question(self) -> None:
        refusal = Finding(Effect.REFUSE, Reason.SCHEMA)
        delay = Finding(Effect.DELAY, Reason.COOLDOWN, until=LATER)
        question = Finding(Effect.ASK, Reason.STORM)
        assert guardrails.weightiest([question, delay, refusal]) is refusal
        assert guardrails.weightiest([question, delay]) is delay
        assert guardrails.weightiest([question]) is question

    def test_the_longest_delay_counts_and_one_without_an_end_is_the_longest(self) -> None:
        short = Finding(Effect.DELAY, Reason.COOLDOWN, until=LATER)
        long = Finding(Effect.DELAY, Reason.MAINTENANCE_WINDOW, until=LATER + timedelta(hours=1))
        endless = Finding(Effect.DELAY, Reason.FREEZE)
        assert guardrails.weightiest([short, long]) is long
        assert guardrails.weightiest([short, endless, long]) is endless

    @given(FINDINGS)
    def test_the_order_of_the_findings_changes_nothing(self, found: list[Finding]) -> None:
        assert len({guardrails.weightiest(order) for order in permutations(found)}) == 1

    @given(FINDINGS)
    def test_nothing_found_outweighs_what_decides(self, found: list[Finding]) -> None:
        decides = guardrails.weightiest(found)
        effects = list(Effect)
        assert (decides is None) == (not found)
        assert all(effects.index(decides.effect) <= effects.index(f.effect) for f in found if decides)
