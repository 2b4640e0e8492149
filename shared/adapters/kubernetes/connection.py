"""The connection to the API server: raw JSON over the client library's authentication, TLS and pool.

The client's typed models and its retries are left out: a model drops fields that it does not know, and a
change that is sent again by itself may be made twice.
"""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from shared.adapters.kubernetes import errors
from shared.adapters.kubernetes.access import Access, LocalAccess
from shared.adapters.kubernetes.resources import FIELD_MANAGER, Request
from shared.errors import ConfigurationError
from shared.wire import decoder

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

T = TypeVar("T")

CONNECT_SECONDS = 3.0
SIDE_BY_SIDE = 16
"""Requests under way at once, and connections kept open for them."""


class Budget:
    """The time that one call of the port may take, all its requests together."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds left, never quite none: what is due now fails by its own time-out."""
        return max(0.01, self._ends_at - time.monotonic())

    @property
    def is_spent(self) -> bool:
        """Whether the call has been given up already."""
        return time.monotonic() >= self._ends_at


@dataclass(frozen=True)
class Answer:
    """What the API server answered. A status is a value here; `read` makes it an error."""

    request: Request
    status: int
    body: bytes
    retry_after: str = ""

    @property
    def missing(self) -> bool:
        """Whether the cluster says that there is no such object."""
        return self.status == 404 and errors.is_status(self.body)

    def refusal(self) -> Exception:
        """Return the project's error for an answer that is not the one asked for."""
        return errors.refusal(self.request, self.status, self.body, self.retry_after)

    def read(self, kind: type[T]) -> T:
        """Return the body as `kind`. Raises TemporaryError or PermanentError for anything else."""
        if not 200 <= self.status < 300:
            raise self.refusal()
        with errors.intelligible(self.request):
            return decoder(kind).decode(self.body)


class Pending:
    """A request under way."""

    def __init__(self, request: Request, future: Future[Answer], budget: Budget) -> None:
        self._request = request
        self._future = future
        self._budget = budget

    def answer(self) -> Answer:
        """Wait for the answer, within the budget. Raises TemporaryError when there is none."""
        try:
            return self._future.result(timeout=self._budget.left())
        except TimeoutError as error:
            self._future.cancel()
            raise errors.unreachable(self._request, error) from error


class Connection:
    """Sends requests side by side over kept-alive connections.

    The client library is loaded and the credential read on first use: it takes the better part of a second,
    which a function that only takes webhooks in must not pay. Without `access` it is that of a kubeconfig.
    """

    def __init__(self, kubeconfig: str | None = None, *, access: Access | None = None) -> None:
        self._access = access or LocalAccess(kubeconfig)
        self._threads = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="kubernetes")
        self._lock = threading.Lock()
        self._client: ApiClient | None = None

    def start(self, request: Request, budget: Budget) -> Pending:
        """Send a request without waiting for its answer."""
        return Pending(request, self._threads.submit(self._exchange, request, budget), budget)

    def send(self, request: Request, budget: Budget) -> Answer:
        """Send a request and wait for its answer."""
        return self.start(request, budget).answer()

    def close(self, *, wait: bool = False) -> None:
        """End the threads and close the connections; `wait` for what is under way."""
        self._threads.shutdown(wait=wait, cancel_futures=True)
        if self._client is not None:
            self._client.rest_client.close()

    def _exchange(self, request: Request, budget: Budget) -> Answer:
        """Call the API once, and once more where the credential was rejected and there is another.

        A call that is answered 401 has done nothing, so it may be repeated whatever it is.
        """
        from kubernetes.client import ApiException
        from kubernetes.config import ConfigException
        from urllib3.exceptions import HTTPError

        try:
            client = self._connected()
            answer = _sent(client, request, budget)
            if answer.status == 401 and (self._client is not client or self._access.renew()):
                answer = _sent(self._connected(instead_of=client), request, budget)
            return answer
        except ConfigException as error:
            raise ConfigurationError(f"no credential for the cluster: {error}") from error
        except (HTTPError, ApiException, OSError, ValueError) as error:
            # ValueError: urllib3 looks where a redirect leads, though it is not to follow any.
            raise errors.unreachable(request, error) from error

    def _connected(self, *, instead_of: "ApiClient | None" = None) -> "ApiClient":
        with self._lock:
            if self._client is None or self._client is instead_of:
                self._client = _client(self._access)
            return self._client


def _sent(client: "ApiClient", request: Request, budget: Budget) -> Answer:
    """Send a request; a read whose kept-alive connection had been closed meanwhile, once more."""
    from urllib3.exceptions import ProtocolError

    try:
        return _call(client, request, budget)
    except ProtocolError:
        if request.method != "GET":
            raise
        return _call(client, request, budget)


def _call(client: "ApiClient", request: Request, budget: Budget) -> Answer:
    method, url, headers, _, _ = client.param_serialize(
        request.method,
        request.path,
        header_params={"Accept": "application/json", **request.headers},
        auth_settings=["BearerToken"],
    )
    if budget.is_spent:  # a credential that took long: nobody waits for the change any more
        raise TimeoutError("no time was left to send it")
    left = budget.left()
    timeouts = (min(CONNECT_SECONDS, left), left)
    response = client.call_api(method, url, headers, request.body, _request_timeout=timeouts)
    retry_after = response.headers.get("Retry-After") or ""
    return Answer(request, response.status, response.response.data, retry_after)


def _client(access: Access) -> "ApiClient":
    """Return a client for the cluster that `access` leads to."""
    from kubernetes.client import ApiClient, Configuration

    settings = Configuration()
    access.configure(settings)
    settings.retries = False
    settings.connection_pool_maxsize = SIDE_BY_SIDE
    settings.keep_alive = True
    client = ApiClient(settings)
    client.user_agent = FIELD_MANAGER
    return client
