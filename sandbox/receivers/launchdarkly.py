"""LaunchDarkly's REST API, as far as it concerns switching flags by semantic patches."""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct
from starlette.responses import JSONResponse, Response

from sandbox.receivers.flags import ENVIRONMENT, PROJECT, READER, TOKEN, FlagReceiver
from sandbox.receivers.receiving import Act, Received, decoded

_FLAG = "/api/v2/flags/{project}/{flag}"


class Instruction(Struct, forbid_unknown_fields=True):
    kind: Literal["turnFlagOn", "turnFlagOff"]


class Patch(Struct, rename="camel", forbid_unknown_fields=True):
    environment_key: str
    instructions: list[Instruction]
    comment: str = ""


class LaunchDarkly(FlagReceiver):
    """One project of LaunchDarkly. With `approvals` a change is refused with 405.

    `scheduled` names flags with a pending change that another one would make fail: 400, as without
    `ignoreConflicts`. The next `contended` changes meet one of somebody else's: 409.
    """

    scheduled: frozenset[str] = frozenset()
    contended: int = 0

    def routes(self) -> Sequence[tuple[str, str, Act]]:
        return [("GET", _FLAG, self._show), ("PATCH", _FLAG, self._patch)]

    def refusal(self, status: int, message: str) -> JSONResponse:
        codes = {400: "invalid_request", 401: "unauthorized", 403: "forbidden", 404: "not_found"}
        codes |= {405: "method_not_allowed", 409: "optimistic_locking_error"}
        code = codes.get(status, "internal_service_error")
        return JSONResponse({"code": code, "message": message}, status)

    def _show(self, received: Received) -> Response:
        return JSONResponse(self._shown(self._admitted(received), received.query.get("env")))

    def _patch(self, received: Received) -> Response:
        flag = self._admitted(received)
        if received.headers["authorization"] == READER:
            raise self.refuse(403, "Access to the requested resource was denied")
        if "domain-model=launchdarkly.semanticpatch" not in received.headers.get("content-type", ""):
            raise self.refuse(400, "json: cannot unmarshal object into a JSON patch")
        patch = decoded(self.body(received), Patch, refuse=lambda why: self.refusal(400, why))
        if patch.environment_key != ENVIRONMENT:
            raise self.refuse(400, f"Unknown environment key: {patch.environment_key}")
        if self.approvals:
            raise self.refuse(405, "Approval is required to make this request")
        if flag in self.scheduled:
            raise self.refuse(400, "this change conflicts with a pending scheduled change")
        if self.contended:
            self.contended -= 1
            raise self.refuse(409, "conflicting edit")
        for instruction in patch.instructions:
            self.switch(flag, instruction.kind == "turnFlagOn", patch.comment)
        return JSONResponse(self._shown(flag, None))

    def _admitted(self, received: Received) -> str:
        if received.headers.get("authorization") not in {TOKEN, READER}:
            raise self.refuse(401, "Invalid access token")
        if received.parameters["project"] != PROJECT:
            raise self.refuse(404, "Unknown project key")
        return self.found(received.parameters["flag"])

    def _shown(self, flag: str, only: str | None) -> Mapping[str, object]:
        environments = {"test": {"on": True}, ENVIRONMENT: {"on": self.flags[flag]}}
        shown = {name: each for name, each in environments.items() if only in {None, name}}
        return {"key": flag, "kind": "boolean", "archived": False, "environments": shown}
