"""What the rest needs of the outside: small Protocols, each with the rules its implementations keep.

Every implementation, the test doubles too, passes the contract suite of its port (``tests/contract``).
Calls are synchronous and bounded: an implementation ends each call, its own retries included, within
`CALL_SECONDS`, and raises the project's errors only (`shared.errors`).
"""

from shared.ports.aftercare import (
    Asked,
    Barrier,
    Deployments,
    Issue,
    Meetings,
    NewIssue,
    Reviews,
    Section,
    Shelf,
    Template,
    Tracker,
)
from shared.ports.cluster import (
    Caches,
    DatabaseRestore,
    Databases,
    Flags,
    JobPhase,
    JobRun,
    Jobs,
    Owners,
    Repositories,
    Workloads,
)
from shared.ports.looking import Alerts, Complaints, Health, HealthCheck, Logs, Measured, Signals
from shared.ports.people import Button, Message, People
from shared.ports.table import (
    Clock,
    Commit,
    Due,
    Held,
    Lease,
    Lost,
    Metrics,
    Queue,
    Records,
    State,
    Versioned,
    View,
)

__all__ = [
    "CALL_SECONDS",
    "Alerts",
    "Asked",
    "Barrier",
    "Button",
    "Caches",
    "Clock",
    "Commit",
    "Complaints",
    "DatabaseRestore",
    "Databases",
    "Deployments",
    "Due",
    "Flags",
    "Health",
    "HealthCheck",
    "Held",
    "Issue",
    "JobPhase",
    "JobRun",
    "Jobs",
    "Lease",
    "Logs",
    "Lost",
    "Measured",
    "Meetings",
    "Message",
    "Metrics",
    "NewIssue",
    "Owners",
    "People",
    "Queue",
    "Records",
    "Repositories",
    "Reviews",
    "Section",
    "Shelf",
    "Signals",
    "State",
    "Template",
    "Tracker",
    "Versioned",
    "View",
    "Workloads",
]

CALL_SECONDS = 15.0
"""The longest that one call to the outside may take, retries included. Far below a lease."""
