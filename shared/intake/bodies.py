"""Bodies: their size, and JSON decoded into a type with errors that name the path."""

from typing import TypeVar

import msgspec

from shared.errors import InvalidRequest

MAX_BYTES = 5 * 1024 * 1024

T = TypeVar("T")


def check_size(size: int) -> None:
    """Raise InvalidRequest (413) for a body of more than 5 MiB; ask before reading it, where one can."""
    if size > MAX_BYTES:
        raise InvalidRequest(f"The body has {size} bytes; at most {MAX_BYTES} are read.", status=413)


def decoded(body: bytes, decoder: msgspec.json.Decoder[T], *, hint: str) -> T:
    """Decode a JSON body. Raises InvalidRequest: 400 if it is no JSON, 422 with the path if of another shape.

    `hint` is added to the 422's text. A body nested so deep that it exhausts the stack is a 400: no
    sender nests beyond ten.
    """
    check_size(len(body))
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{error}. {hint}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"The body is not JSON: {error}.", status=400) from error
    except RecursionError as error:
        raise InvalidRequest("The body is nested too deeply.", status=400) from error
