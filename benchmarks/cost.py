"""What a thousand alerts cost on AWS: requests and capacity are counted, prices are the list's.

Capacity is what DynamoDB Local says that each call consumed. Of Lambda the runs are counted and their length
is assumed: it is mostly waiting for the cluster and for Prometheus, which is not here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.measuring import Outcome, Row, Series, Skipped
from benchmarks.table_world import on_table
from shared.adapters.dynamodb import create_table
from shared.domain.services import Mode, Timing
from tests.dynamodb_local import DynamoDBLocalMissing, dynamodb_local
from tests.engine.world import BAD, World, a_service, an_alert

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

NAME = "backout-bench-cost"
ALERTS = 1000

PRICES: Mapping[str, float] = {
    "write units": 0.625e-6,
    "read units": 0.125e-6,
    "requests of the API": 1.00e-6,
    "messages": 3 * 0.40e-6,
    "webhook runs": 0.20e-6 + 0.1 * 13.3334e-6,
    "worker runs": 0.20e-6 + 0.5 * 13.3334e-6,
}
"""US dollars each: on demand, us-east-1, arm64, without the free tier, read in November 2026.

A message is sent, received and deleted. A run has 1 GB; a webhook takes 0.1 s, a worker 0.5 s.
"""


@dataclass
class Counted:
    """What was used so far, by the names of `PRICES`."""

    used: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PRICES, 0.0))

    def watch(self, client: "DynamoDBClient") -> None:
        """Ask for the consumed capacity of every call from now on, and add it up."""
        client.meta.events.register("provide-client-params.dynamodb", _asking)
        client.meta.events.register("after-call.dynamodb", self._add)

    def of(self, action: Callable[[], object]) -> dict[str, float]:
        """Return what an action used."""
        before = dict(self.used)
        action()
        return {name: self.used[name] - before[name] for name in PRICES}

    def _add(self, model: Any, parsed: dict[str, Any], **_: object) -> None:  # noqa: ANN401 botocore's model
        told = parsed.get("ConsumedCapacity") or []
        units = sum(each["CapacityUnits"] for each in (told if isinstance(told, list) else [told]))
        writes = model.name in {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"}
        self.used["write units" if writes else "read units"] += units


@dataclass(frozen=True)
class _Told:
    name: str
    used: Mapping[str, float]

    @property
    def dollars(self) -> float:
        return sum(self.used[name] * price for name, price in PRICES.items())

    @property
    def note(self) -> str:
        listed = ", ".join(f"{count:,.0f} {name}" for name, count in self.used.items())
        return f"{self.name}: {listed}"


def run() -> Outcome:
    """Count what alerts cost that open a response each, and what those cost that join one."""
    try:
        with dynamodb_local() as server:
            client = server.client()
            create_table(client, NAME)
            counted = Counted()
            counted.watch(client)
            told = _told(_World(client, counted), counted)
    except DynamoDBLocalMissing as missing:
        raise Skipped(str(missing)) from missing
    rows = tuple(Row(Series(each.name, "cents", (100 * each.dollars,))) for each in told)
    return Outcome(rows, tuple(each.note for each in told))


def _told(world: "_World", counted: Counted) -> tuple[_Told, ...]:
    world.story()
    opened = counted.of(lambda: world.post("first"))
    joined = [counted.of(lambda name=name: world.post(name)) for name in ("second", "third")]  # type: ignore[misc]
    repeated = counted.of(lambda: world.post("third"))
    ran = counted.of(world.run)
    if world.image() == BAD:
        raise AssertionError("the response did not roll back")
    whole = {name: opened[name] + ran[name] for name in PRICES}
    return (
        _Told(f"{ALERTS} alerts, each with a response to its end", _times(whole, ALERTS)),
        _Told(f"{ALERTS} alerts that join a response", _times(joined[-1], ALERTS)),
        _Told(f"{ALERTS} alerts that are repeated", _times(repeated, ALERTS)),
    )


class _World(World):
    """Counts runs: a worker gets no more than an id, as from SQS."""

    def __init__(self, client: "DynamoDBClient", counted: Counted) -> None:
        super().__init__([a_service(mode=Mode.AUTO, timing=Timing())], local=False)
        self._counted = counted
        on_table(self, client, NAME)

    def post(self, name: str) -> None:
        """Receive one alert as a webhook of its own."""
        self._counted.used["webhook runs"] += 1
        self._counted.used["requests of the API"] += 1
        self.send(an_alert(at=self.now, name=name))

    def _bearing(self, work: Callable[[], object]) -> None:
        self._counted.used["worker runs"] += 1
        self._counted.used["messages"] += 1
        super()._bearing(work)


def _asking(params: dict[str, Any], **_: object) -> None:
    params["ReturnConsumedCapacity"] = "TOTAL"


def _times(used: Mapping[str, float], count: int) -> dict[str, float]:
    return {name: value * count for name, value in used.items()}
