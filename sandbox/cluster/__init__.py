"""A stand-in Kubernetes cluster that the real kubectl and client libraries can talk to.

It serves plain HTTP on 127.0.0.1 and runs the controllers that a rollback is about. Nothing runs in its
pods: how they come up is said per image.
"""

from sandbox.cluster.audit import AuditEntry
from sandbox.cluster.behaviours import Behaviour
from sandbox.cluster.faults import Denial, Fault
from sandbox.cluster.server import Cluster
from sandbox.cluster.storage import Change

__all__ = ["AuditEntry", "Behaviour", "Change", "Cluster", "Denial", "Fault"]
