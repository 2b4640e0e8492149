"""What `backout serve` says that there is, and what docs/http.md says."""

import re
from pathlib import Path

from functions.app import ENDPOINTS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "http.md").read_text()
CALLS = re.findall(r"^\| (`(?:GET|POST|PUT|DELETE).*?`) \|", PAGE, re.MULTILINE)


def test_every_path_is_told_by_the_server_and_by_the_document() -> None:
    paths = {path for call in CALLS for path in re.findall(r"(?<!\w)/[a-z][^`?]*", call)}
    told = {f"/responses/{{id}}{path}" if path in verbs() else path for path in paths}

    assert told == set(ENDPOINTS)


def verbs() -> set[str]:
    """Return what the document says to a response without repeating the path: `/abort`."""
    return {f"/{path.split('/')[3]}" for path in ENDPOINTS if path.startswith("/responses/{id}/")}
