"""Fail what would be skipped where BACKOUT_CI=1: there, a test that did not run is a fault of the machine.

Elsewhere a missing program skips with its reason, so that anyone can run the tests. Only files named
`*_cluster.py` may still be skipped, for they need a real cluster, which CI has none of.
"""

import os
from collections.abc import Generator
from pathlib import Path

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip in a test or its fixtures into a failure; an expected failure (xfail) stays one."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and _must_run(item.path):
        report.outcome = "failed"
        report.longrepr = _complaint(report.longrepr)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn the skip of a whole file into a failure."""
    report = yield
    if report.skipped and _must_run(collector.path):
        report.outcome = "failed"
        report.longrepr = _complaint(report.longrepr)
    return report


def _must_run(path: Path) -> bool:
    return os.environ.get("BACKOUT_CI") == "1" and not path.stem.endswith("_cluster")


def _complaint(skipped: object) -> str:
    """Say where and why it was skipped; pytest gives (path, line, reason)."""
    match skipped:
        case (path, line, reason):
            return f"{path}:{line}: {reason} (BACKOUT_CI=1 lets nothing be skipped)"
        case _:
            return f"{skipped} (BACKOUT_CI=1 lets nothing be skipped)"
