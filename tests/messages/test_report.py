import re
from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from shared.domain.alerts import AlertDigest
from shared.domain.changes import Scalar
from shared.domain.owners import Suspension
from shared.domain.reasons import Reason
from shared.domain.response import Event, Heard, Order, Outcome, Response, Rolled, Task, Wanted, Word
from shared.domain.signals import Signal
from shared.messages.markdown import code, link, plain
from shared.messages.report import report
from tests.domain.examples import CHOICE, NOW, a_decision, a_response, numbers

NASTY = (
    "@channel `x` | <b> ](http://evil.example) #1 **b** \n## Title\n```mermaid \u202e ![i](x) www.e.example"
)
LINKS = {"dashboard": "https://grafana.example.com/d/{service}?r={response_id}"}


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def an_event(number: int, code: str, seconds: float, phase: str = "verify", **facts: Scalar) -> Event:
    return Event(number, number - 1, at(seconds), phase, code, "backout", facts)


EVENTS = [
    an_event(1, "accepted", 0, action="rollback_now", source="alertmanager"),
    an_event(2, "assessed", 1, error_rate=0.25),
    an_event(3, "asked", 1, "approve", asks="no_recent_rollout"),
    an_event(4, "owner_stopped", 40, owner="Argo CD argocd/shop"),
    an_event(5, "rolled_back", 41, to_revision=8),
    an_event(6, "verified", 60, ready="3/3", health="1 answered"),
    an_event(7, "held", 371, "stabilise", samples=20, bad=0, error_rate=0.0003, latency_p95=0.2),
    an_event(8, "ended", 372, "stabilise", outcome="completed", reason="held"),
]
TASKS = [
    Task("r", "tell#000008#slack", "tell", None, {"code": "ended", "channel": "slack"}, 1, "told: x"),
    Task(
        "r", "tell#000008#webhook", "tell", None, {"code": "ended", "channel": "webhook"}, 10, "given up: 503"
    ),
    Task("r", "escalate#8#on_call", "escalate", None, {"level": "on_call"}, 3, "given up: no user"),
]


def completed(**fields: object) -> Response:
    known: Mapping[str, object] = {
        "phase": Outcome.COMPLETED.value,
        "choice": CHOICE,
        "rolled": Rolled(at(41), by_us=True, completed_at=at(60)),
        "ended_at": at(372),
        "reason": Reason.HELD,
        "baseline": numbers({Signal.ERROR_RATE: 0.0004}),
        "heard": Heard(
            alerts=(
                AlertDigest("e", "HighErrorRate", "alertmanager", NOW, False, "", "http://prom.example/g"),
            ),
            alert_count=1,
            words=(Word("approve", "slack:U01 (alice)", at(30), "go"),),
        ),
    }
    return a_response(**{**known, **fields})


def told(response: Response | None = None, events: list[Event] = EVENTS, tasks: list[Task] = TASKS) -> str:
    return report(response or completed(), events, tasks, links=LINKS)


