"""What was said of a service since a rollback is counted; silence passes only where customers speak."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.alerts import AlertDigest
from shared.domain.complaints import MOST_LINKS, Complaint, Listened, answer, evidence
from shared.domain.evidence import Evidence, Standing
from shared.domain.response import Heard, Response, Word
from tests.domain.examples import NOW, a_response


def found(heard: Listened, response: Response | None = None) -> Evidence:
    return evidence([heard], response or a_response(), since=NOW)


def test_silence_where_customers_speak_passes_and_elsewhere_proves_nothing() -> None:
    support = Listened("message", "Slack C0SUPPORT", of_customers=True)

    assert found(support).standing is Standing.PASS
    assert found(support).said == f"no message in Slack C0SUPPORT since {NOW:%H:%M:%S}Z"
    assert found(Listened("incident", "PagerDuty")).standing is Standing.ASKED
    both = evidence([support, Listened("incident", "PagerDuty")], a_response(), since=NOW)
    assert both.standing is Standing.PASS
    assert "; no incident in PagerDuty" in both.said


def test_messages_are_counted_with_links_and_left_to_a_person() -> None:
    said = tuple(Complaint(NOW + timedelta(seconds=n), f"https://chat/{n}") for n in range(7))

    told = found(Listened("message", "Slack C0SUPPORT", said, of_customers=True, more=True))

    assert told.standing is Standing.ASKED
    assert told.said.startswith("more than 7 messages in Slack C0SUPPORT")
    assert len(told.details) == MOST_LINKS
    assert told.details[0] == f"{NOW:%H:%M:%S}Z https://chat/0"


@pytest.mark.parametrize(("is_open", "standing"), [(True, Standing.FAIL), (False, Standing.ASKED)])
def test_an_incident_of_others_fails_while_it_is_open(is_open: bool, standing: Standing) -> None:
    incident = Complaint(NOW, id="Q1", key="am-1", open=is_open)

    assert found(Listened("incident", "PagerDuty", (incident,))).standing is standing


def test_incidents_that_the_response_knows_or_has_opened_are_none_of_others() -> None:
    alert = AlertDigest(f"Q2/{NOW.isoformat()}", "High", "pagerduty", NOW, True)
    response = replace(a_response(), heard=Heard((alert,), 1, references={"pagerduty": "Q1"}))
    ours = (
        Complaint(NOW, id="Q1", open=True),
        Complaint(NOW, id="Q2", open=True),
        Complaint(NOW, id="Q3", key=f"backout-{response.id}", open=True),
    )

    assert found(Listened("incident", "PagerDuty", ours), response).said.startswith("no incident")


def test_of_what_people_have_said_the_newest_counts() -> None:
    some, none = Word("complaints", "alice", NOW), Word("no-complaints", "bob", NOW)

    assert answer(a_response()) is None
    assert answer(a_response(heard=Heard(words=(none, some)))) == some
    assert answer(a_response(heard=Heard(words=(some, none)))) == none
