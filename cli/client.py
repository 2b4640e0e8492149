"""The client: calls a Backout server over HTTP, by BACKOUT_URL and BACKOUT_TOKEN."""

import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import typer

from cli.printing import Failed

Url = Annotated[str, typer.Option("--url", envvar="BACKOUT_URL", help="Where the server is.")]
Token = Annotated[
    str, typer.Option("--token", envvar="BACKOUT_TOKEN", help="The bearer token.", show_default=False)
]
DEFAULT_URL = "http://127.0.0.1:8080"
TIMEOUT_SECONDS = 30.0


class Unreachable(Failed):
    """The server did not answer, or not now; asking again may help."""


@dataclass(frozen=True)
class Server:
    """A server and the token that is sent to it."""

    url: str
    token: str

    def call(
        self,
        method: str,
        *path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return the JSON object of the answer.

        Raises Failed with the server's problem for a status of 400 and above, and Unreachable when there
        is no answer or a 503.
        """
        status, text = self._answer(method, path, body=body, params=params, headers=headers)
        return _told(status, text, self.url)

    def text(self, *path: str) -> str:
        """Return what a GET answers that is no JSON. Raises as `call` does."""
        status, text = self._answer("GET", path)
        if status >= 400:
            _told(status, text, self.url)
        return text

    def _answer(
        self,
        method: str,
        path: Sequence[str],
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, str]:
        import httpx

        url = "/".join([self.url.rstrip("/"), *(quote(part, safe="/") for part in path)])
        bearer = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=not _on_loopback(self.url)) as client:
                answer = client.request(
                    method, url, json=body, params=params, headers={**bearer, **(headers or {})}
                )
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise Unreachable(
                {
                    "detail": f"{self.url} does not answer: {error}. "
                    "Set BACKOUT_URL (or --url) to where `backout serve` listens."
                }
            ) from error
        return answer.status_code, answer.text


def _told(status: int, text: str, url: str) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise Failed(
            {"status": status, "detail": f"{url} answered {status} and no JSON object: is it Backout?"}
        )
    if status == 401:
        told = {**told, "detail": f"{told.get('detail')} Set BACKOUT_TOKEN (or --token)."}
    if status == 503:
        raise Unreachable(told)
    if status >= 400:
        raise Failed(told)
    return told


def _on_loopback(url: str) -> bool:
    """Return whether no proxy is to be asked, whatever the environment says."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
