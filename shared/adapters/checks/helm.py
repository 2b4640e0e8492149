"""Checks the helm program: it is there, and says its version."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence

from shared.domain.prerequisites import Finding, State

NAME = "helm program"
SECONDS = 5.0
OLDEST = 3

_MEND = "Install it where the server runs, or say where it is at owners.helm.program."


def check(program: str) -> Sequence[Finding]:
    """Find the program and ask it for its version, which needs no cluster."""
    path = shutil.which(program)
    if path is None:
        return [Finding(NAME, State.MISSING, f"{program} is not there, or no program", _MEND)]
    try:
        ran = subprocess.run(  # noqa: S603 - no shell, and the configuration names it
            [path, "version", "--short"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            env={**os.environ, "KUBECONFIG": os.devnull},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [Finding(NAME, State.BROKEN, f"{path} says no version within {SECONDS:g} s", _MEND)]
    except OSError as error:
        return [Finding(NAME, State.BROKEN, f"{path} cannot be started: {error.strerror}", _MEND)]
    said = re.search(rb"v(\d+)\.\d+\.\d+", ran.stdout)
    if ran.returncode != 0 or said is None:
        return [Finding(NAME, State.BROKEN, f"{path} says no version", _MEND)]
    version = said[0].decode()
    if int(said[1]) < OLDEST:
        return [Finding(NAME, State.BROKEN, f"{path} is {version}, and {OLDEST} or newer is needed", _MEND)]
    return [Finding(NAME, State.OK, f"{path} is {version}")]
