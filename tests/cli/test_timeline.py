from io import StringIO
from typing import Any

from rich.console import Console

from cli.timeline import print_tail


def tail(*results: str) -> list[str]:
    told: dict[str, Any] = {"id": "r1", "phase": "completed", "reason_text": "It held."}
    told["tasks"] = [{"name": f"t{n}", "result": result} for n, result in enumerate(results)]
    out = StringIO()
    print_tail(Console(file=out, width=200), told)
    return out.getvalue().splitlines()


def test_what_went_wrong_and_what_was_filed_is_shown_and_no_more() -> None:
    filed = "filed: https://github.com/shop/incidents/issues/31"
    assert tail("told: x", filed, "written: /reports/r1.md", "given up: 403", "attempt 2: 503") == [
        "completed It held.",
        f"task t1: {filed}",
        "task t2: written: /reports/r1.md",
        "task t3: given up: 403",
        "task t4: attempt 2: 503",
    ]
