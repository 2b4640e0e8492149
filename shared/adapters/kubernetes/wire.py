"""What the API server sends, as far as it is read.

Pod templates stay the bytes that they came as (`msgspec.Raw`): what is put back must not lose a field that
nobody here knows. Unknown fields are ignored everywhere else. Field names are the API's in snake case.
"""

from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from msgspec import Raw, Struct, field

T = TypeVar("T")
EPOCH = datetime.fromtimestamp(0, UTC)


class OwnerReference(Struct, rename="camel", frozen=True):
    kind: str
    name: str
    uid: str
    controller: bool = False


class Metadata(Struct, rename="camel", frozen=True):
    name: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    deletion_grace_period_seconds: int = 0
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: list[OwnerReference] = []

    @property
    def created_at(self) -> datetime:
        """When the object was made. The API server dates all that it stores; the epoch is only a floor."""
        return self.creation_timestamp or EPOCH

    @property
    def controller(self) -> OwnerReference | None:
        """The one owner that controls the object, if any."""
        return next((owner for owner in self.owner_references if owner.controller), None)

    def is_of(self, owner_uid: str) -> bool:
        """Return whether that owner controls the object."""
        return self.controller is not None and self.controller.uid == owner_uid


class Items(Struct, Generic[T], frozen=True):
    """A list as the API gives it: null when it is empty, on some servers."""

    items: list[T] | None = None


class Condition(Struct, rename="camel", frozen=True):
    type: str
    status: str
    reason: str = ""
    last_update_time: datetime | None = None
    last_transition_time: datetime | None = None
    message: str = ""


class Requirement(Struct, frozen=True):
    key: str
    operator: str
    values: list[str] = []


class Selector(Struct, rename="camel", frozen=True):
    match_labels: dict[str, str] = {}
    match_expressions: list[Requirement] = []


class RollingUpdate(Struct, frozen=True):
    partition: int | None = None


class UpdateStrategy(Struct, rename="camel", frozen=True):
    type: str = "RollingUpdate"
    rolling_update: RollingUpdate | None = None


class Given(Struct, frozen=True):
    """Something of which only matters that it is there."""


class Canary(Struct, rename="camel", frozen=True):
    steps: list[Given] = []
    traffic_routing: Given | None = None
    anti_affinity: Given | None = None


class BlueGreen(Struct, rename="camel", frozen=True):
    anti_affinity: Given | None = None


class Strategy(Struct, rename="camel", frozen=True):
    """The strategy of an Argo Rollout; a Deployment's has other fields."""

    canary: Canary | None = None
    blue_green: BlueGreen | None = None


class RollbackWindow(Struct, frozen=True):
    """How far back an Argo Rollout goes without its steps."""

    revisions: int = 0


class WorkloadReference(Struct, rename="camel", frozen=True):
    """Where an Argo Rollout without a template of its own takes it from."""

    kind: str = ""
    name: str = ""


class WorkloadSpec(Struct, rename="camel", frozen=True):
    """The spec of a workload of any kind; what a kind lacks keeps its default."""

    selector: Selector = Selector()
    template: Raw = Raw(b"null")
    replicas: int | None = None
    paused: bool = False
    update_strategy: UpdateStrategy = UpdateStrategy()
    pod_management_policy: str = ""
    restart_at: str | None = None
    strategy: Strategy = Strategy()
    workload_ref: WorkloadReference | None = None
    rollback_window: RollbackWindow | None = None


class Share(Struct, frozen=True):
    """A share of the traffic, in percent."""

    weight: int = 0


class Weights(Struct, frozen=True):
    """How a canary's traffic is split; `verified` only where the load balancer tells."""

    stable: Share = Share()
    verified: bool | None = None


class CanaryStatus(Struct, frozen=True):
    weights: Weights | None = None


class BlueGreenStatus(Struct, rename="camel", frozen=True):
    active_selector: str = ""


class WorkloadStatus(Struct, rename="camel", frozen=True):
    """The status of a workload of any kind; what a kind lacks stays zero or empty.

    An Argo Rollout writes its observed generation as a text. `stable_rs`, `current_pod_hash` and what
    follows are its own.
    """

    observed_generation: int | str = 0
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    current_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""
    desired_number_scheduled: int = 0
    updated_number_scheduled: int = 0
    number_available: int = 0
    number_ready: int = 0
    conditions: list[Condition] = []
    stable_rs: str = field(name="stableRS", default="")
    current_pod_hash: str = ""
    abort: bool = False
    promote_full: bool = False
    phase: str = ""
    message: str = ""
    controller_pause: bool = False
    pause_conditions: list[Given] = []
    canary: CanaryStatus = CanaryStatus()
    blue_green: BlueGreenStatus = BlueGreenStatus()


class Workload(Struct, frozen=True):
    metadata: Metadata
    spec: WorkloadSpec
    status: WorkloadStatus = WorkloadStatus()

    @property
    def is_observed(self) -> bool:
        """Whether its controller has seen the newest spec."""
        seen = self.status.observed_generation
        return str(seen).isdecimal() and int(seen) >= self.metadata.generation


