"""Markdown: foreign text in it that formats nothing, links nowhere and calls nobody."""

import re
import unicodedata
from collections.abc import Sequence
from urllib.parse import quote, urlsplit

LONGEST = 500

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~$&!])")
_PLAIN_CODE = re.compile(r"[\w./:+-]{1,300}(@sha256:[0-9a-f]+)?", re.ASCII)


def plain(text: object) -> str:
    """Return text that shows as it is, on one line.

    A zero-width space after ``@`` and ``#`` keeps hosts of Markdown from seeing a person or an issue there:
    they look for those once the escapes are gone.
    """
    shown = " ".join("".join(" " if _hidden(c) else c for c in str(text)).split())
    cut = shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"
    escaped = _SPECIAL.sub(r"\\\1", cut).replace("://", r"\://")
    escaped = re.sub(r"\bwww\.", r"www\\.", escaped, flags=re.IGNORECASE)
    return escaped.replace("@", "@\u200b").replace("#", "#\u200b")


def code(text: str) -> str:
    """Return an image or a name in a code span; as plain text where it is neither."""
    return f"`{text}`" if _PLAIN_CODE.fullmatch(text) else plain(text)


def link(name: str, url: str) -> str:
    """Return a link; only the name where the address is none of the web."""
    try:
        web = urlsplit(url).scheme in {"http", "https"}
    except ValueError:
        web = False
    return f"[{plain(name)}](<{quote(url, safe=_IN_URLS)}>)" if web else plain(name)


_IN_URLS = "/:?#[]@!$&'()*+,;=%-._~{}"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; its cells are Markdown already."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def fenced(language: str, lines: Sequence[str]) -> str:
    """Return a block of code. Its lines are ours: nothing foreign may stand in it."""
    return "\n".join((f"```{language}", *lines, "```"))


def _hidden(character: str) -> bool:
    """Return whether a character is a control, a line break, or one that hides or turns what follows."""
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
