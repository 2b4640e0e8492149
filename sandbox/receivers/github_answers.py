"""How GitHub's REST API says no, and reads a query."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse

from sandbox.receivers.receiving import Received, Refused

_DOCS = "https://docs.github.com/rest"


def error(status: int, message: str) -> dict[str, Any]:
    """Return the body of an error."""
    return {"message": message, "documentation_url": _DOCS, "status": str(status)}


def refused(status: int, message: str, headers: Mapping[str, str] | None = None) -> Refused:
    """Return the refusal, to be raised."""
    return Refused(JSONResponse(error(status, message), status, headers))


def invalid(resource: str, field: str, message: str, *, code: str = "invalid") -> JSONResponse:
    """Return the answer to a body that is not as documented."""
    wrong = {"resource": resource, "code": code, "field": field, "message": message}
    return JSONResponse({**error(422, "Validation Failed"), "errors": [wrong]}, 422)


def whole(received: Received, name: str, default: int) -> int:
    """Read a count from the query; GitHub takes the default for what is none."""
    text = received.query.get(name, "")
    return int(text) if text.isdecimal() and int(text) > 0 else default


def page(received: Received) -> tuple[int, int]:
    """Read which page is asked for, and how many are on one."""
    return whole(received, "page", 1), min(whole(received, "per_page", 30), 100)
