"""A stand-in for Alertmanager, for machines without it: groups alerts and posts them to one webhook."""

from sandbox.alertmanager.server import Alertmanager

__all__ = ["Alertmanager"]
