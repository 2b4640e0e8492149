"""The configuration: one YAML file, validated whole when it is loaded."""

from shared.settings.loading import load, parse
from shared.settings.model import Auth, Credential, People, Prometheus, Settings, Team
from shared.settings.references import SecretRef
from shared.settings.secrets import Secrets

__all__ = [
    "Auth",
    "Credential",
    "People",
    "Prometheus",
    "SecretRef",
    "Secrets",
    "Settings",
    "Team",
    "load",
    "parse",
]