def section(text: str, name: str) -> str:
    found = re.search(rf"^## {re.escape(name)}\n\n(.*?)(?=\n\n## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def test_it_begins_with_service_outcome_and_severity() -> None:
    assert told().startswith("# checkout: rolled back, completed (P0)\n")


def test_it_says_in_two_sentences_what_happened() -> None:
    assert section(told(), "What happened") == (
        "On 2026-03-02 12:00:00Z 1 alert from alertmanager (HighErrorRate) came in for "
        "`production/deployment/checkout` in cluster prod: error rate 25 %. "
        "Backout went back from revision 9 to 8 after 41 s, "
        "and it ended `completed` after 6 min 12 s: The service held its targets over the watching time."
    )


def test_the_rows_that_matched_stand_with_reading_threshold_and_severity() -> None:
    assert "| error rate | 25 % | 10 % | P0 | `error_rate_high` |" in section(told(), "Why")


def test_changes_stand_in_order_of_time_with_what_is_still_stopped() -> None:
    text = told(completed(suspended=Suspension("Argo CD", "argocd", "shop", "{}")))
    changes = section(text, "What was changed").splitlines()

    assert [line[:12] for line in changes] == ["- 12:00:40Z ", "- 12:00:41Z "]
    assert "from revision 9 (`shop:1.9`) to revision 8 (`shop:1.8`)" in changes[1]
    assert "backout resume" in section(text, "Still stopped")


def test_what_was_filed_is_linked() -> None:
    url = "https://github.com/shop/incidents/issues"
    done = [
        Task("r", "report#8#github", "report", None, {"to": "github"}, 1, f"filed: {url}/1", "shop/x#1"),
        Task("r", "report#8#directory", "report", None, {"to": "directory"}, 1, "written: /reports/r.md"),
        Task("r", "follow_up#8#all", "follow_up", None, {}, 1, f"filed: {url}/2", "shop/x#2"),
        Task("r", "revert#8", "revert", None, {}, 1, "reverted: https://github.com/shop/x/commit/5e0"),
        Task("r", "tell#8#log", "tell", None, {}, 1, "filed: nothing"),
    ]
    links = section(told(tasks=done), "Links")
    assert f"- [report](<{url}/1>)" in links
    assert f"- [follow-ups](<{url}/2>)" in links
    assert "- [revert](<https://github.com/shop/x/commit/5e0>)" in links
    assert "/reports" not in links
    assert "nothing" not in links


def test_what_was_started_again_and_reverted_after_the_end_is_told_of_its_tasks() -> None:
    done = [
        Task(
            "r",
            "resume#4",
            "resume",
            None,
            {},
            1,
            "Argo CD argocd/shop runs again",
            "started",
            ended_at=at(900),
        ),
        Task(
            "r",
            "revert#8",
            "revert",
            None,
            {},
            1,
            "reverted: https://github.com/shop/c/1",
            "x",
            ended_at=at(400),
        ),
    ]
    text = told(completed(suspended=Suspension("Argo CD", "argocd", "shop", "{}")), tasks=done)

    assert section(text, "Still stopped") == ""
    assert "runs again" in section(text, "What was changed")
    assert "[revert](<https://github.com/shop/c/1>)" in section(text, "Links")


def a_task(kind: str, name: str, result: str, receipt: str = "", **facts: Scalar) -> Task:
    return Task("r", f"{kind}#{name}", kind, None, facts, 1, result, receipt, ended_at=at(400))


def test_what_is_switched_off_or_closed_to_deployments_is_listed_until_it_is_put_back() -> None:
    off = a_task("flag", "8#fast#off", "fast is off", "off", flag="fast")
    shut: dict[str, Scalar] = {"barrier": "argo_cd", "of": "5#argo_cd", "nth": 0}
    closed = a_task("gate", "5#argo_cd#000", "shop/checkout is closed", "closed shop/checkout", **shut)
    nothing = a_task(
        "gate", "5#github#000", "github: nothing there", "open", **{**shut, "barrier": "github", "of": "5#g"}
    )
    text = told(tasks=[off, closed, nothing])
    assert "fast is off" in section(text, "What was changed")
    assert "nothing there" not in text
    still = section(text, "Still stopped")
    assert "- Switched off: fast; put back by `backout restore-flags" in still
    assert "- Closed to deployments: shop/checkout at Argo CD; `backout ungate`" in still

    on = a_task("flag", "9#fast", "fast is on again", "on", flag="fast")
    opened = a_task("gate", "9#argo_cd#000", "x", "open shop/checkout", **{**shut, "of": "9#argo_cd"})
    assert section(told(tasks=[off, closed, on, opened]), "Still stopped") == ""


def test_what_was_refused_or_is_tried_in_vain_is_told() -> None:
    flag = a_task("flag", "8#fast", "not switched: fast: change control", flag="fast")
    gate = a_task("gate", "5#x#000", "to be tried again: no right", barrier="x", of="5#x", nth=0)
    told_of = section(told(tasks=[flag, gate]), "Given up")
    assert "change control" in told_of
    assert "no right" in told_of


def test_the_timeline_tells_the_story_without_a_colon_in_its_times() -> None:
    lines = section(told(), "Timeline").splitlines()

    assert lines[:3] == ["```mermaid", "timeline", "    +0 s : detected"]
    assert "    +1 s : decided : a person is asked" in lines
    assert lines[-3:] == ["    +6 min 11 s : held its targets", "    +6 min 12 s : ended completed", "```"]


def test_readings_are_charted_before_at_the_decision_and_after() -> None:
    [chart] = section(told(), "Readings").split("\n\n")

    assert 'x-axis ["before", "decision", "+6 min 11 s"]' in chart
    assert "bar [0.04, 25, 0.03]" in chart


def test_without_numbers_there_is_no_chart() -> None:
    text = told(completed(baseline={}), [event for event in EVENTS if event.code != "held"])

    assert "xychart" not in text


def test_words_stand_with_who_when_and_why() -> None:
    order = Order(Wanted.ROLLBACK, "ci", NOW, "bad deploy", "bob", override=("storm",))
    text = told(completed(order=order))

    assert "| 12:00:00Z | ci | ordered `rollback` | bob; bad deploy |" in section(text, "Who said what")
    assert "| 12:00:30Z | alice (Slack) | yes | go |" in section(text, "Who said what")
    assert "overridden by the order: storm" in section(text, "Guardrails that spoke")


def test_guardrails_stand_with_what_they_did_and_their_sentence() -> None:
    refused = a_response(phase=Outcome.REFUSED.value, ended_at=NOW, reason=Reason.SCHEMA)
    events = [
        an_event(1, "accepted", 0, delayed="freeze", detail="global, by alice: sale"),
        an_event(2, "ended", 9, "refused", reason="schema", detail="needs at least 42"),
    ]
    lines = section(told(refused, events, []), "Guardrails that spoke").splitlines()

    assert lines[0] == "- 12:00:00Z delayed: `freeze`, A freeze is in force. global, by alice: sale"
    assert lines[1].startswith("- 12:00:09Z refused: `schema`, The revision to go back to does not work")
    assert lines[1].endswith(" needs at least 42")


def test_the_checklist_ticks_what_passed_alone() -> None:
    lines = section(told(), "Verification checklist").splitlines()

    assert len(lines) == 8
    assert lines[2] == "- [x] Error rate below 0.1 %: **pass**, 0.03 %, 12:06:11Z"
    assert lines[4].startswith("- [ ] No customer complaints: **asked**")


def test_a_meeting_stands_with_its_time_and_where_none_is_planned_people_are_asked() -> None:
    facts: dict[str, Scalar] = {"at": "2026-03-03T09:00:00+00:00", "zone": "Europe/Berlin", "sequence": 0}
    sent = Task("r", "meet#000009#send", "meet", None, facts, receipt="invited")

    stands = section(told(tasks=[sent]), "Root cause analysis")
    assert stands == plain("The team is invited: Tue 3 Mar 2026, 10:00 CET")
    assert section(told(tasks=[]), "Root cause analysis").startswith("- [ ] Schedule the meeting")


def test_what_was_looked_at_after_the_end_is_told_with_links_and_examples() -> None:
    look = Task(
        "r",
        "check#000008#001",
        "check",
        None,
        {
            "complaints": "asked",
            "complaints_said": "1 message in Slack C0SUPPORT",
            "complaints_details": "12:01:00Z https://shop.slack.com/archives/C0SUPPORT/p1",
            "logs": "asked",
            "logs_said": "2 lines of 3 pods look like errors",
            "logs_details": "checkout-1: ERROR <b>a</b>\ncheckout-2: ERROR @channel",
        },
        ended_at=at(432),
    )
    text = told(tasks=[*TASKS, look])
    lines = section(text, "Verification checklist").splitlines()

    assert lines[4].endswith("**asked**, 1 message in Slack C0SUPPORT, 12:07:12Z")
    assert lines[5] == "  - [12:01:00Z](<https://shop.slack.com/archives/C0SUPPORT/p1>)"
    assert section(text, "Logs since the rollback").splitlines() == [
        "2 lines of 3 pods look like errors, 12:07:12Z.",
        "",
        "- checkout-1: ERROR \\<b\\>a\\</b\\>",
        "- checkout-2: ERROR @\u200bchannel",
    ]
    assert "Logs since the rollback" not in told()


def test_messages_and_calls_that_were_given_up_are_told() -> None:
    assert section(told(), "Given up").splitlines() == [
        "- message `ended` on webhook: given up: 503",
        "- call of on\\_call: given up: no user",
    ]


def test_links_are_the_configured_ones_and_the_alerts() -> None:
    assert section(told(), "Links").splitlines() == [
        "- [dashboard](<https://grafana.example.com/d/checkout?r=20260302-120000-0a1b2c3d>)",
        "- [alert HighErrorRate](<http://prom.example/g>)",
    ]


def test_of_a_response_that_lives_it_tells_what_is_known() -> None:
    text = told(a_response(phase="approve"), EVENTS[:3], [])

    assert text.startswith("# checkout: still in progress, in approve (P0)")
    assert "So far nothing was rolled back" in text
    assert section(text, "What was changed") == "- nothing"


def test_nothing_foreign_breaks_the_page_or_calls_anybody() -> None:
    nasty = AlertDigest("e", NASTY, "am", NOW, True, NASTY, "javascript:alert(1)")
    response = completed(
        service=NASTY,
        detail=NASTY,
        source=NASTY,
        suspended=Suspension(NASTY, NASTY, NASTY, "{}"),
        heard=Heard(
            alerts=(nasty,),
            alert_count=1,
            words=(Word("abort", NASTY, NOW, NASTY),),
            references={NASTY: NASTY},
        ),
        decision=a_decision({Signal.ERROR_RATE: 0.25}),
    )
    events = [*EVENTS, an_event(9, "delayed", 1, reason=NASTY, detail=NASTY), an_event(10, NASTY, 1)]
    events += [an_event(11, "evicted", 1, pods=NASTY), an_event(12, "verified", 2, ready=NASTY, health=NASTY)]
    tasks = [
        Task("r", NASTY, NASTY, None, {}, 1, f"given up: {NASTY}"),
        Task("r", "t", "tell", None, {"code": NASTY, "channel": NASTY}, 1, f"given up: {NASTY}"),
    ]

    text = told(response, events, tasks)

    assert not re.search(r"@(?!\u200b)", text)
    assert not re.search(r"(?<![\\#\n])#[0-9]", text)
    assert not re.search(r"(?<!\\)<b>", text)
    assert "![" not in text
    assert "](http://evil" not in text
    assert "\u202e" not in text
    assert "javascript:" not in text
    assert "## Title" not in text.splitlines()
    assert text.count("```") == 2 * text.count("```mermaid\n")
    for line in section(text, "Who said what").splitlines():
        assert len(re.findall(r"(?<!\\)\|", line)) == 5


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a\n\n# b", "a #\u200b b"),
        ("bob@example.com", "bob@\u200bexample.com"),
        ("see https://x.example", r"see https\://x.example"),
        ("a_b *c*", r"a\_b \*c\*"),
        ("x" * 600, "x" * 499 + "…"),
    ],
)
def test_plain_text_shows_as_it_is(given: str, shown: str) -> None:
    assert plain(given) == shown


def test_an_image_stands_in_a_code_span_and_nothing_else_does() -> None:
    assert code("r.example:5000/shop@sha256:0af") == "`r.example:5000/shop@sha256:0af`"
    assert code("shop`@all") == "shop\\`@\u200ball"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "//x", "", "http://[x"])
def test_an_address_that_is_none_of_the_web_is_no_link(url: str) -> None:
    assert link("name", url) == "name"


def test_an_address_cannot_end_its_link() -> None:
    assert link("a", "http://x/> [b](c)\n|") == "[a](<http://x/%3E%20[b](c)%0A%7C>)"
