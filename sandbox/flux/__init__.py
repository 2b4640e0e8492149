"""Stand-ins for Flux's controllers, on any cluster whose API they are given.

They keep to what a rollback has to reckon with: what git says is applied again and again, and not while it
is suspended. What is no longer in git is not pruned, and a chart is always the same one Deployment.
"""

from sandbox.flux.controllers import Flux
from sandbox.flux.definitions import DEFINITIONS, install

__all__ = ["DEFINITIONS", "Flux", "install"]
