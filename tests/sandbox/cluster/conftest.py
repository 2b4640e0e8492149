"""One cluster for each test: it starts in milliseconds, and tests cannot disturb each other."""

from collections.abc import Iterator

import pytest

from sandbox.cluster import Cluster
from tests.sandbox.cluster.api import Api


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(start_seconds=0.02, stop_seconds=0.02, autoscaler_seconds=0.05) as running:
        running.create_namespace("shop")
        yield running


@pytest.fixture
def api(cluster: Cluster) -> Iterator[Api]:
    with Api(cluster.url) as client:
        yield client
