from datetime import date
from pathlib import Path

import pytest

from shared.adapters.meetings import holidays
from shared.errors import ConfigurationError

CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Example//Holidays//EN
BEGIN:VEVENT
UID:1@example.com
DTSTAMP:20240101T000000Z
DTSTART;VALUE=DATE:20241225
RRULE:FREQ=YEARLY
SUMMARY:Christmas
END:VEVENT
BEGIN:VEVENT
UID:2@example.com
DTSTAMP:20240101T000000Z
DTSTART;VALUE=DATE:20261228
DTEND;VALUE=DATE:20261231
SUMMARY:Nobody works
END:VEVENT
BEGIN:VEVENT
UID:3@example.com
DTSTAMP:20240101T000000Z
DTSTART:20261222T130000Z
DTEND:20261222T170000Z
SUMMARY:A party
END:VEVENT
END:VCALENDAR
"""


def read(path: Path) -> frozenset[date]:
    return holidays.read(str(path), since=date(2026, 12, 1), until=date(2027, 1, 31))


def test_whole_days_are_holidays_each_of_several_and_every_year(tmp_path: Path) -> None:
    path = tmp_path / "holidays.ics"
    path.write_bytes(CALENDAR.replace("\n", "\r\n").encode())

    assert sorted(day.day for day in read(path)) == [25, 28, 29, 30]


@pytest.mark.parametrize("begins", ["SUMMARY:Some day", "DTSTART:20200101T000000Z\nRRULE:FREQ=SECONDLY"])
def test_what_is_no_whole_day_is_passed_over_unrepeated(tmp_path: Path, begins: str) -> None:
    path = tmp_path / "holidays.ics"
    changed = CALENDAR.replace("DTSTART:20261222T130000Z\nDTEND:20261222T170000Z", begins)
    path.write_bytes(changed.replace("\n", "\r\n").encode())

    assert sorted(day.day for day in read(path)) == [25, 28, 29, 30]


@pytest.mark.parametrize("content", [None, "", "no calendar", "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n"])
def test_a_file_that_is_none_is_a_matter_of_the_configuration(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "holidays.ics"
    if content is not None:
        path.write_text(content)

    with pytest.raises(ConfigurationError, match=r"holidays_file .*holidays\.ics"):
        read(path)
