import pytest

from shared.domain import prerequisites
from shared.domain.prerequisites import Finding, State


@pytest.mark.parametrize(
    ("states", "ok"),
    [([], True), ([State.OK, State.OFF], True), ([State.OK, State.MISSING], False), ([State.BROKEN], False)],
)
def test_only_what_is_needed_and_does_not_work_counts(states: list[State], ok: bool) -> None:
    assert prerequisites.ok(Finding("it", state, "") for state in states) is ok
