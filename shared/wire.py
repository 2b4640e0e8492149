"""The wire form of the project's own records: JSON, for the table and for HTTP answers.

A dataclass becomes an object of its fields, an enum its value, a datetime RFC 3339, a mapping's enum keys
their values. Fields that a reader does not know are passed over, so an older installation can read what a
newer one wrote as long as the fields that it does know keep their meaning.
"""

import threading
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_BUILDING = threading.Lock()
_DECODERS: dict[object, msgspec.json.Decoder[Any]] = {}


def decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """Return the decoder of a type, made once, by one thread at a time.

    msgspec learns the fields of a type when it first meets it. A thread that meets it while another is still
    learning reads memory that is not there yet, and the whole process dies. So all decoders are made here.
    """
    with _BUILDING:
        found = _DECODERS.get(kind)
        if found is None:
            found = _DECODERS[kind] = msgspec.json.Decoder(kind)
    return found


def encode(value: object) -> bytes:
    """Return the JSON of a record, UTF-8, its fields in the order of their declaration."""
    return msgspec.json.encode(value)


def decode(kind: type[T], raw: bytes | str) -> T:
    """Return the record that the JSON holds.

    Raises ValueError when it is not JSON or does not fit `kind`; the text names the path, like
    ``$.decision.rows[0].signal``.
    """
    try:
        return decoder(kind).decode(raw)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error


def convert(kind: type[T], value: object, *, strict: bool = True) -> T:
    """Return the value of a type that dicts, lists and scalars stand for. Raises msgspec.ValidationError."""
    decoder(kind)
    return msgspec.convert(value, kind, strict=strict)


def to_builtins(value: object) -> Any:  # noqa: ANN401 what it returns is JSON, of whatever shape
    """Return a record as dicts, tuples and scalars, as its JSON reads."""
    return msgspec.to_builtins(value, str_keys=True)
