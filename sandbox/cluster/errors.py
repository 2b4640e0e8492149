"""The API server's errors, answered as `Status` objects with the server's own reasons and wording.

ApiError: one refused request; carries the HTTP code, the reason that clients branch on, the message, and in
how many seconds to come again (0: it does not say).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.cluster.objects import Object

if TYPE_CHECKING:
    from sandbox.cluster.resources import Resource


class ApiError(Exception):
    def __init__(
        self, code: int, reason: str, message: str, details: Object | None = None, *, retry_after: int = 0
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.code = code
        self.reason = reason
        self.details = details

    def status(self) -> Object:
        """Return the error as a `Status`, the body of every failed request."""
        status: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        status |= {"message": str(self), "reason": self.reason, "code": self.code}
        if self.details is not None:
            status["details"] = self.details
        return status


def _details(resource: Resource, name: str) -> Object:
    return {"name": name, "group": resource.group, "kind": resource.plural}


def not_found(resource: Resource, name: str) -> ApiError:
    message = f'{resource.qualified} "{name}" not found'
    return ApiError(404, "NotFound", message, _details(resource, name))


def no_such_path() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(resource: Resource, name: str) -> ApiError:
    message = f'{resource.qualified} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, _details(resource, name))


def conflict(resource: Resource, name: str, why: str) -> ApiError:
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(resource, name))


def stale(resource: Resource, name: str) -> ApiError:
    why = "the object has been modified; please apply your changes to the latest version and try again"
    return conflict(resource, name, why)


def invalid(resource: Resource, name: str, field: str, why: str) -> ApiError:
    """Refuse an object because of one field; `why` follows the field as in `Required value`."""
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    causes = [{"reason": "FieldValueInvalid", "message": why, "field": field}]
    details = {"name": name, "group": resource.group, "kind": resource.kind, "causes": causes}
    return ApiError(422, "Invalid", f'{kind} "{name}" is invalid: {field}: {why}', details)


def unprocessable(message: str) -> ApiError:
    return ApiError(422, "Invalid", message, {})


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(resource: Resource, name: str, why: str) -> ApiError:
    message = f'{resource.qualified} "{name}" is forbidden: {why}'
    return ApiError(403, "Forbidden", message, _details(resource, name))


def method_not_allowed() -> ApiError:
    message = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", message, {})


def unsupported_media_type(accepted: str) -> ApiError:
    message = f"the body of the request was in an unknown format - accepted media types include: {accepted}"
    return ApiError(415, "UnsupportedMediaType", message)


def gone(revision: int) -> ApiError:
    return ApiError(410, "Expired", f"too old resource version: {revision}")


def disruption_refused(budget: str, *, needed: int, healthy: int) -> ApiError:
    """Refuse an eviction; unlike other answers of 429 this one says nothing of when to come again."""
    message = "Cannot evict pod as it would violate the pod's disruption budget."
    why = f"The disruption budget {budget} needs {needed} healthy pods and has {healthy} currently"
    details = {"causes": [{"reason": "DisruptionBudget", "message": why}]}
    return ApiError(429, "TooManyRequests", message, details)
