from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from cli import telling
from shared.domain.changes import Scalar
from shared.domain.response import Event

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def said(
    code: str, facts: Mapping[str, Scalar] | None = None, *, phase: str = "assess", by: str = "backout"
) -> str:
    return telling.sentence(Event(1, 0, NOW, phase, code, by, facts or {}))


@pytest.mark.parametrize("code", sorted(telling._WORDS))
@pytest.mark.parametrize("phase", ["assess", "hold", "stabilise"])
def test_every_event_is_told_whatever_facts_it_has(code: str, phase: str) -> None:
    assert said(code, phase=phase)


def test_an_event_of_a_newer_server_is_told_by_its_code_and_facts() -> None:
    assert said("paged", {"level": 2}) == "paged level=2"


@pytest.mark.parametrize(
    ("code", "facts", "words"),
    [
        (
            "assessed",
            {"action": "rollback_now", "error_rate": 0.25, "revision": 2},
            ["roll back now", "25 %"],
        ),
        ("assessed", {"latency_p95": 0.35}, ["350 ms"]),
        (
            "assessed",
            {"to_revision": 1, "to_image": "v1", "to_because": "healthy"},
            ["back to revision 1 (v1)"],
        ),
        ("rolled_back", {"to_revision": 1, "to_image": "v1"}, ["rolled back to revision 1 (v1)"]),
        ("delayed", {"reason": "freeze", "detail": "global, by alice"}, ["A freeze is in force.", "alice"]),
        (
            "asked",
            {"asks": "storm", "expires_at": "2026-03-02T12:15:00+00:00"},
            ["until 12:15:00Z", "Several"],
        ),
        ("holding", {"until": "2026-03-02T12:03:00+00:00"}, ["12:03:00Z"]),
        ("scaled", {"before": 2, "after": 3, "autoscaler": ""}, ["from 2 to 3"]),
        ("verified", {"ready": "3/3", "image": "v1", "health": "2 answered"}, ["3/3 pods", "2 answered"]),
        ("ended", {"outcome": "completed", "reason": "held"}, ["completed: The service held its targets"]),
        ("ended", {"outcome": "failed", "reason": "of_a_newer_server"}, ["failed: of_a_newer_server"]),
    ],
)
def test_an_event_tells_its_facts(code: str, facts: Mapping[str, Scalar], words: list[str]) -> None:
    sentence = said(code, facts)

    assert all(word in sentence for word in words), sentence


@pytest.mark.parametrize(("count", "words"), [(1, "1 alert, 0 firing"), (2, "2 alerts, 0 firing")])
def test_alerts_that_join_are_counted(count: int, words: str) -> None:
    assert words in said("joined", {"alerts": count, "firing": 0})


def test_an_order_is_accepted_whatever_the_matrix_says() -> None:
    told = said("accepted", {"action": "none", "source": "invoke"}, by="alice")

    assert told == "accepted from alice: an order"


def test_an_order_that_joins_is_no_alert() -> None:
    assert said("joined", {"alerts": 0, "firing": 0}, by="alice") == "joined by alice: an order"


def test_a_persons_word_names_the_person() -> None:
    assert said("abort", {"reason": "it is the database"}, by="alice") == "alice says no; it is the database"


@pytest.mark.parametrize(
    ("signal", "value", "words"),
    [
        ("error_rate", 0.125, "12.5 %"),
        ("latency_p95", 6.2, "6.2 s"),
        ("http_5xx_per_minute", 120.0, "120/min"),
        ("critical_function_broken", 1.0, "yes"),
        ("error_rate", "idle", "idle"),
        ("latency_regression", 2.2e-16, "0 %"),
    ],
)
def test_a_reading_is_written_as_people_do(signal: str, value: Scalar, words: str) -> None:
    assert telling.quantity(signal, value) == words
