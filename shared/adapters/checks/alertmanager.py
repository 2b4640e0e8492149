"""Checks Alertmanager: it answers the query that is asked after a rollback."""

from collections.abc import Sequence

from shared.domain.prerequisites import Finding, State
from shared.errors import BackoutError
from shared.ports import Alerts

NAME = "Alertmanager"
_NOBODYS = {"alertname": "BackoutDoctor"}


def check(alerts: Alerts) -> Sequence[Finding]:
    """Ask for alerts of a name that none has."""
    try:
        alerts.firing([_NOBODYS])
    except BackoutError as error:
        mend = "Check alertmanager.url and alertmanager.headers, and that the server can reach it."
        return [Finding(NAME, State.BROKEN, str(error), mend)]
    return [Finding(NAME, State.OK, "it answers queries")]
