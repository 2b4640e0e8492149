"""Rehearsing: what an order would come to. It looks at the world as assess does, and stores nothing."""

from shared.bootstrap import Engine
from shared.domain.reasons import Reason, sentence
from shared.domain.response import Outcome, Response, Step
from shared.domain.steps import Facts, Result, Stop, Wait
from shared.engine.accepting import Request
from shared.engine.advancing import REFUSALS
from shared.errors import PermanentError


def rehearsed(engine: Engine, request: Request) -> dict[str, object]:
    """Return the decision, the plan and the choice that the order would get now, or why it would get none.

    `outcome` is ``planned``, ``delayed``, ``unclear`` (it would look again), or how it would end.
    `joins` is the live response that it would be added to. Raises TemporaryError when the world does not
    answer.
    """
    case = engine.door.accepter.draft(request)
    told = {
        "dry_run": True,
        "service": case.response.service,
        "workload": str(case.response.workload),
        "joins": case.record.live,
    }
    try:
        result: Result = engine.steps[Step.ASSESS].run(case, engine.door.clock())
    except PermanentError as error:
        ending = Outcome.REFUSED if error.reason in REFUSALS else Outcome.FAILED
        result = Stop(case.response, ending, error.reason, str(error))
    outcome, reason, detail = _ended(result)
    return told | _told(result.response, outcome, reason, detail, result.facts)


def _ended(result: Result) -> tuple[str, Reason | None, str]:
    match result:
        case Stop():
            return result.outcome.value, result.reason, result.detail
        case Wait() if result.response.delay:
            return "delayed", result.response.delay, str(result.facts.get("detail", ""))
        case Wait():
            return "unclear", None, ""
        case _:
            return "planned", None, ""


def _why(reason: Reason | None, detail: str) -> str | None:
    if reason is None:
        return detail or None
    return f"{sentence(reason)} ({detail})" if detail else sentence(reason)


def _told(
    response: Response, outcome: str, reason: Reason | None, detail: str, facts: Facts
) -> dict[str, object]:
    return {
        "decision": response.decision,
        "plan": response.plan if outcome == "planned" else (),
        "asks": response.asks,
        "offers": response.offers,
        "remedy": response.remedy,
        "outcome": outcome,
        "reason": reason,
        "detail": _why(reason, detail),
        "choice": response.choice,
        "facts": facts,
    }
