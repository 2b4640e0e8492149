"""The one place that wires: what is configured becomes adapters, steps and tasks.

A `Door` is what the webhook path needs: it accepts and stores, and imports neither kubernetes nor httpx.
An `Engine` advances responses. On AWS they live in different functions, in one process in the same.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING
from uuid import uuid4

from shared.adapters import tracing
from shared.adapters.metrics import NoMetrics, of_this_process, on_lambda
from shared.bootstrap import channels, clusters, filing, gates, logs, meetings, outlooks, owners
from shared.bootstrap.observing import ObservedRecords
from shared.bootstrap.renewing import renewing
from shared.domain import aftercare, evidence
from shared.domain.aftercare import Aftercare
from shared.domain.escalation import Escalation
from shared.domain.meetings import MEET
from shared.domain.paperwork import Paperwork
from shared.domain.response import Event, Response, Step, Task
from shared.domain.services import Catalogue
from shared.engine import gating
from shared.engine.accepting import Accepter
from shared.engine.freezing import Freezer
from shared.engine.gating import Gates
from shared.engine.joining import Listener, Said
from shared.errors import ConfigurationError
from shared.messages.routing import Routing
from shared.ports import Clock, Held, Metrics, Queue, Records
from shared.settings import Secrets, Settings, load
from shared.subjects import Spans, about

if TYPE_CHECKING:
    from botocore.session import Session

    from shared.domain.owed import TaskKind
    from shared.domain.remedies import Remedy
    from shared.domain.steps import Facts, RunbookStep
    from shared.engine.advancing import Advancer
    from shared.engine.applying import Applier
    from shared.engine.tasks import TaskRunner
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
    from shared.runbook.remedy import Cure
    from shared.tasks.escalate import Caller
    from shared.tasks.resume import Tell


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


def _no_owners() -> "Owners":
    from shared.adapters.owners import OwnersByKind

    return OwnersByKind({})


def _no_repositories() -> "Repositories":
    from shared.adapters.unconfigured import NoRepositories

    return NoRepositories()


def _no_jobs() -> "Jobs":
    from shared.adapters.unconfigured import NoJobs

    return NoJobs()


def _no_databases() -> "Databases":
    from shared.adapters.unconfigured import NoDatabases

    return NoDatabases()


def _no_caches() -> "Caches":
    from shared.adapters.unconfigured import NoCaches

    return NoCaches()


def _no_flags() -> "Flags":
    from shared.adapters.unconfigured import NoFlags

    return NoFlags()


def _no_tracker() -> "Tracker":
    from shared.adapters.unconfigured import NoTracker

    return NoTracker()


def _no_shelf() -> "Shelf":
    from shared.adapters.unconfigured import NoShelf

    return NoShelf()


def _no_meetings() -> "Meetings":
    from shared.adapters.unconfigured import NoMeetings

    return NoMeetings()


def _no_deployments() -> "Deployments":
    from shared.adapters.unconfigured import NoDeployments

    return NoDeployments()


def _no_reviews() -> "Reviews":
    from shared.adapters.unconfigured import NoReviews

    return NoReviews()


@dataclass(frozen=True)
class Outside:
    """The ports that only the engine needs."""

    workloads: "Workloads"
    signals: "Signals"
    health: "Health"
    channels: "Mapping[str, People]"
    caller: "Caller | None" = None
    owners: "Owners" = field(default_factory=_no_owners)
    repositories: "Repositories" = field(default_factory=_no_repositories)
    jobs: "Jobs" = field(default_factory=_no_jobs)
    databases: "Databases" = field(default_factory=_no_databases)
    caches: "Caches" = field(default_factory=_no_caches)
    flags: "Flags" = field(default_factory=_no_flags)
    tracker: "Tracker" = field(default_factory=_no_tracker)
    shelf: "Shelf" = field(default_factory=_no_shelf)
    meetings: "Meetings" = field(default_factory=_no_meetings)
    barriers: "Mapping[str, Barrier]" = field(default_factory=dict)
    deployments: "Deployments" = field(default_factory=_no_deployments)
    reviews: "Reviews" = field(default_factory=_no_reviews)
    logs: "Logs | None" = None
    alerts: "Alerts | None" = None
    complaints: "Sequence[Complaints]" = ()


@dataclass(frozen=True)
class Engine:
    """What advances responses and runs their tasks."""

    door: Door
    outside: Outside

    @cached_property
    def steps(self) -> "Mapping[Step, RunbookStep]":
        """The registry of steps."""
        return _steps(self.outside, self.door)

    @cached_property
    def advancer(self) -> "Advancer":
        """Advances responses."""
        from shared.engine.advancing import Advancer
        from shared.engine.hands import Committer

        return Advancer(
            records=self.door.records,
            committer=Committer(self.door.records, self.door.owed),
            steps=self.steps,
            apply=self.applier.apply,
            clock=self.door.clock,
            owner=_owner,
            storm_per=self.door.settings.rails.storm_per,
            spans=self.door.spans,
        )

    @cached_property
    def applier(self) -> "Applier":
        """Makes changes, each by the port whose affair it is."""
        from shared.engine.applying import Applier

        outside = self.outside
        return Applier(
            workloads=outside.workloads,
            owners=outside.owners,
            repositories=outside.repositories,
            jobs=outside.jobs,
            databases=outside.databases,
            caches=outside.caches,
            flags=outside.flags,
        )

    @cached_property
    def tasks(self) -> "TaskRunner":
        """Runs tasks."""
        from shared.engine.tasks import TaskRunner
        from shared.messages import digest
        from shared.tasks import fix, rule
        from shared.tasks.digest import Digest

        door, outside = self.door, self.outside
        return TaskRunner(
            door.records,
            _task_kinds(outside, door),
            door.clock,
            lone={
                "digest": Digest(door.records, outside.channels, digest.compose),
                rule.KIND: rule.Rule(door.catalogue, door.gates.closing, outside.deployments),
                fix.KIND: fix.Fix(door.catalogue, door.gates.closing, outside.reviews, door.ungate),
            },
            given_up=filing.given_up(_telling(door)),
            spans=door.spans,
        )

    def handle(self, response_id: str, held: Held | None = None) -> datetime | None:
        """Advance a response, then run its tasks that are due; return when it is due again."""
        due_at = self.advancer.advance(response_id, held)
        self.tasks.run_due(response_id)
        return due_at


def _owner() -> str:
    return f"{os.getpid()}:{uuid4().hex[:12]}"


def _steps(outside: Outside, door: Door) -> "Mapping[Step, RunbookStep]":
    from shared.runbook.approve import Approve
    from shared.runbook.assess import Assess
    from shared.runbook.hold import Hold
    from shared.runbook.remedy import TakeRemedy
    from shared.runbook.restore import Restore
    from shared.runbook.revert import Revert
    from shared.runbook.rollback import Rollback
    from shared.runbook.scale import Scale
    from shared.runbook.settle import Settle
    from shared.runbook.stabilise import Stabilise
    from shared.runbook.suspend import Suspend
    from shared.runbook.verify import Verify

    workloads, signals, health = outside.workloads, outside.signals, outside.health
    catalogue, rails = door.catalogue, door.settings.rails
    return {
        Step.ASSESS: Assess(workloads, outside.owners, signals, catalogue, rails),
        Step.APPROVE: Approve(workloads, signals, catalogue),
        Step.HOLD: Hold(workloads, signals, catalogue),
        Step.SUSPEND: Suspend(workloads, outside.owners, catalogue, rails),
        Step.SCALE: Scale(workloads, catalogue, rails),
        Step.SETTLE: Settle(workloads, signals, catalogue),
        Step.ROLLBACK: Rollback(workloads, catalogue, rails),
        Step.VERIFY: Verify(workloads, health, catalogue),
        Step.REMEDY: TakeRemedy(_cures(outside), catalogue, rails),
        Step.STABILISE: Stabilise(workloads, signals, health, catalogue),
        Step.RESTORE: Restore(workloads, catalogue, rails),
        Step.REVERT: Revert(outside.repositories, catalogue, rails),
    }


def _cures(outside: Outside) -> "Mapping[Remedy, Cure]":
    from shared.domain.remedies import Remedy
    from shared.runbook.cures.evict import Evict
    from shared.runbook.cures.flush import Flush
    from shared.runbook.cures.force import Force
    from shared.runbook.cures.migrate import Migrate
    from shared.runbook.cures.restore_database import RestoreInstance

    workloads = outside.workloads
    return {
        Remedy.EVICT: Evict(workloads),
        Remedy.FORCE: Force(workloads),
        Remedy.MIGRATE: Migrate(outside.jobs),
        Remedy.RESTORE_DATABASE: RestoreInstance(outside.databases, workloads),
        Remedy.FLUSH: Flush(workloads),
    }


def _telling(door: Door) -> "Tell":
    def tell(response: Response, code: str, facts: "Facts", name: str, at: datetime) -> list[Task]:
        return door.routing.tasks(response, code, facts, name=name, at=at)

    return tell


def _task_kinds(outside: Outside, door: Door) -> "Mapping[str, TaskKind]":
    from shared.adapters.searching import searching
    from shared.bootstrap import papers
    from shared.messages import invitation, wording
    from shared.tasks.check import Check
    from shared.tasks.digest import Arm
    from shared.tasks.escalate import Escalate
    from shared.tasks.flag import Flag
    from shared.tasks.gate import Gate
    from shared.tasks.meet import Meet
    from shared.tasks.recheck import Recheck
    from shared.tasks.remind import Remind
    from shared.tasks.resume import Resume
    from shared.tasks.revert import Revert
    from shared.tasks.tell import Tell

    def call(response: Response, facts: "Facts", name: str, at: datetime) -> list[Task]:
        tasks = door.routing.tasks(response, "alerts_again", facts, name=name, at=at)
        return tasks + door.escalation.tasks(response, "alerts_again", facts, name=name, at=at)

    settings, tell = door.settings, _telling(door)
    word = wording.Wording(settings.links, _answering(door), door.aftercare.invited).word
    kinds: dict[str, TaskKind] = {
        "tell": Tell(door.records, outside.channels, word),
        "recheck": Recheck(door.records, outside.signals, door.catalogue, call),
        aftercare.RESUME: Resume(door.records, outside.owners, outside.repositories, tell),
        aftercare.REMIND: Remind(door.records, tell),
        aftercare.FLAG: Flag(door.records, outside.flags, tell),
        aftercare.GATE: Gate(door.records, outside.barriers, door.catalogue, door.gates.closing, tell),
        aftercare.REVERT: Revert(door.records, outside.repositories, tell),
        MEET: Meet(
            door.records,
            outside.meetings,
            partial(meetings.attendance, settings),
            partial(invitation.compose, links=settings.links),
            tell,
        ),
        evidence.CHECK: Check(
            door.records,
            outside.workloads,
            door.catalogue,
            tell,
            searching,
            outside.logs,
            outside.alerts,
            outside.complaints,
        ),
        "arm": Arm(channels.digest_channels(settings), partial(channels.zone_of, settings)),
        **papers.task_kinds(
            papers.Papers(settings, door.catalogue),
            door.records,
            tracker=outside.tracker,
            shelf=outside.shelf,
            tell=tell,
        ),
    }
    if outside.caller is not None:
        kinds["escalate"] = Escalate(
            door.records,
            outside.workloads,
            outside.signals,
            door.escalation,
            outside.caller,
            word,
        )
    return kinds


def _answering(door: Door) -> Callable[[Response, str], str] | None:
    """Return what makes a link at which a response's question is answered; None where none is configured.

    Whoever has the link may answer, so it goes with calls to one contact alone: a mention in Slack stands in
    a channel, past the team's approvers, and gets none. Remedies are not answered by links.
    """
    configured = door.settings.approval_links
    if configured is None:
        return None

    def answer(response: Response, level: str) -> str:
        from shared.intake.links import make_link

        team = door.settings.teams.get(door.escalation.team_of(response))
        contact = team.escalation.get(level) if team is not None else None
        if contact is None or contact.slack or response.offers:
            return ""
        service = door.catalogue.of(response.service, response.workload)
        seconds = service.timing.approve if service is not None else 900.0
        return make_link(
            configured.url,
            door.secrets.value(configured.secret),
            response.id,
            question=response.question,
            to=level,
            expires_at=response.step_started_at + timedelta(seconds=seconds),
        )

    return answer


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


def table_name() -> str:
    """Return the table's name (``BACKOUT_TABLE``, by default ``backout``)."""
    return os.environ.get("BACKOUT_TABLE", "backout")


