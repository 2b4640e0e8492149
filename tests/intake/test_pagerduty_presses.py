import json
from pathlib import Path
from typing import Any

import pytest

from shared.errors import InvalidRequest
from shared.intake import pagerduty_presses
from shared.intake.pagerduty_presses import Press

EVENTS = Path(__file__).resolve().parents[1] / "events" / "pagerduty"
CUSTOM = json.loads((EVENTS / "v2-incident.custom.json").read_text())
WORKFLOW = json.loads((EVENTS / "workflow-post.json").read_text())


def parse(body: object) -> tuple[Press, ...]:
    return pagerduty_presses.parse(json.dumps(body).encode())


def custom(**changed: Any) -> dict[str, Any]:
    return {"messages": [{**CUSTOM["messages"][0], **changed}]}


def test_a_custom_incident_action_tells_who_pressed_it_on_what() -> None:
    [press] = parse(CUSTOM)

    assert press == Press(
        id="b7bea9e0-1d4c-11ee-be56-0242ac120002",
        incident_id="Q2CKYRLH85UNN4",
        service_id="PNE3JZM",
        by="PVE0ZR9",
        name="Ben",
    )


def test_several_messages_are_several_presses() -> None:
    assert len(parse({"messages": CUSTOM["messages"] * 2})) == 2


def test_another_event_is_no_press() -> None:
    assert parse(custom(event="incident.trigger", incident="of any shape")) == ()


@pytest.mark.parametrize(
    "entries",
    [None, [], [{"type": "annotate_log_entry", "agent": {"id": "P1"}}], [{"type": "custom_log_entry"}]],
)
def test_a_press_by_nobody_known_is_still_one(entries: object) -> None:
    [press] = parse(custom(log_entries=entries))

    assert press.by == ""


def test_a_workflow_tells_incident_service_and_person() -> None:
    assert parse(WORKFLOW) == (Press("", "Q2CKYRLH85UNN4", "PNE3JZM", "Ben"),)


def test_a_workflow_may_tell_an_id_and_a_reason() -> None:
    [press] = parse({"incident": {"id": "Q2CKYRLH85UNN4"}, "id": "run-7", "reason": " bad deploy "})

    assert (press.id, press.service_id, press.by, press.reason) == ("run-7", "", "", "bad deploy")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"incident": {}},
        {"incident": {"id": "{{incident.id}}"}},
        {"incident": {"id": "a/b"}},
        {"incident": {"id": "Q1"}, "by": "x" * 201},
        custom(incident=None),
        {"messages": "none"},
    ],
)
def test_what_names_no_incident_is_told_what_is_expected(body: object) -> None:
    with pytest.raises(InvalidRequest, match=r"incident\.custom"):
        parse(body)
