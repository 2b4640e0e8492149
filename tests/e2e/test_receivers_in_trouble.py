"""Every receiver in trouble, in each way: the rollback goes on, and what was owed arrives later, once.

All installations are played side by side, one for each kind of trouble and one without any.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import pytest

from sandbox.receivers.receiving import Receiver
from sandbox.receivers.slack_messages import SlackMessage
from shared.domain.response import Event, Outcome, Response, Task
from shared.ports import Message
from tests.e2e.installation import DEADLINE_SECONDS, Installation, Vendors, installed, until

SLOW_SECONDS = 30.0
DOWN, PAGE = "down", "a web page with 200"
CHANNELS = ("slack", "pagerduty", "pagerduty_changes", "github", "status_page", "webhook")

Break = Callable[[Receiver], None]

BREAKS: Mapping[str, Break] = {
    "slow": lambda receiver: receiver.slow(SLOW_SECONDS),
    "500": lambda receiver: receiver.fail(status=500),
    "429": lambda receiver: receiver.fail(status=429, retry_after=3),
    PAGE: lambda receiver: receiver.html(status=200),
    "a web page with 502": lambda receiver: receiver.html(status=502),
}
"""How a receiver is broken. The plain webhook takes a web page with 200 for an answer: Slack's own is one."""
TROUBLES = (*BREAKS, DOWN)

SAYS = {
    "slow": "no answer",
    "500": ("500", "internal_error"),
    "429": ("429", "ratelimited"),
    PAGE: ("web page", "no JSON", "cannot be read", "something else than its JSON"),
    "a web page with 502": "502",
    DOWN: "",
}
"""What the task of a channel in that trouble says of it: one of these texts."""


@dataclass(frozen=True)
class Played:
    """A response that has ended while every receiver was in trouble, and what was owed by then."""

    shop: Installation
    incident: str
    response: Response
    events: tuple[Event, ...]
    owed: tuple[Task, ...]
    """The tasks as they stood when the response ended and each first message had been tried."""

    def at(self, code: str) -> Event:
        return next(event for event in self.events if event.code == code)


@dataclass
class _Start:
    """An installation under way."""

    shop: Installation
    incident: str
    response_id: str
    mend: Callable[[], None]

    def first(self) -> list[Task]:
        """Return the first message of each channel that has one by now."""
        tasks = [self.shop.tells(self.response_id, channel) for channel in CHANNELS]
        return [min(each, key=lambda task: task.name) for each in tasks if each]

    def ended(self) -> Played:
        response = self.shop.ended(self.response_id)
        until(lambda: all(task.result for task in self.first()), "a first attempt has left no result")
        tasks, events = self.shop.tells(self.response_id), self.shop.records.events(self.response_id)
        return Played(self.shop, self.incident, response, tuple(events), tuple(tasks))


@pytest.fixture(scope="module")
def played() -> Iterator[Mapping[str, Played]]:
    """Play all; then mend every receiver and wait until nothing is owed any more."""
    with ExitStack() as running:
        starts = {name: running.enter_context(_started(name)) for name in ("none", *TROUBLES)}
        ended = {name: start.ended() for name, start in starts.items()}
        for start in starts.values():
            start.mend()
        for start in starts.values():
            start.shop.told(start.response_id)
        yield {name: replace(it, shop=starts[name].shop) for name, it in ended.items()}


@contextmanager
def _started(trouble: str) -> Iterator[_Start]:
    """Start one that is healthy, have PagerDuty open an incident, break every receiver, have it alert."""
    with ExitStack() as running:
        vendors = Vendors.made()
        for receiver in vendors.all.values():
            running.enter_context(receiver)
        shop = running.enter_context(installed(hold="1s", vendors=vendors))
        incident = vendors.pagerduty.open_incident(title="checkout: error rate above 5 %")
        if trouble in BREAKS:
            for receiver in vendors.all.values():
                BREAKS[trouble](receiver)
        if trouble == DOWN:
            for receiver in vendors.all.values():
                receiver.stop()
        reported = vendors.pagerduty.webhook("incident.triggered", incident.id, to=f"{shop.url}/pagerduty")
        assert reported.status_code == 202, reported.text
        response_id = shop.alerted()

        def mend() -> None:
            for receiver in vendors.all.values():
                receiver.mend()
            if trouble == DOWN:
                again = Vendors.made({name: _port(each) for name, each in vendors.all.items()})
                again.pagerduty.open_incident(title=incident.title, incident_id=incident.id)
                for receiver in again.all.values():
                    running.enter_context(receiver)
                start.shop = replace(shop, vendors=again)

        start = _Start(shop, incident.id, response_id, mend)
        yield start


