import base64

import pytest

from shared.intake.credentials import may_stand_open, who

ACCEPTED = {"alice": ("old-a", "new-a"), "ci": ("c1",)}


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Bearer old-a", "alice"),
        ("Bearer new-a", "alice"),
        ("bearer  c1 ", "ci"),
        ("Bearer c2", None),
        ("Bearer ", None),
        ("Bearer", None),
        ("Bearer \ud800", None),
        ("c1", None),
        ("", None),
        (None, None),
        (basic("anyone:c1"), None),
    ],
)
def test_a_bearer_token_tells_who_it_is(header: str | None, name: str | None) -> None:
    assert who(header, ACCEPTED) == name


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (basic("alertmanager:c1"), "ci"),
        (basic(":c1"), "ci"),
        (basic("alertmanager:c1:"), None),
        (basic("c1"), None),
        (basic("c1:"), None),
        ("Basic ???", None),
        ("Basic é", None),
        ("Bearer c1", "ci"),
    ],
)
def test_where_basic_is_taken_the_password_tells(header: str, name: str | None) -> None:
    assert who(header, ACCEPTED, basic=True) == name


def test_an_empty_secret_opens_nothing() -> None:
    assert who("Bearer ", {"ci": ("",)}) is None
    assert who("", {"ci": ("",)}) is None
    assert who("Bearer x", {}) is None


@pytest.mark.parametrize(
    ("remote", "bound_to", "forwarded", "allowed"),
    [
        ("127.0.0.1", "127.0.0.1", False, True),
        ("::1", "localhost", False, True),
        ("::ffff:127.0.0.1", "::1", False, True),
        ("127.0.0.1", "127.0.0.1", True, False),
        ("127.0.0.1", "0.0.0.0", False, False),
        ("10.0.0.7", "127.0.0.1", False, False),
        ("", "127.0.0.1", False, False),
        ("127.0.0.1.example.com", "127.0.0.1", False, False),
    ],
)
def test_an_open_door_is_open_on_loopback_only(
    remote: str, bound_to: str, *, forwarded: bool, allowed: bool
) -> None:
    assert may_stand_open(remote=remote, bound_to=bound_to, forwarded=forwarded) is allowed
