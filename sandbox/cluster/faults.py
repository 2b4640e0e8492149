"""Make requests go wrong on purpose: fail, hang, lose their connection, or be forbidden."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from sandbox.cluster.errors import ApiError, forbidden
from sandbox.cluster.objects import Object
from sandbox.cluster.targets import Target

_REASONS = {
    400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict",
    422: "Invalid", 429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to the requests that match, `times` times (None: for ever).

    `verb` is an HTTP method or the API's own verb (`patch`, `list`, `watch`), empty for any; `path` is
    searched for as a regular expression in the path and query. With `after` the request is carried out
    first, so that only its answer is lost. Without `status` and `drop` it is merely late.
    """

    verb: str = ""
    path: str = ""
    times: int | None = 1
    status: int | None = None
    hang_seconds: float = 0.0
    drop: bool = False
    after: bool = False

    def __post_init__(self) -> None:
        try:
            re.compile(self.path)
        except re.error as error:
            raise ValueError(f"path: {error}") from error

    def matches(self, method: str, verb: str, url: str) -> bool:
        named = {method.lower(), verb.lower()}
        return self.verb.lower() in {"", *named} and re.search(self.path, url) is not None

    def error(self) -> ApiError:
        assert self.status is not None
        reason = _REASONS.get(self.status, "InternalError")
        message = f"the sandbox was asked to answer {self.status}"
        return ApiError(self.status, reason, message, retry_after=1 if self.status == 429 else 0)


class Faults:
    """Hold the faults that are set, in the order in which they were; the first match counts."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    def take(self, method: str, verb: str, url: str) -> Fault | None:
        """Return the fault that strikes this request, and count it."""
        for place, fault in enumerate(self._faults):
            if fault.matches(method, verb, url):
                if fault.times is not None:
                    left = fault.times - 1
                    self._faults[place : place + 1] = [replace(fault, times=left)] if left else []
                return fault
        return None


@dataclass(frozen=True, kw_only=True)
class Denial:
    """What the credential may not do; an empty field stands for everything.

    `resource` is a plural, with its subresource if that is meant: `deployments`, `deployments/scale`.
    """

    verb: str = ""
    group: str | None = None
    resource: str = ""
    namespace: str = ""

    def covers(self, *, verb: str, group: str, resource: str, namespace: str) -> bool:
        return (
            self.verb in ("", verb)
            and self.group in (None, group)
            and self.resource in ("", resource)
            and self.namespace in ("", namespace)
        )


class Access:
    """Allow everything but what is denied, to requests and to SelfSubjectAccessReviews alike."""

    def __init__(self) -> None:
        self._denials: list[Denial] = []

    def deny(self, denial: Denial) -> None:
        self._denials.append(denial)

    def clear(self) -> None:
        self._denials.clear()

    def is_denied(self, *, verb: str, group: str, resource: str, namespace: str) -> bool:
        return any(
            one.covers(verb=verb, group=group, resource=resource, namespace=namespace)
            for one in self._denials
        )

    def check(self, verb: str, target: Target) -> None:
        """Raise 403, in the words of RBAC, for a denied request."""
        group, namespace = target.resource.group, target.namespace
        resource = "/".join(filter(None, (target.resource.plural, target.subresource)))
        if self.is_denied(verb=verb, group=group, resource=resource, namespace=namespace):
            where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
            why = f'User "sandbox" cannot {verb} resource "{resource}" in API group "{group}" {where}'
            raise forbidden(target.resource, target.name, why)

    def review(self, review: Object) -> Object:
        """Answer a SelfSubjectAccessReview."""
        asked = (review.get("spec") or {}).get("resourceAttributes") or {}
        resource = "/".join(filter(None, (asked.get("resource"), asked.get("subresource"))))
        denied = self.is_denied(
            verb=asked.get("verb", ""), group=asked.get("group", ""), resource=resource,
            namespace=asked.get("namespace", ""),
        )  # fmt: skip
        return review | {"metadata": {}, "status": {"allowed": not denied, "denied": denied}}
