"""A real Prometheus with a past that the test wrote down, scraping one target of the test's."""

import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

BEGINNING = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SCRAPE_SECONDS = 15
SCRAPES = 40
READY_SECONDS = 30.0


@dataclass(frozen=True)
class Recorded:
    """One series of ten minutes from `BEGINNING` on, a sample every 15 s, growing steadily."""

    metric: str
    labels: Mapping[str, str]
    per_second: float = 0.0
    start: float = 0.0

    def lines(self) -> Iterator[str]:
        """Write the samples as OpenMetrics text."""
        labels = ",".join(f'{name}="{value}"' for name, value in self.labels.items())
        for scrape in range(SCRAPES + 1):
            seconds = scrape * SCRAPE_SECONDS
            value = self.start + self.per_second * seconds
            yield f"{self.metric}{{{labels}}} {value!r} {BEGINNING.timestamp() + seconds:.0f}\n"


def program(name: str) -> str:
    """Find an installed program, or skip."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@contextmanager
def running_prometheus(folder: Path, past: Iterable[Recorded], *, target: str) -> Iterator[str]:
    """Run Prometheus with the series in its store, scraping `target` (host:port); give its URL."""
    (folder / "past.om").write_text("".join(line for series in past for line in series.lines()) + "# EOF\n")
    subprocess.run(
        [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", "-q", "past.om", "store"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    (folder / "prometheus.yml").write_text(
        "scrape_configs: [{job_name: test, scrape_interval: 1s, scrape_timeout: 1s, "
        f"static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    arguments = ["--config.file=prometheus.yml", "--storage.tsdb.path=store"]
    arguments += ["--storage.tsdb.retention.time=100y", "--web.listen-address=127.0.0.1:0"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program("prometheus"), *arguments], cwd=folder, stdout=log, stderr=log)
    try:
        yield _ready_url(process, folder / "log")
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready_url(process: subprocess.Popen[bytes], log: Path) -> str:
    """Read the port that Prometheus took from its log, and wait until it answers queries."""
    deadline = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        for port in re.findall(r"127\.0\.0\.1:([1-9]\d*)", log.read_text()):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=1).close()
            except (urllib.error.URLError, TimeoutError):
                continue
            return f"http://127.0.0.1:{port}"
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError(f"Prometheus is not ready: {log.read_text()[-2000:]}")
