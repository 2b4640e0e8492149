"""Holidays from an iCalendar file, as public calendars of holidays are had: its events of whole days."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from icalendar import Component


def read(path: str, *, since: date, until: date) -> frozenset[date]:
    """Return the holidays from one day to another, those that come back every year too.

    Raises ConfigurationError for a file that is not there or no calendar.
    """
    import recurring_ical_events
    from icalendar import Calendar

    try:
        calendar = Calendar.from_ical(Path(path).read_bytes())
        # Before they are repeated: one with a time of day, each second for ever, would never be through.
        calendar.subcomponents = [each for each in calendar.subcomponents if _is_of_days(each)]
        events = recurring_ical_events.of(calendar).between(since, until)
    except OSError as error:
        raise ConfigurationError(f"holidays_file {path}: {error.strerror}") from error
    except (ValueError, OverflowError) as error:
        raise ConfigurationError(f"holidays_file {path}: expected an iCalendar file; {error}") from error
    return frozenset(
        event.start + timedelta(days=n) for event in events for n in range((event.end - event.start).days)
    )


def _is_of_days(part: "Component") -> bool:
    """Return whether it is an event that begins and ends with a day; one without a beginning is none."""
    start, end = (part.decoded(name, None) for name in ("dtstart", "dtend"))
    return part.name == "VEVENT" and _is_day(start) and (end is None or _is_day(end))


def _is_day(value: object) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)
