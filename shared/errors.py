"""The error tree. The one who raises says whether it is temporary; only the edge picks a status code.

    BackoutError
    ├── InvalidRequest        what was sent can never be right (400, 401, 413, 422)
    ├── ConfigurationError    what was configured is wrong or missing (503 at the door)
    ├── TemporaryError        the same call may go well later (503)
    └── PermanentError        it will not; recorded and escalated
        └── CredentialRejected    not by this credential, which may have been replaced meanwhile

Duplicates, refusals and lost races are values, not errors.
"""

from shared.domain.reasons import Reason


class BackoutError(Exception):
    """The root: its text says what was wrong, where, and what to do."""


class InvalidRequest(BackoutError):
    """A request that can never be right. `status` is the HTTP status it deserves."""

    def __init__(self, message: str, *, status: int = 422) -> None:
        super().__init__(message)
        self.status = status


class ConfigurationError(BackoutError):
    """The configuration lacks something or has it wrong; the text names the key's path."""


class TemporaryError(BackoutError):
    """Something outside did not answer as it should; worth another try after `retry_after` seconds."""

    def __init__(
        self, message: str, *, retry_after: float = 2.0, reason: Reason = Reason.CLUSTER_UNREACHABLE
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.reason = reason


class PermanentError(BackoutError):
    """Something outside refuses, and will again. `reason` becomes the response's."""

    def __init__(self, message: str, *, reason: Reason = Reason.INTERNAL) -> None:
        super().__init__(message)
        self.reason = reason


class CredentialRejected(PermanentError):
    """The other side does not accept the credential. Where it was replaced, the new one will do."""


def is_rejection(error: BaseException) -> bool:
    """Return whether an error, or what it was raised from, says that a credential was not accepted."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, CredentialRejected):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
