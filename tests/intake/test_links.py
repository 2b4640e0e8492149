import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.intake import links
from shared.intake.links import Link, make_link, signed, verified

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LINK = Link("r-1", "t9>t8", "anna", AT, "approve")


def test_a_link_leads_to_a_token_that_says_what_it_was_made_of() -> None:
    link = make_link(
        "https://backout.example.com/", "key", "r-1", question="t9>t8", to="anna", expires_at=AT, verb="abort"
    )

    base, _, token = link.rpartition("/")
    assert base == "https://backout.example.com/decide"
    assert verified(token, "key") == Link("r-1", "t9>t8", "anna", AT, "abort")


def test_a_token_holds_its_claims_in_the_open_and_no_secret() -> None:
    text, _, signature = signed(LINK, "key").partition(".")

    claims = json.loads(base64.urlsafe_b64decode(text + "=="))
    assert claims == {
        "response": "r-1",
        "verb": "approve",
        "question": "t9>t8",
        "to": "anna",
        "expires": 1772452800,
    }
    assert len(signature) == 64


@given(to=st.text(max_size=50), question=st.text(max_size=80))
def test_whatever_is_signed_is_read_again(to: str, question: str) -> None:
    link = Link("r-1", question.encode(errors="replace").decode(), to.encode(errors="replace").decode(), AT)

    assert verified(signed(link, "key"), "key") == link


@given(place=st.integers(0, len(signed(LINK, "key")) - 1), letter=st.characters())
def test_a_token_with_any_letter_changed_is_none(place: int, letter: str) -> None:
    token = signed(LINK, "key")
    changed = token[:place] + letter + token[place + 1 :]

    assert (verified(changed, "key") is None) == (changed != token)


@pytest.mark.parametrize("token", ["", ".", "x", "a.b.c", "é.é", "\udc80.\udc80", "x" * 5000])
def test_nonsense_is_none(token: str) -> None:
    assert verified(token, "key") is None


def test_another_secret_and_no_secret_verify_nothing() -> None:
    assert verified(signed(LINK, "key"), "other") is None
    assert verified(signed(LINK, ""), "") is None


@pytest.mark.parametrize("claims", [b"no json", b"{}", b'{"response": 1}'])
def test_what_is_signed_and_is_no_link_is_none(claims: bytes) -> None:
    text = base64.urlsafe_b64encode(claims).rstrip(b"=")

    assert verified(f"{text.decode()}.{links._signature(text, 'key')}", "key") is None


def test_a_link_without_a_verb_gives_either_answer_and_no_other() -> None:
    either = Link("r-1", "q", "anna", AT)

    assert [either.allows(verb) for verb in ("approve", "abort", "freeze", "")] == [True, True, False, False]
    assert [LINK.allows(verb) for verb in ("approve", "abort")] == [True, False]
