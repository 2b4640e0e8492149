"""The demo as a child process, as a person starts it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def play(part: str) -> subprocess.CompletedProcess[str]:
    """Play a part of the demo to its end: the story is on stderr, its result as JSON on stdout."""
    return subprocess.run(
        [str(Path(sys.executable).with_name("backout")), "demo", part, "--json"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
