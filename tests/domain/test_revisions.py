from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import revisions
from shared.domain.revisions import LOOK_BACK, Candidate, Health, Pick
from shared.domain.workloads import Workload
from tests.domain.examples import a_revision, a_workload, ago


def numbers(found: tuple[Candidate, ...]) -> list[int]:
    return [candidate.revision.number for candidate in found]


def chosen(workload: Workload, health: dict[str, Health], known_good: tuple[str, ...] = ()) -> Pick:
    return revisions.choose(revisions.candidates(workload, ()), health=health, known_good=known_good)


class TestCandidates:
    def test_are_the_other_revisions_newest_first(self) -> None:
        assert numbers(revisions.candidates(a_workload(9, 8, 5), ())) == [8, 5]

    def test_never_hold_the_current_revision(self) -> None:
        assert numbers(revisions.candidates(a_workload(9, 8, 5, template_id="t8"), ())) == [9, 5]

    def test_of_a_workload_with_one_revision_are_none(self) -> None:
        assert revisions.candidates(a_workload(9), ()) == ()

    def test_never_hold_what_was_rolled_away_from(self) -> None:
        assert numbers(revisions.candidates(a_workload(9, 8, 7), {"t8"})) == [7]

    def test_ran_until_their_successor_began(self) -> None:
        found = revisions.candidates(a_workload(9, 8, 7), ())
        assert [c.ran_until for c in found] == [ago(hours=1), a_revision(8).began_at]

    def test_ran_until_a_quarantined_successor_began(self) -> None:
        [found] = revisions.candidates(a_workload(9, 8, 7), {"t8"})
        assert found.ran_until == a_revision(8).began_at

    def test_ran_until_the_rollout_of_a_current_revision_that_was_used_again(self) -> None:
        again = a_revision(9, began_at=None)
        found = revisions.candidates(a_workload(revisions=(again, a_revision(8))), ())
        assert [c.ran_until for c in found] == [ago(hours=1)]

    def test_older_than_one_that_was_used_again_ran_until_nobody_knows_when(self) -> None:
        again = a_revision(9, began_at=None)
        others = tuple(a_revision(n) for n in (8, 7, 6))
        found = revisions.candidates(a_workload(revisions=(again, *others)), ())
        assert [c.ran_until for c in found] == [ago(hours=1), None, None]

    def test_older_than_a_candidate_that_was_used_again_ran_until_nobody_knows_when(self) -> None:
        history = (a_revision(9), a_revision(8, began_at=None), a_revision(7), a_revision(6))
        found = revisions.candidates(a_workload(revisions=history), ())
        assert [c.ran_until for c in found] == [ago(hours=1), None, None]

    def test_with_a_rollout_of_unknown_date_ran_until_nobody_knows_when(self) -> None:
        found = revisions.candidates(a_workload(9, 8, rollout_began_at=None), ())
        assert [c.ran_until for c in found] == [None]


class TestChoosing:
    def test_takes_the_newest_that_was_healthy(self) -> None:
        pick = chosen(a_workload(9, 8, 7), {"t8": Health.HEALTHY, "t7": Health.HEALTHY})
        assert pick.revision == a_revision(8)
        assert pick.sure
        assert pick.why

    def test_goes_further_back_past_one_that_breached(self) -> None:
        pick = chosen(a_workload(9, 8, 7), {"t8": Health.BREACHED, "t7": Health.HEALTHY})
        assert pick.revision == a_revision(7)
        assert pick.sure

    def test_asks_to_look_at_one_whose_health_is_not_known_yet(self) -> None:
        workload = a_workload(9, 8, 7)
        assert chosen(workload, {}).look_at == revisions.candidates(workload, ())[0]
        assert chosen(workload, {"t8": Health.BREACHED}).look_at == revisions.candidates(workload, ())[1]

    def test_takes_an_unknown_one_for_a_person_to_confirm(self) -> None:
        pick = chosen(a_workload(9, 8, 7), {"t8": Health.UNKNOWN, "t7": Health.HEALTHY})
        assert pick.revision == a_revision(8)
        assert not pick.sure

    def test_needs_no_look_at_one_that_was_seen_healthy(self) -> None:
        pick = chosen(a_workload(9, 8), {}, known_good=("t8",))
        assert pick.revision == a_revision(8)
        assert pick.sure

    def test_finds_nothing_when_all_breached(self) -> None:
        assert chosen(a_workload(9, 8, 7), {"t8": Health.BREACHED, "t7": Health.BREACHED}) == Pick()

    def test_finds_nothing_among_no_candidates(self) -> None:
        assert revisions.choose((), health={}, known_good=()) == Pick()

    def test_looks_back_only_so_far(self) -> None:
        workload = a_workload(*range(9, 0, -1))
        breached = {f"t{n}": Health.BREACHED for n in range(9)}
        last = 9 - LOOK_BACK
        assert chosen(workload, {**breached, f"t{last}": Health.HEALTHY}).revision == a_revision(last)
        assert chosen(workload, {**breached, f"t{last - 1}": Health.HEALTHY}) == Pick()

    @given(
        st.lists(st.sampled_from(Health), max_size=8),
        st.sets(st.integers(1, 8)),
        st.sets(st.integers(1, 8)),
    )
    def test_never_picks_what_breached_was_quarantined_or_runs_now(
        self, healths: list[Health], quarantined: set[int], good: set[int]
    ) -> None:
        workload = a_workload(9, *range(8, 8 - len(healths), -1))
        health = {f"t{8 - nth}": found for nth, found in enumerate(healths)}
        found = revisions.candidates(workload, {f"t{n}" for n in quarantined})
        pick = revisions.choose(found, health=health, known_good={f"t{n}" for n in good})
        assert pick.look_at is None
        if pick.revision is not None:
            known_good = pick.revision.number in good
            assert pick.revision.number not in {9, *quarantined}
            assert known_good or health[pick.revision.template_id] is not Health.BREACHED
            assert pick.sure == (known_good or health[pick.revision.template_id] is Health.HEALTHY)


class TestNaming:
    def test_takes_the_revision_of_that_number_for_sure(self) -> None:
        pick = revisions.named(a_workload(9, 8, 7), 7)
        assert pick.revision == a_revision(7)
        assert pick.sure
        assert "revision 7" in pick.why

    def test_finds_neither_the_current_one_nor_one_the_history_does_not_hold(self) -> None:
        assert revisions.named(a_workload(9, 8), 9) == Pick()
        assert revisions.named(a_workload(9, 8), 3) == Pick()


@pytest.mark.parametrize(
    ("at_least", "schema", "fits"),
    [(None, None, True), (None, 3, True), (4, None, False), (4, 3, False), (4, 4, True), (4, 5, True)],
)
def test_a_revision_fits_the_schema_that_the_current_one_leaves(
    at_least: int | None, schema: int | None, fits: bool
) -> None:
    current = replace(a_revision(9), schema_at_least=at_least)
    assert revisions.schema_fits(current, a_revision(8, schema=schema)) is fits
