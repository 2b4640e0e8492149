"""Teams: where a team reads, when it works, who of it may answer, and who is called at each level."""

from shared.domain.escalation import Level
from shared.settings import meetings, schema
from shared.settings.conforming import Problems
from shared.settings.model import Contact, Team
from shared.settings.shapes import check_id, zone

_WAYS = {"pagerduty_policy": "pagerduty", "pagerduty_user": "pagerduty", "slack": "mention"}


def team(said: schema.Team, path: str, problems: Problems) -> Team:
    """Return a team; what is wrong with it goes to `problems`."""
    if said.slack.channel:
        check_id(said.slack.channel, "channel", f"{path}.slack.channel", problems)
    if said.owner:
        check_id(said.owner, "login", f"{path}.owner", problems)
    for i, approver in enumerate(said.slack.approvers):
        check_id(approver, "approver", f"{path}.slack.approvers[{i}]", problems)
    levels = {level.value: getattr(said.escalation, level) for level in Level}
    return Team(
        timezone=str(zone(said.timezone, f"{path}.timezone", problems)),
        owner=said.owner,
        hours=meetings.hours(said, path, problems),
        holidays_file=said.holidays_file,
        attendees=meetings.attendees(said, path, problems),
        slack_channel=said.slack.channel,
        support_channel=support_channel(said.support, f"{path}.support", problems),
        approvers=tuple(said.slack.approvers),
        escalation={
            level: _contact(contact, f"{path}.escalation.{level}", problems)
            for level, contact in levels.items()
            if contact is not None
        },
    )


def support_channel(said: schema.Support, path: str, problems: Problems) -> str:
    """Return the channel in which customers are heard, empty where there is none."""
    if said.slack:
        check_id(said.slack, "channel", f"{path}.slack", problems)
    return said.slack


def _contact(said: schema.Contact, path: str, problems: Problems) -> Contact:
    ways = [name for name in schema.Contact.__struct_fields__ if getattr(said, name)]
    if len(ways) != 1:
        known = ", ".join(schema.Contact.__struct_fields__)
        problems.append(f"{path}: expected exactly one of {known}; found {', '.join(ways) or 'none'}")
    for name in ways:
        if name in _WAYS:
            check_id(getattr(said, name), _WAYS[name], f"{path}.{name}", problems)
    return Contact(
        pagerduty_policy=said.pagerduty_policy,
        pagerduty_user=said.pagerduty_user,
        slack=said.slack,
        webhook=said.webhook,
        stops_on_acknowledgement=getattr(said, "stops_on_acknowledgement", True),
    )
