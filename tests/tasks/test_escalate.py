from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.escalation import Escalation
from shared.domain.matrix import Severity
from shared.domain.owed import Finished, Later
from shared.domain.reasons import Reason
from shared.domain.response import Heard, Outcome, Response, Task, Word
from shared.domain.services import Catalogue, Mode, Service
from shared.domain.signals import Reading, Signal
from shared.errors import PermanentError, TemporaryError
from shared.messages.wording import Wording
from shared.ports import Versioned
from shared.tasks.escalate import LOOK_AGAIN, Escalate
from tests.domain.examples import CHECKOUT, NOW, a_decision, a_response, a_service
from tests.fakes.caller import FakeCaller
from tests.fakes.records import FakeRecords
from tests.fakes.signals import FakeSignals, Told
from tests.fakes.workloads import FakeWorkloads

PATHS = {"payments": {"on_call": True, "team_lead": True, "platform": True, "cto": False}}
LATER = NOW + timedelta(minutes=31)
WELL = {
    Signal.ERROR_RATE: 0.0,
    Signal.HTTP_5XX_PER_MINUTE: 0.0,
    Signal.LATENCY_P95: 0.1,
    Signal.MEMORY_USAGE: 0.3,
    Signal.CPU_USAGE: 0.3,
}
FAILED = a_response(phase=Outcome.FAILED.value, ended_at=NOW, reason=Reason.ROLLOUT_FAILED, team="payments")
LIVE = a_response(team="payments")


class Desk:
    """An `Escalate` between fakes."""

    def __init__(self, *services: Service) -> None:
        known = services or (a_service(team="payments", customer_facing=True),)
        catalogue = Catalogue("prod", known, a_service(name="", mode=Mode.OBSERVE), ("production",))
        self.records = FakeRecords()
        self.workloads = FakeWorkloads("prod", now=lambda: NOW)
        self.readings: dict[Signal, float] = {**WELL, Signal.ERROR_RATE: 0.25}
        self.caller = FakeCaller()
        self.kind = Escalate(
            records=self.records,
            workloads=self.workloads,
            signals=FakeSignals(
                lambda at: Told(
                    {s: Reading.number(v) for s, v in self.readings.items()}, Reading.number(600.0)
                )
            ),
            escalation=Escalation(catalogue, PATHS),
            caller=self.caller,
            word=Wording({"console": "https://backout.example.com/{response_id}"}).word,
        )

    def run(self, level: str, response: Response, code: str = "ended", **fields: Any) -> Finished | Later:
        return self.kind.run(a_task(level, code, **fields), response, LATER)

    def store(self, task: Task) -> None:
        assert self.records.put_task(Versioned(task, 0))


def a_task(level: str, code: str = "ended", *, number: int = 9, **fields: Any) -> Task:
    task = Task(
        response_id=LIVE.id,
        name=f"escalate#{number:06d}#{level}",
        kind="escalate",
        due_at=NOW,
        facts={"code": code, "level": level},
        attempts=1,
    )
    return replace(task, **fields)


def the_result(result: Finished | Later) -> str:
    assert isinstance(result, Finished)
    return result.result


class TestACall:
    def test_says_who_is_needed_and_why_to_the_team_s_level(self) -> None:
        desk = Desk()

        result = desk.run("team_lead", FAILED)

        [(level, message)] = desk.caller.calls
        assert level == "team_lead"
        assert message.title == (
            "checkout: team lead, you are needed: failed. "
            "The rollout of the restored revision passed its progress deadline."
        )
        assert (message.team, message.response_id) == ("payments", FAILED.id)
        assert message.links == {"console": f"https://backout.example.com/{FAILED.id}"}
        assert result == Finished(f"called: {message.title}", "call-1")

    def test_has_one_key_for_all_attempts_and_tells_the_caller_of_an_earlier_one(self) -> None:
        desk = Desk()
        desk.caller.errors = [TemporaryError("nobody answers")]
        with pytest.raises(TemporaryError):
            desk.run("team_lead", FAILED)
        desk.run("team_lead", FAILED, attempts=2)

        assert desk.caller.again == [False, True]
        assert desk.caller.calls[0][1].key == f"{FAILED.id}/escalate/team_lead"

    @pytest.mark.parametrize(
        ("code", "why"),
        [
            ("asked", "a rollback waits for an answer. Several workloads"),
            ("holding", "it rolls back soon unless someone says no"),
            ("alerts_again", "it is still alerting after the rollback"),
        ],
    )
    def test_of_the_on_call_engineer_says_what_is_expected(self, code: str, why: str) -> None:
        desk = Desk()

        desk.run("on_call", replace(LIVE, asks=(Reason.STORM,)), code)

        assert desk.caller.calls[0][1].title.startswith(f"checkout: on-call engineer, you are needed: {why}")

    def test_is_not_made_when_somebody_is_on_it(self) -> None:
        desk = Desk()
        words = Heard(words=(Word("acknowledge", "alice", NOW),))

        result = desk.run("team_lead", replace(FAILED, heard=words))

        assert the_result(result) == "not called: alice said acknowledge"
        assert desk.caller.calls == []

    def test_of_a_team_that_is_known_only_by_the_configuration_goes_to_it(self) -> None:
        desk = Desk()

        desk.run("platform", replace(FAILED, team="", reason=Reason.CLUSTER_UNREACHABLE))

        assert desk.caller.calls[0][1].team == "payments"


