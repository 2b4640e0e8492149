"""Renewing: an adapter whose secret was rejected is made anew, once the secret has been replaced.

So rotating a secret needs no deploy. The call that was rejected is not repeated here: a part of it may have
been done before, and whoever called knows how to try again.
"""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar, cast

from shared.domain.reasons import Reason
from shared.errors import PermanentError, TemporaryError, is_rejection
from shared.settings import SecretRef, Secrets

T = TypeVar("T")

AGAIN_SECONDS = 1.0


class _Noting(Secrets):
    """Secrets that remember what was looked up."""

    def __init__(self, secrets: Secrets) -> None:
        super().__init__()
        self._secrets = secrets
        self.noted: dict[SecretRef, str] = {}

    def value(self, ref: SecretRef) -> str:
        self.noted[ref] = self._secrets.value(ref)
        return self.noted[ref]


class _Renewing(Generic[T]):
    """Stands before an adapter, which is `made` with secrets."""

    def __init__(self, secrets: Secrets, made: Callable[[Secrets], T]) -> None:
        self._secrets = secrets
        self._make = made
        self._lock = threading.Lock()
        self._adapter, self._noted = self._made()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the adapter has
        adapter = self._adapter
        found = getattr(adapter, name)
        return partial(self._call, adapter, found) if callable(found) else found

    def _call(self, adapter: T, method: Callable[..., Any], *args: object, **kwargs: object) -> Any:  # noqa: ANN401
        try:
            return method(*args, **kwargs)
        except PermanentError as error:
            if not is_rejection(error) or not self._replaced(adapter):
                raise
            said = f"{error}; the secret has been replaced meanwhile, and the new one is used"
            raise TemporaryError(said, retry_after=AGAIN_SECONDS, reason=Reason.INTERNAL) from error

    def _replaced(self, rejected: T) -> bool:
        """Return whether there is another adapter now than the one that was rejected."""
        with self._lock:
            if self._adapter is rejected:
                for ref in self._noted:
                    self._secrets.renew(ref)
                if all(self._secrets.value(ref) == value for ref, value in self._noted.items()):
                    return False
                self._adapter, self._noted = self._made()
            return True

    def _made(self) -> tuple[T, dict[SecretRef, str]]:
        noting = _Noting(self._secrets)
        return self._make(noting), noting.noted


def renewing(secrets: Secrets, made: Callable[[Secrets], T]) -> T:
    """Return what `made` makes with secrets, to be made again with new ones when they are rejected.

    A call that is rejected then raises TemporaryError; where the secret is still the same, what it raised.
    """
    return cast("T", _Renewing(secrets, made))
