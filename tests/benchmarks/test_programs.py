"""Programs that a benchmark starts."""

import os
import sys

import pytest

from benchmarks.measuring import Skipped
from benchmarks.programs import Failed, found, free_port, listens, running, until

WAITS = "import os, sys, time; print(os.getpid(), os.environ['WHO'], flush=True); time.sleep(60)"


def test_a_program_runs_from_its_readiness_to_the_end_of_the_block() -> None:
    command = [sys.executable, "-c", WAITS]
    with running(command, environment={"WHO": "me"}, ready=lambda told: told.endswith("\n")) as told:
        pid, who = told.split()
        os.kill(int(pid), 0)

    assert who == "me"
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


def test_a_program_that_ends_before_it_is_ready_is_told_with_its_own_words() -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such table')"]

    with (
        pytest.raises(Failed, match="no such table"),
        running(command, environment={}, ready=lambda _: False),
    ):
        raise AssertionError("it is not ready")


def test_a_program_that_is_missing_skips_and_names_its_package() -> None:
    with pytest.raises(Skipped, match="install the package no-such-package"):
        found("no-such-program", "no-such-package")


def test_waiting_ends_with_what_did_not_come() -> None:
    with pytest.raises(Failed, match=r"the rollout: not in 0\.05 s"):
        until(lambda: False, what="the rollout", seconds=0.05)


def test_a_free_port_is_one_that_nobody_listens_on() -> None:
    assert not listens(free_port())
