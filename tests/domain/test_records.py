from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.records import (
    LAST_EPISODES,
    LAST_RESPONSES,
    LAST_REVISIONS,
    Freeze,
    Freezes,
    PastResponse,
    Restored,
    Storm,
    WorkloadRecord,
)
from tests.domain.examples import CHECKOUT, NOW, ago

PER = timedelta(minutes=10)
LATER = NOW + timedelta(minutes=15)
EMPTY = WorkloadRecord(CHECKOUT)


def a_past(nth: int = 1) -> PastResponse:
    return PastResponse(f"r{nth}", NOW, "completed", "held")


def restored(from_: str = "bad", to: str = "good") -> Restored:
    return Restored("r1", NOW, NOW + timedelta(minutes=4), from_, to)


class TestWorkloadRecords:
    def test_a_claim_is_the_response_that_runs(self) -> None:
        assert EMPTY.live is None
        assert EMPTY.claimed("r1").live == "r1"

    def test_a_rollback_quarantines_what_was_left_and_starts_the_cooldown(self) -> None:
        record = EMPTY.claimed("r1").rolled_back(restored(), cooldown_until=LATER)
        assert record.restored == restored()
        assert record.cooldown_until == LATER
        assert record.quarantined == ("bad",)
        assert record.live == "r1"

    def test_what_was_left_is_no_longer_known_good_and_what_was_restored_no_longer_quarantined(self) -> None:
        record = WorkloadRecord(CHECKOUT, quarantined=("good", "other"), known_good=("bad", "good"))
        after = record.rolled_back(restored(), cooldown_until=LATER)
        assert after.quarantined == ("other", "bad")
        assert after.known_good == ("good",)

    def test_the_end_frees_the_claim_and_keeps_the_response_and_its_firings(self) -> None:
        record = EMPTY.claimed("r1").released(a_past(), good="good", handled=("e1", "e2"))
        assert record.live is None
        assert record.known_good == ("good",)
        assert record.episodes == {"e1": "r1", "e2": "r1"}
        assert record.responses == (a_past(),)

    def test_an_end_without_proof_makes_no_revision_known_good(self) -> None:
        record = WorkloadRecord(CHECKOUT, known_good=("old",))
        assert record.released(a_past(), good=None, handled=()).known_good == ("old",)

    def test_the_record_never_grows_without_bound_and_keeps_the_newest(self) -> None:
        record = EMPTY
        for nth in range(300):
            made = restored(from_=f"bad{nth}", to="good")
            record = record.rolled_back(made, cooldown_until=LATER)
            record = record.released(a_past(nth), good=f"good{nth}", handled=(f"e{nth}",))
        assert [r.id for r in record.responses] == [f"r{n}" for n in range(300 - LAST_RESPONSES, 300)]
        assert list(record.episodes) == [f"e{n}" for n in range(300 - LAST_EPISODES, 300)]
        assert record.quarantined == tuple(f"bad{n}" for n in range(300 - LAST_REVISIONS, 300))
        assert record.known_good == tuple(f"good{n}" for n in range(300 - LAST_REVISIONS, 300))

    def test_a_revision_seen_again_counts_as_new_and_is_kept_once(self) -> None:
        record = WorkloadRecord(CHECKOUT, known_good=("a", "b"))
        assert record.released(a_past(), good="a", handled=()).known_good == ("b", "a")


class TestFreezes:
    @pytest.mark.parametrize(
        ("scope", "holds"),
        [
            ("global", True),
            ("namespace/production", True),
            ("team/shop", True),
            ("namespace/staging", False),
            ("team/search", False),
            ("production", False),
            ("shop", False),
        ],
    )
    def test_a_freeze_holds_what_is_in_its_scope(self, scope: str, holds: bool) -> None:
        freeze = Freeze("alice", "peak sale", ago(hours=1))
        found = Freezes({scope: freeze}).holding(NOW, namespace="production", team="shop")
        assert found == ((scope, freeze) if holds else None)

    def test_a_service_without_a_team_is_held_by_no_teams_freeze(self) -> None:
        freezes = Freezes({"team/shop": Freeze("alice", "", NOW)})
        assert freezes.holding(NOW, namespace="production", team="") is None

    def test_a_freeze_is_over_at_its_end(self) -> None:
        freezes = Freezes({"global": Freeze("alice", "", ago(hours=1), until=NOW)})
        assert freezes.holding(NOW, namespace="x", team="") is None
        assert freezes.holding(ago(seconds=1), namespace="x", team="") is not None

    def test_one_that_has_run_out_does_not_hide_one_that_has_not(self) -> None:
        live = Freeze("bob", "", ago(hours=1))
        freezes = Freezes({"global": Freeze("alice", "", ago(hours=2), until=NOW), "namespace/x": live})
        assert freezes.holding(NOW, namespace="x", team="") == ("namespace/x", live)

    def test_pruning_drops_only_what_has_run_out(self) -> None:
        over = Freeze("alice", "", ago(hours=2), until=NOW)
        ending, endless = Freeze("alice", "", NOW, until=LATER), Freeze("bob", "", NOW)
        freezes = Freezes({"global": over, "team/shop": ending, "namespace/x": endless})
        assert freezes.pruned(NOW) == Freezes({"team/shop": ending, "namespace/x": endless})


class TestStorms:
    def test_there_is_room_until_the_limit_is_reached(self) -> None:
        storm = Storm()
        for nth in range(3):
            assert storm.room(f"r{nth}", NOW, limit=3, per=PER)
            storm = storm.taken(f"r{nth}", NOW, PER)
        assert not storm.room("r3", NOW, limit=3, per=PER)

    def test_a_response_that_has_a_token_needs_no_other(self) -> None:
        storm = Storm().taken("r1", NOW, PER)
        assert storm.room("r1", NOW, limit=1, per=PER)
        assert not storm.room("r2", NOW, limit=1, per=PER)

    def test_no_room_at_all_is_a_limit_too(self) -> None:
        assert not Storm().room("r1", NOW, limit=0, per=PER)

    def test_a_token_makes_room_once_it_is_as_old_as_the_time(self) -> None:
        storm = Storm().taken("r1", NOW, PER)
        assert not storm.room("r2", NOW + PER - timedelta(seconds=1), limit=1, per=PER)
        assert storm.room("r2", NOW + PER, limit=1, per=PER)

    def test_taking_a_token_drops_the_old_ones(self) -> None:
        storm = Storm().taken("r1", NOW, PER).taken("r2", NOW + PER, PER)
        assert storm.tokens == {"r2": NOW + PER}

    @given(
        st.lists(st.tuples(st.integers(0, 400), st.integers(0, 9)), max_size=60),
        st.integers(0, 4),
    )
    def test_never_more_responses_than_the_limit_take_tokens_within_the_time(
        self, asked: list[tuple[int, int]], limit: int
    ) -> None:
        storm, now = Storm(), NOW
        taken = []
        for seconds, nth in asked:
            now += timedelta(seconds=seconds)
            if storm.room(f"r{nth}", now, limit=limit, per=PER):
                storm = storm.taken(f"r{nth}", now, PER)
                taken.append((now, nth))
        for end, _ in taken:
            assert len({nth for at, nth in taken if end - PER < at <= end}) <= limit
