"""Slack: one message for each response, who is in a user group, and answers to presses."""

from shared.adapters.slack.answering import answer_press
from shared.adapters.slack.groups import SlackGroups
from shared.adapters.slack.telling import SlackPeople

__all__ = ["SlackGroups", "SlackPeople", "answer_press"]