class TestEachLevelOnce:
    def test_a_level_that_was_called_is_not_called_for_a_later_event(self) -> None:
        desk = Desk()
        desk.store(a_task("on_call", "asked", number=5, due_at=None, receipt="call-1", result="called: x"))

        result = desk.run("on_call", FAILED)

        assert the_result(result) == "not called: escalate#000005#on_call is the call of this level"

    def test_nor_one_that_is_being_called(self) -> None:
        desk = Desk()
        desk.store(a_task("on_call", "asked", number=5, attempts=2, result="attempt 2: nobody answers"))

        desk.run("on_call", FAILED)

        assert desk.caller.calls == []

    def test_a_call_that_was_given_up_leaves_the_level_to_the_next_event(self) -> None:
        desk = Desk()
        desk.store(a_task("on_call", "asked", number=5, due_at=None, result="given up: no such user"))

        desk.run("on_call", FAILED)

        assert desk.caller.levels == ["on_call"]

    def test_the_other_levels_are_their_own(self) -> None:
        desk = Desk()
        desk.store(a_task("on_call", "ended", number=9, due_at=None, receipt="call-1"))

        desk.run("team_lead", FAILED)

        assert desk.caller.levels == ["team_lead"]


class TestTheLastLevel:
    @pytest.mark.parametrize("response", [LIVE, FAILED], ids=["live", "failed"])
    def test_is_called_while_a_customer_facing_p0_is_open(self, response: Response) -> None:
        desk = Desk()

        desk.run("cto", response, "accepted")

        [(level, message)] = desk.caller.calls
        assert level == "cto"
        assert message.title.endswith("CTO, you are needed: a customer-facing P0 has been open for 31 min")

    def test_is_called_though_somebody_is_on_it(self) -> None:
        desk = Desk()

        desk.run("cto", replace(LIVE, heard=Heard(words=(Word("abort", "alice", NOW),))), "accepted")

        assert desk.caller.levels == ["cto"]

    def test_is_looked_at_again_while_a_live_response_may_still_become_a_p0(self) -> None:
        p1 = replace(LIVE, decision=replace(a_decision(), severity=Severity.P1))

        assert Desk().run("cto", p1, "accepted") == Later(LATER + LOOK_AGAIN)
        ended = replace(FAILED, decision=p1.decision)
        assert the_result(Desk().run("cto", ended, "accepted")) == "not called: it is no P0"

    def test_is_not_called_for_what_customers_do_not_notice(self) -> None:
        desk = Desk(a_service(team="payments", customer_facing=False))

        result = desk.run("cto", FAILED, "accepted")

        assert the_result(result) == "not called: the service is not customer-facing"

    def test_is_not_called_once_the_service_is_well_though_the_response_failed(self) -> None:
        desk = Desk()
        desk.readings = WELL

        result = desk.run("cto", FAILED, "accepted")

        assert the_result(result) == "not called: the signals are below their thresholds"

    def test_is_called_when_it_cannot_be_told_that_the_service_is_well(self) -> None:
        desk = Desk()
        desk.readings = {}
        desk.run("cto", FAILED, "accepted")

        broken = Heard(carried={Signal.CRITICAL_FUNCTION_BROKEN: Reading.number(1.0)})
        desk.readings = WELL
        desk.run("cto", replace(FAILED, heard=broken), "accepted")

        assert desk.caller.levels == ["cto", "cto"]

    @pytest.mark.parametrize(("facing", "called"), [("true", ["cto"]), ("false", [])])
    def test_asks_the_workload_s_annotation_where_there_is_no_entry(
        self, facing: str, called: list[str]
    ) -> None:
        desk = Desk(a_service(name="other", workload=replace(CHECKOUT, name="other")))
        desk.workloads.deploy(CHECKOUT, "shop:1.9")
        desk.workloads.annotate(CHECKOUT, {"backout.dev/mode": "auto", "backout.dev/customer-facing": facing})

        desk.run("cto", LIVE, "accepted")

        assert desk.caller.levels == called

    def test_gives_up_on_an_annotation_that_is_not_allowed(self) -> None:
        desk = Desk(a_service(name="other", workload=replace(CHECKOUT, name="other")))
        desk.workloads.deploy(CHECKOUT, "shop:1.9")
        desk.workloads.annotate(CHECKOUT, {"backout.dev/mode": "sometimes"})

        with pytest.raises(PermanentError, match="annotation"):
            desk.run("cto", LIVE, "accepted")
