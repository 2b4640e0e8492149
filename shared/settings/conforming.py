"""Conforming: a YAML document made into the schema's structs, with every problem told by its key's path.

msgspec stops at the first error and does not tell which key of a mapping it was in; who edits a
configuration wants all of them, each as ``services[2].timing.hold``. So containers are walked here, and
msgspec converts the scalars.
"""

import difflib
from collections.abc import Mapping, Sequence
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from shared.settings.durations import Seconds
from shared.settings.references import SecretRef

Problems = list[str]
"""What is wrong, each as ``path: what was found, what is allowed``."""

Node = Any
"""A node of a YAML document: a mapping, a list, a text or None."""

Form = Any
"""A type as it is annotated, unions and Literals too."""

_WORDS: Mapping[type, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
}


def conform(value: Node, wanted: Form, path: str, problems: Problems) -> Node:
    """Return `value` as the type `wanted`; None, and a line in `problems`, if it does not fit."""
    origin = _origin(wanted)
    if origin in (Union, UnionType):
        return _either(value, get_args(wanted), path, problems)
    if origin is dict:
        return _mapping(value, get_args(wanted)[1], path, problems)
    if origin is list:
        return _sequence(value, get_args(wanted)[0], path, problems)
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        return _struct(value, wanted, path, problems)
    return _scalar(value, wanted, path, problems)


def _struct(value: Node, wanted: type[msgspec.Struct], path: str, problems: Problems) -> Node:
    value = {} if value is None else value
    if not isinstance(value, dict):
        return _misfit(path, f"a mapping with the keys {', '.join(keys(wanted))}", value, problems)
    hints = get_type_hints(wanted)
    known = {f.encode_name: f for f in msgspec.structs.fields(wanted)}
    before = len(problems)
    problems += [f"{_at(path, key)}: {unknown(str(key), list(known))}" for key in value if key not in known]
    given = {}
    for key, field in known.items():
        if value.get(key) is not None:
            given[field.name] = conform(value[key], hints[field.name], _at(path, key), problems)
        elif field.required:
            problems.append(f"{_at(path, key)}: is missing")
    return wanted(**given) if len(problems) == before else None


def _mapping(value: Node, wanted: Form, path: str, problems: Problems) -> Node:
    if not isinstance(value, dict):
        return _misfit(path, "a mapping", value, problems)
    return {str(key): conform(item, wanted, _at(path, key), problems) for key, item in value.items()}


def _sequence(value: Node, wanted: Form, path: str, problems: Problems) -> Node:
    if not isinstance(value, list):
        return _misfit(path, "a list", value, problems)
    return [conform(item, wanted, f"{path}[{i}]", problems) for i, item in enumerate(value)]


def _either(value: Node, members: Sequence[Form], path: str, problems: Problems) -> Node:
    """Conform to the member of a union that has the value's shape: mapping, list or scalar."""
    if value is None and NoneType in members:
        return None
    members = [member for member in members if member is not NoneType]
    if len(members) == 1:
        return conform(value, members[0], path, problems)
    tried: Problems = []
    for member in (member for member in members if _shape(member) is type(value)):
        tried = []
        conformed = conform(value, member, path, tried)
        if not tried:
            return conformed
    if tried and (SecretRef in members or not isinstance(value, str)):
        problems += tried
        return None
    shapes = " or ".join(dict.fromkeys(_described(member) for member in members))
    return _misfit(path, shapes, value, problems)


def _shape(wanted: Form) -> type:
    origin: type = _origin(wanted)
    if origin in (dict, list):
        return origin
    return dict if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct) else str


def _described(wanted: Form) -> str:
    if _origin(wanted) is Literal:
        return ", ".join(map(str, get_args(wanted)))
    if wanted is SecretRef:
        return "a reference to a secret"
    shape = _shape(wanted)
    return "a mapping" if shape is dict else "a list" if shape is list else "a text"


def _scalar(value: Node, wanted: Form, path: str, problems: Problems) -> Node:
    if wanted in (Seconds, SecretRef):
        try:
            return wanted.parse(value)
        except ValueError as error:
            problems.append(f"{path}: {error}")
            return None
    if _origin(wanted) is Literal or issubclass(wanted, Enum):
        return _choice(value, wanted, path, problems)
    try:
        return msgspec.convert(value, wanted, strict=wanted is str)
    except msgspec.ValidationError:
        return _misfit(path, _WORDS[wanted], value, problems)


def _choice(value: Node, wanted: Form, path: str, problems: Problems) -> Node:
    allowed = get_args(wanted) or [member.value for member in wanted]
    if value not in allowed:
        return _misfit(path, f"one of {', '.join(allowed)}", value, problems)
    return value if get_args(wanted) else wanted(value)


def _misfit(path: str, wanted: str, value: Node, problems: Problems) -> None:
    found = {dict: "a mapping", list: "a list", NoneType: "nothing"}.get(type(value)) or repr(str(value)[:60])
    problems.append(f"{path}: expected {wanted}; found {found}")


def unknown(name: str, known: Sequence[str]) -> str:
    """Return the sentence for a name that is not known, with what is, the likeliest first."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"{name!r} is not known; {f'did you mean {near[0]}? ' if near else ''}known are {', '.join(known)}"


def _at(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _origin(form: Form) -> Form:
    return get_origin(form)


def keys(struct: type[msgspec.Struct]) -> list[str]:
    """Return the names of a struct's keys as they are written in the file."""
    return [field.encode_name for field in msgspec.structs.fields(struct)]
