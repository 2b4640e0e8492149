"""The configuration: one YAML file, validated whole when it is loaded."""

from shared.settings.loading import load, parse
from shared.settings.model import (
    ApprovalLinks,
    Auth,
    Contact,
    Credential,
    FollowUps,
    Gate,
    GitHub,
    GitHubApp,
    PagerDuty,
    People,
    Prometheus,
    Report,
    ReportIssue,
    Settings,
    Slack,
    StatusPage,
    Team,
)
from shared.settings.references import SecretRef
from shared.settings.secrets import Secrets

__all__ = [
    "ApprovalLinks",
    "Auth",
    "Contact",
    "Credential",
    "FollowUps",
    "Gate",
    "GitHub",
    "GitHubApp",
    "PagerDuty",
    "People",
    "Prometheus",
    "Report",
    "ReportIssue",
    "SecretRef",
    "Secrets",
    "Settings",
    "Slack",
    "StatusPage",
    "Team",
    "load",
    "parse",
]
