"""One cluster for each test: it starts in milliseconds, and tests cannot disturb each other."""

import time
from collections.abc import Callable, Iterator

import pytest

from sandbox.cluster import Cluster
from tests.sandbox.cluster.api import Api
from tests.sandbox.endpoints import eventually


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(start_seconds=0.02, stop_seconds=0.02, autoscaler_seconds=0.05) as running:
        running.create_namespace("shop")
        yield running


@pytest.fixture
def api(cluster: Cluster) -> Iterator[Api]:
    with Api(cluster.url) as client:
        yield client


@pytest.fixture
def past_second() -> Callable[[], None]:
    """Give what returns in another second of the clock: an object's dates are whole seconds."""

    def passed() -> None:
        now = int(time.time())
        eventually(lambda: int(time.time()) > now)

    return passed
