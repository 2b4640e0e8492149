from collections.abc import Iterator

import pytest

from sandbox.receivers.flags import TOKEN
from sandbox.receivers.flagsmith import ENVIRONMENT_KEY, Flagsmith, Override
from shared.adapters.flags.flagsmith import FlagsmithFlags
from shared.domain.changes import Applied
from shared.errors import PermanentError
from tests.contract.flags import FLAGS, OFF, ON, SAID, switching


@pytest.fixture(params=[False, True], ids=["without versioning", "with versioning"])
def flagsmith(request: pytest.FixtureRequest) -> Iterator[Flagsmith]:
    with Flagsmith(FLAGS, versioning=request.param) as flagsmith:
        yield flagsmith


def flags(flagsmith: Flagsmith) -> FlagsmithFlags:
    return FlagsmithFlags(flagsmith.url, TOKEN, environment=ENVIRONMENT_KEY)


def test_the_way_of_switching_is_that_of_the_environment(flagsmith: Flagsmith) -> None:
    flags(flagsmith).apply(switching(ON))

    switched = flagsmith.received[-1]
    if flagsmith.versioning:
        assert (switched.method, switched.path) == ("POST", "/api/v1/environments/31/features/1/versions/")
        assert flagsmith.changes == [(ON, False, SAID)]
    else:
        path = f"/api/v1/environments/{ENVIRONMENT_KEY}/featurestates/101/"
        assert (switched.method, switched.path, switched.json()) == ("PATCH", path, {"enabled": False})
    assert flagsmith.drafts == 0


def test_a_flag_keeps_its_value(flagsmith: Flagsmith) -> None:
    value = {"type": "int", "string_value": None, "integer_value": 42, "boolean_value": None}
    flagsmith.values[ON] = value

    flags(flagsmith).apply(switching(ON))

    assert flagsmith.values[ON] == value


def test_a_flag_that_a_segment_still_gets_is_on_and_refused_to_be_switched_off(flagsmith: Flagsmith) -> None:
    flagsmith.overrides = {
        ON: [Override(on=True, segment=5), Override(on=False, segment=6)],
        OFF: [Override(on=True, segment=5)],
    }

    assert flags(flagsmith).look(OFF) is True
    for flag in (ON, OFF):
        with pytest.raises(PermanentError, match=r"on for 1 segment\(s\) in Production"):
            flags(flagsmith).apply(switching(flag))
    assert flagsmith.changes == []


def test_a_flag_that_only_a_segment_gets_is_switched_on_for_everybody(flagsmith: Flagsmith) -> None:
    flagsmith.overrides = {OFF: [Override(on=True, segment=5)]}

    assert flags(flagsmith).apply(switching(OFF, on=True)) is Applied.CHANGED
    assert flagsmith.flags[OFF] is True


def test_segments_that_do_not_get_a_flag_are_no_obstacle(flagsmith: Flagsmith) -> None:
    flagsmith.overrides = {ON: [Override(on=False, segment=5)]}

    assert flags(flagsmith).apply(switching(ON)) is Applied.CHANGED


def test_what_single_users_get_is_left_alone_however_many_they_are(flagsmith: Flagsmith) -> None:
    flagsmith.overrides = {ON: [Override(on=True, user=number) for number in range(25)]}

    assert flags(flagsmith).apply(switching(ON)) is Applied.CHANGED
    assert flags(flagsmith).look(ON) is False


def test_a_flag_with_more_overrides_than_are_read_is_refused(flagsmith: Flagsmith) -> None:
    flagsmith.overrides = {ON: [Override(on=True, user=number) for number in range(250)]}

    with pytest.raises(PermanentError, match="switch it there"):
        flags(flagsmith).apply(switching(ON))


def test_a_change_that_the_api_would_take_is_refused_where_people_must_approve(flagsmith: Flagsmith) -> None:
    flagsmith.approvals = True

    with pytest.raises(PermanentError, match=r"in Production without an approval: request the change there$"):
        flags(flagsmith).apply(switching(ON))

    assert {each.method for each in flagsmith.received} == {"GET"}


def test_a_name_is_known_whatever_its_case(flagsmith: Flagsmith) -> None:
    assert flags(flagsmith).look(ON.upper()) is True
