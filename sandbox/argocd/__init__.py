"""A stand-in of Argo CD: its HTTP API, and a controller that syncs a cluster from git repositories."""

from sandbox.argocd.server import ArgoCD

__all__ = ["ArgoCD"]
