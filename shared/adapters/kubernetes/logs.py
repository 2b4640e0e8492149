"""The port `Logs` on a Kubernetes cluster: the ends of the logs of a workload's pods."""

from collections.abc import Sequence
from datetime import datetime

from shared.adapters.kubernetes import resources
from shared.adapters.kubernetes.connection import Answer, Budget, Connection
from shared.domain.logs import PodLog
from shared.domain.workloads import Pod, WorkloadRef

MOST_CONTAINERS = 3
"""How many containers of a pod are read, in the order of its spec: what is beside them are sidecars."""

MOST_LINES = 1000
MOST_BYTES = 256 * 1024
_NOT_BEGUN = 400


class KubernetesLogs:
    """Reads logs over the connection of `KubernetesWorkloads`, side by side.

    A call, all its requests together, ends within `timeout_seconds`. Fit for use by many threads.
    """

    def __init__(self, connection: Connection, *, timeout_seconds: float = 10.0) -> None:
        self._connection = connection
        self._timeout_seconds = timeout_seconds

    def read(self, ref: WorkloadRef, pods: Sequence[Pod], *, since: datetime) -> Sequence[PodLog]:
        """Return the last lines of each container; `GET pods/{name}/log`, which the API cuts to a second.

        Raises PermanentError without the right to it, TemporaryError when the cluster does not answer.
        """
        budget = Budget(self._timeout_seconds)
        asked = [
            (pod.name, container, self._connection.start(_request(ref, pod.name, container, since), budget))
            for pod in pods
            for container in list(pod.images)[:MOST_CONTAINERS]
        ]
        answers = [(pod, container, pending.answer()) for pod, container, pending in asked]
        return [_log(pod, container, each) for pod, container, each in answers if _is_there(each)]


def _request(ref: WorkloadRef, pod: str, container: str, since: datetime) -> resources.Request:
    asked = {
        "container": container,
        "sinceTime": f"{since:%Y-%m-%dT%H:%M:%SZ}",
        "tailLines": str(MOST_LINES),
        "limitBytes": str(MOST_BYTES),
    }
    return resources.get(resources.PODS, ref.namespace, pod, subresource="log", asked=asked)


def _is_there(answer: Answer) -> bool:
    """Return whether there is a log: not of a container that waits to start, nor of a pod that is gone."""
    if answer.status == 200:
        return True
    if answer.status == _NOT_BEGUN or answer.missing:
        return False
    raise answer.refusal()


def _log(pod: str, container: str, answer: Answer) -> PodLog:
    lines = tuple(answer.body.decode(errors="replace").splitlines())
    return PodLog(pod, container, lines, len(lines) >= MOST_LINES or len(answer.body) >= MOST_BYTES)
