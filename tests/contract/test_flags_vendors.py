"""The contract of feature flags for each vendor, on its stand-in, and what only calls over a network show."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from sandbox.receivers.flags import ENVIRONMENT, PROJECT, READER, TOKEN, FlagReceiver
from sandbox.receivers.flagsmith import ENVIRONMENT_KEY, Flagsmith
from sandbox.receivers.launchdarkly import LaunchDarkly
from sandbox.receivers.unleash import Unleash
from shared.adapters.flags.flagsmith import FlagsmithFlags
from shared.adapters.flags.launchdarkly import LaunchDarklyFlags
from shared.adapters.flags.unleash import UnleashFlags
from shared.domain.changes import Applied
from shared.domain.reasons import Reason
from shared.errors import PermanentError, TemporaryError
from shared.ports import Flags
from tests.contract.flags import FLAGS, ON, FlagsContract, FlagsWorld, switching


@dataclass
class VendorWorld(FlagsWorld):
    """A vendor's stand-in; `connect` takes a token and an environment (empty: the right one)."""

    vendor: FlagReceiver
    connect: Callable[[str, str], Flags]

    def __post_init__(self) -> None:
        self.flags = self.connect(TOKEN, "")

    def state(self, flag: str) -> bool:
        return self.vendor.flags[flag]

    def switched(self) -> int:
        return len(self.vendor.changes)

    def switch_by_hand(self, flag: str, *, on: bool) -> None:
        self.vendor.flags[flag] = on

    def demand_approvals(self) -> None:
        self.vendor.approvals = True


class VendorContract(FlagsContract):
    """The suite for those that are called over a network."""

    def test_a_change_whose_answer_was_lost_is_made_once(self, world: VendorWorld) -> None:
        world.vendor.lose_next_change()

        with pytest.raises(TemporaryError):
            world.flags.apply(switching(ON))

        assert world.flags.apply(switching(ON)) is Applied.ALREADY
        assert world.switched() == 1

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_a_vendor_that_is_away_or_busy_is_asked_again_later(
        self, world: VendorWorld, status: int
    ) -> None:
        world.vendor.fail(status=status, retry_after=7)

        with pytest.raises(TemporaryError) as away:
            world.flags.apply(switching(ON))

        assert away.value.retry_after == 7

    def test_a_token_that_is_not_known_is_refused_and_not_shown(self, world: VendorWorld) -> None:
        with pytest.raises(PermanentError, match="token is not accepted") as refused:
            world.connect("guessed-token", "").look(ON)

        assert refused.value.reason is Reason.FORBIDDEN
        assert "guessed-token" not in str(refused.value)

    def test_a_token_that_may_only_read_reads_and_switches_nothing(self, world: VendorWorld) -> None:
        flags = world.connect(READER, "")

        assert flags.look(ON) is True
        with pytest.raises(PermanentError, match=f"lacks a right .*{ON}") as refused:
            flags.apply(switching(ON))

        assert refused.value.reason is Reason.FORBIDDEN
        assert world.switched() == 0

    def test_an_environment_that_there_is_not_is_refused(self, world: VendorWorld) -> None:
        with pytest.raises(PermanentError) as refused:
            world.connect(TOKEN, "staging").apply(switching(ON))

        assert refused.value.reason is Reason.NOT_FOUND


class TestUnleash(VendorContract):
    @pytest.fixture
    def world(self) -> Iterator[VendorWorld]:
        with Unleash(FLAGS) as unleash:
            yield VendorWorld(
                unleash,
                lambda token, environment: UnleashFlags(
                    unleash.url, token, project=PROJECT, environment=environment or ENVIRONMENT
                ),
            )


class TestLaunchDarkly(VendorContract):
    @pytest.fixture
    def world(self) -> Iterator[VendorWorld]:
        with LaunchDarkly(FLAGS) as launchdarkly:
            yield VendorWorld(
                launchdarkly,
                lambda token, environment: LaunchDarklyFlags(
                    launchdarkly.url, token, project=PROJECT, environment=environment or ENVIRONMENT
                ),
            )


class TestFlagsmith(VendorContract):
    @pytest.fixture(params=[False, True], ids=["without versioning", "with versioning"])
    def world(self, request: pytest.FixtureRequest) -> Iterator[VendorWorld]:
        with Flagsmith(FLAGS, versioning=request.param) as flagsmith:
            yield VendorWorld(
                flagsmith,
                lambda token, environment: FlagsmithFlags(
                    flagsmith.url, token, environment=environment or ENVIRONMENT_KEY
                ),
            )
