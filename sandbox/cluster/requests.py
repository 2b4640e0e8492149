"""Hold a request as the verbs need it, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.cluster import patches
from sandbox.cluster.errors import bad_request, unsupported_media_type
from sandbox.cluster.objects import Object
from sandbox.cluster.selectors import Matches, query_selector
from sandbox.cluster.targets import Target


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request that has passed authentication; `query` holds the last value of each parameter."""

    verb: str
    target: Target
    query: Mapping[str, str]
    body: bytes
    media_type: str

    @property
    def dry_run(self) -> bool:
        return self.query.get("dryRun") == "All"

    @property
    def field_manager(self) -> str:
        """Who writes, by the request's own word."""
        return self.query.get("fieldManager") or "unknown"

    @property
    def matches(self) -> Matches:
        return query_selector(self.query.get("labelSelector", ""), self.query.get("fieldSelector", ""))

    def document(self) -> Object:
        """Decode the body as an object; 415 for a type other than JSON and YAML, 400 for anything else."""
        if self.media_type not in ("", "application/json", "application/yaml"):
            raise unsupported_media_type("application/json, application/yaml")
        yaml = self.media_type == "application/yaml"
        found = patches.decode(self.body, patches.APPLY_PATCH if yaml else "")
        if not isinstance(found, dict):
            raise bad_request("the body of the request is not an object")
        return found


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a request comes to: a document or text, and its object before and after for the audit."""

    body: Object | str
    code: int = 200
    before: Object | None = None
    after: Object | None = None
