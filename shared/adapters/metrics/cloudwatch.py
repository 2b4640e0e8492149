"""Metrics as lines of CloudWatch's embedded metric format: Lambda sends what is printed to CloudWatch Logs.

The format is written here in full: a library for it costs a webhook's cold start more than these lines do.
"""

import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TextIO

from shared import wire
from shared.domain.metrics import Measure


class CloudWatchMetrics:
    """Prints each measurement as one line.

    Its dimensions are its labels, and beside them none at all: CloudWatch adds up no dimensions for an alarm.
    """

    def __init__(
        self, namespace: str, out: TextIO | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._namespace = namespace
        self._out = out
        self._clock = clock
        self._lock = threading.Lock()

    def add(self, measures: Sequence[Measure]) -> None:
        """Print them; a pipe that is closed loses them."""
        lines = "".join(f"{self._line(measure)}\n" for measure in measures)
        out = self._out or sys.stdout
        with self._lock, suppress(OSError, ValueError):
            out.write(lines)
            out.flush()

    def text(self) -> bytes:
        """Return nothing: CloudWatch has it."""
        return b""

    def _line(self, measure: Measure) -> str:
        metric = measure.metric
        dimensions = [list(metric.labels), []] if metric.labels else [[]]
        told = {
            "_aws": {
                "Timestamp": int(self._clock() * 1000),
                "CloudWatchMetrics": [
                    {
                        "Namespace": self._namespace,
                        "Dimensions": dimensions,
                        "Metrics": [{"Name": metric.name, "Unit": metric.unit}],
                    }
                ],
            },
            **dict(zip(metric.labels, measure.labels, strict=True)),
            metric.name: measure.value,
        }
        return wire.encode(told).decode()
