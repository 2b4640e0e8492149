"""The one place that wires: what is configured becomes adapters, steps and tasks.

A `Door` is what the webhook path needs. An `Engine` advances responses, by what an `Outside` holds. On AWS
door and engine live in different functions, in one process in the same.
"""

from shared.bootstrap.deployed import (
    configured,
    deployed_door,
    deployed_engine,
    queue,
    secrets_of_aws,
    table,
    table_name,
)
from shared.bootstrap.doors import Door, catalogue_of, utc_now
from shared.bootstrap.engines import Engine
from shared.bootstrap.one_process import Local, local
from shared.bootstrap.outsides import Outside, outside_of

__all__ = [
    "Door",
    "Engine",
    "Local",
    "Outside",
    "catalogue_of",
    "configured",
    "deployed_door",
    "deployed_engine",
    "local",
    "outside_of",
    "queue",
    "secrets_of_aws",
    "table",
    "table_name",
    "utc_now",
]
