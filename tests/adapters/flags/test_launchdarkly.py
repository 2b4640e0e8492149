from collections.abc import Iterator

import pytest

from sandbox.receivers.flags import ENVIRONMENT, PROJECT, TOKEN
from sandbox.receivers.launchdarkly import LaunchDarkly
from shared.adapters.flags.launchdarkly import LaunchDarklyFlags
from shared.domain.changes import Applied
from shared.errors import PermanentError, TemporaryError
from tests.contract.flags import FLAGS, OFF, ON, SAID, switching


@pytest.fixture
def launchdarkly() -> Iterator[LaunchDarkly]:
    with LaunchDarkly(FLAGS) as launchdarkly:
        yield launchdarkly


def flags(launchdarkly: LaunchDarkly) -> LaunchDarklyFlags:
    return LaunchDarklyFlags(launchdarkly.url, TOKEN, project=PROJECT, environment=ENVIRONMENT)


def test_the_history_says_whose_change_it_was(launchdarkly: LaunchDarkly) -> None:
    flags(launchdarkly).apply(switching(ON))

    assert launchdarkly.changes == [(ON, False, SAID)]


def test_a_switch_is_one_look_and_one_semantic_patch(launchdarkly: LaunchDarkly) -> None:
    flags(launchdarkly).apply(switching(OFF, on=True))

    read, patched = launchdarkly.received
    assert (read.method, read.query) == ("GET", {"env": ENVIRONMENT})
    assert (patched.method, patched.path) == ("PATCH", f"/api/v2/flags/{PROJECT}/{OFF}")
    assert patched.json()["instructions"] == [{"kind": "turnFlagOn"}]
    assert patched.headers["authorization"] == TOKEN


def test_a_pending_change_that_would_fail_is_not_forced(launchdarkly: LaunchDarkly) -> None:
    launchdarkly.scheduled = frozenset({ON})

    with pytest.raises(PermanentError, match="pending scheduled change"):
        flags(launchdarkly).apply(switching(ON))

    assert launchdarkly.changes == []


def test_an_approval_that_is_required_is_told_in_words(launchdarkly: LaunchDarkly) -> None:
    launchdarkly.approvals = True

    with pytest.raises(PermanentError, match="give Backout's token the right bypassRequiredApproval"):
        flags(launchdarkly).apply(switching(ON))


def test_a_change_that_came_in_between_is_looked_at_again(launchdarkly: LaunchDarkly) -> None:
    launchdarkly.contended = 1

    with pytest.raises(TemporaryError, match="409"):
        flags(launchdarkly).apply(switching(ON))

    assert flags(launchdarkly).apply(switching(ON)) is Applied.CHANGED
