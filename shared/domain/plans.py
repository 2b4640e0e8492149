"""Plans: which steps a response takes, from what was decided. Every plan begins with assess.

Assess holds all guardrails, so no plan can skip one; a plan with a rollback in it always verifies and
watches, and one that adds capacity always takes it back.
"""

from shared.domain.matrix import Action
from shared.domain.response import Step, Wanted

_AFTER_ROLLBACK = (Step.ROLLBACK, Step.VERIFY, Step.STABILISE)


def plan(
    action: Action, *, asks: bool, wanted: Wanted | None = None, scaled: bool = False, stops: bool = False
) -> tuple[Step, ...]:
    """Return the steps for an action.

    `asks` puts a person's word before anything is touched; `scaled` says that capacity was added already
    and did not help, so that a scale-first response is at its rollback; `stops` says that something owns the
    workload, which is stopped first if it would undo what is done.
    """
    steps = _unowned(action, asks=asks, wanted=wanted, scaled=scaled)
    touching = next((step for step in steps if step in (Step.SCALE, Step.ROLLBACK)), None)
    if not stops or touching is None:
        return steps
    before = steps.index(touching)
    return (*steps[:before], Step.SUSPEND, *steps[before:])


def _unowned(action: Action, *, asks: bool, wanted: Wanted | None, scaled: bool) -> tuple[Step, ...]:
    approve = (Step.APPROVE,) if asks else ()
    if wanted is Wanted.ASSESS:
        return (Step.ASSESS,)
    if wanted is Wanted.SCALE:
        return (Step.ASSESS, *approve, Step.SCALE, Step.SETTLE)
    if wanted is Wanted.REVERT:
        return (Step.ASSESS, *approve, Step.REVERT)
    if wanted is Wanted.FLUSH:
        return (Step.ASSESS, *approve, Step.REMEDY)
    restore = (Step.RESTORE,) if scaled else ()
    if wanted is Wanted.ROLLBACK or action is Action.ROLLBACK_NOW or (scaled and action is not Action.NONE):
        return (Step.ASSESS, *approve, *_AFTER_ROLLBACK, *restore)
    if action is Action.ROLLBACK_SOON:
        hold = () if asks else (Step.HOLD,)
        return (Step.ASSESS, *approve, *hold, *_AFTER_ROLLBACK)
    if action is Action.SCALE_THEN_ROLLBACK:
        return (Step.ASSESS, *approve, Step.SCALE, Step.SETTLE, *_AFTER_ROLLBACK, Step.RESTORE)
    return (Step.ASSESS, *restore)


def following(steps: tuple[Step, ...], step: Step) -> Step | None:
    """Return the step after `step` in the plan, or None at its end."""
    rest = steps[steps.index(step) + 1 :] if step in steps else ()
    return rest[0] if rest else None
