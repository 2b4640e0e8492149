"""The outside: the ports that only the engine needs, and the adapters that a configuration names for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from shared.adapters.owners import OwnersByKind
from shared.adapters.unconfigured import (
    NoCaches,
    NoDatabases,
    NoDeployments,
    NoFlags,
    NoJobs,
    NoMeetings,
    NoRepositories,
    NoReviews,
    NoShelf,
    NoTracker,
)
from shared.bootstrap import channels, clusters, filing, gates, meetings, outlooks, owners
from shared.bootstrap.renewing import renewing
from shared.ports import (
    Alerts,
    Barrier,
    Caches,
    Complaints,
    Databases,
    Deployments,
    Flags,
    Health,
    Jobs,
    Logs,
    Meetings,
    Owners,
    People,
    Repositories,
    Reviews,
    Shelf,
    Signals,
    Tracker,
    Workloads,
)
from shared.settings import Secrets, Settings

if TYPE_CHECKING:
    from shared.tasks.escalate import Caller


@dataclass(frozen=True)
class Outside:
    """The ports that only the engine needs."""

    workloads: "Workloads"
    signals: "Signals"
    health: "Health"
    channels: "Mapping[str, People]"
    caller: "Caller | None" = None
    owners: "Owners" = field(default_factory=lambda: OwnersByKind({}))
    repositories: "Repositories" = field(default_factory=NoRepositories)
    jobs: "Jobs" = field(default_factory=NoJobs)
    databases: "Databases" = field(default_factory=NoDatabases)
    caches: "Caches" = field(default_factory=NoCaches)
    flags: "Flags" = field(default_factory=NoFlags)
    tracker: "Tracker" = field(default_factory=NoTracker)
    shelf: "Shelf" = field(default_factory=NoShelf)
    meetings: "Meetings" = field(default_factory=NoMeetings)
    barriers: "Mapping[str, Barrier]" = field(default_factory=dict)
    deployments: "Deployments" = field(default_factory=NoDeployments)
    reviews: "Reviews" = field(default_factory=NoReviews)
    logs: "Logs | None" = None
    alerts: "Alerts | None" = None
    complaints: "Sequence[Complaints]" = ()


def outside_of(settings: Settings, secrets: Secrets, *, kubeconfig: str | None = None) -> Outside:
    """Return the adapters that a configuration names; none of them connects before it is used."""
    from shared.adapters.health import HttpHealth
    from shared.adapters.kubernetes import KubernetesWorkloads
    from shared.adapters.kubernetes.jobs import KubernetesJobs
    from shared.adapters.kubernetes.logs import KubernetesLogs
    from shared.adapters.prometheus import PrometheusSignals
    from shared.adapters.rds import RdsDatabases

    source = settings.prometheus
    workloads = KubernetesWorkloads(
        settings.cluster,
        access=clusters.access_of(settings, secrets, kubeconfig=kubeconfig),
        ignored_annotations=settings.ignored_annotations,
    )
    return Outside(
        workloads=workloads,
        signals=PrometheusSignals(
            source.url if source else "",
            headers=secrets.headers(source.headers) if source else {},
            renewed=partial(secrets.renewed_headers, source.headers) if source else None,
            timeout_seconds=source.timeout_seconds if source else 5.0,
            window_seconds=source.window_seconds if source else 60.0,
        ),
        health=HttpHealth(),
        channels=channels.people_of(settings, secrets),
        caller=renewing(secrets, partial(channels.caller_of, settings)) if settings.teams else None,
        owners=owners.owners_of(settings, secrets, workloads, kubeconfig=kubeconfig),
        repositories=renewing(secrets, partial(owners.repositories_of, settings)),
        jobs=KubernetesJobs(workloads.connection),
        databases=RdsDatabases(),
        caches=renewing(secrets, partial(owners.caches_of, settings)),
        flags=renewing(secrets, partial(owners.flags_of, settings)),
        tracker=renewing(secrets, partial(filing.tracker_of, settings)),
        shelf=filing.shelf_of(settings),
        meetings=renewing(secrets, partial(meetings.meetings_of, settings)),
        barriers=gates.barriers_of(settings, secrets, workloads),
        deployments=renewing(secrets, partial(gates.deployments_of, settings)),
        reviews=renewing(secrets, partial(gates.reviews_of, settings)),
        logs=KubernetesLogs(workloads.connection),
        alerts=outlooks.alerts_of(settings, secrets),
        complaints=outlooks.complaints_of(settings, secrets),
    )
