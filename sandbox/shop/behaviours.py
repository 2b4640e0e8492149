"""How a version of the shop behaves."""

import random
from dataclasses import dataclass

# Spread of the latencies: the 95th percentile is exp(1.645 * 0.3) = 1.64 times the median.
_LATENCY_SIGMA = 0.3


@dataclass(frozen=True, kw_only=True)
class ImageBehaviour:
    """What users and the kubelet see of one image.

    `error_ratio` of the requests end with 500. `latency_seconds` is the median. `memory_ratio` and
    `cpu_ratio` are shares of the container's limits; with `load_shared` they fall as replicas are added, as
    they do under load, and without it they stay, as they do with a leak. `healthy` is what the health
    endpoint says.
    """

    error_ratio: float = 0.0
    latency_seconds: float = 0.08
    memory_ratio: float = 0.4
    cpu_ratio: float = 0.3
    load_shared: bool = False
    healthy: bool = True

    def draw_code(self, chance: random.Random) -> str:
        """Draw the status code of one request."""
        return "500" if chance.random() < self.error_ratio else "200"

    def draw_latency(self, chance: random.Random) -> float:
        """Draw the duration of one request in seconds: log-normal, as response times roughly are."""
        return self.latency_seconds * chance.lognormvariate(0.0, _LATENCY_SIGMA)

    def usage_scale(self, *, ready: int, baseline: int) -> float:
        """Say what is left of a pod's usage when `ready` pods share the load of `baseline`; never above 1."""
        return min(1.0, baseline / ready) if self.load_shared and ready else 1.0
