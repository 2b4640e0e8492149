"""PromQL text to an expression, for the subset that the sandbox evaluates.

Precedence and grammar follow the PromQL documentation. Left out, and answered as bad data: subqueries, `@`,
`%`, `^`, negative offsets, a string as the result, and functions and aggregations beyond `FUNCTIONS` and
`AGGREGATIONS`.
"""

import re
from dataclasses import replace

from sandbox.prometheus.durations import parse_duration_ms
from sandbox.prometheus.samples import NAME, Matcher
from sandbox.prometheus.syntax import (
    COMPARISONS,
    FUNCTIONS,
    SET_OPERATORS,
    Aggregation,
    Binary,
    Call,
    Expression,
    Grouping,
    Kind,
    Matching,
    Negation,
    Number,
    QueryError,
    Selector,
    Text,
    kind_of,
)
from sandbox.prometheus.tokens import Token, tokens

AGGREGATIONS = frozenset({"sum", "max", "min", "avg", "count"})
_PRECEDENCE = {
    "or": 1,
    "and": 2,
    "unless": 2,
    **dict.fromkeys(COMPARISONS, 3),
    "+": 4,
    "-": 4,
    "*": 5,
    "/": 5,
}
_SIGN_PRECEDENCE = 5


def parse(text: str) -> Expression:
    """Read a whole query; raise `QueryError` (`bad_data`) when it is wrong or outside the subset."""
    parser = _Parser(list(tokens(text)))
    expression = parser.expression(0)
    parser.expect_kind("end")
    if kind_of(expression) is Kind.STRING:
        raise QueryError("a string as the result is not supported")
    return expression


