"""How Argo CD's API says no: a gRPC code, told as an HTTP status."""

from typing import Any

from starlette.responses import JSONResponse

UNKNOWN, INVALID, NOT_FOUND, EXISTS, DENIED, PRECONDITION, ABORTED, UNAUTHENTICATED = 2, 3, 5, 6, 7, 9, 10, 16
_STATUSES = {
    UNKNOWN: 500, INVALID: 400, NOT_FOUND: 404, EXISTS: 409, DENIED: 403, PRECONDITION: 400, ABORTED: 409,
    UNAUTHENTICATED: 401,
}  # fmt: skip


def error(code: int, message: str) -> dict[str, Any]:
    """Return the body of an error."""
    return {"error": message, "code": code, "message": message}


def refusal(code: int, message: str) -> JSONResponse:
    """Return the answer that says no."""
    return JSONResponse(error(code, message), _STATUSES[code])
