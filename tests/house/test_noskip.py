"""In CI a skipped test is a failure, so that green means that everything ran."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SKIPS = """
import pytest

def test_that_skips():
    pytest.skip("no prometheus on the path")

@pytest.fixture
def server():
    pytest.skip("no java on the path")

def test_whose_fixture_skips(server): ...

@pytest.mark.skipif(True, reason="never")
def test_marked(): ...

@pytest.mark.xfail(reason="known")
def test_expected_to_fail():
    assert False
"""
SKIPS_WHOLE = "import pytest\npytest.skip('not here', allow_module_level=True)\n"


def closing_line(folder: Path, *, ci: str) -> str:
    """Run pytest over `folder` with the plugin and return its last line."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.plugins.noskip", "-p", "no:cacheprovider", "."],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "BACKOUT_CI": ci},
        check=False,
        capture_output=True,
        text=True,
    )
    return run.stdout.splitlines()[-1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def test_what_skips_elsewhere_fails_in_ci(folder: Path) -> None:
    (folder / "test_shop.py").write_text(SKIPS)

    assert "3 skipped, 1 xfailed" in closing_line(folder, ci="")
    # A fixture that skips is an error of the set-up, as one that fails is.
    assert "1 failed, 1 xfailed, 2 errors" in closing_line(folder, ci="1")


def test_a_file_that_skips_whole_fails_in_ci(folder: Path) -> None:
    (folder / "test_shop.py").write_text(SKIPS_WHOLE)

    assert "1 skipped" in closing_line(folder, ci="")
    assert "1 error" in closing_line(folder, ci="1")


def test_tests_of_a_real_cluster_may_skip_in_ci(folder: Path) -> None:
    (folder / "test_workloads_cluster.py").write_text(SKIPS)
    (folder / "test_nodes_cluster.py").write_text(SKIPS_WHOLE)

    assert "4 skipped, 1 xfailed" in closing_line(folder, ci="1")
