"""Each reason has a sentence for people, and a row in ``docs/reasons.md`` that says what to do."""

from pathlib import Path

import pytest

from shared.domain.reasons import OVERRIDABLE, SENTENCES, Reason, sentence

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reasons.md"
EFFECTS = {
    "ignores",
    "refuses",
    "delays",
    "asks",
    "tells",
    *(f"ends {outcome}" for outcome in ("completed", "dismissed", "aborted", "inconclusive", "failed")),
}
every_reason = pytest.mark.parametrize("reason", list(Reason))


def rows() -> list[list[str]]:
    """Return the cells of the page's rows, the code without its quotes."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def row(reason: Reason) -> list[str]:
    [found] = [cells for cells in rows() if cells[0] == f"`{reason}`"]
    return found


@every_reason
def test_every_reason_has_a_sentence(reason: Reason) -> None:
    assert sentence(reason).endswith(".")
    assert reason.value not in sentence(reason) or "_" not in reason.value


def test_no_two_reasons_share_a_sentence() -> None:
    assert len(set(SENTENCES.values())) == len(SENTENCES) == len(Reason)


@every_reason
def test_every_reason_is_explained_once_in_the_words_that_people_are_told(reason: Reason) -> None:
    _, effects, means, act = row(reason)
    assert {effect.strip() for effect in effects.split(",")} <= EFFECTS
    assert means.replace("`", "") == sentence(reason)
    assert act.endswith(".")


def test_nothing_is_explained_that_is_no_reason() -> None:
    assert [cells[0].strip("`") for cells in rows()] == list(Reason)


@every_reason
def test_the_page_names_the_override_that_lifts_a_reason_and_no_other(reason: Reason) -> None:
    lifts = {name for name, reasons in OVERRIDABLE.items() if reason in reasons}
    assert {name for name in OVERRIDABLE if f"override `{name}`" in row(reason)[3]} == lifts


def test_what_may_be_overridden_is_never_the_owner_or_the_schema() -> None:
    overridable = {reason for reasons in OVERRIDABLE.values() for reason in reasons}
    assert set(OVERRIDABLE) == {"recent_rollout", "cooldown", "storm", "stale"}
    assert not overridable & {Reason.MANAGED_BY_OWNER, Reason.SCHEMA, Reason.NAMESPACE_NOT_ALLOWED}
    assert not overridable & {Reason.FREEZE, Reason.MAINTENANCE_WINDOW, Reason.MODE_OBSERVE, Reason.PAUSED}