def _port(receiver: Receiver) -> int:
    return int(receiver.url.rpartition(":")[2])


in_each_trouble = pytest.mark.parametrize("trouble", TROUBLES)


@in_each_trouble
def test_the_response_completes_without_waiting_for_any_receiver(
    played: Mapping[str, Played], trouble: str
) -> None:
    found = played[trouble]
    assert found.response.phase == Outcome.COMPLETED
    assert found.shop.rollbacks == 1
    assert [e.code for e in found.events] == [e.code for e in played["none"].events]
    took = found.at("ended").at - found.at("accepted").at
    assert took.total_seconds() < SLOW_SECONDS


@in_each_trouble
def test_it_was_rolled_back_before_any_message_was_delivered(
    played: Mapping[str, Played], trouble: str
) -> None:
    delivered = {str(t.facts["channel"]) for t in played[trouble].owed if t.result.startswith("told")}
    assert delivered == ({"webhook"} if trouble == PAGE else set())
    assert {task.facts["channel"] for task in played[trouble].owed} == set(CHANNELS)


@in_each_trouble
def test_the_tasks_say_how_often_each_channel_was_tried_and_what_was_wrong(
    played: Mapping[str, Played], trouble: str
) -> None:
    says = SAYS[trouble]
    for channel in CHANNELS[:-1] if trouble == PAGE else CHANNELS:
        first = min((t for t in played[trouble].owed if t.facts["channel"] == channel), key=lambda t: t.name)
        assert first.attempts >= 1, channel
        assert first.due_at is not None, f"{channel}: {first.result}"
        assert first.result.startswith("attempt "), channel
        assert any(word in first.result for word in ((says,) if isinstance(says, str) else says)), (
            first.result
        )


@in_each_trouble
def test_once_it_is_mended_every_message_arrives_once_and_in_order(
    played: Mapping[str, Played], trouble: str
) -> None:
    found, well = played[trouble], played["none"]
    response_id = found.response.id
    assert [t.result for t in found.shop.tells(response_id) if not t.result.startswith("told")] == []
    vendors, healthy = found.shop.vendors, well.shop.vendors
    assert once(message.text for message in vendors.slack.top_level) == 1
    assert once(key_of(message) for message in vendors.slack.messages) == len(healthy.slack.messages)
    assert once(note.text for note in vendors.pagerduty.notes) == len(healthy.pagerduty.notes)
    assert {note.incident for note in vendors.pagerduty.notes} == {found.incident}
    assert once(comment.body for comment in vendors.github.comments) == len(healthy.github.comments)
    [incident] = vendors.status.incidents
    assert [update.status for update in incident.updates] == ["identified", "monitoring", "resolved"]
    assert len(vendors.pagerduty.change_events) == 1


class Silent:
    """A channel that answers nobody until it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.waiting = 0

    def tell(self, message: Message, *, anchor: str = "", again: bool = False) -> str:
        self.waiting += 1
        assert self.let_go.wait(DEADLINE_SECONDS)
        return ""


def test_a_response_completes_while_every_channel_still_holds_on_to_its_first_message() -> None:
    silent = Silent()
    with installed(hold="1s", channel=silent) as shop:
        try:
            response_id = shop.alerted()
            until(lambda: silent.waiting, "no message was begun")
            assert shop.ended(response_id).phase == Outcome.COMPLETED
            assert shop.codes(response_id).index("holding") < shop.codes(response_id).index("rolled_back")
            assert [t for t in shop.tells(response_id) if t.ended_at] == []
        finally:
            silent.let_go.set()
        shop.told(response_id)


def once(each: Iterable[str]) -> int:
    """Check that nothing is there twice; return how many there are."""
    counted = Counter(each)
    assert set(counted.values()) == {1}, counted.most_common(3)
    return len(counted)


def key_of(message: SlackMessage) -> str:
    assert message.metadata is not None
    return str(message.metadata["event_payload"]["key"])
