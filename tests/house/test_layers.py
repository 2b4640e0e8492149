"""The layer map holds, and the domain depends on nothing that changes by itself."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = ROOT / "shared" / "domain"

# The parts of the standard library that only compute.
PURE = {
    "__future__", "abc", "bisect", "collections", "copy", "dataclasses", "datetime", "decimal", "enum",
    "fractions", "functools", "hashlib", "heapq", "itertools", "json", "math", "numbers", "operator", "re",
    "statistics", "string", "textwrap", "types", "typing", "zoneinfo",
}  # fmt: skip
CLOCKS = {"now", "utcnow", "today"}
IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "__import__"}


def impurities(source: str) -> list[str]:
    """Return every import, clock and call that a pure module has no use for, as `line number: what`."""
    return [
        f"{node.lineno}: {wrong}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.stmt | ast.expr | ast.arg)
        for wrong in _wrong(node)
    ]


def _wrong(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [f"imports {name.name}" for name in names if not _pure(name.name)]
        case ast.ImportFrom(level=0, module=str(module)):
            return [] if _pure(module) else [f"imports {module}"]
        case (
            ast.Call(func=ast.Attribute(value=ast.Name(id="datetime" | "date" | "dt"), attr=name))
            | ast.Call(func=ast.Attribute(value=ast.Attribute(attr="datetime" | "date"), attr=name))
        ):
            return [f"reads a clock: {name}"] if name in CLOCKS else []
        case ast.Call(func=ast.Name(id=name)):
            return [f"calls {name}"] if name in IMPURE_CALLS else []
        case _:
            return []


def _pure(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] in PURE or f"{module}.".startswith("shared.domain.")


def test_the_layer_map_holds() -> None:
    lint = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )

    assert lint.returncode == 0, lint.stdout + lint.stderr


@pytest.mark.parametrize("path", sorted(DOMAIN.rglob("*.py")), ids=lambda path: str(path.relative_to(DOMAIN)))
def test_a_domain_module_only_computes(path: Path) -> None:
    assert impurities(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "import os",
        "import logging",
        "from random import choice",
        "from time import time",
        "import msgspec",
        "from shared.ports import Clock",
        "from datetime import datetime\nnow = datetime.now()",
        "import datetime\nnow = datetime.datetime.now(datetime.UTC)",
        "print('hello')",
    ],
)
def test_an_impurity_is_found(source: str) -> None:
    assert impurities(source)


@pytest.mark.parametrize(
    "source",
    [
        "from collections.abc import Mapping",
        "from shared.domain.signals import Signal",
        "from .signals import Signal",
        "from datetime import UTC, datetime\nat = datetime(2024, 1, 1, tzinfo=UTC)",
    ],
)
def test_what_a_pure_module_may_do_is_not(source: str) -> None:
    assert impurities(source) == []
