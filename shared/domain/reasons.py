"""Reasons: the enumerated why of every refusal, delay, question and end, and its sentence for people."""

from collections.abc import Mapping
from enum import StrEnum


class Reason(StrEnum):
    """A reason code. Each is explained in ``docs/reasons.md``."""

    # at the door
    UNKNOWN_SERVICE = "unknown_service"
    OTHER_CLUSTER = "other_cluster"
    BELOW_THRESHOLD = "below_threshold"
    RESOLVED = "resolved"
    STALE = "stale"
    # guardrails that refuse
    NAMESPACE_NOT_ALLOWED = "namespace_not_allowed"
    KIND_NOT_SUPPORTED = "kind_not_supported"
    NOT_FOUND = "not_found"
    MODE_OBSERVE = "mode_observe"
    NOT_OPTED_IN = "not_opted_in"
    MANAGED_BY_OWNER = "managed_by_owner"
    NO_CANDIDATE = "no_candidate"
    PAUSED = "paused"
    SCHEMA = "schema"
    GATE_CLOSED = "gate_closed"
    # guardrails that delay
    COOLDOWN = "cooldown"
    MAINTENANCE_WINDOW = "maintenance_window"
    FREEZE = "freeze"
    # guardrails that ask
    NO_RECENT_ROLLOUT = "no_recent_rollout"
    STORM = "storm"
    QUARANTINED_REVISION = "quarantined_revision"
    RESTORED_REVISION = "restored_revision"
    LIVE_UNKNOWN = "live_unknown"
    CANDIDATE_UNKNOWN = "candidate_unknown"
    MODE_APPROVE = "mode_approve"
    REMEDY_ASKS = "remedy_asks"
    DATABASE_RESTORED = "database_restored"
    ROW_ASKS = "row_asks"
    # ends
    HELD = "held"
    RECOVERED = "recovered"
    ASSESSED = "assessed"
    SCALED = "scaled"
    SUPERSEDED = "superseded"
    ABORTED_BY_PERSON = "aborted_by_person"
    APPROVAL_EXPIRED = "approval_expired"
    ROLLOUT_FAILED = "rollout_failed"
    ROLLOUT_TIMEOUT = "rollout_timeout"
    WRONG_IMAGE = "wrong_image"
    HEALTH_FAILED = "health_failed"
    STILL_BREACHED = "still_breached"
    SIGNALS_UNKNOWN = "signals_unknown"
    WORLD_KEEPS_MOVING = "world_keeps_moving"
    CLUSTER_UNREACHABLE = "cluster_unreachable"
    FORBIDDEN = "forbidden"
    SCALE_NOT_POSSIBLE = "scale_not_possible"
    REVERTED = "reverted"
    NOT_REVERTIBLE = "not_revertible"
    ROLLED_BACK_TOGETHER = "rolled_back_together"
    REMEDY_FAILED = "remedy_failed"
    NO_REMEDY = "no_remedy"
    FLUSHED = "flushed"
    NO_WORKING_HOUR = "no_working_hour"
    INTERNAL = "internal"


