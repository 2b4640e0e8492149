"""AWS clients, and what they say when something is wrong in the project's own errors.

Codes: the models that botocore ships, and the error pages of DynamoDB, SQS and RDS.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoRegionError,
    ParamValidationError,
)
from botocore.exceptions import (
    ConnectionError as NoConnection,
)
from botocore.parsers import ResponseParserError
from botocore.session import Session

from shared.domain.reasons import Reason
from shared.errors import BackoutError, ConfigurationError, PermanentError, TemporaryError

BUSY = frozenset(
    {
        "InsufficientDBClusterCapacityFault",
        "InsufficientDBInstanceCapacity",
        "InternalServerError",
        "InvalidDBClusterStateFault",
        "InvalidDBInstanceState",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
"""Codes of calls that may go well when they are made again."""

MISSING = frozenset(
    {
        "ResourceNotFoundException",
        "TableNotFoundException",
        "ParameterNotFound",
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
    }
)

DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)


LIMITS = Config(
    connect_timeout=2.0,
    read_timeout=3.0,
    retries={"mode": "standard", "total_max_attempts": 2},
    tcp_keepalive=True,
    max_pool_connections=32,
)
"""One call ends within 10 s, its second attempt included: far below a lease, and below `CALL_SECONDS`."""


def make_client(service: str, session: Session | None = None, *, region: str | None = None) -> Any:  # noqa: ANN401 - one type a service
    """Return a client as AWS's own variables say (region, credentials, AWS_ENDPOINT_URL); for many threads.

    What one client of a `session` has read from disk the next finds, but only one thread may make clients of
    it. The session is botocore's: boto3's makes the same clients, and loads S3's transfers with them.
    """
    return (session or Session()).create_client(service, region, config=LIMITS)


def code(error: Exception) -> str:
    """Return the code that AWS gave the error, or nothing when it is none of AWS's."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def check_genuine(answer: Mapping[str, Any], subject: str) -> None:
    """Make sure that AWS answered: botocore takes any page with status 200 for an empty answer."""
    if "RequestId" not in answer["ResponseMetadata"]:
        wrong = "something else answered for it. Check AWS_ENDPOINT_URL and the proxies on the way"
        raise TemporaryError(f"{subject}: {wrong}", reason=Reason.INTERNAL)


@contextmanager
def translating(subject: str, action: str, *, missing: str) -> Iterator[None]:
    """Raise the project's errors for those of botocore.

    `subject` is what was asked (``table backout``), `action` the API action as an IAM policy names it
    (``dynamodb:Query``), `missing` what to do when the subject does not exist.
    """
    try:
        yield
    except ClientError as error:
        raise _refusal(error, f"{subject}, {action}", missing=missing) from error
    except BotoCoreError as error:
        raise _silence(error, f"{subject}, {action}") from error


def _refusal(error: ClientError, asked: str, *, missing: str) -> BackoutError:
    name = code(error)
    said = f"{asked}: {name}: {error.response.get('Error', {}).get('Message', '')}"
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if name in MISSING:
        return ConfigurationError(f"{asked}: it does not exist in this account and region; {missing}")
    if name in DENIED:
        return ConfigurationError(f"{said}. Check the credentials, and that their policy allows the action")
    if name in BUSY or name == "TransactionCanceledException" or status >= 500:
        return TemporaryError(f"{said}. It stayed busy through several attempts", reason=Reason.INTERNAL)
    return PermanentError(said, reason=Reason.INTERNAL)


def _silence(error: BotoCoreError, asked: str) -> BackoutError:
    if isinstance(error, NoRegionError):
        return ConfigurationError(f"{asked}: no region is set; set AWS_DEFAULT_REGION")
    if isinstance(error, ParamValidationError):
        return PermanentError(f"{asked}: {error}", reason=Reason.INTERNAL)
    if isinstance(error, NoConnection | HTTPClientError | ResponseParserError):
        where = "Check that its endpoint can be reached from here (AWS_ENDPOINT_URL, region, network)"
        return TemporaryError(f"{asked} did not answer: {error}. {where}", reason=Reason.INTERNAL)
    return ConfigurationError(f"{asked}: {error}. Check AWS's own settings: credentials, profile, region")
