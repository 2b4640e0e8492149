"""A stand-in for Helm: it keeps releases in a cluster as Helm does, and installs, upgrades, rolls back.

There are no charts and no templates: what a release holds is said as objects. ``python -m sandbox.helm``
takes the arguments of ``helm rollback``.
"""

from sandbox.helm.operations import Api, Failed, Helm
from sandbox.helm.releases import Release, release_in, secret_of

__all__ = ["Api", "Failed", "Helm", "Release", "release_in", "secret_of"]