def table(session: "Session | None" = None) -> Records:
    """Return the DynamoDB table that the environment names."""
    from shared.adapters.dynamodb import DynamoRecords, make_client

    return DynamoRecords(make_client(session), table_name())


def queue(session: "Session | None" = None) -> Queue:
    """Return the SQS queue that the environment names (``BACKOUT_QUEUE_URL``)."""
    from shared.adapters.sqs import SqsQueue, make_client

    url = os.environ.get("BACKOUT_QUEUE_URL")
    if not url:
        raise ConfigurationError("BACKOUT_QUEUE_URL is not set; it names the SQS queue that workers read.")
    return SqsQueue(partial(make_client, session), url)


def configured() -> Settings:
    """Return the configuration that ``BACKOUT_CONFIG`` names."""
    path = os.environ.get("BACKOUT_CONFIG")
    if not path:
        raise ConfigurationError("BACKOUT_CONFIG is not set; it names the configuration file.")
    return load(path)


def secrets_of_aws() -> Secrets:
    """Return secrets that come from the environment, SSM or Secrets Manager."""
    from shared.adapters import secret_stores

    return Secrets(secret_stores.aws_stores())


@lru_cache(maxsize=1)
def deployed_door() -> Door:
    """Return the door of a deployed function, made once per process from the environment."""
    from botocore.session import Session

    if on_lambda():
        logs.to_stderr(as_json=True)
    settings, session, metrics = configured(), Session(), of_this_process()
    records = ObservedRecords(table(session), metrics)
    spans = tracing.of_this_process()
    return Door(settings, secrets_of_aws(), records, queue(session), utc_now, metrics=metrics, spans=spans)


