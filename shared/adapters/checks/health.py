"""Checks a service's health endpoints."""

from collections.abc import Sequence

from shared.domain.prerequisites import Finding, State
from shared.ports import Health


def check(health: Health, service: str, urls: Sequence[str]) -> Sequence[Finding]:
    """Ask each endpoint once, as verify does after a rollback."""
    name = f"health of {service}"
    wrong = [f"{told.url}: {told.detail}" for told in health.check(urls) if not told.ok]
    if wrong:
        mend = "See whether the server can reach it; after a rollback it must answer with a 2xx."
        return [Finding(name, State.BROKEN, "; ".join(wrong), mend)]
    return [Finding(name, State.OK, f"{', '.join(urls)}: ok")]
