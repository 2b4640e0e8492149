"""The connection to the API server: raw JSON over the client library's authentication, TLS and pool.

The client's typed models and its retries are left out: a model drops fields that it does not know, and a
change that is sent again by itself may be made twice.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from shared.adapters.kubernetes import errors
from shared.adapters.kubernetes.resources import FIELD_MANAGER, Request
from shared.errors import ConfigurationError
from shared.wire import decoder

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, Configuration

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
    which a function that only takes webhooks in must not pay.
    """

    def __init__(self, kubeconfig: str | None) -> None:
        self._kubeconfig = kubeconfig
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
        """Call the API once; a read whose kept-alive connection had been closed meanwhile, once more."""
        from kubernetes.client import ApiException
        from kubernetes.config import ConfigException
        from urllib3.exceptions import HTTPError, ProtocolError

        try:
            client = self._connected()
            try:
                return _call(client, request, budget)
            except ProtocolError:
                if request.method != "GET":
                    raise
                return _call(client, request, budget)
        except ConfigException as error:
            raise ConfigurationError(f"no credential for the cluster: {error}") from error
        except (HTTPError, ApiException, OSError, ValueError) as error:
            # ValueError: urllib3 looks where a redirect leads, though it is not to follow any.
            raise errors.unreachable(request, error) from error

    def _connected(self) -> "ApiClient":
        with self._lock:
            if self._client is None:
                self._client = _client(self._kubeconfig)
            return self._client


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


def _client(kubeconfig: str | None) -> "ApiClient":
    """Return a client by the kubeconfig, or in a pod by its account, or by the default kubeconfig."""
    from kubernetes import config
    from kubernetes.client import ApiClient, Configuration
    from yaml import YAMLError

    settings = Configuration()
    try:
        _load_credential(kubeconfig, settings)
    except config.ConfigException as error:
        raise ConfigurationError(f"no credential for the cluster: {error}") from error
    except (YAMLError, ValueError) as error:
        # The parser's own words quote the file, which holds the credential.
        raise ConfigurationError(f"the kubeconfig {kubeconfig or ''} cannot be parsed") from error
    settings.retries = False
    settings.connection_pool_maxsize = SIDE_BY_SIDE
    settings.keep_alive = True
    client = ApiClient(settings)
    client.user_agent = FIELD_MANAGER
    return client


def _load_credential(kubeconfig: str | None, settings: "Configuration") -> None:
    from kubernetes import config

    from_file: Callable[..., None] = config.load_kube_config
    in_cluster: Callable[..., None] = config.load_incluster_config
    if kubeconfig is not None:
        from_file(config_file=kubeconfig, client_configuration=settings)
        return
    try:
        in_cluster(client_configuration=settings)
    except config.ConfigException:
        from_file(client_configuration=settings)
