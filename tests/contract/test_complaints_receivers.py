"""The contract of complaints with Slack and PagerDuty, on their stand-ins, and what only those can show."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sandbox.receivers import PagerDuty, Slack
from sandbox.receivers.pagerduty import TOKEN as PAGERDUTY_TOKEN
from sandbox.receivers.slack import TOKEN as SLACK_TOKEN
from shared.adapters.pagerduty.listening import PagerDutyComplaints
from shared.adapters.slack.listening import SlackComplaints
from shared.errors import PermanentError, TemporaryError
from tests.contract.complaints import SERVICE, ComplaintsContract, ComplaintsWorld
from tests.sandbox.receivers.hands import WEB, HandClock

CHANNEL = "C0SUPPORT"


class ReceiverWorld(ComplaintsWorld):
    def __init__(self, clock: HandClock) -> None:
        self.clock = clock

    def pass_time(self, seconds: float) -> datetime:
        self.clock.now += seconds
        return datetime.fromtimestamp(self.clock.now, UTC)


class SlackWorld(ReceiverWorld):
    of_customers = True

    def __init__(self, slack: Slack, clock: HandClock) -> None:
        super().__init__(clock)
        self.slack = slack
        self.place = self.connect()

    def connect(self, token: str = SLACK_TOKEN, channel: str = CHANNEL) -> SlackComplaints:
        return SlackComplaints(token, self.slack.api_url, {SERVICE.team: channel}, "")

    def complain(self) -> datetime:
        self.slack.say(CHANNEL, "U01ALICE", "a customer cannot pay")
        return self.pass_time(0).replace(microsecond=0)


class PagerDutyWorld(ReceiverWorld):
    of_customers = False

    def __init__(self, pagerduty: PagerDuty, clock: HandClock) -> None:
        super().__init__(clock)
        self.pagerduty = pagerduty
        self.place = self.connect()

    def connect(self, token: str = PAGERDUTY_TOKEN) -> PagerDutyComplaints:
        return PagerDutyComplaints(self.pagerduty.url, token)

    def resolve(self, incident: str) -> None:
        headers = {
            "Authorization": f"Token token={PAGERDUTY_TOKEN}",
            "Accept": "application/vnd.pagerduty+json;version=2",
            "From": "bot@example.com",
        }
        change = {"incident": {"type": "incident_reference", "status": "resolved"}}
        url = f"{self.pagerduty.url}/incidents/{incident}"
        WEB.put(url, json=change, headers=headers).raise_for_status()

    def complain(self) -> datetime:
        self.pagerduty.open_incident(title="cannot pay", service=SERVICE.pagerduty_service)
        return self.pass_time(0).replace(microsecond=0)


class TestSlack(ComplaintsContract):
    @pytest.fixture
    def world(self) -> Iterator[SlackWorld]:
        clock = HandClock()
        with Slack(channels={CHANNEL: "support", "C0ALL": "all"}, clock=clock, burst=1000) as slack:
            yield SlackWorld(slack, clock)

    def test_what_people_write_is_counted_and_not_what_apps_and_slack_itself_do(
        self, world: SlackWorld
    ) -> None:
        since = world.pass_time(-1)
        world.pass_time(1)
        slack = world.slack
        slack.say(CHANNEL, "U02BOB", "", subtype="channel_join")
        slack.say(CHANNEL, "U02BOB", "see the picture", subtype="file_share")
        slack.say("C0ALL", "U02BOB", "elsewhere")
        WEB.post(
            f"{slack.api_url}chat.postMessage",
            json={"channel": CHANNEL, "text": "rolled back"},
            headers={"Authorization": f"Bearer {SLACK_TOKEN}"},
        ).raise_for_status()

        heard = world.place.listen(SERVICE, since=since)

        assert heard is not None
        [complaint] = heard.complaints
        ts = next(each.ts for each in slack.messages if each.subtype == "file_share")
        assert complaint.url == f"https://sandbox.slack.com/archives/{CHANNEL}/p{ts.replace('.', '')}"

    def test_a_busy_channel_is_read_by_the_page_and_not_for_ever(self, world: SlackWorld) -> None:
        since = world.pass_time(-1)
        world.pass_time(1)
        for _ in range(1001):
            world.slack.say(CHANNEL, "U01ALICE", "help")

        heard = world.place.listen(SERVICE, since=since)

        assert heard is not None
        assert (len(heard.complaints), heard.more) == (1000, True)

    def test_the_channel_for_all_is_listened_in_where_a_team_has_none(self, world: SlackWorld) -> None:
        everyones = SlackComplaints(SLACK_TOKEN, world.slack.api_url, {}, "C0ALL")
        nobodys = SlackComplaints(SLACK_TOKEN, world.slack.api_url, {"other": CHANNEL}, "")

        heard = everyones.listen(SERVICE, since=world.pass_time(0))

        assert heard is not None
        assert heard.place == "Slack C0ALL"
        assert nobodys.listen(SERVICE, since=world.pass_time(0)) is None

    def test_a_channel_that_is_none_says_what_to_mend(self, world: SlackWorld) -> None:
        with pytest.raises(PermanentError, match="check the channel's id"):
            world.connect(channel="C0NONE").listen(SERVICE, since=world.pass_time(0))

    def test_a_token_that_is_refused_is_not_shown(self, world: SlackWorld) -> None:
        with pytest.raises(PermanentError) as refused:
            world.connect(token="xoxb-guessed").listen(SERVICE, since=world.pass_time(0))

        assert "xoxb-guessed" not in str(refused.value)

    def test_slack_that_is_away_is_asked_again_later(self, world: SlackWorld) -> None:
        world.slack.fail(status=429, retry_after=7)

        with pytest.raises(TemporaryError) as away:
            world.place.listen(SERVICE, since=world.pass_time(0))

        assert away.value.retry_after == 7


class TestPagerDuty(ComplaintsContract):
    @pytest.fixture
    def world(self) -> Iterator[PagerDutyWorld]:
        clock = HandClock()
        with PagerDuty(clock=clock) as pagerduty:
            yield PagerDutyWorld(pagerduty, clock)

    def test_an_incident_is_told_with_its_id_its_key_and_whether_it_is_open(
        self, world: PagerDutyWorld
    ) -> None:
        since = world.pass_time(0)
        world.complain()
        world.complain()
        first, second = world.pagerduty.incidents.values()
        world.resolve(first.id)
        world.pagerduty.open_incident(title="another service", service="POTHER1")

        heard = world.place.listen(SERVICE, since=since)

        assert heard is not None
        assert [(c.id, c.key, c.open) for c in heard.complaints] == [
            (first.id, first.key, False),
            (second.id, second.key, True),
        ]

    def test_a_service_that_pagerduty_has_not_is_not_asked_for(self, world: PagerDutyWorld) -> None:
        unknown = replace(SERVICE, pagerduty_service="")

        assert world.place.listen(unknown, since=world.pass_time(0)) is None
        assert world.pagerduty.received == []

    def test_a_token_that_is_refused_is_not_shown(self, world: PagerDutyWorld) -> None:
        with pytest.raises(PermanentError) as refused:
            world.connect("guessed-token").listen(SERVICE, since=world.pass_time(0))

        assert "guessed-token" not in str(refused.value)

    def test_pagerduty_that_is_away_is_asked_again_later(self, world: PagerDutyWorld) -> None:
        world.pagerduty.fail(status=503)

        with pytest.raises(TemporaryError):
            world.place.listen(SERVICE, since=world.pass_time(0))
