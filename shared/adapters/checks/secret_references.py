"""Checks that every secret that the configuration names is there."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from shared.adapters.checks import Check
from shared.domain.prerequisites import Finding, State
from shared.errors import ConfigurationError

_MEND: Mapping[str, str] = {
    "env": "Set the environment variable {name} where the server runs.",
    "ssm": "Put the parameter {name} into SSM, and allow ssm:GetParameter on it.",
    "secretsmanager": "Put the secret {name} into Secrets Manager, and allow secretsmanager:GetSecretValue.",
}


def checks(references: Mapping[str, Callable[[], object]]) -> dict[str, Check]:
    """Return a check for each reference (``env:NAME``); its value looks the secret up, and is not kept."""
    return {f"secret {ref}": partial(_check, ref, look_up) for ref, look_up in references.items()}


def _check(reference: str, look_up: Callable[[], object]) -> Sequence[Finding]:
    name = f"secret {reference}"
    try:
        look_up()
    except ConfigurationError:
        scheme, _, known_as = reference.partition(":")
        mend = _MEND.get(scheme, "Set it where the reference says.").format(name=known_as)
        return [Finding(name, State.MISSING, "missing or empty", mend)]
    return [Finding(name, State.OK, "found")]
