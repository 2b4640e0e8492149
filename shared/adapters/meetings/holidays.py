"""Holidays from an iCalendar file, as public calendars of holidays are had: its events of whole days."""

from datetime import date, datetime, timedelta
from pathlib import Path

from shared.errors import ConfigurationError


def read(path: str, *, since: date, until: date) -> frozenset[date]:
    """Return the holidays from one day to another, those that come back every year too.

    Raises ConfigurationError for a file that is not there or no calendar.
    """
    import recurring_ical_events
    from icalendar import Calendar

    try:
        calendar = Calendar.from_ical(Path(path).read_bytes())
        events = recurring_ical_events.of(calendar).between(since, until)
    except OSError as error:
        raise ConfigurationError(f"holidays_file {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"holidays_file {path}: expected an iCalendar file; {error}") from error
    days = set()
    for event in events:
        start, end = event.start, event.end
        if not isinstance(start, datetime):
            days |= {start + timedelta(days=n) for n in range((end - start).days)}
    return frozenset(days)
