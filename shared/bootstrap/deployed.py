"""Deployed: the door and the engine of a function, made once per process from its environment."""

import os
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from shared.adapters import tracing
from shared.adapters.metrics import of_this_process, on_lambda
from shared.bootstrap import logs
from shared.bootstrap.doors import Door, utc_now
from shared.bootstrap.engines import Engine
from shared.bootstrap.observing import ObservedRecords
from shared.bootstrap.outsides import outside_of
from shared.errors import ConfigurationError
from shared.ports import Queue, Records
from shared.settings import Secrets, Settings, load

if TYPE_CHECKING:
    from botocore.session import Session


def table_name() -> str:
    """Return the table's name (``BACKOUT_TABLE``, by default ``backout``)."""
    return os.environ.get("BACKOUT_TABLE", "backout")


def table(session: "Session | None" = None) -> Records:
    """Return the DynamoDB table that the environment names."""
    from shared.adapters.dynamodb import DynamoRecords, make_client

    return DynamoRecords(make_client(session), table_name())


def queue(session: "Session | None" = None) -> Queue:
    """Return the SQS queue that the environment names (``BACKOUT_QUEUE_URL``)."""
    from shared.adapters.sqs import SqsQueue, make_client

    url = os.environ.get("BACKOUT_QUEUE_URL")
    if not url:
        raise ConfigurationError("BACKOUT_QUEUE_URL is not set; it names the SQS queue that workers read.")
    return SqsQueue(partial(make_client, session), url)


def configured() -> Settings:
    """Return the configuration that ``BACKOUT_CONFIG`` names."""
    path = os.environ.get("BACKOUT_CONFIG")
    if not path:
        raise ConfigurationError("BACKOUT_CONFIG is not set; it names the configuration file.")
    return load(path)


def secrets_of_aws() -> Secrets:
    """Return secrets that come from the environment, SSM or Secrets Manager."""
    from shared.adapters import secret_stores

    return Secrets(secret_stores.aws_stores())


@lru_cache(maxsize=1)
def deployed_door() -> Door:
    """Return the door of a deployed function, made once per process from the environment."""
    from botocore.session import Session

    if on_lambda():
        logs.to_stderr(as_json=True)
    settings, session, metrics = configured(), Session(), of_this_process()
    records = ObservedRecords(table(session), metrics)
    spans = tracing.of_this_process()
    return Door(settings, secrets_of_aws(), records, queue(session), utc_now, metrics=metrics, spans=spans)


@lru_cache(maxsize=1)
def deployed_engine() -> Engine:
    """Return the engine of a deployed function, made once per process from the environment."""
    door = deployed_door()
    return Engine(door, outside_of(door.settings, door.secrets))
