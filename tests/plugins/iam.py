"""Recorder of what each function asks AWS for, over a run of the tests: a plugin of pytest.

    python -m pytest -p tests.plugins.iam --iam needed.json tests/functions

It writes, by function, the IAM actions of the operations that were called and the secrets that were looked
up. Whose call it is the stack says: the module in `functions` that is in it. A call without one is a test's
own, or a fixture's, and counts for nothing.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from botocore import handlers
from botocore.exceptions import ClientError

from shared.adapters.dynamodb import DynamoRecords, embedded_table
from shared.errors import BackoutError
from shared.ports import Records
from shared.settings import SecretRef, Secrets

FUNCTIONS = frozenset(
    {
        "advance", "alertmanager", "decide", "doctor", "freeze", "gates", "github", "health", "invoke",
        "pagerduty", "responses", "slack",
    }
)  # fmt: skip
"""The modules of `functions` that are entries."""

PARTS = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
    "Get": "dynamodb:GetItem",
}
"""What a transaction needs: the actions of its parts, for it has none of its own."""

Asked = dict[str, dict[str, set[str]]]


class Recorder:
    """What was asked for: by function, then ``actions`` and ``secrets``."""

    def __init__(self) -> None:
        self.asked: Asked = defaultdict(lambda: {"actions": set(), "secrets": set()})

    def operation(self, params: Mapping[str, Any], model: Any, **_: object) -> None:
        """Note an operation; botocore calls this before it sends one, whichever client it is of."""
        service = model.service_model.signing_name
        if model.name.startswith("Transact"):
            parts = {part for item in params["TransactItems"] for part in item}
            self.note("actions", *(PARTS[part] for part in parts))
        else:
            self.note("actions", f"{service}:{model.name}")

    def note(self, kind: str, *names: str) -> None:
        """Note names of a kind for the function in whose call this is."""
        function = _function()
        if function:
            self.asked[function][kind].update(names)

    def told(self) -> dict[str, dict[str, list[str]]]:
        """Return it sorted, as it is written."""
        return {
            function: {kind: sorted(names) for kind, names in asked.items()}
            for function, asked in sorted(self.asked.items())
        }


def _function() -> str:
    """Return the function that is running: the entry nearest to the call."""
    frame = sys._getframe()
    found: Any = frame
    while found is not None:
        package, _, name = str(found.f_globals.get("__name__", "")).partition(".")
        if package == "functions" and name in FUNCTIONS:
            return name
        found = found.f_back
    return ""


RECORDER = Recorder()
_STACK = ExitStack()
_TABLES: list[Records] = []


class Mirrored:
    """A fake table whose calls are made to an embedded one too, for botocore to see them."""

    def __init__(self, fake: Records) -> None:
        self._fake = fake

    def __getattr__(self, name: str) -> Any:
        faked, real = getattr(self._fake, name), getattr(_table(), name)

        def call(*args: Any, **kwargs: Any) -> Any:
            result = faked(*args, **kwargs)
            with suppress(BackoutError):
                real(*args, **kwargs)
            return result

        return call


class NotedSecrets(Secrets):
    """Secrets whose look-ups are noted."""

    def value(self, ref: SecretRef) -> str:
        RECORDER.note("secrets", ref)
        return super().value(ref)


def is_recording() -> bool:
    """Return whether this run is recorded."""
    return bool(_TABLES)


def _table() -> Records:
    return _TABLES[0]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--iam", metavar="FILE", help="where to write what each function asks AWS for")


@pytest.hookimpl(wrapper=True)
def pytest_sessionstart(session: pytest.Session) -> Iterator[None]:
    if session.config.getoption("--iam"):
        handlers.BUILTIN_HANDLERS.append(("before-parameter-build", RECORDER.operation))
        client = _STACK.enter_context(embedded_table("recorded"))
        _TABLES.append(DynamoRecords(client, "recorded"))
    yield


def pytest_sessionfinish(session: pytest.Session) -> None:
    out = session.config.getoption("--iam")
    if out:
        with suppress(ClientError):  # a test that mocks AWS takes the table with it
            _STACK.close()
        Path(out).write_text(json.dumps(RECORDER.told(), indent=2) + "\n")
