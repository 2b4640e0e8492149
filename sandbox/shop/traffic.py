"""Simulated traffic over the shop's ready pods."""

import random
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client.metrics_core import Metric

from sandbox.shop.behaviours import ImageBehaviour
from sandbox.shop.metering import CPU_LIMIT_CORES, MEMORY_LIMIT_BYTES, PodMeter, families
from sandbox.shop.pods import Pod

_WRITE_RATIO = 0.2
_MEMORY_JITTER_RATIO = 0.01


@dataclass(frozen=True)
class Reply:
    """What the shop answers one request with."""

    code: str
    latency_seconds: float
    pod: Pod


class Traffic:
    """The pods now running and what they have counted; safe to use from several threads.

    The same `seed` and the same calls give the same counters.
    """

    def __init__(
        self,
        *,
        namespace: str,
        deployment: str,
        behaviours: Mapping[str, ImageBehaviour],
        requests_per_second: float,
        baseline_replicas: int,
        seed: int,
    ) -> None:
        self.requests_per_second = requests_per_second
        self._namespace = namespace
        self._deployment = deployment
        self._behaviours = behaviours
        self._baseline_replicas = baseline_replicas
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._pods: tuple[Pod, ...] = ()
        self._meters: dict[str, PodMeter] = {}
        self._owed_requests = 0.0

    def replace_pods(self, pods: Iterable[Pod]) -> None:
        """Take over the list of pods: a new one starts at zero, one that is gone takes its series along."""
        with self._lock:
            self._pods = tuple(pods)
            self._meters = {
                pod.name: self._meters.get(pod.name) or PodMeter(pod.container) for pod in self._pods
            }

    def behaviour(self, pod: Pod) -> ImageBehaviour:
        """Find how the pod's image behaves; an image that nobody described behaves well."""
        return self._behaviours.get(pod.image) or ImageBehaviour()

    def ready_pods(self) -> tuple[Pod, ...]:
        """List the pods that take traffic."""
        return tuple(pod for pod in self._pods if pod.ready)

    def pass_time(self, seconds: float) -> None:
        """Let the traffic and the CPU time of `seconds` happen.

        Without a ready pod the requests are lost unseen, since only pods count them.
        """
        with self._lock:
            self._owed_requests += self.requests_per_second * seconds
            due, self._owed_requests = divmod(self._owed_requests, 1.0)
            ready = self.ready_pods()
            for _ in range(int(due) if ready else 0):
                self._serve(self._chance.choice(ready))
            for pod in ready:
                self._consume(pod, ready=len(ready), seconds=seconds)

    def serve_one(self) -> Reply | None:
        """Answer and count one request from outside; None when no pod is ready."""
        with self._lock:
            ready = self.ready_pods()
            return self._serve(self._chance.choice(ready)) if ready else None

    def metric_families(self) -> list[Metric]:
        """Take a consistent picture of all series."""
        with self._lock:
            return list(families(self._meters, namespace=self._namespace, deployment=self._deployment))

    def _serve(self, pod: Pod) -> Reply:
        behaviour = self.behaviour(pod)
        method = "POST" if self._chance.random() < _WRITE_RATIO else "GET"
        code = behaviour.draw_code(self._chance)
        latency_seconds = behaviour.draw_latency(self._chance)
        self._meters[pod.name].observe(method=method, code=code, latency_seconds=latency_seconds)
        return Reply(code, latency_seconds, pod)

    def _consume(self, pod: Pod, *, ready: int, seconds: float) -> None:
        behaviour, meter = self.behaviour(pod), self._meters[pod.name]
        scale = behaviour.usage_scale(ready=ready, baseline=self._baseline_replicas)
        jitter = self._chance.uniform(1 - _MEMORY_JITTER_RATIO, 1.0)
        meter.memory_bytes = behaviour.memory_ratio * scale * jitter * MEMORY_LIMIT_BYTES
        meter.cpu_seconds += behaviour.cpu_ratio * scale * CPU_LIMIT_CORES * seconds
