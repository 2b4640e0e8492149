"""Answers: JSON, and errors as problem details (RFC 9457). The one place that picks status codes."""

import logging
import math
from collections.abc import Sequence
from http import HTTPStatus

from flask import Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from shared import wire
from shared.domain import metrics
from shared.domain.metrics import Measure
from shared.domain.reasons import sentence
from shared.engine.accepting import Answer
from shared.errors import ConfigurationError, InvalidRequest, TemporaryError

log = logging.getLogger("backout.http")


def _lines(value: object) -> bytes:
    """Return JSON that ends its line, for whoever reads it in a terminal."""
    return wire.encode(value) + b"\n"


class Accepted(Response):
    """The answer to what was accepted, and what it counts for."""

    measures: Sequence[Measure] = ()


def answer(value: object, status: int = 200) -> Response:
    """Return a JSON answer; records may be anywhere in `value`."""
    return Response(_lines(value), status, mimetype="application/json")


def accepted(source: str, results: Sequence[Answer]) -> Accepted:
    """Return 202 with what became of each workload that was meant."""
    for result in results:
        log.info(
            "%s: %s %s %s",
            source,
            result.workload or "no workload",
            result.outcome,
            result.response_id or result.reason,
        )
    body = _lines({"results": [_result(result) for result in results]})
    made = Accepted(body, 202, mimetype="application/json")
    counted = (metrics.of_accepted(source, r.outcome.value, repeated=r.repeated) for r in results)
    made.measures = [measure for each in counted for measure in each]
    return made


def _result(result: Answer) -> dict[str, object]:
    return {
        "service": result.service or None,
        "workload": result.workload or None,
        "outcome": result.outcome,
        "response_id": result.response_id or None,
        "reason": result.reason,
        "detail": sentence(result.reason) if result.reason else None,
        "decision": result.decision,
    }


def problem(status: int, detail: str, headers: Sequence[tuple[str, str]] = ()) -> Response:
    """Return an error whose `detail` says what was wrong and what to do."""
    told = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return Response(_lines(told), status, list(headers), mimetype="application/problem+json")


def of_error(error: Exception) -> Response:
    """Return the problem that an error means to the caller.

    Alertmanager retries every 5xx at once and anything else at its next group interval, so what may go
    well later is 503. What is unexpected tells the log everything and the caller nothing.
    """
    match error:
        case InvalidRequest():
            return problem(error.status, str(error))
        case TemporaryError():
            log.warning("answered 503: %s", error)
            return problem(503, str(error), [("Retry-After", str(math.ceil(error.retry_after)))])
        case ConfigurationError():
            log.error("answered 503: %s", error)
            return problem(503, str(error))
        case MethodNotAllowed():
            methods = ", ".join(sorted(error.valid_methods or ()))
            return problem(405, f"Only {methods} is answered here.", [("Allow", methods)])
        case HTTPException(code=int(code)):
            kept = [(name, value) for name, value in error.get_headers() if name != "Content-Type"]
            return problem(code, error.description or "", kept)
        case _:
            log.error("answered 500", exc_info=error)
            return problem(500, "An unexpected error ended the call; the server's log has it.")
