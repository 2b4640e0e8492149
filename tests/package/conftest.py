"""The archives and templates that `make test-package` has made, and what is deployed of them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.package.aws import Aws, aws
from tests.package.deployed import ROOT, Deployed, deployed
from tests.package.template import Template

HOST = os.environ.get("BACKOUT_PACKAGES", "")
if not HOST:
    raise pytest.UsageError("These tests need what `make test-package` makes: run that.")
MADE = {architecture: ROOT / "build" / architecture for architecture in sorted({"arm64", HOST})}


@pytest.fixture(scope="session", params=MADE)
def made(request: pytest.FixtureRequest) -> Path:
    """A folder of what was made, for each architecture."""
    return MADE[request.param]


@pytest.fixture(scope="session")
def template(made: Path) -> Template:
    return Template.of(made)


@pytest.fixture(scope="session")
def host_template() -> Template:
    """The template for this machine; those of other architectures make the same table and queues."""
    return Template.of(MADE[HOST])


@pytest.fixture(scope="session")
def stand_in() -> Iterator[Aws]:
    with aws() as running:
        yield running


@pytest.fixture(scope="session")
def running(stand_in: Aws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """What was made for this machine, deployed."""
    with deployed(MADE[HOST], stand_in, tmp_path_factory.mktemp("deployed")) as everything:
        yield everything
