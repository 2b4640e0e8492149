from dataclasses import fields
from typing import get_args

from shared.adapters.prometheus.profiles import PROFILES, TRAFFIC
from shared.domain.services import QUERYABLE, Targets, Timing
from shared.domain.signals import Signal
from shared.settings import limits, schema


def test_the_profiles_that_may_be_named_are_those_that_there_are() -> None:
    assert set(get_args(schema.Profile)) == set(PROFILES)


def test_every_signal_that_can_be_queried_may_have_a_query_of_its_own() -> None:
    names = {*QUERYABLE, Signal.LATENCY_REGRESSION, TRAFFIC, "profile"}

    assert set(schema.Queries.__struct_fields__) == names


def test_every_time_and_target_of_a_service_may_be_set_and_every_time_has_limits() -> None:
    times = {field.name for field in fields(Timing)}

    assert set(schema.Timing.__struct_fields__) == times == set(limits.LIMITS)
    assert set(schema.Targets.__struct_fields__) == {field.name for field in fields(Targets)}
    assert limits.out_of_limits(Timing()) == []
