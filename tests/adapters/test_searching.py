"""An expression is looked for in lines, and never for longer than is allowed."""

import re
import time

import pytest

from shared.adapters.searching import searching
from shared.domain.services import LOG_ERRORS
from shared.errors import PermanentError


@pytest.mark.parametrize(
    "line", ["level=error msg=boom", "E0302 03:02:10 1 main.go:12] boom", "0 errors", ""]
)
def test_it_finds_what_the_library_of_python_finds(line: str) -> None:
    assert searching(LOG_ERRORS)(line) is bool(re.search(LOG_ERRORS, line))


@pytest.mark.parametrize(
    ("expression", "line"), [(r"(a|aa)+$", "a" * 99 + "b"), (r"(\w|\d\w)+\.?$", "1a" * 60 + "-")]
)
def test_one_that_takes_for_ever_is_broken_off(expression: str, line: str) -> None:
    began = time.monotonic()
    with pytest.raises(PermanentError, match=r"logs\.errors took longer than 0\.2 s"):
        searching(expression, seconds=0.2)(line)
    assert time.monotonic() - began < 5


def test_all_lines_share_the_time() -> None:
    found = searching("ERROR", seconds=0.0)
    with pytest.raises(PermanentError):
        found("ERROR " * 100)


def test_an_expression_that_is_none_is_refused() -> None:
    with pytest.raises(PermanentError, match="no regular expression"):
        searching("(")
