"""What goes into the table comes out of it again, whatever the record holds."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared import wire
from shared.adapters.dynamodb import items
from shared.domain.changes import Intent, Scalar
from shared.domain.matrix import Action
from shared.domain.records import Delivery, Freezes, Storm, WorkloadRecord
from shared.domain.response import FORMAT, Event, Response, Task
from shared.domain.signals import Reading, Signal
from shared.domain.workloads import WorkloadRef
from shared.errors import ConfigurationError, PermanentError
from shared.ports import Due, Lease, State, Versioned
from tests.contract.records import NOW, a_delivery, a_response, a_task, an_event, opening

T = TypeVar("T")

TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
KNOWN: Mapping[object, st.SearchStrategy[Any]] = {
    str: st.text(max_size=20),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    NoneType: st.none(),
    datetime: TIMES,
    Reading: st.one_of(
        st.floats().map(Reading.number),
        st.text(max_size=20).map(Reading.unknown),
        st.floats(0, 9).map(Reading.idle),
    ),
}


def anything(kind: type[T]) -> st.SearchStrategy[T]:
    """Return a strategy for a record with any values in all its fields, those with defaults too."""
    return cast("st.SearchStrategy[T]", _any(kind))


def _any(kind: Any) -> st.SearchStrategy[Any]:
    if kind in KNOWN:
        return KNOWN[kind]
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        return st.builds(kind, **{field.name: _any(hints[field.name]) for field in fields(kind)})
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return st.one_of([_any(part) for part in parts])
    if origin is tuple:
        return st.lists(_any(parts[0]), max_size=2).map(tuple)
    if origin in (dict, Mapping):
        return st.dictionaries(_any(parts[0]), _any(parts[1]), max_size=2)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    raise TypeError(f"no strategy for {kind}: a record holds what this test does not know")


EVERYTHING = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
VERSIONS = st.integers(0, 10**6)


@given(
    response=anything(Response),
    version=VERSIONS,
    lease=st.builds(Lease, st.none() | st.text(min_size=1, max_size=9), st.none() | TIMES),
    due_at=st.none() | TIMES,
)
@EVERYTHING
def test_a_state_comes_back_as_it_was_stored(
    response: Response, version: int, lease: Lease, due_at: datetime | None
) -> None:
    state = State(response, version, lease, due_at, last_event=version, commit_id="c1")

    assert items.state(items.of_state(state)) == state


@given(anything(WorkloadRecord), VERSIONS)
@EVERYTHING
def test_a_workload_record_comes_back_one_version_later(record: WorkloadRecord, version: int) -> None:
    assert items.workload(items.of_workload(Versioned(record, version))) == Versioned(record, version + 1)


@given(anything(Storm), VERSIONS)
@EVERYTHING
def test_a_storm_record_comes_back_one_version_later(storm: Storm, version: int) -> None:
    assert items.storm(items.of_storm("prod", Versioned(storm, version))) == Versioned(storm, version + 1)


@given(anything(Freezes), VERSIONS)
@EVERYTHING
def test_freezes_come_back_one_version_later(freezes: Freezes, version: int) -> None:
    stored = items.of_freezes(Versioned(freezes, version), commit_id="c1")

    assert items.freezes(stored) == Versioned(freezes, version + 1)


@given(anything(Delivery))
@EVERYTHING
def test_a_delivery_comes_back_as_it_was_stored(delivery: Delivery) -> None:
    stored = items.of_delivery(delivery)

    assert items.delivery(stored) == delivery
    assert int(stored["expires_at"]["N"]) >= delivery.expires_at.timestamp()


@given(anything(Event))
@EVERYTHING
def test_an_event_comes_back_as_it_was_stored(event: Event) -> None:
    read = items.event(items.of_event("r1", event, commit_id="c1"))

    assert read == event
    assert typed(read.facts) == typed(event.facts)


@given(anything(Task), VERSIONS)
@EVERYTHING
def test_a_task_comes_back_one_version_later(task: Task, version: int) -> None:
    stored = items.of_task(Versioned(task, version), commit_id="c1")

    read = items.task(stored)
    assert read == Versioned(task, version + 1)
    assert typed(read.value.facts) == typed(task.facts)
    if task.due_at is not None:
        assert items.due(stored) == Due(task.response_id, task.name, task.due_at)


def typed(facts: Mapping[str, Scalar]) -> dict[str, tuple[type, Scalar]]:
    """Return facts with the type of each, for 1, 1.0 and True are equal."""
    return {name: (type(value), value) for name, value in facts.items()}


def test_scalars_keep_their_types() -> None:
    facts: dict[str, Scalar] = {"i": 1, "f": 1.0, "t": True, "none": None, "text": "1", "at": NOW.isoformat()}
    event = Event(1, 0, NOW, "assess", "accepted", facts=facts)
    intent = Intent("rollback", "set_replicas", facts)

    assert typed(items.event(items.of_event("r1", event, commit_id="c1")).facts) == typed(facts)
    assert typed(wire.decode(Intent, wire.encode(intent)).fields) == typed(facts)


def test_signals_are_keys_again() -> None:
    readings = items.state(items.of_state(opening().state)).response.heard.carried

    assert readings == {Signal.ERROR_RATE: Reading.number(0.23)}
    assert all(type(signal) is Signal for signal in readings)


def test_a_time_is_exact_to_the_microsecond() -> None:
    assert items.seconds(datetime(2026, 3, 2, 12, 0, 0, 1, tzinfo=UTC)) == "1772452800.000001"
    assert items.seconds(NOW + timedelta(microseconds=1)) == "1772452800.123457"


def test_keys_sort_and_read_as_documented() -> None:
    ref = WorkloadRef(
        "arn:aws:eks:eu-central-1:123456789012:cluster/prod", "production", "deployment", "checkout"
    )

    assert items.event_key("r1", 42) == ("RESPONSE#r1", "EVENT#000042")
    assert items.task_key("r1", "tell") == ("RESPONSE#r1", "TASK#tell")
    assert items.workload_key(ref) == (f"WORKLOAD#{ref.cluster}/production/deployment/checkout", "WORKLOAD")
    assert items.delivery_key("pagerduty", "01D#1") == ("DELIVERY#pagerduty#01D#1", "DELIVERY")
    assert items.storm_key("prod") == ("STORM#prod", "STORM")
    assert items.FREEZES_KEY == ("SWITCH#freeze", "SWITCH")


def test_a_key_that_was_made_too_long_outside_stays_a_key_and_its_own() -> None:
    long, other = items.delivery_key("invoke", "k" * 9000), items.delivery_key("invoke", "k" * 9001)

    assert len(long[0].encode()) <= 2048
    assert long != other


def test_what_is_not_due_is_not_in_the_index() -> None:
    ended = items.of_state(opening(due_at=None).state)
    done = items.of_task(Versioned(a_task("tell", due_at=None), 1), commit_id="c1")

    assert not {"due_at", "due_shard"} & {*ended, *done}
    assert {"due_at", "due_shard"} <= {*items.of_state(opening(due_at=NOW).state)}


def test_what_is_due_is_spread_over_all_shards() -> None:
    states = [opening(a_response(f"r{n}"), due_at=NOW).state for n in range(100)]

    assert {items.of_state(state)["due_shard"]["S"] for state in states} == set(items.SHARDS)


def changed(item: items.Item, **fields: object) -> items.Item:
    """Return an item with its body changed as another version might have written it."""
    body = json.loads(item["body"]["S"]) | fields
    return {**item, "body": {"S": json.dumps(body)}}


def test_fields_that_a_newer_backout_added_are_passed_over() -> None:
    newer = changed(items.of_event("r1", an_event(1), commit_id="c1"), weather="fine")

    assert items.event(newer) == an_event(1)


def test_fields_that_an_older_backout_did_not_know_have_their_defaults() -> None:
    item = items.of_delivery(a_delivery())
    record = items.of_workload(Versioned(WorkloadRecord(WorkloadRef("prod", "n", "deployment", "d")), 0))
    body = json.loads(record["body"]["S"])
    del body["known_good"]

    assert items.workload({**record, "body": {"S": json.dumps(body)}}).value.known_good == ()
    assert items.delivery(item) == a_delivery()


def test_an_item_of_a_newer_format_is_refused_with_what_to_do() -> None:
    item = {**items.of_state(opening().state), "format": {"N": str(FORMAT + 1)}}

    with pytest.raises(
        ConfigurationError, match=rf"format {FORMAT + 1} and this Backout knows {FORMAT}.*deploy"
    ):
        items.state(item)  # type: ignore[arg-type]


def test_an_item_that_cannot_be_read_is_named_with_the_path_of_the_fault() -> None:
    broken = changed(items.of_state(opening().state), mode="yolo")

    with pytest.raises(PermanentError, match=r"RESPONSE#r1 STATE holds no Response.*\$\.mode"):
        items.state(broken)


def test_the_wire_form_of_a_record_is_plain_json() -> None:
    told = wire.to_builtins(a_response())

    assert told["decision"]["action"] == Action.ROLLBACK_NOW.value
    assert told["started_at"] == "2026-03-02T12:00:00.123456Z"
    assert json.loads(wire.encode(a_response())) == json.loads(json.dumps(told))


def test_what_is_no_json_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="truncated"):
        wire.decode(Storm, b"{")
