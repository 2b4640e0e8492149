"""Shapes: what a URL, a time of day, a time zone and the ids of other systems look like."""

import re
from collections.abc import Mapping
from datetime import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shared.settings.conforming import Problems

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_ID = "[A-Z0-9]{1,20}"

_SHAPES: Mapping[str, tuple[re.Pattern[str], str]] = {
    "channel": (re.compile(f"[CG]{_ID}"), "a Slack channel's id, like C02ABCDEF (not its name)"),
    "approver": (re.compile(f"[UWS]{_ID}"), "the Slack id of a user (U..., W...) or of a user group (S...)"),
    "mention": (
        re.compile(rf"<@[UW]{_ID}>|<!subteam\^S{_ID}>|<!(?:here|channel)>"),
        "a Slack mention: <@U02ABCDEF>, <!subteam^S02ABCDEF>, <!here> or <!channel>",
    ),
    "pagerduty": (re.compile(_ID), "a PagerDuty id, like PNE3JZM (not a name)"),
    "email": (re.compile(r"[^@\s]+@[^@\s]+"), "an e-mail address"),
    "login": (re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}"), "a login at GitHub, like octocat (without @)"),
    "mailbox": (re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9.-]+", re.ASCII), "an e-mail address alone"),
    "repository": (re.compile(r"[\w.-]+/[\w.-]+"), "a repository, like shop/checkout"),
}


def check_id(text: str, kind: str, path: str, problems: Problems) -> None:
    """Say so when a text is not an id of that kind: a name where an id belongs fails only when it is used."""
    pattern, wanted = _SHAPES[kind]
    if not pattern.fullmatch(text):
        problems.append(f"{path}: expected {wanted}; found {text[:40]!r}")


def zone(name: str, path: str, problems: Problems) -> "ZoneInfo":
    """Return the time zone of that name; UTC, with a problem, when there is none such."""
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        problems.append(f"{path}: expected a time zone, like Europe/Berlin; found {name[:40]!r}")
        return ZoneInfo("UTC")


def time_of_day(text: str, path: str, problems: Problems) -> time:
    """Return the time of day that a text says; midnight, with a problem, when it says none."""
    hours, _, minutes = text.partition(":")
    if hours.isdecimal() and minutes.isdecimal() and len(minutes) == 2 and len(hours) <= 2:
        try:
            return time(int(hours), int(minutes))
        except ValueError:
            pass
    problems.append(f"{path}: expected a time of day, like 22:00; found {text[:20]!r}")
    return time()


def check_url(url: str, path: str, problems: Problems) -> None:
    """Say so when a URL is none of http(s), or carries a password (which is not shown)."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        problems.append(f"{path}: expected a URL, like http://prometheus:9090")
    elif parts.username or parts.password:
        problems.append(f"{path}: a URL here may hold no user or password; use a header with a reference")
