"""Secrets: only ever named in the configuration, and looked up when they are used."""

import os
import time
from collections.abc import Callable, Mapping

from shared.errors import ConfigurationError
from shared.settings.model import Credential
from shared.settings.references import SecretRef

Store = Callable[[str], str | None]
"""Looks a secret up by its name; None when there is none. Raises TemporaryError when it cannot tell."""

KEEP_SECONDS = 300.0

RENEW_SECONDS = 10.0
"""A secret that was rejected is looked up anew at most so often: anyone may present wrong credentials."""


class Secrets:
    """Looks secrets up by reference, each kept for minutes so that a webhook costs no look-up.

    `stores` maps a scheme (``ssm``, ``secretsmanager``) to its store; ``env`` is built in and read each
    time. What was looked up is never logged, and no error tells a value.
    """

    def __init__(
        self,
        stores: Mapping[str, Store] | None = None,
        *,
        keep_seconds: float = KEEP_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stores = dict(stores or {})
        self._keep_seconds = keep_seconds
        self._monotonic = monotonic
        self._kept: dict[SecretRef, tuple[float, str]] = {}
        self._asked: dict[SecretRef, float] = {}

    def value(self, ref: SecretRef) -> str:
        """Return the secret, without white space around it.

        Raises ConfigurationError, naming the reference, when there is none or it is empty.
        """
        if ref.scheme == "env":
            return _told(ref, os.environ.get(ref.name))
        kept = self._kept.get(ref)
        if kept is not None and self._monotonic() - kept[0] < self._keep_seconds:
            return kept[1]
        return self._looked_up(ref)

    def renew(self, ref: SecretRef) -> None:
        """Look a secret up anew that was rejected; what is kept stays where the store cannot tell.

        Raises as `value` does. Within `RENEW_SECONDS` of the last look-up it does nothing.
        """
        if ref.scheme != "env" and self._monotonic() - self._asked.get(ref, -RENEW_SECONDS) >= RENEW_SECONDS:
            self._looked_up(ref)

    def renewed(self, credential: Credential) -> dict[str, tuple[str, ...]]:
        """Return the values that a credential accepts, looked up anew: none of those known was presented."""
        for refs in credential.named.values():
            for ref in refs:
                self.renew(ref)
        return self.accepted(credential)

    def renewed_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return those HTTP headers that are references, looked up anew."""
        references = {name: value for name, value in headers.items() if isinstance(value, SecretRef)}
        for ref in references.values():
            self.renew(ref)
        return self.headers(references)

    def _looked_up(self, ref: SecretRef) -> str:
        store = self._stores.get(ref.scheme)
        if store is None:
            raise ConfigurationError(f"{ref}: secrets of scheme {ref.scheme} cannot be looked up here.")
        self._asked[ref] = self._monotonic()
        value = _told(ref, store(ref.name))
        self._kept[ref] = (self._monotonic(), value)
        return value

    def accepted(self, credential: Credential) -> dict[str, tuple[str, ...]]:
        """Return the values that a credential accepts, by the name of who holds them."""
        return {name: tuple(self.value(ref) for ref in refs) for name, refs in credential.named.items()}

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return HTTP headers with the references among their values looked up."""
        return {
            name: self.value(value) if isinstance(value, SecretRef) else value
            for name, value in headers.items()
        }


def _told(ref: SecretRef, value: str | None) -> str:
    if value is None or not value.strip():
        raise ConfigurationError(f"The secret {ref} is missing or empty; set it where the reference says.")
    return value.strip()
