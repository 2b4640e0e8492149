"""Unleash's Admin API, as far as it concerns switching flags in an environment."""

from collections.abc import Mapping, Sequence

from starlette.responses import JSONResponse, Response

from sandbox.receivers.flags import ENVIRONMENT, PROJECT, READER, TOKEN, FlagReceiver
from sandbox.receivers.receiving import Act, Received

_FEATURE = "/api/admin/projects/{project}/features/{flag}"
_LACKS = (
    "You don't have the required permissions to perform this operation. "
    'To perform this action, you need the "{}" permission in the "{}" environment.'
)


class Unleash(FlagReceiver):
    """One project of Unleash. With `approvals` no token may bypass change requests: 403."""

    def routes(self) -> Sequence[tuple[str, str, Act]]:
        return [
            ("GET", _FEATURE, self._show),
            ("POST", _FEATURE + "/environments/{environment}/off", self._off),
            ("POST", _FEATURE + "/environments/{environment}/on", self._on),
        ]

    def refusal(self, status: int, message: str) -> JSONResponse:
        name = {401: "AuthenticationRequired", 403: "PermissionError", 404: "NotFoundError"}.get(status)
        return JSONResponse({"id": "0d1c", "name": name or "UnknownError", "message": message}, status)

    def _show(self, received: Received) -> Response:
        return JSONResponse(self._shown(self._admitted(received)))

    def _on(self, received: Received) -> Response:
        return self._switch(received, on=True)

    def _off(self, received: Received) -> Response:
        return self._switch(received, on=False)

    def _switch(self, received: Received, *, on: bool) -> Response:
        flag, environment = self._admitted(received), received.parameters["environment"]
        if received.headers["authorization"] == READER:
            raise self.refuse(403, _LACKS.format("UPDATE_FEATURE_ENVIRONMENT", environment))
        if environment != ENVIRONMENT:
            raise self.refuse(404, f"Could not find environment {environment}")
        if self.approvals:
            raise self.refuse(403, _LACKS.format("SKIP_CHANGE_REQUEST", environment))
        self.switch(flag, on)
        return JSONResponse(self._shown(flag))

    def _admitted(self, received: Received) -> str:
        """Return the flag that is asked for; a project that is not known has none."""
        if received.headers.get("authorization") not in {TOKEN, READER}:
            raise self.refuse(401, "You must log in to use Unleash.")
        if received.parameters["project"] != PROJECT:
            raise self.refuse(404, f"No project {received.parameters['project']}")
        return self.found(received.parameters["flag"])

    def _shown(self, flag: str) -> Mapping[str, object]:
        environments = [
            {"name": "development", "enabled": True, "type": "development", "strategies": []},
            {"name": ENVIRONMENT, "enabled": self.flags[flag], "type": "production", "strategies": []},
        ]
        return {"name": flag, "project": PROJECT, "archived": False, "environments": environments}
