"""Tests use fakes and clocks: nothing is patched, and nothing waits for a guessed while."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]


def offences(source: str) -> list[str]:
    """Return every patch and sleep as `line number: what it is`."""
    return [
        f"{node.lineno}: {wrong}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.stmt | ast.expr | ast.arg)
        for wrong in _wrong(node)
    ]


def _wrong(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [f"imports {name.name}" for name in names if name.name in {"mock", "unittest.mock"}]
        case ast.ImportFrom(module="mock" | "unittest.mock" as module):
            return [f"imports {module}"]
        case ast.ImportFrom(module="unittest", names=names):
            return ["imports unittest.mock" for name in names if name.name == "mock"]
        case ast.ImportFrom(module="time" | "asyncio", names=names):
            return ["sleeps" for name in names if name.name == "sleep"]
        case ast.Attribute(value=ast.Name(id="time" | "asyncio"), attr="sleep"):
            return ["sleeps"]
        case ast.Attribute(value=ast.Name(id=receiver), attr="setattr" | "setitem" | "delattr" as attr):
            return [f"{receiver}.{attr}"] if receiver in {"monkeypatch", "mp"} else []
        case ast.arg(arg="mocker"):
            return ["asks for mocker"]
        case _:
            return []


@pytest.mark.parametrize("path", sorted(TESTS.rglob("*.py")), ids=lambda path: str(path.relative_to(TESTS)))
def test_a_test_file_neither_patches_nor_sleeps(path: Path) -> None:
    assert offences(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "from unittest.mock import patch",
        "from unittest import mock",
        "import unittest.mock",
        "def test(mocker): ...",
        "def test(monkeypatch): monkeypatch.setattr(engine, 'now', lambda: 0)",
        "import time\ntime.sleep(1)",
        "from time import sleep",
        "import asyncio\nasync def test(): await asyncio.sleep(1)",
    ],
)
def test_a_patch_or_a_sleep_is_found(source: str) -> None:
    assert offences(source)


@pytest.mark.parametrize(
    "source",
    [
        "def test(monkeypatch): monkeypatch.setenv('BACKOUT_TABLE', 'backout')",
        "from moto import mock_aws",
        "import time\ntime.monotonic()",
    ],
)
def test_what_a_test_may_do_is_not(source: str) -> None:
    assert offences(source) == []
