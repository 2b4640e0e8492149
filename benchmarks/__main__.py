"""Run the benchmarks: `python -m benchmarks [--json] [--only NAME]`."""

import argparse
import json
import sys
from collections.abc import Mapping

from rich.console import Console

from benchmarks import cold, cost, history, showing, table_calls, webhook_to_202, webhook_to_rollback
from benchmarks.measuring import Benchmark, Outcome, Skipped
from benchmarks.programs import Failed

BENCHMARKS: Mapping[str, Benchmark] = {
    "webhook_to_rollback": webhook_to_rollback.run,
    "webhook_to_202": webhook_to_202.run,
    "table_calls": table_calls.run,
    "cold": cold.run,
    "history": history.run,
    "cost": cost.run,
}

PIPED_WIDTH = 130
"""Columns where there is no terminal."""


def main() -> None:
    """Measure what was asked for and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument(
        "--only", action="append", choices=sorted(BENCHMARKS), metavar="NAME", help="one of them"
    )
    chosen = parser.parse_args()
    console = Console(stderr=chosen.json, highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
    results: dict[str, Outcome | str] = {}
    for name in chosen.only or BENCHMARKS:
        with console.status(f"measuring {name}"):
            results[name] = _measured(BENCHMARKS[name])
    if chosen.json:
        print(json.dumps(showing.document(results), indent=2))
    else:
        showing.show(results, console)


def _measured(benchmark: Benchmark) -> Outcome | str:
    """Run a benchmark; what one lacks, or what broke it, keeps nothing from the others."""
    try:
        return benchmark()
    except (Skipped, Failed) as error:
        return str(error)


if __name__ == "__main__":
    main()