@lru_cache(maxsize=1)
def deployed_engine() -> Engine:
    """Return the engine of a deployed function, made once per process from the environment."""
    door = deployed_door()
    return Engine(door, outside_of(door.settings, door.secrets))


@dataclass(frozen=True)
class Local:
    """Everything in one process: the door, the engine, and the worker that connects them."""

    door: Door
    engine: Engine
    close: Callable[[], None]


def local(
    settings: Settings,
    records: Records,
    *,
    outside: Outside | None = None,
    secrets: Secrets | None = None,
    clock: Clock = utc_now,
    kubeconfig: str | None = None,
    threads: int = 8,
) -> Local:
    """Start everything in this process; `close` stops it. Accepting hands the lease to its own worker.

    Tasks have threads of their own: a receiver that is slow to take a message holds up no response.
    """
    from shared.bootstrap.errands import Errands
    from shared.engine.worker import Worker

    secrets = secrets or secrets_of_aws()
    worker, metrics = Worker(threads=threads), of_this_process()
    records = ObservedRecords(records, metrics)
    door = Door(
        settings,
        secrets,
        records,
        worker,
        clock,
        owner=f"{os.getpid()}",
        metrics=metrics,
        spans=tracing.of_this_process(),
    )
    engine = Engine(door, outside or outside_of(settings, secrets, kubeconfig=kubeconfig))
    advancer, errands = engine.advancer, Errands(engine.tasks.run, records, clock)

    def handle(response_id: str, held: Held | None) -> datetime | None:
        due_at = advancer.advance(response_id, held)
        errands.run_due(response_id)
        return due_at

    def close() -> None:
        worker.close()
        errands.close()
        tracing.flush(door.spans)

    worker.start(handle=handle, run_task=errands.run, records=records, clock=clock)
    return Local(door, engine, close)
