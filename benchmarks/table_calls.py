"""How many calls of the table webhooks and responses make. Counted, so the embedded table tells it too."""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks.measuring import Outcome, Row, Series
from benchmarks.table_world import world_on
from shared.adapters.dynamodb import embedded_table
from tests.engine.world import BAD, World, an_alert
from tests.fakes.records import Moment

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

NAME = "backout-bench-calls"
MOST_PER_WEBHOOK = 3


class CallCounter:
    """Counts the calls that a client makes, by operation; not the sweep's, which no response causes."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self.calls: Counter[str] = Counter()
        client.meta.events.register("provide-client-params.dynamodb", self._count)

    def of(self, action: Callable[[], object]) -> Counter[str]:
        """Return the calls that an action makes."""
        before = self.calls.copy()
        action()
        return self.calls - before

    def _count(self, model: Any, params: dict[str, Any], **_: object) -> None:  # noqa: ANN401 botocore's model
        if params.get("IndexName") != "due":
            self.calls[model.name] += 1


def run() -> Outcome:
    """Count."""
    with embedded_table(f"{NAME}-webhooks") as client:
        webhooks = _webhooks(world_on(client, f"{NAME}-webhooks"), CallCounter(client))
    with embedded_table(f"{NAME}-response") as client:
        acting, whole, looks = _response(world_on(client, f"{NAME}-response"), CallCounter(client))
    rows = (
        *webhooks,
        _row("response, from accepted to the rollback", acting),
        _row("response, from accepted to its end", whole),
        Row(Series("response, each look after the rollback", "calls", ((whole - acting).total() / looks,))),
    )
    told = ", ".join(f"{number} {name}" for name, number in sorted(whole.items()))
    return Outcome(rows, (f"the response, with the default timing, looked {looks} times and made {told}",))


def _webhooks(world: World, counter: CallCounter) -> tuple[Row, ...]:
    """Count what each kind of alert costs that meets a live response, and the one that opens it."""
    world.story()
    first, other = an_alert(at=world.now), an_alert(at=world.now, name="HighErrorRateToo")
    return (
        _row("webhook, new alert", counter.of(lambda: world.send(first)), at_most=MOST_PER_WEBHOOK),
        _row("webhook, repeated", counter.of(lambda: world.send(first)), at_most=1),
        _row("webhook, another alert joins", counter.of(lambda: world.send(other)), at_most=MOST_PER_WEBHOOK),
        _row("webhook, that one repeated", counter.of(lambda: world.send(other)), at_most=1),
    )


def _response(world: World, counter: CallCounter) -> tuple[Counter[str], Counter[str], int]:
    """Run a response to its end; return the calls until the rollback, all, and the looks after it."""
    world.story()
    world.send(an_alert(at=world.now))
    began = counter.calls.copy()
    until_applied: list[Counter[str]] = []
    looks: list[str] = []

    def on_call(name: str, moment: Moment) -> None:
        if name == "cluster.apply" and moment is Moment.BEFORE:
            until_applied.append(counter.calls - began)
        if name == "cluster.read" and moment is Moment.BEFORE and until_applied:
            looks.append(name)

    world.calls.on_call = on_call
    world.run()
    if len(until_applied) != 1 or world.image() == BAD:
        raise AssertionError("the response did not roll back exactly once")
    return until_applied[0], counter.calls - began, len(looks)


def _row(name: str, calls: Counter[str], *, at_most: int | None = None) -> Row:
    return Row(Series(name, "calls", (calls.total(),)), at_most=at_most)
