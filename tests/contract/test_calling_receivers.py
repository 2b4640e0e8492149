"""The calls of the escalation path, taken by receivers that check them as PagerDuty and Slack would."""

from dataclasses import replace

import pytest

from sandbox.receivers import PagerDuty, Slack
from sandbox.receivers.pagerduty import TOKEN as PAGERDUTY_TOKEN
from sandbox.receivers.pagerduty_account import POLICIES, USER, USERS
from sandbox.receivers.pagerduty_events import ROUTING_KEY
from sandbox.receivers.slack import TOKEN as SLACK_TOKEN
from shared.adapters.calling import Address, Calling, PagerDutyCalling, SlackCalling
from shared.errors import PermanentError, TemporaryError
from shared.ports import Message

MESSAGE = Message(
    key="r-1/escalate/team_lead",
    title="checkout: team lead, you are needed: failed",
    lines=("error_rate_high: 0.25 (threshold 0.1, P0)",),
    response_id="r-1",
    severity="P0",
    links={"console": "https://backout.example.com/r-1"},
    service="checkout",
    team="payments",
)
LEAD = Address(mention="<@U01ALICE>", channel="C0DEFAULT")
SOMEBODY, POLICY = Address(pagerduty_user=USER), Address(pagerduty_policy=next(iter(POLICIES)))


def paging(receiver: PagerDuty, address: Address) -> Calling:
    pagerduty = PagerDutyCalling(
        receiver.url,
        PAGERDUTY_TOKEN,
        sender=USERS[USER],
        events_url=receiver.url,
        routing_key=ROUTING_KEY,
    )
    return Calling({("payments", "team_lead"): address}, pagerduty=pagerduty)


def mentioning(receiver: Slack, address: Address = LEAD) -> Calling:
    slack = SlackCalling(receiver.api_url, SLACK_TOKEN)
    return Calling({("payments", "team_lead"): address}, slack=slack)


@pytest.mark.parametrize("address", [SOMEBODY, POLICY], ids=["user", "policy"])
def test_pagerduty_takes_a_responder_request_on_the_incident(address: Address) -> None:
    with PagerDuty() as receiver:
        incident = receiver.open_incident(title="errors")
        message = replace(MESSAGE, references={"pagerduty": incident.id})
        assert paging(receiver, address).call("team_lead", message) == incident.id

        [request] = receiver.responder_requests
        assert (request.incident, request.by) == (incident.id, USERS[USER])
        assert request.text.startswith(MESSAGE.title)
        assert len(receiver.incidents) == 1


def test_pagerduty_refuses_whom_it_does_not_know_and_it_is_given_up() -> None:
    with PagerDuty() as receiver:
        incident = receiver.open_incident(title="errors")
        message = replace(MESSAGE, references={"pagerduty": incident.id})
        with pytest.raises(PermanentError, match="PagerDuty answered 400"):
            paging(receiver, Address(pagerduty_user="PNOBODY")).call("team_lead", message)


def test_pagerduty_opens_one_incident_however_often_the_event_comes() -> None:
    with PagerDuty() as receiver:
        caller = paging(receiver, SOMEBODY)
        caller.call("team_lead", MESSAGE)
        caller.call("team_lead", MESSAGE, again=True)

        [incident] = receiver.incidents.values()
        assert incident.title == MESSAGE.title


def test_slack_takes_one_mention_though_it_is_called_again() -> None:
    with Slack() as receiver:
        caller = mentioning(receiver)
        first = caller.call("team_lead", MESSAGE)
        again = caller.call("team_lead", MESSAGE, again=True)

        [message] = receiver.messages
        assert (first, again) == (f"C0DEFAULT/{message.ts}",) * 2
        assert message.text.startswith("<@U01ALICE> checkout: team lead, you are needed")


def test_slack_refuses_a_channel_that_it_does_not_have() -> None:
    with Slack() as receiver, pytest.raises(PermanentError, match="channel_not_found"):
        mentioning(receiver, replace(LEAD, channel="C0GONE")).call("team_lead", MESSAGE)


def test_slack_s_limit_is_honoured() -> None:
    with Slack(burst=1) as receiver:
        caller = mentioning(receiver)
        caller.call("team_lead", MESSAGE)
        with pytest.raises(TemporaryError) as caught:
            caller.call("team_lead", replace(MESSAGE, key="r-2/escalate/team_lead"))

    assert caught.value.retry_after >= 1