class _Parser:
    def __init__(self, sequence: list[Token]) -> None:
        self._sequence = sequence
        self._at = 0

    @property
    def _next(self) -> Token:
        return self._sequence[self._at]

    def _take(self) -> Token:
        token = self._next
        self._at += 1
        return token

    def _fail(self, message: str, token: Token) -> QueryError:
        return QueryError(f"1:{token.position}: parse error: {message}")

    @property
    def _sign(self) -> str:
        """The next token if it is an operator or could be a keyword, which ignore case; else ''."""
        return self._next.text.lower() if self._next.kind in ("operator", "word") else ""

    def _accept(self, *signs: str) -> str | None:
        """Take the next token if it is one of these operators or keywords."""
        sign = self._sign
        if sign not in signs:
            return None
        self._take()
        return sign

    def _expect(self, sign: str) -> None:
        if self._accept(sign) is None:
            raise self._fail(f"unexpected {self._next.text!r}, expected {sign!r}", self._next)

    def expect_kind(self, kind: str) -> Token:
        """Take the next token, which must be of this kind."""
        if self._next.kind != kind:
            raise self._fail(f"unexpected {self._next.text!r}, expected {kind}", self._next)
        return self._take()

    def expression(self, floor: int) -> Expression:
        """Read operators that bind tighter than `floor`, all of them left-associative."""
        left = self._operand()
        while (precedence := _PRECEDENCE.get(self._sign, 0)) > floor:
            token = self._take()
            as_bool = self._accept("bool") is not None
            matching = self._matching()
            right = self.expression(precedence)
            left = Binary(token.text.lower(), left, right, matching or Matching(), as_bool)
            self._check_binary(left, token, explicit_matching=matching is not None)
        return left

    def _check_binary(self, binary: Binary, token: Token, *, explicit_matching: bool) -> None:
        kinds = [kind_of(binary.left), kind_of(binary.right)]
        if {Kind.MATRIX, Kind.STRING} & set(kinds):
            raise self._fail("binary expression must contain only scalar and instant vector types", token)
        if binary.as_bool and binary.operator not in COMPARISONS:
            raise self._fail("bool modifier can only be used on comparison operators", token)
        if Kind.SCALAR not in kinds:
            return
        if binary.operator in SET_OPERATORS:
            raise self._fail(
                f"set operator {binary.operator!r} not allowed in binary scalar expression", token
            )
        if explicit_matching:
            raise self._fail("vector matching only allowed between instant vectors", token)
        if Kind.VECTOR not in kinds and binary.operator in COMPARISONS and not binary.as_bool:
            raise self._fail("comparisons between scalars must use BOOL modifier", token)

    def _matching(self) -> Matching | None:
        modifier = self._accept("on", "ignoring")
        if modifier is None:
            return None
        grouping = Grouping(self._label_names(), without=modifier == "ignoring")
        side = self._accept("group_left", "group_right")
        if side is None:
            return Matching(grouping)
        include = self._label_names() if self._sign == "(" else ()
        return Matching(grouping, many=side.removeprefix("group_"), include=include)

    def _label_names(self) -> tuple[str, ...]:
        names = []
        self._expect("(")
        while self._accept(")") is None:
            names.append(self.expect_kind("word").text)
            if self._sign != ")":
                self._expect(",")
        return tuple(names)

    def _operand(self) -> Expression:
        sign = self._accept("-", "+")
        if sign is None:
            return self._postfix(self._primary())
        token = self._next
        operand = self.expression(_SIGN_PRECEDENCE)
        if kind_of(operand) in (Kind.MATRIX, Kind.STRING):
            raise self._fail(
                "unary expression only allowed on expressions of type scalar or instant vector", token
            )
        return Negation(operand) if sign == "-" else operand

    def _postfix(self, expression: Expression) -> Expression:
        while self._sign in ("[", "@", "offset"):
            token = self._take()
            if not isinstance(expression, Selector):
                raise self._fail(f"{token.text!r} is supported after a vector selector only", token)
            if token.text == "[" and expression.window_ms is None and not expression.offset_ms:
                expression = replace(expression, window_ms=self._duration())
                self._expect("]")
            elif token.text.lower() == "offset" and not expression.offset_ms:
                expression = replace(expression, offset_ms=self._duration())
            else:
                raise self._fail(f"unexpected {token.text!r}", token)
        return expression

    def _duration(self) -> int:
        return parse_duration_ms(self.expect_kind("duration").text)

    def _primary(self) -> Expression:
        token = self._next
        if token.kind == "number":
            self._take()
            return Number(float(int(token.text, 16)) if token.text[:2].lower() == "0x" else float(token.text))
        if token.kind == "string":
            return Text(self._take().text)
        if self._accept("(") is not None:
            inner = self.expression(0)
            self._expect(")")
            return inner
        if token.kind == "word":
            return self._named(self._take())
        if token.text == "{":
            return self._selector(())
        raise self._fail(f"unexpected {token.text!r}", token)

    def _named(self, token: Token) -> Expression:
        word = token.text.lower()
        if word in ("inf", "nan"):
            return Number(float(word))
        if word in AGGREGATIONS and self._sign in ("(", "by", "without"):
            return self._aggregation(token)
        if self._sign == "(":
            return self._call(token)
        return self._selector((Matcher(NAME, "=", token.text),))

    def _aggregation(self, token: Token) -> Aggregation:
        grouping = self._grouping()
        self._expect("(")
        operand = self.expression(0)
        self._expect(")")
        grouping = grouping or self._grouping() or Grouping((), without=False)
        if kind_of(operand) is not Kind.VECTOR:
            raise self._fail("expected type instant vector in aggregation expression", token)
        return Aggregation(token.text.lower(), operand, grouping)

    def _grouping(self) -> Grouping | None:
        modifier = self._accept("by", "without")
        return None if modifier is None else Grouping(self._label_names(), without=modifier == "without")

    def _call(self, token: Token) -> Call:
        if token.text not in FUNCTIONS:
            raise self._fail(f"unknown function with name {token.text!r}", token)
        arguments = []
        self._expect("(")
        while self._accept(")") is None:
            arguments.append(self.expression(0))
            if self._sign != ")":
                self._expect(",")
        wanted = FUNCTIONS[token.text][0]
        if tuple(kind_of(each) for each in arguments) != wanted:
            described = ", ".join(each.value for each in wanted)
            raise self._fail(f"call to function {token.text!r} expects ({described})", token)
        return Call(token.text, tuple(arguments))

    def _selector(self, matchers: tuple[Matcher, ...]) -> Selector:
        start = self._next
        if self._accept("{") is not None:
            while self._accept("}") is None:
                matchers = (*matchers, self._matcher())
                if self._sign != "}":
                    self._expect(",")
        if all(each.matches("") for each in matchers):
            raise self._fail("vector selector must contain at least one non-empty matcher", start)
        return Selector(matchers)

    def _matcher(self) -> Matcher:
        label = self.expect_kind("word").text
        operator = self._take()
        if operator.text not in ("=", "!=", "=~", "!~"):
            raise self._fail(f"unexpected {operator.text!r}, expected a label matching operator", operator)
        value = self.expect_kind("string")
        try:
            return Matcher(label, operator.text, value.text)
        except re.error as error:
            raise self._fail(f"error parsing regexp: {error}", value) from error
