"""The recorder of what functions ask AWS for counts their calls, and not those of the tests around them."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from tests.plugins.iam import FUNCTIONS, Recorder

ROOT = Path(__file__).resolve().parents[2]


def test_a_run_tells_what_a_function_asked_for_and_which_secrets_it_looked_up(tmp_path: Path) -> None:
    out = tmp_path / "needed.json"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.plugins.iam", "--iam", str(out)]
    ran = subprocess.run(
        [*command, "tests/functions/test_freeze.py"], cwd=ROOT, check=False, capture_output=True, text=True
    )

    assert ran.returncode == 0, ran.stdout
    told = json.loads(out.read_text())
    assert told["freeze"]["actions"] == ["dynamodb:BatchGetItem", "dynamodb:PutItem"]
    assert "env:ALICE" in told["freeze"]["secrets"]
    assert "doctor" not in told


def called_in(module: str, recorder: Recorder, name: str, params: object = None) -> None:
    model = SimpleNamespace(name=name, service_model=SimpleNamespace(signing_name="dynamodb"))
    within = {"__name__": module, "call": lambda: recorder.operation(params, model)}  # type: ignore[arg-type]
    exec("def run():\n    call()\nrun()", within)


def test_every_function_that_is_deployed_is_recorded() -> None:
    entries = {path.stem for path in (ROOT / "functions").glob("*.py") if "\nhandler = " in path.read_text()}

    assert entries | {"advance"} == FUNCTIONS


def test_a_transaction_needs_the_actions_of_its_parts() -> None:
    recorder = Recorder()
    items: list[object] = [{"Put": {}}, {"ConditionCheck": {}}, {"Update": {}}]
    called_in("functions.advance", recorder, "TransactWriteItems", {"TransactItems": items})

    parts = ["dynamodb:ConditionCheckItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    assert recorder.told() == {"advance": {"actions": parts, "secrets": []}}


def test_a_call_of_a_test_counts_for_nothing() -> None:
    recorder = Recorder()
    called_in("tests.functions.test_advance", recorder, "DeleteTable")
    called_in("functions.edges", recorder, "DeleteTable")

    assert recorder.told() == {}
