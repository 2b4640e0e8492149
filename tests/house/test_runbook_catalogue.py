"""The runbook's catalogue names steps, kinds of tasks and tests that exist."""

import ast
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.bootstrap import Door, Engine, Outside
from shared.domain.response import Step
from shared.settings import Secrets, parse
from tests.fakes.caller import FakeCaller
from tests.fakes.health import FakeHealth
from tests.fakes.records import FakeRecords
from tests.fakes.signals import FakeSignals
from tests.fakes.workloads import FakeWorkloads
from tests.functions.installation import CONFIG, ListedQueue

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "runbook.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if line[2:3].isdigit()
]
NAMED = sorted(
    {n for page in (ROOT / "docs").glob("*.md") for n in re.findall(r"`(tests/[^`]+)`", page.read_text())}
)


def now() -> datetime:
    return datetime(2026, 3, 2, tzinfo=UTC)


def kinds_of_tasks() -> set[str]:
    door = Door(parse(CONFIG), Secrets(), FakeRecords(), ListedQueue(), now)
    outside = Outside(FakeWorkloads("prod", now=now), FakeSignals(), FakeHealth(), {}, FakeCaller())
    return set(Engine(door, outside).tasks.kinds)


def test_instructions_are_numbered_one_by_one() -> None:
    assert [row[0] for row in ROWS] == [str(number) for number in range(1, len(ROWS) + 1)]
    assert len(ROWS) > 50


def test_every_step_that_is_named_exists_and_every_step_is_named() -> None:
    assert set(re.findall(r"step `(\w+)`", TEXT)) == {step.value for step in Step}


def test_every_kind_of_task_that_is_named_exists_and_every_kind_is_named() -> None:
    assert set(re.findall(r"task `(\w+)`", TEXT)) == kinds_of_tasks()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[1]}")
def test_every_instruction_is_shown_by_a_test_or_left_to_a_person(row: list[str]) -> None:
    _, _, _, by, shown_by, person = row

    assert "`tests/" in shown_by or "a person does this" in person
    assert by == "-" or "`tests/" in shown_by


@pytest.mark.parametrize("named", NAMED)
def test_every_test_that_is_named_exists(named: str) -> None:
    path, _, name = named.partition("::")
    tree = ast.parse((ROOT / path).read_text())
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}

    assert not name or name in defined
