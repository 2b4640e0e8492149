"""Feature flags of Unleash, by its Admin API."""

from typing import Final

import msgspec

from shared.adapters.flags import gated, in_path, refusals
from shared.adapters.json_api import TELL_SECONDS, Calls, JsonApi, Refused
from shared.domain.changes import Applied, SetFlag
from shared.domain.reasons import Reason
from shared.errors import PermanentError

_BYPASS: Final = "SKIP_CHANGE_REQUEST"  # the permission that Unleash's refusal names


class _Environment(msgspec.Struct):
    name: str
    enabled: bool


class _Feature(msgspec.Struct):
    environments: list[_Environment]


class UnleashFlags:
    """The flags of one project in one environment.

    Off is off for everybody: an environment that is disabled runs none of its strategies. Unleash takes no
    comment with it; its event log names the token's owner, so that is best one of Backout's own.
    """

    def __init__(
        self, url: str, token: str, *, project: str, environment: str, seconds: float = TELL_SECONDS
    ) -> None:
        self._api = JsonApi(
            "Unleash", url, headers={"Authorization": token}, secrets=[token], seconds=seconds
        )
        self._environment = environment
        self._features = f"/api/admin/projects/{in_path(project)}/features"

    def look(self, flag: str) -> bool:
        return self._look(self._api.calls(), flag)

    def apply(self, change: SetFlag) -> Applied:
        calls = self._api.calls()
        if self._look(calls, change.flag) is change.on:
            return Applied.ALREADY
        switch = f"environments/{in_path(self._environment)}/{'on' if change.on else 'off'}"
        with refusals(change.flag):
            try:
                calls.send("POST", f"{self._features}/{in_path(change.flag)}/{switch}", None)
            except Refused as error:
                if error.status == 403 and _BYPASS in str(error):
                    raise gated("Unleash", change.flag, self._environment, bypass=_BYPASS) from error
                raise
        return Applied.CHANGED

    def _look(self, calls: Calls, flag: str) -> bool:
        with refusals(flag):
            feature = calls.ask("GET", f"{self._features}/{in_path(flag)}", into=_Feature)
        for environment in feature.environments:
            if environment.name == self._environment:
                return environment.enabled
        raise PermanentError(
            f"Unleash has the flag {flag} in no environment {self._environment}", reason=Reason.NOT_FOUND
        )
