"""Match objects against label and field selectors, in the query's text form and in the objects' JSON form."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from sandbox.cluster.errors import bad_request
from sandbox.cluster.objects import Object, labels_of

Matches: TypeAlias = Callable[[Object], bool]

_SET_BASED = re.compile(r"^(?P<key>\S+)\s+(?P<operator>in|notin)\s*\((?P<values>[^)]*)\)$")
_COMMA_OUTSIDE_SET = re.compile(r",(?![^(]*\))")
_EQUALITY = re.compile(r"^(?P<key>[^=!\s]+)\s*(?P<operator>==|=|!=)\s*(?P<value>\S*)$")


def label_selector(text: str) -> Callable[[dict[str, str]], bool]:
    """Parse `a=b,c!=d,e in (f,g),!h`; 400 for what cannot be read."""
    tests = [_label_test(part.strip()) for part in _COMMA_OUTSIDE_SET.split(text) if part.strip()]
    return lambda labels: all(test(labels) for test in tests)


def _label_test(part: str) -> Callable[[dict[str, str]], bool]:
    if found := _SET_BASED.match(part):
        values = {value.strip() for value in found["values"].split(",")}
        return _one_of(found["key"], values, wanted=found["operator"] == "in")
    if found := _EQUALITY.match(part):
        return _one_of(found["key"], {found["value"]}, wanted=found["operator"] != "!=")
    if re.fullmatch(r"![^\s=!,]+", part):
        return lambda labels: part[1:] not in labels
    if re.fullmatch(r"[^\s=!,()]+", part):
        return lambda labels: part in labels
    raise bad_request(f"unable to parse requirement: {part}")


def _one_of(key: str, values: set[str], *, wanted: bool) -> Callable[[dict[str, str]], bool]:
    return lambda labels: (labels.get(key) in values) is wanted


def field_selector(text: str) -> Matches:
    """Parse `metadata.name=a,status.phase!=Running`; any path of plain fields is understood."""
    found = [_EQUALITY.match(part.strip()) for part in text.split(",") if part.strip()]
    if None in found:
        raise bad_request(f"invalid field selector: {text}")
    tests = [(test["key"], test["operator"] != "!=", test["value"]) for test in found if test]
    return lambda obj: all((_field(obj, path) == value) is wanted for path, wanted, value in tests)


def _field(obj: Object, path: str) -> str:
    value: object = obj
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return "" if value is None else str(value)


def query_selector(labels: str, fields: str) -> Matches:
    """Join the two selectors of a list or watch request."""
    by_label, by_field = label_selector(labels), field_selector(fields)
    return lambda obj: by_label(labels_of(obj)) and by_field(obj)


def selects(selector: Object | None, labels: dict[str, str]) -> bool:
    """Apply a LabelSelector (`matchLabels`, `matchExpressions`); an absent one selects nothing."""
    if selector is None:
        return False
    wanted = selector.get("matchLabels") or {}
    expressions = selector.get("matchExpressions") or []
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _expression_holds(expression, labels) for expression in expressions
    )


def _expression_holds(expression: Object, labels: dict[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or []
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def selector_text(selector: Object | None) -> str:
    """Write a LabelSelector as query text, as the scale subresource shows it."""
    if selector is None:
        return ""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for expression in selector.get("matchExpressions") or []:
        values = ",".join(expression.get("values") or [])
        match expression["operator"]:
            case "In":
                parts.append(f"{expression['key']} in ({values})")
            case "NotIn":
                parts.append(f"{expression['key']} notin ({values})")
            case "Exists":
                parts.append(expression["key"])
            case _:
                parts.append(f"!{expression['key']}")
    return ",".join(parts)
