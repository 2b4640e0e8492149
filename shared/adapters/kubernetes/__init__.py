"""A Kubernetes cluster, by raw JSON over the client library's connection.

Nothing here imports the library ``kubernetes`` before the first call, or `warm`.
"""

from shared.adapters.kubernetes.jobs import KubernetesJobs
from shared.adapters.kubernetes.workloads import KubernetesWorkloads

__all__ = ["KubernetesJobs", "KubernetesWorkloads"]
