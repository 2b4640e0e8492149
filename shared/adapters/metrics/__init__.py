"""Where what is counted goes: CloudWatch on Lambda, Prometheus in one process, or nowhere."""

import os
from collections.abc import Sequence

from shared.domain.metrics import Measure
from shared.ports import Metrics

NAMESPACE = "BACKOUT_METRICS_NAMESPACE"
"""The variable that names the namespace in CloudWatch: two installations in an account keep theirs apart."""


class NoMetrics:
    """Counts nothing."""

    def add(self, measures: Sequence[Measure]) -> None:
        """Forget it."""

    def text(self) -> bytes:
        """Return nothing."""
        return b""


def on_lambda() -> bool:
    """Return whether this process is a Lambda function's."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


def of_this_process() -> Metrics:
    """Return what counts here; on Lambda prometheus_client is not loaded."""
    if on_lambda():
        from shared.adapters.metrics.cloudwatch import CloudWatchMetrics

        return CloudWatchMetrics(os.environ.get(NAMESPACE, "Backout"))
    from shared.adapters.metrics.prometheus import PrometheusMetrics

    return PrometheusMetrics()
