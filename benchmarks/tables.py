"""The table that is measured with: DynamoDB Local, or where it is missing the embedded one."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from shared.adapters.dynamodb import create_table
from tests.dynamodb_local import DynamoDBLocalMissing, dynamodb_local

NAME = "backout-bench"


@dataclass(frozen=True)
class Storage:
    """How to reach the table. `missing` says why it is the embedded one of each process, else it is empty."""

    environment: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""

    @property
    def warm_up_calls(self) -> int:
        """How many webhooks the table's server is to have served before anything is measured.

        DynamoDB Local compiles what it runs often; the embedded table only gets slower by what it holds.
        """
        return 10 if self.missing else 400

    @property
    def note(self) -> str:
        """What the table is, for people."""
        return f"the embedded table: {self.missing}" if self.missing else "DynamoDB Local"


@contextmanager
def storage() -> Iterator[Storage]:
    """Give an empty table."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(dynamodb_local())
        except DynamoDBLocalMissing as missing:
            yield Storage(missing=str(missing))
            return
        create_table(server.client(), NAME)
        yield Storage({**server.environment(), "BACKOUT_TABLE": NAME})
