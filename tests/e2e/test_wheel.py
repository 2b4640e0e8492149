"""The wheel in an empty environment, outside the checkout."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KEYS = {
    "response_id",
    "phase",
    "service",
    "from_image",
    "to_image",
    "seconds_to_decision",
    "seconds_to_rollback",
    "seconds_to_completed",
    "rollbacks",
    "alert_source",
}


def run(*command: str, cwd: Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "BACKOUT"))
    }
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and install it, by the lock, into an empty environment; return its command."""
    folder = tmp_path_factory.mktemp("wheel")
    built = run(
        sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder), cwd=ROOT
    )
    assert built.returncode == 0, built.stderr
    [wheel] = folder.glob("*.whl")
    uv = Path(sys.executable).with_name("uv")
    lock = str(ROOT / "requirements-dev.lock")
    install = [str(uv), "pip", "install", "--quiet", "--python", "empty/bin/python", "--constraint", lock]
    for step in (
        [str(uv), "venv", "--quiet", "--python", sys.executable, "empty"],
        [*install, f"{wheel}[embedded]"],
    ):
        done = run(*step, cwd=folder, timeout=300)
        assert done.returncode == 0, done.stderr
    return folder / "empty" / "bin" / "backout"


def test_its_help_names_the_commands(installed: Path, tmp_path: Path) -> None:
    shown = run(str(installed), "--help", cwd=tmp_path)
    assert shown.returncode == 0
    assert {"serve", "demo", "score", "show"} <= set(shown.stdout.split())


def test_it_checks_a_configuration(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "backout.yaml").write_text((ROOT / "examples" / "backout.yaml").read_text())
    (tmp_path / "wrong.yaml").write_text("cluster: prod\nservces: []\n")
    good = run(str(installed), "config", "check", "backout.yaml", "--json", cwd=tmp_path)
    assert json.loads(good.stdout)["services"], good.stderr
    wrong = run(str(installed), "config", "check", "wrong.yaml", cwd=tmp_path)
    assert wrong.returncode == 1
    assert "servces" in wrong.stdout + wrong.stderr


def test_it_plays_the_demo(installed: Path, tmp_path: Path) -> None:
    played = run(str(installed), "demo", "--json", cwd=tmp_path)
    assert played.returncode == 0, played.stderr[-3000:]
    last = json.loads(played.stdout.splitlines()[-1])
    assert set(last) == KEYS
    assert (last["phase"], last["rollbacks"]) == ("completed", 1)
