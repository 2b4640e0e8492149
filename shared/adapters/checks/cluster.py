"""Checks that the cluster can be reached, and that the credential has exactly the rights that are used."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from msgspec import Struct

from shared.adapters.kubernetes import resources
from shared.adapters.kubernetes.connection import Budget, Connection, Pending
from shared.adapters.kubernetes.resources import Request, Resource
from shared.domain.prerequisites import Finding, State
from shared.errors import BackoutError

NAME = "cluster"
SECONDS = 10.0


@dataclass(frozen=True)
class Right:
    """A verb on a resource. `kinds` are the kinds of workload that need it; empty: it is never needed."""

    verb: str
    resource: Resource
    subresource: str = ""
    kinds: frozenset[str] = frozenset()

    def __str__(self) -> str:
        plural = "/".join(filter(None, (self.resource.plural, self.subresource)))
        return f"{self.verb} {plural}" + (f".{self.resource.group}" if self.resource.group else "")


_SCALABLE = frozenset({"deployment", "statefulset", "rollout"})
_WITH_SETS = frozenset({"deployment", "rollout"})
_WITH_REVISIONS = frozenset({"statefulset", "daemonset"})
_ALL = _SCALABLE | _WITH_REVISIONS


def _rights() -> Iterator[Right]:
    """Yield what the adapter does, in the order in which a response does it."""
    kinds = {
        "deployment": resources.DEPLOYMENTS,
        "statefulset": resources.STATEFUL_SETS,
        "daemonset": resources.DAEMON_SETS,
        "rollout": resources.ROLLOUTS,
    }
    for kind, resource in kinds.items():
        for subresource in ("", "scale") if kind in _SCALABLE else ("",):
            for verb in ("get", "patch"):
                yield Right(verb, resource, subresource, frozenset({kind}))
    yield Right("patch", resources.ROLLOUTS, "status", frozenset({"rollout"}))
    yield Right("list", resources.REPLICA_SETS, kinds=_WITH_SETS)
    yield Right("list", resources.CONTROLLER_REVISIONS, kinds=_WITH_REVISIONS)
    yield Right("list", resources.PODS, kinds=_ALL)
    for verb in ("list", "get", "patch"):
        yield Right(verb, resources.AUTOSCALERS, kinds=_SCALABLE)
    for verb in ("get", "patch"):
        yield Right(verb, resources.SCALED_OBJECTS)
    yield Right("list", resources.POD_METRICS)
    yield Right("create", resources.PODS, "eviction", kinds=_ALL)
    yield Right("list", resources.EVENTS)
    yield Right("get", resources.CRON_JOBS)
    for verb in ("get", "create"):
        yield Right(verb, resources.JOBS)
    yield Right("get", resources.PODS, "log")


RIGHTS: tuple[Right, ...] = tuple(_rights())
"""Every verb that the Kubernetes adapter uses.

No kind needs those on ScaledObjects, which only KEDA has, nor the last, which only tells what pods use.
"""


_ROLLOUTS_API = Request(
    method="GET",
    verb="get",
    resource="resources",
    namespace="",
    path=f"/apis/{resources.ROLLOUTS.group}/{resources.ROLLOUTS.version}",
)
"""Asks what is served beside Rollouts: Argo CD's Applications are in the same group."""


class _Served(Struct, frozen=True):
    name: str


class _Api(Struct, frozen=True):
    resources: tuple[_Served, ...] = ()


class _Verdict(Struct, frozen=True):
    allowed: bool = False


class _Review(Struct, frozen=True):
    status: _Verdict = _Verdict()


def reachable(connection: Connection) -> Sequence[Finding]:
    """Ask the API server for its version, as any account may."""
    mend = "Check the kubeconfig or the account that the server runs under, and the network to the cluster."
    try:
        answer = connection.send(resources.VERSION, Budget(SECONDS))
    except BackoutError as error:
        return [Finding(NAME, State.BROKEN, str(error), mend)]
    if answer.status >= 400:
        return [Finding(NAME, State.BROKEN, str(answer.refusal()), mend)]
    return [Finding(NAME, State.OK, "its API server answers")]


def rights(connection: Connection, namespace: str, kinds: Collection[str]) -> Sequence[Finding]:
    """Review every right in a namespace by SelfSubjectAccessReview.

    `kinds` are the kinds of workload of its services; what only others need is told, and is no fault. Without
    any, workloads of every kind that the cluster serves may be discovered there. Raises BackoutError when the
    cluster does not answer.
    """
    refused = denied(connection, namespace, RIGHTS)
    needed = set(kinds) or _served(connection)
    lacking = [right for right in refused if right.kinds & needed]
    name = f"cluster rights in {namespace}"
    if lacking:
        listed = ", ".join(map(str, lacking))
        mend = f"Grant them by a Role and a RoleBinding in the namespace {namespace}."
        return [Finding(name, State.MISSING, f"not granted: {listed}", mend), *_spare(refused, lacking, name)]
    granted = f"{len(RIGHTS) - len(refused)} of {len(RIGHTS)} rights granted, none that is needed is missing"
    return [Finding(name, State.OK, granted), *_spare(refused, lacking, name)]


def denied(connection: Connection, namespace: str, asked_for: Sequence[Right]) -> list[Right]:
    """Return those of the rights that are not granted. Raises BackoutError."""
    budget = Budget(SECONDS)
    asked = [(right, connection.start(_review(right, namespace), budget)) for right in asked_for]
    return [right for right, pending in asked if not _allowed(pending)]


def _served(connection: Connection) -> set[str]:
    """Return the kinds of workload that the cluster knows: all, but Rollouts only where they are defined."""
    answer = connection.send(_ROLLOUTS_API, Budget(SECONDS))
    known = answer.status != 404 and any(
        resource.name == resources.ROLLOUTS.plural for resource in answer.read(_Api).resources
    )
    return set(_ALL) if known else set(_ALL - {"rollout"})


def _spare(denied: Sequence[Right], lacking: Sequence[Right], name: str) -> list[Finding]:
    spare = [right for right in denied if right not in lacking]
    if not spare:
        return []
    listed = ", ".join(map(str, spare))
    detail = f"not granted, and not needed by the services configured: {listed}"
    return [Finding(f"{name}, not needed", State.OFF, detail)]


def _review(right: Right, namespace: str) -> Request:
    attributes = {
        "namespace": namespace,
        "verb": right.verb,
        "group": right.resource.group,
        "version": right.resource.version,
        "resource": right.resource.plural,
        "subresource": right.subresource,
    }
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    return Request(
        method="POST",
        verb="create",
        resource="selfsubjectaccessreviews.authorization.k8s.io",
        namespace="",
        path="/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        body=body,
        headers={"Content-Type": "application/json"},
    )


def _allowed(pending: Pending) -> bool:
    return pending.answer().read(_Review).status.allowed
