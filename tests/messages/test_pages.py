import base64
import hashlib
import re
from dataclasses import replace
from datetime import UTC, timedelta

import pytest

from shared.domain.reasons import Reason
from shared.domain.response import Response, Word
from shared.domain.signals import Signal
from shared.messages import pages
from shared.messages.pages import Asked
from tests.domain.examples import CHOICE, NOW, a_decision, a_response

ASKING = a_response(phase="approve", choice=CHOICE, asks=(Reason.STORM,))
ASKED = Asked(to="anna", expires_at=NOW + timedelta(minutes=12), yes=True, no=True, zone=UTC)


def shown(response: Response = ASKING, asked: Asked = ASKED) -> str:
    return pages.question(response, asked, NOW)


def test_the_policy_lets_through_the_pages_own_style() -> None:
    for page in (shown(), pages.notice("Gone", "it is")):
        [style] = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in pages.POLICY


@pytest.mark.parametrize(
    ("image", "written"),
    [
        ("shop:1.9", "shop:<b>1.9</b>"),
        ("registry:5000/shop:v2", "registry:5000/shop:<b>v2</b>"),
        ("registry:5000/shop", "registry:5000/shop"),
        ("shop@sha256:00ff", "shop@<b>sha256:00ff</b>"),
        ("<b>", "&lt;b&gt;"),
    ],
)
def test_the_part_of_an_image_that_tells_versions_apart_stands_out(image: str, written: str) -> None:
    assert f'<span class="image">{written}</span>' in shown(
        replace(ASKING, choice=replace(CHOICE, from_image=image))
    )


@pytest.mark.parametrize(
    ("signal", "value", "said"),
    [
        (Signal.ERROR_RATE, 0.25, "25 %"),
        (Signal.LATENCY_P95, 7.5, "7.5 s"),
        (Signal.HTTP_5XX_PER_MINUTE, 900, "900/min"),
        (Signal.CRITICAL_FUNCTION_BROKEN, 1, "yes"),
    ],
)
def test_readings_are_written_as_people_write_them(signal: Signal, value: float, said: str) -> None:
    assert f"<b>{said}</b>" in shown(replace(ASKING, decision=a_decision({signal: value})))


def test_a_hold_says_that_silence_rolls_back_and_a_question_that_it_does_not() -> None:
    assert "If nobody answers, it is rolled back" in shown(replace(ASKING, phase="hold"))
    assert "If nobody answers in time, nothing is touched" in shown()


def test_without_a_choice_it_asks_for_capacity() -> None:
    page = shown(replace(ASKING, choice=None))

    assert "checkout: add capacity?" in page
    assert "Yes, add capacity" in page
    assert "roll back" not in page


@pytest.mark.parametrize(("yes", "no"), [(True, False), (False, True)])
def test_only_the_answers_that_the_link_can_give_have_a_button(yes: bool, no: bool) -> None:
    page = shown(asked=replace(ASKED, yes=yes, no=no))

    assert ('value="approve"' in page, 'value="abort"' in page) == (yes, no)


def test_no_key_but_a_button_sends_the_form() -> None:
    assert "<input" not in shown()


def test_a_used_question_names_who_answered_what_and_why() -> None:
    page = pages.used(ASKING, Word("abort", "alice", NOW, "<it> is the database"), UTC)

    assert "alice said no at 12:00 UTC. “&lt;it&gt; is the database”" in page
