"""Evicting pods by the API that disruption budgets guard; a plain deletion would pass them by."""

import contextlib

import msgspec

from shared.adapters.kubernetes import resources, wire
from shared.adapters.kubernetes.connection import Answer, Budget, Connection
from shared.domain.changes import Applied, EvictPods
from shared.domain.reasons import Reason
from shared.errors import PermanentError, TemporaryError
from shared.wire import decoder

CONFLICT = 409
TOO_MANY = 429
BUDGET = "DisruptionBudget"
RETRY_SECONDS = 5.0


def evict(connection: Connection, change: EvictPods, budget: Budget) -> Applied:
    """Evict each pod that is still the one decided on; CHANGED when there was one at least.

    A pod that is gone, made anew, or on its way out has been evicted: one that hangs there is not helped by
    being evicted again. Each uid is tested by the server too. What a disruption budget refuses does not keep
    the others; it is a TemporaryError in the end, for the budget may allow it once they are back.
    """
    names = dict(_named(pod) for pod in change.pods.split(",") if pod)
    namespace = change.workload.namespace
    looks = {name: connection.start(_look(namespace, name), budget) for name in names}
    there = [name for name, look in looks.items() if _is_there(look.answer(), names[name])]
    refused: list[tuple[str, Answer]] = []
    evicted = 0
    for name in there:
        answer = connection.send(_eviction(namespace, name, names[name]), budget)
        if answer.status == TOO_MANY and _budgets(answer):
            refused.append((name, answer))
        elif answer.status == CONFLICT:
            if _is_there(connection.send(_look(namespace, name), budget), names[name]):
                raise TemporaryError(f"the pod {namespace}/{name} changed while it was evicted; try again")
        elif not answer.missing:
            answer.read(wire.Status)
            evicted += 1
    if refused:
        raise _refusal(namespace, refused)
    return Applied.CHANGED if evicted else Applied.ALREADY


def _named(pod: str) -> tuple[str, str]:
    """Return name and uid of a pod as the change names it. Raises PermanentError for another form."""
    name, _, uid = pod.partition("/")
    if not resources.is_name(name) or not uid:
        raise PermanentError(f"{pod!r} names no pod to evict: it is not name/uid")
    return name, uid


def _look(namespace: str, name: str) -> resources.Request:
    """Return the request for one pod, as a list: that right is needed to read a workload anyway."""
    return resources.list_of(resources.PODS, namespace, fields=f"metadata.name={name}")


def _is_there(answer: Answer, uid: str) -> bool:
    pods = answer.read(wire.Items[wire.Pod]).items or []
    return any(pod.metadata.uid == uid and pod.metadata.deletion_timestamp is None for pod in pods)


def _eviction(namespace: str, name: str, uid: str) -> resources.Request:
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": namespace},
        "deleteOptions": {"preconditions": {"uid": uid}},
    }
    return resources.create(resources.PODS, namespace, name, subresource="eviction", body=body)


def _budgets(answer: Answer) -> list[str]:
    """Return what disruption budgets say for their refusal, none where the server only is busy."""
    with contextlib.suppress(msgspec.DecodeError):
        causes = decoder(wire.Status).decode(answer.body).details.causes
        return [cause.message for cause in causes if cause.reason == BUDGET]
    return []


def _refusal(namespace: str, refused: list[tuple[str, Answer]]) -> TemporaryError:
    told = sorted({message for _, answer in refused for message in _budgets(answer)})
    pods = ", ".join(name for name, _ in refused)
    waits = [float(a.retry_after) for _, a in refused if a.retry_after.isdecimal()]
    return TemporaryError(
        f"a disruption budget does not allow the eviction of {pods} in {namespace} now: {'; '.join(told)}",
        retry_after=max(waits, default=RETRY_SECONDS),
        reason=Reason.ROLLOUT_TIMEOUT,
    )
