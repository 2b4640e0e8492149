"""Flagsmith's stable API, as far as it concerns switching flags, with Feature Versioning v2 and without."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from msgspec import Struct
from starlette.responses import JSONResponse, Response

from sandbox.receivers.flags import READER, TOKEN, FlagReceiver
from sandbox.receivers.receiving import Act, Received, bearer, decoded

ENVIRONMENT_KEY: Final = "nUxWzBFxQq8sandbox"

_ENVIRONMENT_ID, _PROJECT_ID, _PER_PAGE = 31, 7, 10
_KEYED = "/api/v1/environments/{environment}"
_VALUE = {"type": "unicode", "string_value": "v2", "integer_value": None, "boolean_value": None}


class Switched(Struct, forbid_unknown_fields=True):
    """What the older way changes."""

    enabled: bool


class Value(Struct):
    type: str
    string_value: str | None = None
    integer_value: int | None = None
    boolean_value: bool | None = None


class StateUpdate(Struct, forbid_unknown_fields=True):
    """What a version changes of the environment's default (`feature_segment` null)."""

    enabled: bool
    feature_state_value: Value
    feature_segment: None = None


class Version(Struct, forbid_unknown_fields=True):
    feature_states_to_update: list[StateUpdate] = []
    publish_immediately: bool = False
    description: str | None = None


@dataclass(frozen=True)
class Override:
    """What a flag is for a segment, or for a user."""

    on: bool
    segment: int | None = None
    user: int | None = None


class Flagsmith(FlagReceiver):
    """One environment of Flagsmith.

    `versioning` is Feature Versioning v2, under which the older way answers 400. `overrides` are those of a
    flag. With `approvals` the environment says so and takes changes all the same, as the real one does of a
    key with the right to change flags.
    """

    def __init__(self, flags: Mapping[str, bool], *, versioning: bool = False, **options: Any) -> None:
        super().__init__(flags, **options)
        self.versioning = versioning
        self.overrides: dict[str, list[Override]] = {}
        self.values: dict[str, Mapping[str, Any]] = dict.fromkeys(flags, _VALUE)
        self.drafts = 0

    def routes(self) -> Sequence[tuple[str, str, Act]]:
        versions = "/api/v1/environments/{environment_id}/features/{feature}/versions/"
        return [
            ("GET", _KEYED + "/", self._environment),
            ("GET", _KEYED + "/featurestates/", self._defaults),
            ("PATCH", _KEYED + "/featurestates/{id}/", self._patch),
            ("GET", "/api/v1/features/featurestates/", self._states),
            ("POST", versions, self._publish),
        ]

    def refusal(self, status: int, message: str) -> JSONResponse:
        return JSONResponse({"detail": message}, status)

    def _environment(self, received: Received) -> Response:
        self._admit(received)
        return JSONResponse(
            {
                "id": _ENVIRONMENT_ID,
                "name": "Production",
                "api_key": ENVIRONMENT_KEY,
                "project": _PROJECT_ID,
                "minimum_change_request_approvals": 1 if self.approvals else None,
                "use_v2_feature_versioning": self.versioning,
            }
        )

    def _defaults(self, received: Received) -> Response:
        self._admit(received)
        name = received.query.get("feature_name", "").lower()
        return self._page([self._default(flag) for flag in self.flags if not name or flag.lower() == name], 1)

    def _states(self, received: Received) -> Response:
        self._admit(received)
        if "environment" not in received.query:
            raise self.refuse(400, "'environment' GET parameter is required.")
        states = [
            state
            for number, flag in enumerate(self.flags, 1)
            if received.query.get("feature", str(number)) == str(number)
            for state in [*self._overriding(flag), self._default(flag)]
        ]
        return self._page(states, int(received.query.get("page", "1")))

    def _patch(self, received: Received) -> Response:
        self._admit(received, change=True)
        if self.versioning:
            raise self.refuse(400, "Cannot update feature state in environment with versioning enabled.")
        flag = self._numbered(received.parameters["id"], base=100)
        switched = decoded(self.body(received), Switched, refuse=lambda why: self.refusal(400, why))
        self.switch(flag, switched.enabled)
        return JSONResponse(self._default(flag))

    def _publish(self, received: Received) -> Response:
        self._admit(received, change=True)
        flag = self._numbered(received.parameters["feature"], base=0)
        if not self.versioning or received.parameters["environment_id"] != str(_ENVIRONMENT_ID):
            raise self.missing()
        version = decoded(self.body(received), Version, refuse=lambda why: self.refusal(400, why))
        if not version.publish_immediately:
            self.drafts += 1
        else:
            for update in version.feature_states_to_update:
                value = update.feature_state_value
                self.values[flag] = {name: getattr(value, name) for name in value.__struct_fields__}
                self.switch(flag, update.enabled, version.description or "")
        shown = {"uuid": "5f0c", "published": version.publish_immediately, "description": version.description}
        return JSONResponse(shown, 201)

    def _admit(self, received: Received, *, change: bool = False) -> None:
        token = bearer(received, "Api-Key")
        if token not in {TOKEN, READER}:
            raise self.refuse(401, "Authentication credentials were not provided.")
        if received.parameters.get("environment", ENVIRONMENT_KEY) != ENVIRONMENT_KEY:
            raise self.missing()
        if change and token == READER:
            raise self.refuse(403, "You do not have permission to perform this action.")

    def _numbered(self, text: str, *, base: int) -> str:
        for number, flag in enumerate(self.flags, 1):
            if text == str(base + number):
                return flag
        raise self.missing()

    def _default(self, flag: str) -> dict[str, Any]:
        return self._state(flag, 100 + self._number(flag), Override(self.flags[flag]))

    def _overriding(self, flag: str) -> list[dict[str, Any]]:
        start = 1000 * self._number(flag)
        return [self._state(flag, start + n, one) for n, one in enumerate(self.overrides.get(flag, []))]

    def _state(self, flag: str, number: int, state: Override) -> dict[str, Any]:
        return {
            "id": number,
            "feature": self._number(flag),
            "environment": _ENVIRONMENT_ID,
            "enabled": state.on,
            "feature_segment": state.segment,
            "identity": state.user,
            "feature_state_value": dict(self.values[flag]),
        }

    def _number(self, flag: str) -> int:
        return list(self.flags).index(flag) + 1

    def _page(self, states: list[dict[str, Any]], number: int) -> Response:
        shown = states[(number - 1) * _PER_PAGE : number * _PER_PAGE]
        more = f"{self.url}/?page={number + 1}" if len(states) > number * _PER_PAGE else None
        return JSONResponse({"count": len(states), "next": more, "previous": None, "results": shown})
