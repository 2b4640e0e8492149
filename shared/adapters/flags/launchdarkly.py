"""Feature flags of LaunchDarkly, by semantic patches."""

from typing import Final
from urllib.parse import urlencode

import msgspec

from shared.adapters.flags import gated, in_path, refusals, said
from shared.adapters.json_api import TELL_SECONDS, Calls, JsonApi, Refused
from shared.domain.changes import Applied, SetFlag
from shared.domain.reasons import Reason
from shared.errors import PermanentError, TemporaryError

API_VERSION = "20240415"

_SEMANTIC = "application/json; domain-model=launchdarkly.semanticpatch"
_APPROVAL_REQUIRED: Final = 405
_BYPASS: Final = "bypassRequiredApproval"
_CONFLICT: Final = 409


class _Environment(msgspec.Struct):
    on: bool


class _Flag(msgspec.Struct):
    environments: dict[str, _Environment] = {}


class LaunchDarklyFlags:
    """The flags of one project in one environment.

    Off is off for everybody, whom a rule or a target names too: they get the flag's off variation. The
    comment in the flag's history names the response. A change that would make a scheduled one or a pending
    approval fail is refused by LaunchDarkly and not forced.
    """

    def __init__(
        self, url: str, token: str, *, project: str, environment: str, seconds: float = TELL_SECONDS
    ) -> None:
        headers = {"Authorization": token, "Content-Type": _SEMANTIC, "LD-API-Version": API_VERSION}
        self._api = JsonApi("LaunchDarkly", url, headers=headers, secrets=[token], seconds=seconds)
        self._environment = environment
        self._flags = f"/api/v2/flags/{in_path(project)}"

    def look(self, flag: str) -> bool:
        return self._look(self._api.calls(), flag)

    def apply(self, change: SetFlag) -> Applied:
        calls = self._api.calls()
        if self._look(calls, change.flag) is change.on:
            return Applied.ALREADY
        patch = {
            "environmentKey": self._environment,
            "comment": said(change),
            "instructions": [{"kind": "turnFlagOn" if change.on else "turnFlagOff"}],
        }
        with refusals(change.flag):
            try:
                calls.send("PATCH", f"{self._flags}/{in_path(change.flag)}", patch)
            except Refused as error:
                if error.status == _APPROVAL_REQUIRED:
                    raise gated("LaunchDarkly", change.flag, self._environment, bypass=_BYPASS) from error
                if error.status == _CONFLICT:  # someone else's change came in between
                    raise TemporaryError(str(error), reason=Reason.INTERNAL) from error
                raise
        return Applied.CHANGED

    def _look(self, calls: Calls, flag: str) -> bool:
        path = f"{self._flags}/{in_path(flag)}?{urlencode({'env': self._environment})}"
        with refusals(flag):
            environment = calls.ask("GET", path, into=_Flag).environments.get(self._environment)
        if environment is None:
            raise PermanentError(
                f"LaunchDarkly has the flag {flag} in no environment {self._environment}",
                reason=Reason.NOT_FOUND,
            )
        return environment.on
