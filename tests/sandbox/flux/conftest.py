"""A cluster, a repository of the team's and Flux between them, for each test its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.cluster import Cluster
from sandbox.flux import Flux
from sandbox.git import Repository
from tests.sandbox.cluster.api import Api
from tests.sandbox.flux.objects import URL


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(start_seconds=0.02, stop_seconds=0.02) as running:
        running.create_namespace("shop")
        running.create_namespace("flux-system")
        yield running


@pytest.fixture
def api(cluster: Cluster) -> Iterator[Api]:
    with Api(cluster.url) as client:
        yield client


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.create(tmp_path / "deploy.git")


@pytest.fixture
def flux(cluster: Cluster, repository: Repository) -> Iterator[Flux]:
    with Flux(cluster.url, repositories={URL: repository.path}, poll_seconds=0.02) as running:
        yield running
