"""Reads incidents over PagerDuty's REST API, while a webhook waits for its answer."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from shared.adapters.json_api import JsonApi, Refused
from shared.domain.reasons import Reason
from shared.errors import ConfigurationError, PermanentError, TemporaryError

WITHIN_SECONDS = 3.5
"""How long one call may take in all: PagerDuty waits 5 s for the answer to its webhook."""

_SIDE_BY_SIDE = 8
_WAITS = 3  # of which each alone may last as long as the whole call, since the pool bounds that

T = TypeVar("T")


class _Alerts(msgspec.Struct):
    alerts: list[dict[str, Any]]


class _User(msgspec.Struct):
    email: str = ""


class _Found(msgspec.Struct):
    user: _User


class PagerDutyIncidents:
    """Reads what a webhook leaves out: an incident's alerts, and whose address a user has.

    Each call ends within `within_seconds`, the look-up of the host name included. Raises TemporaryError when
    PagerDuty does not answer as it should, ConfigurationError when it refuses the token.
    """

    def __init__(self, url: str, token: str, *, within_seconds: float = WITHIN_SECONDS) -> None:
        self._within_seconds = within_seconds
        self._api = JsonApi(
            "PagerDuty's REST API",
            url,
            headers={
                "Authorization": f"Token token={token}",
                "Accept": "application/vnd.pagerduty+json;version=2",
            },
            secrets=(token,),
            seconds=within_seconds * _WAITS,
        )
        self._pool = ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="pagerduty")

    def alerts_of(self, incident_id: str) -> Sequence[Mapping[str, object]]:
        """Return the incident's first 100 alerts as PagerDuty tells them; none of an incident it hides.

        ``GET /incidents/{id}/alerts``: 404 is what a token is answered that may not see the incident.
        """
        answer = self._asked(f"/incidents/{quote(incident_id, safe='')}/alerts?limit=100", _Alerts)
        return answer.alerts if answer else ()

    def email_of(self, user_id: str) -> str:
        """Return the address of a user, in lower case; empty when there is none such."""
        answer = self._asked(f"/users/{quote(user_id, safe='')}", _Found)
        return answer.user.email.lower() if answer else ""

    def _asked(self, path: str, kind: type[T]) -> T | None:
        future = self._pool.submit(partial(self._api.calls().ask, "GET", path, into=kind))
        try:
            return future.result(self._within_seconds)
        except FutureTimeoutError as error:
            future.cancel()
            raise TemporaryError(
                f"{self._api.name}: no answer in {self._within_seconds:g} s", reason=Reason.INTERNAL
            ) from error
        except PermanentError as error:
            if isinstance(error, Refused) and error.status == HTTPStatus.NOT_FOUND:
                return None
            raise ConfigurationError(f"pagerduty.token, pagerduty.url: {error}") from error
