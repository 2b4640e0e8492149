"""The door: what answers requests. It accepts and stores, and imports neither kubernetes nor httpx."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from shared.adapters.metrics import NoMetrics
from shared.bootstrap import channels, filing, meetings
from shared.domain.aftercare import Aftercare
from shared.domain.escalation import Escalation
from shared.domain.paperwork import Paperwork
from shared.domain.response import Event, Response, Task
from shared.domain.services import Catalogue
from shared.engine import gating
from shared.engine.accepting import Accepter
from shared.engine.freezing import Freezer
from shared.engine.gating import Gates
from shared.engine.joining import Listener, Said
from shared.messages.routing import Routing
from shared.ports import Clock, Metrics, Queue, Records
from shared.settings import Secrets, Settings
from shared.subjects import Spans, about


def utc_now() -> datetime:
    """Return the present; the only clock of the program."""
    return datetime.now(UTC)


def catalogue_of(settings: Settings) -> Catalogue:
    """Return the services of a configuration, as the engine finds them."""
    return Catalogue(
        cluster=settings.cluster,
        services=settings.services,
        template=settings.defaults,
        namespaces=settings.rails.namespaces,
        aliases=settings.aliases,
    )


@dataclass(frozen=True)
class Door:
    """What answers requests: accepts, listens to people, freezes, shows."""

    settings: Settings
    secrets: Secrets
    records: Records
    queue: Queue
    clock: Clock
    owner: str | None = None
    metrics: Metrics = field(default_factory=NoMetrics)
    spans: Spans = about

    @cached_property
    def catalogue(self) -> Catalogue:
        """The services."""
        return catalogue_of(self.settings)

    @cached_property
    def routing(self) -> Routing:
        """Who hears of what: the channels that are configured."""
        return channels.routing_of(self.settings, self.catalogue)

    @cached_property
    def escalation(self) -> Escalation:
        """Who is called when."""
        return channels.escalation_of(self.settings, self.catalogue)

    @cached_property
    def aftercare(self) -> Aftercare:
        """What is owed of owners that were stopped, of reverts, gates and meetings."""
        return Aftercare(self.catalogue, meetings.invited(self.settings), self.settings.gate.barriers)

    @cached_property
    def paperwork(self) -> Paperwork:
        """What is to be filed."""
        return filing.paperwork_of(self.settings)

    def owed(self, response: Response, event: Event) -> list[Task]:
        """Return the tasks that an event gives rise to: messages, calls, aftercare and paperwork."""
        told = self.routing.owed(response, event) + self.escalation.owed(response, event)
        return told + self.aftercare.owed(response, event) + self.paperwork.owed(response, event)

    @cached_property
    def accepter(self) -> Accepter:
        """Accepts alerts and orders."""
        return Accepter(
            records=self.records,
            queue=self.queue,
            catalogue=self.catalogue,
            rails=self.settings.rails,
            clock=self.clock,
            tasks_for=self.owed,
            owner=self.owner,
            spans=self.spans,
        )

    @cached_property
    def listener(self) -> Listener:
        """Takes approvals and aborts."""
        return Listener(self.records, self.queue, self.clock, self.owed)

    @cached_property
    def freezer(self) -> Freezer:
        """Freezes and thaws."""
        return Freezer(self.records, self.clock)

    def ungate(self, response_id: str, *, by: str, reason: str) -> bool:
        """Open the gate that a response closed; say whether that was news."""
        return self.listener.say(response_id, gating.VERB, by=by, reason=reason) is Said.TAKEN

    @cached_property
    def gates(self) -> Gates:
        """Knows which services may be deployed."""
        return Gates(self.records)