class TemplateHolder(Struct, frozen=True):
    template: Raw


class ReplicaSetStatus(Struct, rename="camel", frozen=True):
    available_replicas: int = 0


class ReplicaSet(Struct, frozen=True):
    metadata: Metadata
    spec: TemplateHolder
    status: ReplicaSetStatus = ReplicaSetStatus()


class EphemeralMetadata(Struct, frozen=True):
    """What an Argo Rollout adds to the templates of its ReplicaSets by their part in an update."""

    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class RevisionPatch(Struct, frozen=True):
    """What the built-in controllers keep in a ControllerRevision: a patch that brings the template back."""

    spec: TemplateHolder


class ControllerRevision(Struct, frozen=True):
    """A revision of any controller's; `data` is its own affair."""

    metadata: Metadata
    revision: int
    data: Raw = Raw(b"null")


class Container(Struct, frozen=True):
    name: str
    image: str = ""


class Waiting(Struct, frozen=True):
    reason: str = ""


class ContainerState(Struct, frozen=True):
    waiting: Waiting | None = None


class ContainerStatus(Struct, rename="camel", frozen=True):
    restart_count: int = 0
    state: ContainerState = ContainerState()


class PodSpec(Struct, frozen=True):
    containers: list[Container] = []


class PodStatus(Struct, rename="camel", frozen=True):
    phase: str = "Pending"
    conditions: list[Condition] = []
    init_container_statuses: list[ContainerStatus] = []
    container_statuses: list[ContainerStatus] = []


class Pod(Struct, frozen=True):
    metadata: Metadata
    spec: PodSpec
    status: PodStatus = PodStatus()


class Subject(Struct, frozen=True):
    """What an event is about."""

    uid: str = ""


class Series(Struct, rename="camel", frozen=True):
    last_observed_time: datetime | None = None


class Event(Struct, rename="camel", frozen=True):
    """An event; which of its times are told depends on the version of the one who wrote it."""

    metadata: Metadata
    involved_object: Subject = Subject()
    reason: str = ""
    message: str = ""
    series: Series | None = None
    last_timestamp: datetime | None = None
    event_time: datetime | None = None

    @property
    def last_seen_at(self) -> datetime:
        """When it last came about."""
        repeated = self.series.last_observed_time if self.series is not None else None
        return repeated or self.last_timestamp or self.event_time or self.metadata.created_at


class PodTemplate(Struct, frozen=True):
    metadata: Metadata = Metadata()
    spec: PodSpec = PodSpec()


class Usage(Struct, frozen=True):
    """Quantities as the API writes them (``250m``, ``64Mi``)."""

    cpu: str = "0"
    memory: str = "0"


class ContainerMetrics(Struct, frozen=True):
    usage: Usage = Usage()


class PodMetrics(Struct, frozen=True):
    metadata: Metadata
    containers: list[ContainerMetrics] = []


class ScaleTarget(Struct, rename="camel", frozen=True):
    kind: str
    name: str
    api_version: str = ""


class AutoscalerSpec(Struct, rename="camel", frozen=True):
    scale_target_ref: ScaleTarget
    max_replicas: int
    min_replicas: int = 1


class Autoscaler(Struct, frozen=True):
    metadata: Metadata
    spec: AutoscalerSpec


class ScaledObjectSpec(Struct, rename="camel", frozen=True):
    """KEDA's bounds, with its defaults where they are not set."""

    min_replica_count: int | None = None
    max_replica_count: int | None = None

    @property
    def bounds(self) -> tuple[int, int]:
        least, most = self.min_replica_count, self.max_replica_count
        return 0 if least is None else least, 100 if most is None else most


class ScaledObject(Struct, frozen=True):
    metadata: Metadata
    spec: ScaledObjectSpec


class ScaleSpec(Struct, frozen=True):
    replicas: int = 0


class Versioned(Struct, frozen=True):
    """Any object, of which only matters which version it is."""

    metadata: Metadata


class Scale(Struct, frozen=True):
    metadata: Metadata
    spec: ScaleSpec = ScaleSpec()


class StatusCause(Struct, frozen=True):
    reason: str = ""
    message: str = ""


class StatusDetails(Struct, frozen=True):
    causes: list[StatusCause] = []


class Status(Struct, frozen=True):
    """What the API server says when it refuses."""

    kind: str = ""
    message: str = ""
    reason: str = ""
    details: StatusDetails = StatusDetails()


class JobTemplate(Struct, frozen=True):
    """What a CronJob makes its Jobs of; the spec stays as it came."""

    spec: dict[str, Any]
    metadata: Metadata = Metadata()


class CronJobSpec(Struct, rename="camel", frozen=True):
    job_template: JobTemplate


class CronJob(Struct, frozen=True):
    metadata: Metadata
    spec: CronJobSpec


class JobSpec(Struct, frozen=True):
    selector: Selector = Selector()


class JobStatus(Struct, frozen=True):
    conditions: list[Condition] = []


class Job(Struct, frozen=True):
    metadata: Metadata
    spec: JobSpec = JobSpec()
    status: JobStatus = JobStatus()
