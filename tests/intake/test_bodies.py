from typing import Any

import msgspec
import pytest

from shared.errors import InvalidRequest
from shared.intake import bodies

ANYTHING: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def test_a_body_of_exactly_5_mib_is_read_and_one_byte_more_is_not() -> None:
    bodies.check_size(5 * 1024 * 1024)

    with pytest.raises(InvalidRequest) as refused:
        bodies.check_size(5 * 1024 * 1024 + 1)
    assert refused.value.status == 413


@pytest.mark.parametrize(
    "body",
    [b"", b"not json", b'{"a":', b'"\xff"', b'"\\ud800"', b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000],
)
def test_what_is_no_json_or_nested_without_end_is_a_400(body: bytes) -> None:
    with pytest.raises(InvalidRequest) as refused:
        bodies.decoded(body, ANYTHING, hint="")
    assert refused.value.status == 400
