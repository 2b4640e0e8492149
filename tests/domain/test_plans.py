from itertools import product

import pytest

from shared.domain import plans
from shared.domain.matrix import Action
from shared.domain.response import Step, Wanted

CHANGING = (Step.SUSPEND, Step.SCALE, Step.ROLLBACK, Step.RESTORE, Step.REVERT)
EVERY = [
    (action, asks, wanted, scaled, stops)
    for action, asks, wanted, scaled, stops in product(
        Action, (False, True), (None, *Wanted), (False, True), (False, True)
    )
]
every_plan = pytest.mark.parametrize(("action", "asks", "wanted", "scaled", "stops"), EVERY)


def made(
    action: Action, asks: bool, wanted: Wanted | None, scaled: bool, stops: bool = False
) -> tuple[Step, ...]:
    return plans.plan(action, asks=asks, wanted=wanted, scaled=scaled, stops=stops)


@every_plan
def test_every_plan_begins_with_assess_and_goes_in_the_runbooks_order(
    action: Action, asks: bool, wanted: Wanted | None, scaled: bool, stops: bool
) -> None:
    steps = made(action, asks, wanted, scaled, stops)
    assert steps[0] is Step.ASSESS
    assert list(steps) == [step for step in Step if step in steps]


@every_plan
def test_a_rollback_is_always_verified_and_watched(
    action: Action, asks: bool, wanted: Wanted | None, scaled: bool, stops: bool
) -> None:
    steps = made(action, asks, wanted, scaled, stops)
    if Step.ROLLBACK in steps:
        after = steps[steps.index(Step.ROLLBACK) + 1 :]
        assert after[:2] == (Step.VERIFY, Step.STABILISE)


@every_plan
def test_capacity_is_always_taken_back_unless_a_person_ordered_it(
    action: Action, asks: bool, wanted: Wanted | None, scaled: bool, stops: bool
) -> None:
    steps = made(action, asks, wanted, scaled, stops)
    adds = Step.SCALE in steps or scaled
    if wanted in (None, Wanted.ROLLBACK):
        assert (steps[-1] is Step.RESTORE) == adds
    else:
        assert Step.RESTORE not in steps


@every_plan
def test_an_owner_is_stopped_right_before_the_first_thing_that_it_would_undo(
    action: Action, asks: bool, wanted: Wanted | None, scaled: bool, stops: bool
) -> None:
    steps = made(action, asks, wanted, scaled, stops)
    undone = [step for step in steps if step in (Step.SCALE, Step.ROLLBACK)]
    assert (Step.SUSPEND in steps) == (stops and bool(undone))
    if Step.SUSPEND in steps:
        assert steps[steps.index(Step.SUSPEND) + 1] is undone[0]


@every_plan
def test_a_question_comes_before_anything_is_touched_and_only_then_is_one_put(
    action: Action, asks: bool, wanted: Wanted | None, scaled: bool, stops: bool
) -> None:
    steps = made(action, asks, wanted, scaled, stops)
    touched = (Step.SCALE, Step.ROLLBACK, Step.REVERT, Step.REMEDY)
    touching = [nth for nth, step in enumerate(steps) if step in touched]
    assert (Step.APPROVE in steps) == (asks and bool(touching))
    if asks and touching:
        assert steps.index(Step.APPROVE) < min(touching)


@every_plan
def test_an_order_to_assess_touches_nothing(
    action: Action, asks: bool, wanted: Wanted | None, scaled: bool, stops: bool
) -> None:
    if wanted is Wanted.ASSESS:
        assert made(action, asks, wanted, scaled, stops) == (Step.ASSESS,)


@pytest.mark.parametrize(
    ("action", "steps"),
    [
        (Action.NONE, "assess"),
        (Action.ROLLBACK_NOW, "assess rollback verify stabilise"),
        (Action.ROLLBACK_SOON, "assess hold rollback verify stabilise"),
        (Action.SCALE_THEN_ROLLBACK, "assess scale settle rollback verify stabilise restore"),
    ],
)
def test_an_action_has_its_steps(action: Action, steps: str) -> None:
    assert " ".join(plans.plan(action, asks=False)) == steps


def test_a_person_who_was_asked_needs_no_veto_window() -> None:
    steps = plans.plan(Action.ROLLBACK_SOON, asks=True)
    assert steps == (Step.ASSESS, Step.APPROVE, Step.ROLLBACK, Step.VERIFY, Step.STABILISE)


@pytest.mark.parametrize("action", list(Action))
def test_an_order_to_roll_back_does_so_whatever_the_matrix_says(action: Action) -> None:
    assert plans.plan(action, asks=False, wanted=Wanted.ROLLBACK) == (
        Step.ASSESS,
        Step.ROLLBACK,
        Step.VERIFY,
        Step.STABILISE,
    )


@pytest.mark.parametrize("action", list(Action))
def test_an_order_to_scale_never_rolls_back(action: Action) -> None:
    assert plans.plan(action, asks=False, wanted=Wanted.SCALE) == (Step.ASSESS, Step.SCALE, Step.SETTLE)


@pytest.mark.parametrize("action", [Action.SCALE_THEN_ROLLBACK, Action.ROLLBACK_SOON, Action.ROLLBACK_NOW])
def test_capacity_that_did_not_help_is_followed_by_the_rollback(action: Action) -> None:
    assert plans.plan(action, asks=False, scaled=True) == (
        Step.ASSESS,
        Step.ROLLBACK,
        Step.VERIFY,
        Step.STABILISE,
        Step.RESTORE,
    )


def test_each_step_is_followed_by_the_next_of_the_plan() -> None:
    steps = plans.plan(Action.ROLLBACK_NOW, asks=False)
    assert plans.following(steps, Step.ASSESS) is Step.ROLLBACK
    assert plans.following(steps, Step.ROLLBACK) is Step.VERIFY


def test_nothing_follows_the_last_step_or_one_that_is_not_in_the_plan() -> None:
    steps = plans.plan(Action.ROLLBACK_NOW, asks=False)
    assert plans.following(steps, Step.STABILISE) is None
    assert plans.following(steps, Step.RESTORE) is None
