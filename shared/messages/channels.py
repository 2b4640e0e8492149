"""Channels: which news each kind of channel carries, of which responses."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from shared.domain.response import Outcome, Response
from shared.domain.services import Mode
from shared.messages.routing import TOLD, Wants

STORY = frozenset({"assessed", "verified", "approve", "abort", "hurried"})
"""Codes that nobody needs to be told of, but that a message which is edited in place can show."""

PUBLIC = frozenset({"asked", "holding", "rolled_back", "found_rolled_back", "ended"})
"""Codes that customers may see something of."""

YES = frozenset({"approve", "order", "now"})
"""A person's words that say that something is to be done."""

NO_ISSUES: Mapping[str, str] = MappingProxyType({})


def slack(response: Response, code: str) -> bool:
    """Carry what people are told, and the turns between while the response lives.

    What was refused at the door did nothing and asks nobody: the daily digest has it.
    """
    if code in STORY:
        return response.live and response.mode is not Mode.OBSERVE
    return _told(code) and not (code == "ended" and _refused_at_the_door(response))


def pagerduty(_: Response, code: str) -> bool:
    """Carry what people are told; the adapter knows what of that needs a note, and what an event."""
    return _told(code)


def pagerduty_changes(_: Response, code: str) -> bool:
    """Carry the rollbacks that are ours."""
    return code == "rolled_back"


def github(issues: Mapping[str, str] = NO_ISSUES) -> Wants:
    """Carry a rollback and its end to an issue: the response's own, else its service's in `issues`."""

    def wants(response: Response, code: str) -> bool:
        done = code == "rolled_back" or (code == "ended" and response.acted)
        return done and bool(response.heard.references.get("github") or issues.get(response.service))

    return wants


def status_page(customer_facing: Callable[[str], bool], *, ask: bool = False) -> Wants:
    """Carry what customers may see of services that face them; with `ask` only once a person has said yes.

    `customer_facing` is asked by the service's name.
    """

    def wants(response: Response, code: str) -> bool:
        return code in PUBLIC and customer_facing(response.service) and (not ask or _wanted(response))

    return wants


def _told(code: str) -> bool:
    return code in TOLD or code == "alerts_again"


def _refused_at_the_door(response: Response) -> bool:
    return response.phase == Outcome.REFUSED and response.ended_at == response.started_at


def _wanted(response: Response) -> bool:
    return response.order is not None or any(word.verb in YES for word in response.heard.words)
