"""PromQL text cut into tokens."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.prometheus.syntax import QueryError

_TOKEN = re.compile(
    r"""
      (?P<blank>\s+|\#[^\n]*)
    | (?P<duration>(?:\d+(?:ms|[smhdwy]))+)(?!\w)
    | (?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<word>[A-Za-z_:][\w:]*)
    | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`[^`]*`)
    | (?P<operator>=~|!~|!=|==|<=|>=|[-+*/%^<>=(){}\[\],@])
    """,
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_SIMPLE_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"} | {
    quote: quote for quote in "\\\"'"
}


@dataclass(frozen=True)
class Token:
    """A piece of the text: its kind (`end` closes every query), what it says, and where, from 1."""

    kind: str
    text: str
    position: int


def tokens(text: str) -> Iterator[Token]:
    """Cut a query up, blanks and comments left out, strings without quotes and escapes."""
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise QueryError(f"1:{at + 1}: parse error: unexpected character: {text[at]!r}")
        kind = str(match.lastgroup)
        if kind == "string":
            yield Token(kind, _unquote(match.group(), at + 1), at + 1)
        elif kind != "blank":
            yield Token(kind, match.group(), at + 1)
        at = match.end()
    yield Token("end", "end of input", len(text) + 1)


def _unquote(quoted: str, position: int) -> str:
    """Take Go's string syntax apart; an escape that Go does not know, such as that of a dot, is an error."""

    def plain(match: re.Match[str]) -> str:
        code = match.group(1)
        if code in _SIMPLE_ESCAPES:
            return _SIMPLE_ESCAPES[code]
        if len(code) == 1:
            raise QueryError(f"1:{position}: parse error: unknown escape sequence {match.group()!r}")
        return chr(int(code, 8) if code.isdigit() else int(code[1:], 16))

    return quoted[1:-1] if quoted[0] == "`" else _ESCAPE.sub(plain, quoted[1:-1])
