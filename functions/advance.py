"""Advance: SQS brings the ids of responses to advance, EventBridge asks for a sweep of what is due.

It has no public route. Messages are for speed and may come twice or never: one that meets a live lease,
an ended response or one that is not due does nothing and is acknowledged.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache
from typing import Any

import msgspec

from functions import warming
from shared import bootstrap, subjects
from shared.adapters import tracing
from shared.bootstrap import Engine
from shared.errors import TemporaryError
from shared.wire import decoder

log = logging.getLogger("backout.advance")

SIDE_BY_SIDE = 10
MOST_DUE = 500


class _Message(msgspec.Struct):
    """What the queue brings; `traceparent` says in which trace it was sent, if in one."""

    response_id: str
    traceparent: str = ""


_DECODER = decoder(_Message)


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Do what the event asks: a batch of SQS messages, or a sweep.

    Raises ValueError for an event that is neither, so that a wrong trigger shows.
    """
    if "Records" in event:
        return _traced(batch(_engine(), event["Records"]))
    if event.get("source") in {"aws.events", "aws.scheduler"} or "sweep" in event:
        return _traced(sweep(_engine()))
    raise ValueError("the event is neither a batch of SQS messages nor a schedule of EventBridge")


def _traced(result: dict[str, Any]) -> dict[str, Any]:
    """Return the result once the spans have been sent: after that the process may be frozen."""
    tracing.flush(_engine().door.spans)
    return result


def batch(engine: Engine, messages: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Advance the responses that the messages name; return those messages that are to come again."""
    calls = {str(m["messageId"]): _advancing(engine, str(m["body"])) for m in messages}
    failed = _together(calls)
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failed]}


def sweep(engine: Engine) -> dict[str, Any]:
    """Queue every response that is due, and run the tasks that are; whose message was lost is found here."""
    due = engine.door.records.due(engine.door.clock(), limit=MOST_DUE)
    responses = {d.response_id for d in due if not d.task}
    for response_id in sorted(responses):
        engine.door.queue.send(response_id)
    tasks = {f"{d.response_id}/{d.task}": _running(engine, d.response_id, d.task) for d in due if d.task}
    return {"responses": len(responses), "tasks": len(tasks), "failed": len(_together(tasks))}


def _advancing(engine: Engine, body: str) -> Callable[[], None]:
    def advance() -> None:
        message = _DECODER.decode(body)
        response_id = message.response_id
        with subjects.about("message", response=response_id, traceparent=message.traceparent):
            due_at = engine.advancer.advance(response_id)
            if due_at is not None:
                _queued(engine, response_id, due_at)
            engine.tasks.run_due(response_id)

    return advance


def _queued(engine: Engine, response_id: str, due_at: datetime) -> None:
    """Have the response advanced when it is due; sent before its tasks run, which may take long."""
    delay = max(0.0, (due_at - engine.door.clock()).total_seconds())
    try:
        engine.door.queue.send(response_id, delay_seconds=delay)
    except TemporaryError as error:
        log.warning("%s is left for the sweep: %s", response_id, error)


def _running(engine: Engine, response_id: str, task: str) -> Callable[[], None]:
    return lambda: engine.tasks.run(response_id, task)


def _together(calls: Mapping[str, Callable[[], None]]) -> list[str]:
    """Make the calls side by side; return the names of those that raised, each of which is logged."""
    with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="advance") as pool:
        futures = {name: pool.submit(call) for name, call in calls.items()}
    failed = {name: error for name, future in futures.items() if (error := future.exception())}
    for name, error in failed.items():
        if isinstance(error, TemporaryError):
            log.warning("%s comes again: %s", name, error)
        else:
            log.error("%s comes again after an unexpected error", name, exc_info=error)
    return list(failed)


@cache
def _engine() -> Engine:
    """Return the engine, warmed. What cannot be reached yet is a warning: the response's budget bears it."""
    engine = bootstrap.deployed_engine()
    for warning in warming.warm(engine.outside):
        log.warning("not warmed: %s", warning)
    return engine