SENTENCES: Mapping[Reason, str] = {
    Reason.UNKNOWN_SERVICE: "No configured service matches the alert's labels.",
    Reason.OTHER_CLUSTER: "The alert's cluster label names another cluster than this installation's.",
    Reason.BELOW_THRESHOLD: "No row of the decision matrix is past its threshold.",
    Reason.RESOLVED: "The alert says that it is resolved, and nothing is running for it.",
    Reason.STALE: "This firing was handled before, or began before the last rollback had taken effect.",
    Reason.NAMESPACE_NOT_ALLOWED: "The namespace is not in guardrails.namespaces.",
    Reason.KIND_NOT_SUPPORTED: (
        "Backout rolls back deployments, statefulsets, daemonsets and Argo Rollouts only."
    ),
    Reason.NOT_FOUND: "The cluster has no such workload.",
    Reason.MODE_OBSERVE: "The service is in mode observe: decisions are recorded and nothing is touched.",
    Reason.NOT_OPTED_IN: "The workload has no entry in the configuration and no backout.dev/mode annotation.",
    Reason.MANAGED_BY_OWNER: "Something else manages the workload and would undo the rollback.",
    Reason.NO_CANDIDATE: "The workload's history holds no revision to go back to.",
    Reason.PAUSED: "The workload's rollout is paused; resume it first.",
    Reason.SCHEMA: "The revision to go back to does not work with the database schema as it is now.",
    Reason.GATE_CLOSED: "A rollback keeps the gate of the service closed.",
    Reason.COOLDOWN: "The workload was rolled back a short while ago.",
    Reason.MAINTENANCE_WINDOW: "A maintenance window is open.",
    Reason.FREEZE: "A freeze is in force.",
    Reason.NO_RECENT_ROLLOUT: "The current revision has run for long: a rollback is hardly the cure.",
    Reason.STORM: "Several workloads of the cluster are in trouble at once: a common cause is likely.",
    Reason.QUARANTINED_REVISION: "The current revision was rolled away from before, and is deployed again.",
    Reason.RESTORED_REVISION: "A rollback restored the current revision; going further back may be wrong.",
    Reason.LIVE_UNKNOWN: "The signals could not be measured live.",
    Reason.CANDIDATE_UNKNOWN: "It could not be shown that the revision to go back to was healthy.",
    Reason.MODE_APPROVE: "The service is in mode approve: a person decides.",
    Reason.ROW_ASKS: "The matching row of the decision matrix wants a person's word.",
    Reason.HELD: "The service held its targets over the watching time.",
    Reason.RECOVERED: "The live signals are below their thresholds again.",
    Reason.ASSESSED: "The assessment that was asked for is done.",
    Reason.SCALED: "The capacity that was added was enough.",
    Reason.SUPERSEDED: "Someone else changed the workload's template meanwhile.",
    Reason.ABORTED_BY_PERSON: "A person said no.",
    Reason.APPROVAL_EXPIRED: "Nobody answered in time; nothing was done.",
    Reason.ROLLOUT_FAILED: "The rollout of the restored revision passed its progress deadline.",
    Reason.ROLLOUT_TIMEOUT: "The rollout of the restored revision did not complete in the time allowed.",
    Reason.WRONG_IMAGE: "The pods run another image than the one that was restored.",
    Reason.HEALTH_FAILED: "A health endpoint does not answer as it should.",
    Reason.STILL_BREACHED: "The signals did not stay within their targets after the rollback.",
    Reason.SIGNALS_UNKNOWN: "The signals could not be measured after the rollback.",
    Reason.WORLD_KEEPS_MOVING: "The workload kept changing under us; the change was given up.",
    Reason.CLUSTER_UNREACHABLE: "The cluster's API server could not be reached in the time allowed.",
    Reason.FORBIDDEN: "The cluster refused: the credential lacks a right.",
    Reason.SCALE_NOT_POSSIBLE: "The workload cannot be given more capacity.",
    Reason.REVERTED: "The commit was reverted in git; the pipeline brings it out.",
    Reason.NOT_REVERTIBLE: "The commit cannot be reverted in git from here.",
    Reason.ROLLED_BACK_TOGETHER: "An older response rolls the workload back together with others.",
    Reason.REMEDY_ASKS: "A remedy could help, and wants a person's word.",
    Reason.DATABASE_RESTORED: "The database was restored into a new instance; point the service at it first.",
    Reason.REMEDY_FAILED: "A remedy that a person had allowed failed.",
    Reason.NO_REMEDY: "No such remedy is configured for the service.",
    Reason.FLUSHED: "The cache was flushed.",
    Reason.NO_WORKING_HOUR: "The team's calendar has no working hour in the next 60 days.",
    Reason.INTERNAL: "An unexpected error ended the response; the history has its text.",
}


OVERRIDABLE: Mapping[str, tuple[Reason, ...]] = {
    "recent_rollout": (Reason.NO_RECENT_ROLLOUT,),
    "cooldown": (Reason.COOLDOWN,),
    "storm": (Reason.STORM,),
    "stale": (Reason.STALE, Reason.RESTORED_REVISION, Reason.QUARANTINED_REVISION),
}
"""What a person may override in a manual order, by the name used there. Never the claim, owner or schema."""


def sentence(reason: Reason) -> str:
    """Return the sentence that explains a reason to a person."""
    return SENTENCES[reason]
