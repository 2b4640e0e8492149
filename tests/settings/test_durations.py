import pytest

from shared.settings.durations import Seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("3m", 180),
        ("1h30m", 5400),
        ("500ms", 0.5),
        ("1.5h", 5400),
        ("2d", 172800),
        ("1w", 604800),
        ("90", 90),
        ("0.5", 0.5),
        ("0", 0),
    ],
)
def test_a_duration_is_read_as_prometheus_writes_it(text: str, seconds: float) -> None:
    assert Seconds.parse(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "m", "3x", "-3m", "3 m", "1h 30m", "nan", "inf", "1e3", "9" * 50, "9m" * 50, None, []]
)
def test_anything_else_is_none(text: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        Seconds.parse(text)
