"""Decoders are made in one place, under its lock: see `shared.wire.decoder`."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKER = ROOT / "shared" / "wire.py"
SCALARS_ONLY = ROOT / "shared" / "settings" / "conforming.py"

MANY_THREADS_MEET_A_TYPE = """
import sys, threading
import msgspec
from shared import wire

sys.setswitchinterval(1e-6)

def unmet():
    fields = [(f"a{j}", "int | None", None) for j in range(20)]
    inner = [msgspec.defstruct(f"I{i}", fields) for i in range(10)]
    return msgspec.defstruct("Outer", [(f"f{i}", list[kind], []) for i, kind in enumerate(inner)])

def meet(kind, together):
    together.wait()
    assert wire.decoder(kind).decode(b'{"f9": [{"a1": 1}]}').f9[0].a1 == 1

for _ in range(150):
    kind, together = unmet(), threading.Barrier(8)
    threads = [threading.Thread(target=meet, args=(kind, together)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def makers(source: str) -> list[int]:
    """Return the lines at which msgspec is asked to learn a type."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func).startswith("msgspec.")
        and (node.func.attr in {"Decoder", "convert"} or any(word.arg == "type" for word in node.keywords))
    ]


@pytest.mark.parametrize("folder", ["shared", "functions", "cli"])
def test_all_decoders_come_from_one_place(folder: str) -> None:
    files = set((ROOT / folder).rglob("*.py")) - {MAKER, SCALARS_ONLY}
    assert [f"{file}:{line}" for file in sorted(files) for line in makers(file.read_text())] == []


def test_the_rule_sees_what_it_forbids() -> None:
    learning = ["msgspec.json.decode(a, type=B)", "msgspec.json.Decoder(B)", "msgspec.convert(a, B)"]
    assert makers("\n".join([*learning, "msgspec.json.decode(a)"])) == [1, 2, 3]


def test_many_threads_may_meet_a_type_at_once() -> None:
    """In a process of its own: where it goes wrong, it is the process that dies."""
    met = subprocess.run([sys.executable, "-c", MANY_THREADS_MEET_A_TYPE], cwd=ROOT, timeout=120, check=False)
    assert met.returncode == 0
