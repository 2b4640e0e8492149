"""Answer HTTP: authenticate, find what is asked, let faults strike, carry out, note, and reply."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from sandbox.cluster import admin, discovery, tables
from sandbox.cluster.audit import ASKED, MUTATING, Asked, entry
from sandbox.cluster.errors import ApiError, bad_request, unauthorized
from sandbox.cluster.faults import Fault
from sandbox.cluster.objects import Object
from sandbox.cluster.requests import Answer, Request
from sandbox.cluster.resources import ACCESS_REVIEWS
from sandbox.cluster.state import State
from sandbox.cluster.targets import parse, verb_of
from sandbox.cluster.verbs import collection, kept_as, shown
from sandbox.cluster.watches import LONGEST_WATCH_SECONDS, Watch

HEALTH = ("/healthz", "/livez", "/readyz")


class Dropped(Exception):
    """The connection is to be cut without an answer."""


class Application:
    """The ASGI application; `cut` ends the connection of a client, given as (host, port)."""

    def __init__(self, state: State, token: str, cut: Callable[[object], None]) -> None:
        self._state = state
        self._token = token
        self._cut = cut

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        http = HttpRequest(scope, receive)
        body = await http.body()
        try:
            response = await self._respond(http, body)
        except ApiError as error:
            headers = {"Retry-After": str(error.retry_after)} if error.retry_after else None
            response = document(error.status(), error.code, headers)
        except Dropped:
            self._cut(scope["client"])
            await asyncio.sleep(0)
            return
        await response(scope, receive, send)

    def _authenticate(self, http: HttpRequest) -> None:
        given = http.headers.get("authorization", "")
        if self._token and not secrets.compare_digest(given, f"Bearer {self._token}"):
            raise unauthorized()

    async def _respond(self, http: HttpRequest, body: bytes) -> Response:
        path = http.url.path
        if path in HEALTH:
            return Response("ok", media_type="text/plain")
        self._authenticate(http)
        if path.startswith("/sandbox/"):
            return document(admin.answer(self._state, http.method, path, body))
        if path == "/openapi/v2":
            return Response(discovery.OPENAPI_V2, media_type="application/octet-stream")
        found = discovery.answer(path, self._state.catalogue)
        if found is not None:
            await self._strike(self._state.faults.take(http.method, "get", path))
            return document(found)
        return await self._respond_about_objects(http, body)

    async def _respond_about_objects(self, http: HttpRequest, body: bytes) -> Response:
        query = dict(http.query_params)
        target = parse(http.url.path, self._state.catalogue)
        verb = verb_of(http.method, target, watching=query.get("watch") in ("true", "1"))
        ASKED.add(Asked.of(http.headers.get("user-agent", ""), verb, target))
        url = f"{http.url.path}?{http.url.query}" if http.url.query else http.url.path
        fault = self._state.faults.take(http.method, verb, url)
        if fault is not None and not fault.after:
            await self._strike(fault)
        self._state.access.check(verb, target)
        media_type = http.headers.get("content-type", "").partition(";")[0].strip()
        request = Request(verb=verb, target=target, query=query, body=body, media_type=media_type)
        response = self._carry_out(http, request)
        if fault is not None and fault.after:
            await self._strike(fault)
        return response

    async def _strike(self, fault: Fault | None) -> None:
        if fault is None:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._state.ended.wait(), fault.hang_seconds)
        if fault.drop:
            raise Dropped
        if fault.status is not None:
            raise fault.error()

    def _carry_out(self, http: HttpRequest, request: Request) -> Response:
        table_version = tables.wanted(http.headers.get("accept", ""))
        if request.verb == "watch":
            return StreamingResponse(self._watch(request, table_version), media_type="application/json")
        if request.verb == "list":
            found, revision = self._state.verbs.listed(request), self._state.storage.revision
            if table_version:
                return document(self._table(request, found, table_version))
            return document(collection(request.target.resource, found, revision))
        answer = self._state.verbs.carry_out(request)
        self._note(http, request, answer)
        if isinstance(answer.body, str):
            return Response(answer.body, media_type="text/plain")
        if table_version and request.verb == "get" and not request.target.subresource:
            return document(self._table(request, [answer.body], table_version))
        return document(answer.body, answer.code)

    def _note(self, http: HttpRequest, request: Request, answer: Answer) -> None:
        if request.verb not in MUTATING or request.dry_run or request.target.resource is ACCESS_REVIEWS:
            return
        noted = entry(
            request.verb, request.target, http.url.path,
            user_agent=http.headers.get("user-agent", ""),
            field_manager=request.query.get("fieldManager", ""),
            before=answer.before, after=answer.after,
        )  # fmt: skip
        self._state.audit.append(noted)

    def _table(self, request: Request, objects: list[Object], version: str, *, headed: bool = True) -> Object:
        return tables.table(
            kept_as(request.target.resource),
            objects,
            version=version,
            revision=str(self._state.storage.revision),
            include=request.query.get("includeObject", "Metadata"),
            headed=headed,
        )

    def _watch(self, request: Request, table_version: str | None) -> AsyncIterator[bytes]:
        target, query = request.target, request.query
        headed = True

        def show(obj: Object) -> Object:
            nonlocal headed
            seen = shown(target.resource, obj)
            if table_version is None:
                return seen
            # Only the first event says what the columns are.
            table = self._table(request, [seen], table_version, headed=headed)
            headed = False
            return table

        watch = Watch(
            resource=kept_as(target.resource), namespace=target.namespace, name=target.name,
            matches=request.matches, show=show, revision=_revision(query.get("resourceVersion", "")),
            timeout_seconds=float(query.get("timeoutSeconds") or LONGEST_WATCH_SECONDS),
            bookmarks=query.get("allowWatchBookmarks") in ("true", "1"),
            initial_events=query.get("sendInitialEvents") in ("true", "1"),
        )  # fmt: skip
        return self._state.watches.stream(watch)


def _revision(text: str) -> str:
    if text and not text.isdigit():
        raise bad_request(f'resourceVersion: Invalid value: "{text}": must be a number')
    return text


def document(content: object, code: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content, order="sorted"), code, headers, "application/json")
