"""Feature flags of Flagsmith, by its stable API (`/api/v1`), in environments with and without versioning.

The endpoint that does both alike is experimental (`/api/__future__`, "may change without notice"), so it is
left alone: an environment says itself whether Feature Versioning v2 is on, and each has its own stable way.
"""

from typing import Any
from urllib.parse import urlencode

import msgspec

from shared.adapters.flags import gated, in_path, refusals, said
from shared.adapters.json_api import TELL_SECONDS, Calls, JsonApi
from shared.domain.changes import Applied, SetFlag
from shared.domain.reasons import Reason
from shared.errors import PermanentError

_MOST_PAGES = 20


class _Environment(msgspec.Struct, frozen=True):
    id: int
    name: str
    use_v2_feature_versioning: bool = False
    minimum_change_request_approvals: int | None = None


class _Named(msgspec.Struct, frozen=True):
    id: int
    feature: int


class _State(msgspec.Struct, frozen=True):
    """What a flag is for everybody, or (`feature_segment`) for a segment, or (`identity`) for one user."""

    id: int
    enabled: bool
    feature_segment: int | None = None
    identity: int | None = None
    feature_state_value: dict[str, Any] | None = None


class _Page(msgspec.Struct, frozen=True):
    results: list[_State]
    next: str | None = None


class _Names(msgspec.Struct, frozen=True):
    results: list[_Named]


class _Standing(msgspec.Struct, frozen=True):
    """A flag as it stands in the environment."""

    environment: _Environment
    feature: int
    default: _State
    overridden: int

    @property
    def on(self) -> bool:
        return self.default.enabled or self.overridden > 0


class FlagsmithFlags:
    """The flags of one environment, which its client-side key names.

    Switched is what everybody gets, the environment's default. A segment override keeps its own state: where
    one is on, off would not be off, so that is refused before anything is changed. Overrides of single users
    are left alone. The API takes the default's change even where people must approve changes first, so that
    is looked at and refused here.
    """

    def __init__(self, url: str, token: str, *, environment: str, seconds: float = TELL_SECONDS) -> None:
        headers = {"Authorization": f"Api-Key {token}"}
        self._api = JsonApi("Flagsmith", url, headers=headers, secrets=[token], seconds=seconds)
        self._path = f"/api/v1/environments/{in_path(environment)}"

    def look(self, flag: str) -> bool:
        return self._look(self._api.calls(), flag).on

    def apply(self, change: SetFlag) -> Applied:
        calls = self._api.calls()
        standing = self._look(calls, change.flag)
        if (standing.default.enabled if change.on else standing.on) is change.on:
            return Applied.ALREADY
        environment = standing.environment
        if environment.minimum_change_request_approvals is not None:
            raise gated("Flagsmith", change.flag, environment.name)
        if not change.on and standing.overridden:
            raise PermanentError(
                f"Flagsmith has the flag {change.flag} on for {standing.overridden} segment(s) in "
                f"{environment.name}, which Backout leaves alone: switch it and these overrides off there"
            )
        with refusals(change.flag):
            self._switch(calls, standing, change)
        return Applied.CHANGED

    def _switch(self, calls: Calls, standing: _Standing, change: SetFlag) -> None:
        if not standing.environment.use_v2_feature_versioning:
            path = f"{self._path}/featurestates/{standing.default.id}/"
            calls.send("PATCH", path, {"enabled": change.on})
            return
        # One call makes the version of the live one, changes it and publishes it: no draft is left behind.
        state = {
            "feature_segment": None,
            "enabled": change.on,
            "feature_state_value": standing.default.feature_state_value,
        }
        version = {
            "description": said(change),
            "feature_states_to_update": [state],
            "publish_immediately": True,
        }
        path = f"/api/v1/environments/{standing.environment.id}/features/{standing.feature}/versions/"
        calls.send("POST", path, version)

    def _look(self, calls: Calls, flag: str) -> _Standing:
        in_path(flag)
        with refusals(flag):
            environment = calls.ask("GET", f"{self._path}/", into=_Environment)
            named = urlencode({"feature_name": flag})
            names = calls.ask("GET", f"{self._path}/featurestates/?{named}", into=_Names).results
            if not names:
                raise PermanentError(f"Flagsmith has no feature flag {flag}", reason=Reason.NOT_FOUND)
            feature = names[0].feature
            states = _states(calls, environment.id, feature)
        default = next((one for one in states if one.feature_segment is None and one.identity is None), None)
        if default is None:
            raise PermanentError(
                f"Flagsmith has the flag {flag} not in {environment.name}", reason=Reason.NOT_FOUND
            )
        overridden = sum(one.enabled for one in states if one.feature_segment is not None)
        return _Standing(environment, feature, default, overridden)


def _states(calls: Calls, environment: int, feature: int) -> list[_State]:
    """Return all that the flag is in the environment, those of single users among them, page by page."""
    states: list[_State] = []
    for number in range(1, _MOST_PAGES + 1):
        query = urlencode({"environment": environment, "feature": feature, "page": number})
        page = calls.ask("GET", f"/api/v1/features/featurestates/?{query}", into=_Page)
        states += page.results
        if page.next is None:
            return states
    raise PermanentError(
        f"Flagsmith has more than {_MOST_PAGES} pages of states of one flag: switch it there"
    )
