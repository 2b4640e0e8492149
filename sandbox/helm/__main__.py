"""Stand in for ``helm rollback RELEASE REVISION --namespace NAMESPACE``, by the kubeconfig of KUBECONFIG."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

from sandbox.helm.api import HttpApi
from sandbox.helm.operations import Failed, Helm


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.helm", description=__doc__)
    parser.add_argument("--hook", default="", help="a command that runs as the chart's pre-rollback hook")
    commands = parser.add_subparsers(dest="command", required=True)
    rollback = commands.add_parser("rollback")
    rollback.add_argument("release")
    rollback.add_argument("revision", type=int)
    rollback.add_argument("--namespace", "-n", default="default")
    rollback.add_argument("--history-max", type=int, default=10)
    chosen = parser.parse_args()

    def hook() -> None:
        if chosen.hook and subprocess.run(shlex.split(chosen.hook), check=False).returncode:
            raise Failed("pre-rollback hooks failed: job failed: BackoffLimitExceeded")

    try:
        with HttpApi(Path(os.environ["KUBECONFIG"])) as api:
            Helm(api, chosen.namespace, hook).rollback(chosen.release, chosen.revision)
    except Failed as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201 - it is a program
        return 1
    print("Rollback was a success! Happy Helming!")  # noqa: T201 - it is a program
    return 0


if __name__ == "__main__":
    sys.exit(main())
