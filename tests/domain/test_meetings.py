"""A meeting begins in the team's working hours, with notice, as early as can be, however its clock is set."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.changes import Scalar
from shared.domain.meetings import (
    MEET,
    NOTICE,
    SEARCHED,
    Hours,
    Standing,
    meeting,
    orders,
    owed,
    planned,
    slot,
)
from shared.domain.response import Outcome, Rolled, Task
from tests.domain.examples import NOW, a_response

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
HOUR = timedelta(hours=1)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia")

YEARS = datetime(2024, 1, 1), datetime(2030, 1, 1)  # noqa: DTZ001 - hypothesis adds the zone
moments = st.datetimes(*YEARS, timezones=st.just(UTC))
lengths = st.sampled_from([15, 30, 45, 60, 90, 120]).map(lambda minutes: timedelta(minutes=minutes))
days_of_year = st.dates(date(2024, 1, 1), date(2030, 3, 1))


@st.composite
def some_hours(draw: st.DrawFn) -> Hours:
    start, end = sorted(draw(st.lists(st.times(), min_size=2, max_size=2, unique=True)))
    return Hours(
        zone=ZoneInfo(draw(st.sampled_from(ZONES))),
        days=draw(st.frozensets(st.integers(0, 6), min_size=1)),
        start=start.replace(second=0, microsecond=0),
        end=end.replace(second=0, microsecond=0),
        holidays=draw(st.frozensets(days_of_year, max_size=20)),
    )


def starts(now: datetime, hours: Hours) -> list[datetime]:
    """Return every half hour on the team's clock in the time that is searched, by the calendar."""
    first = (now + NOTICE).astimezone(hours.zone).date()
    found = set()
    for day, half, fold in product(range(SEARCHED.days + 2), range(48), (0, 1)):
        local = datetime.combine(first + timedelta(days=day), time(half // 2, half % 2 * 30), hours.zone)
        at = local.replace(fold=fold).astimezone(UTC)
        if at.astimezone(hours.zone).replace(tzinfo=None) == local.replace(tzinfo=None):
            found.add(at)
    return sorted(at for at in found if now + NOTICE <= at < now + NOTICE + SEARCHED - timedelta(days=1))


def within(start: datetime, length: timedelta, hours: Hours) -> bool:
    """Return whether both ends are in working hours of one day and the clock is not changed between them."""
    first, last = start.astimezone(hours.zone), (start + length).astimezone(hours.zone)
    same_day = first.date() == last.date() and first.utcoffset() == last.utcoffset()
    works = first.weekday() in hours.days and first.date() not in hours.holidays
    return same_day and works and hours.start <= first.time() and last.time() <= hours.end


class TestSlot:
    @settings(deadline=None, max_examples=50)
    @given(moments, some_hours(), lengths)
    def test_it_leaves_notice_and_lies_in_working_hours_on_a_full_or_half_hour(
        self, now: datetime, hours: Hours, length: timedelta
    ) -> None:
        at = slot(now, hours, length)
        if at is None:
            return
        assert at - now >= NOTICE
        assert f"{at.astimezone(hours.zone):%M:%S.%f}" in {"00:00.000000", "30:00.000000"}
        assert all(hours.hold(at + timedelta(seconds=s)) for s in range(0, int(length.total_seconds()), 30))

    @settings(deadline=None, max_examples=50)
    @given(moments, some_hours(), lengths)
    def test_there_is_none_earlier(self, now: datetime, hours: Hours, length: timedelta) -> None:
        at = slot(now, hours, length)
        fitting = [start for start in starts(now, hours) if within(start, length, hours)]
        assert not fitting or (at is not None and at <= fitting[0])

    @settings(deadline=None, max_examples=50)
    @given(moments, some_hours(), lengths)
    def test_a_calendar_without_a_working_day_has_none(
        self, now: datetime, hours: Hours, length: timedelta
    ) -> None:
        first = now.date() - timedelta(days=2)
        idle = frozenset(first + timedelta(days=n) for n in range(SEARCHED.days + 6))
        assert slot(now, replace(hours, holidays=idle), length) is None

    @pytest.mark.parametrize(
        ("now", "expected"),
        [
            ("2026-03-02T07:00", "2026-03-02T09:00"),  # Monday: two hours on
            ("2026-03-02T07:01", "2026-03-02T09:30"),
            ("2026-03-02T14:00", "2026-03-02T16:00"),  # the last that ends by 17:00
            ("2026-03-02T14:01", "2026-03-03T09:00"),
            ("2026-03-06T15:30", "2026-03-09T09:00"),  # over the weekend
            ("2026-03-27T18:00", "2026-03-30T09:00"),  # over the change of the clock
        ],
    )
    def test_it_is_the_next_working_hour_on_the_teams_clock(self, now: str, expected: str) -> None:
        at = slot(datetime.fromisoformat(now).replace(tzinfo=BERLIN), Hours(BERLIN), HOUR)
        assert at == datetime.fromisoformat(expected).replace(tzinfo=BERLIN)

    def test_a_holiday_is_no_working_day(self) -> None:
        hours = Hours(BERLIN, holidays=frozenset({date(2026, 12, 24), date(2026, 12, 25)}))
        at = slot(datetime(2026, 12, 23, 16, tzinfo=BERLIN), hours, HOUR)
        assert at == datetime(2026, 12, 28, 9, tzinfo=BERLIN)

    def test_an_hour_that_the_clock_skips_is_never_met(self) -> None:
        night = Hours(BERLIN, days=frozenset({6}), start=time(2), end=time(4))
        at = slot(datetime(2026, 3, 28, 20, tzinfo=BERLIN), night, timedelta(minutes=30))
        assert at == datetime(2026, 3, 29, 3, tzinfo=BERLIN)

    def test_an_hour_that_comes_twice_is_met_the_first_time_that_leaves_notice(self) -> None:
        night = Hours(NEW_YORK, days=frozenset({6}), start=time(1), end=time(2))
        early, late = (datetime(2026, 11, 1, hour, 31, tzinfo=UTC) for hour in (2, 3))
        assert slot(early, night, timedelta(minutes=30)) == datetime(2026, 11, 1, 5, 0, tzinfo=UTC)
        assert slot(late, night, timedelta(minutes=30)) == datetime(2026, 11, 1, 6, 0, tzinfo=UTC)

    def test_a_meeting_longer_than_the_working_day_has_none(self) -> None:
        assert slot(NOW, Hours(start=time(9), end=time(10)), timedelta(minutes=61)) is None


class TestOwed:
    def test_a_rollback_is_talked_over_however_it_ended(self) -> None:
        rolled = a_response(phase=Outcome.COMPLETED.value, rolled=Rolled(NOW, by_us=True))
        assert owed(rolled)
        assert owed(replace(rolled, phase=Outcome.INCONCLUSIVE.value))

    def test_what_failed_after_acting_is_too(self) -> None:
        assert owed(a_response(phase=Outcome.FAILED.value, scaled=True))

    @pytest.mark.parametrize("outcome", Outcome)
    def test_what_touched_nothing_is_not(self, outcome: Outcome) -> None:
        assert not owed(a_response(phase=outcome.value))


NONE: Mapping[str, Scalar] = {}
SENDING: Mapping[str, Scalar] = {
    "at": "2026-03-03T09:00:00+00:00",
    "zone": "Europe/Berlin",
    "sequence": 0,
}


def a_task(name: str, facts: Mapping[str, Scalar] = NONE, receipt: str = "", *, ended: bool = True) -> Task:
    ended_at = NOW if ended else None
    return Task("r1", name, MEET, None, facts, receipt=receipt, result="told", ended_at=ended_at)


class TestStanding:
    def test_where_none_was_owed_there_is_none(self) -> None:
        assert meeting([]) is None

    def test_it_is_planned_until_it_is_sent(self) -> None:
        found = meeting([a_task("meet#000009"), a_task("meet#000009#send", SENDING, ended=False)])
        assert found is not None
        assert (found.standing, found.at) == (Standing.PLANNED, datetime(2026, 3, 3, 9, tzinfo=UTC))
        assert found.leaves_notice(datetime(2026, 3, 3, 7, tzinfo=UTC))
        assert not found.leaves_notice(datetime(2026, 3, 3, 7, 1, tzinfo=UTC))

    def test_the_last_word_counts(self) -> None:
        sent = a_task("meet#000009#send", SENDING, Standing.INVITED)
        cancelled = a_task("meet#000012#send", {**SENDING, "sequence": 1}, Standing.CANCELLED)
        found = meeting([a_task("meet#000012"), cancelled, a_task("meet#000009"), sent])
        assert found is not None
        assert found.standing is Standing.CANCELLED
        assert not found.leaves_notice(NOW)

    def test_one_that_was_given_up_is_the_teams(self) -> None:
        found = meeting([a_task("meet#000009"), a_task("meet#000009#send", SENDING)])
        assert found is not None
        assert found.standing is Standing.YOURS

    def test_each_word_raises_the_sequence_and_knows_what_was_planned_before(self) -> None:
        tasks = [a_task("meet#000009"), a_task("meet#000009#send", SENDING), a_task("meet#000012")]
        assert [orders(tasks, name) for name in ("meet#000009", "meet#000012")] == [0, 1]
        assert planned(tasks, "meet#000009") == []
        assert planned(tasks, "meet#000012") == [tasks[1]]
