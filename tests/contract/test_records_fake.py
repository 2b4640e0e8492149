from dataclasses import replace

import pytest

from shared.errors import PermanentError, TemporaryError
from shared.ports import Lost
from tests.contract.records import RecordsContract, an_event, following, opening
from tests.fakes.records import FakeRecords, Moment


class TestFakeRecords(RecordsContract):
    @pytest.fixture
    def records(self) -> FakeRecords:
        return FakeRecords()

    def test_it_can_fail_a_call_and_then_stores_nothing(self, records: FakeRecords) -> None:
        records.fail("commit", TemporaryError("throttled"))

        with pytest.raises(TemporaryError, match="throttled"):
            records.commit(opening())
        assert records.read(responses=["r1"]).states == {}
        assert records.commit(opening()) is None
        assert records.calls["commit"] == 2

    def test_it_can_store_a_commit_and_lose_the_answer(self, records: FakeRecords) -> None:
        def crash(name: str, moment: Moment) -> None:
            if (name, moment) == ("commit", Moment.AFTER):
                raise TemporaryError("timed out")

        records.on_call = crash

        with pytest.raises(TemporaryError, match="timed out"):
            records.commit(opening())
        assert records.read(responses=["r1"]).states == {"r1": opening().state}

    def test_it_can_let_someone_else_be_faster(self, records: FakeRecords) -> None:
        first = opening()
        records.commit(first)

        def overtake(name: str, moment: Moment) -> None:
            records.on_call = lambda name, moment: None
            records.commit(following(first, "join"))

        records.on_call = overtake

        assert records.commit(following(first, "mine")) == Lost(frozenset({"state", "event"}))

    def test_it_can_be_away(self, records: FakeRecords) -> None:
        records.away = True

        with pytest.raises(TemporaryError, match="away"):
            records.read(responses=["r1"])

    def test_it_can_let_a_commit_lose(self, records: FakeRecords) -> None:
        records.lose("workload", "state")

        lost = records.commit(opening())

        assert lost is not None
        assert lost.parts == {"workload", "state"}
        assert records.commit(opening()) is None

    def test_a_commit_cannot_write_one_event_twice(self, records: FakeRecords) -> None:
        with pytest.raises(PermanentError):
            records.commit(replace(opening(), events=(an_event(1), an_event(1))))
        assert records.read(responses=["r1"]).states == {}
