"""The port `Workloads` on a Kubernetes cluster."""

from collections.abc import Sequence

from shared.adapters.kubernetes.access import Access
from shared.adapters.kubernetes.changing import Changer, Looks
from shared.adapters.kubernetes.connection import Budget, Connection
from shared.adapters.kubernetes.reading import Reader, can_exist
from shared.adapters.kubernetes.resources import VERSION
from shared.domain.changes import Applied, ClusterChange
from shared.domain.reasons import Reason
from shared.domain.workloads import Workload, WorkloadRef
from shared.errors import PermanentError


class KubernetesWorkloads:
    """Reads and changes the Deployments, StatefulSets, DaemonSets and Argo Rollouts of one cluster.

    `cluster` is the name that references must carry. `kubeconfig` is a path; without it and without `access`
    the account of the pod that this runs in, or else the default kubeconfig, is used. Templates that differ
    only in `ignored_annotations` are one revision. A call, all its requests together, ends within
    `timeout_seconds`. Fit for use by many threads.
    """

    def __init__(
        self,
        cluster: str,
        *,
        kubeconfig: str | None = None,
        access: Access | None = None,
        ignored_annotations: Sequence[str] = (),
        timeout_seconds: float = 10.0,
    ) -> None:
        self._cluster = cluster
        self._timeout_seconds = timeout_seconds
        self._connection = Connection(kubeconfig, access=access)
        self._looks = Looks()
        self._reader = Reader(self._connection, ignored_annotations)
        self._changer = Changer(self._connection, self._reader, self._looks)

    @property
    def connection(self) -> Connection:
        """The connection to the cluster, for those that read and change other objects of it."""
        return self._connection

    def warm(self) -> None:
        """Load the client library and open a connection, before the first call needs them.

        Raises TemporaryError when the cluster cannot be reached and ConfigurationError without a credential.
        """
        answer = self._connection.send(VERSION, Budget(self._timeout_seconds))
        if answer.status >= 500:
            raise answer.refusal()

    def read(self, ref: WorkloadRef, *, usage: bool = False, events: bool = False) -> Workload | None:
        """Return one look at the workload, or None when the cluster has none such.

        With `events` it holds the pods that are being deleted too, which otherwise do not count.

        Raises TemporaryError when the cluster cannot be reached, PermanentError when it refuses or the kind
        is not supported.
        """
        self._check(ref)
        found = self._reader.read(ref, Budget(self._timeout_seconds), usage=usage, events=events)
        if found is None:
            return None
        workload, look = found
        self._looks.keep(ref, look)
        return workload

    def apply(self, change: ClusterChange) -> Applied:
        """Make the change once, if the world is still as it says.

        A workload or autoscaler that is gone has moved. Raises PermanentError for a paused rollout
        (`PAUSED`), a history that no longer holds the revision (`NO_CANDIDATE`), a kind that cannot be
        scaled and an abort of what is no Argo Rollout; TemporaryError when it is not known what came of it.
        """
        self._check(change.workload)
        if not can_exist(change.workload):
            return Applied.MOVED
        return self._changer.apply(change, Budget(self._timeout_seconds))

    def close(self, *, wait: bool = False) -> None:
        """End the threads and close the connections; `wait` for what is under way."""
        self._connection.close(wait=wait)

    def _check(self, ref: WorkloadRef) -> None:
        if ref.cluster != self._cluster:
            text = f"{ref} is in the cluster {ref.cluster!r}, and this is {self._cluster!r}"
            raise PermanentError(text, reason=Reason.OTHER_CLUSTER)
