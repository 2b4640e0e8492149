from collections.abc import Iterator

import pytest

from sandbox.receivers.flags import ENVIRONMENT, PROJECT, TOKEN
from sandbox.receivers.unleash import Unleash
from shared.adapters.flags.unleash import UnleashFlags
from shared.errors import PermanentError
from tests.contract.flags import FLAGS, ON, switching

FEATURE = f"/api/admin/projects/{PROJECT}/features/{ON}"


@pytest.fixture
def unleash() -> Iterator[Unleash]:
    with Unleash(FLAGS) as unleash:
        yield unleash


def flags(unleash: Unleash) -> UnleashFlags:
    return UnleashFlags(unleash.url, TOKEN, project=PROJECT, environment=ENVIRONMENT)


def test_a_switch_is_one_look_and_one_call_without_a_body(unleash: Unleash) -> None:
    flags(unleash).apply(switching(ON))

    read, switched = unleash.received
    assert (read.method, read.path) == ("GET", FEATURE)
    assert (switched.method, switched.path) == ("POST", f"{FEATURE}/environments/{ENVIRONMENT}/off")
    assert switched.body == b""
    assert switched.headers["authorization"] == TOKEN


def test_an_enforced_change_request_is_told_from_a_right_that_lacks(unleash: Unleash) -> None:
    unleash.approvals = True

    with pytest.raises(PermanentError, match="give Backout's token the right SKIP_CHANGE_REQUEST"):
        flags(unleash).apply(switching(ON))
