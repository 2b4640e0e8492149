"""What every table keeps to, the fake too: subclass the suite and give it empty `records`."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from shared.adapters.dynamodb import DynamoRecords, create_table
from shared.domain.alerts import AlertDigest
from shared.domain.decisions import decide
from shared.domain.matrix import Matrix
from shared.domain.records import Delivery, Freeze, Freezes, Storm, WorkloadRecord
from shared.domain.response import FORMAT, Event, Heard, Response, Step, Task
from shared.domain.services import Mode
from shared.domain.signals import Reading, Signal
from shared.domain.workloads import WorkloadRef
from shared.errors import ConfigurationError
from shared.ports import Commit, Due, Lease, Lost, Records, State, Versioned

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

T = TypeVar("T")

NOW = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)
CHECKOUT = WorkloadRef("prod", "production", "deployment", "checkout")
WORKER = Lease("worker-1", NOW + timedelta(seconds=60))
SECOND = timedelta(seconds=1)


def a_response(id_: str = "r1", *, service: str = "checkout", started_at: datetime = NOW) -> Response:
    readings = {Signal.ERROR_RATE: Reading.number(0.23)}
    return Response(
        id=id_,
        service=service,
        workload=CHECKOUT,
        source="alertmanager",
        mode=Mode.AUTO,
        started_at=started_at,
        phase=Step.ASSESS.value,
        step_started_at=started_at,
        decision=decide(Matrix(), readings),
        heard=Heard(carried=readings),
    )


def an_event(number: int, *, previous: int = 0) -> Event:
    return Event(
        number, previous, NOW, "assess", "accepted", facts={"error_rate": 0.23, "pods": 3, "left": None}
    )


def a_task(name: str, *, due_at: datetime | None = NOW, response_id: str = "r1") -> Task:
    return Task(response_id, name, "message", due_at, facts={"text": "hello", "attempt": 1}, created_at=NOW)


def a_delivery(key: str = "k1") -> Delivery:
    return Delivery(
        source="alertmanager",
        key=key,
        service="checkout",
        workload=str(CHECKOUT),
        outcome="created",
        reason="",
        response_id="r1",
        decision=a_response().decision,
        fresh_until=NOW + timedelta(minutes=5),
        expires_at=NOW + timedelta(days=3),
    )


def opening(
    response: Response | None = None, *, lease: Lease = WORKER, due_at: datetime | None = WORKER.until
) -> Commit:
    """Return the commit that opens a response, its lease held by the worker."""
    response = response or a_response()
    state = State(response, 1, lease, due_at, last_event=1, commit_id=f"{response.id}-open")
    return Commit(state, version_before=0, owner_before=None, events=(an_event(1),))


def following(
    before: Commit,
    commit_id: str,
    *,
    phase: str | None = None,
    lease: Lease | None = None,
    due_at: datetime | None = NOW + SECOND,
) -> Commit:
    """Return a commit on top of another, with one event, by default under the same lease."""
    old = before.state
    version = old.version + 1
    state = State(
        response=replace(old.response, phase=phase or old.response.phase),
        version=version,
        lease=lease or old.lease,
        due_at=due_at,
        last_event=version,
        commit_id=commit_id,
    )
    event = an_event(version, previous=old.last_event)
    return Commit(state, version_before=old.version, owner_before=old.lease.owner, events=(event,))


def at_once(calls: list[Callable[[], T]]) -> list[T]:
    """Make the calls from as many threads, all let go together; return what they returned."""
    together = threading.Barrier(len(calls))

    def wait_and_call(call: Callable[[], T]) -> T:
        together.wait(timeout=30)
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(wait_and_call, calls))


@dataclass(frozen=True)
class Table:
    """A table, and a client that reaches it."""

    client: "DynamoDBClient"
    name: str

    def item(self, pk: str, sk: str) -> dict[str, Any]:
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        return self.client.get_item(TableName=self.name, Key=key, ConsistentRead=True)["Item"]


class RecordsContract:
    """The suite. `writers` is how many threads the tests of concurrent writers use."""

    writers = 4

    # reading

    def test_an_empty_table_has_empty_records_at_version_0(self, records: Records) -> None:
        view = records.read(
            responses=["r1"], workloads=[CHECKOUT], deliveries=[("am", "k")], freezes=True, storm="prod"
        )

        assert view.states == {}
        assert view.workloads == {CHECKOUT: Versioned(WorkloadRecord(CHECKOUT), 0)}
        assert view.deliveries == {}
        assert view.freezes == Versioned(Freezes(), 0)
        assert view.storm == Versioned(Storm(), 0)
        assert records.events("r1") == []
        assert records.tasks("r1") == []
        assert records.task("r1", "tell") is None

    def test_a_read_that_asks_for_nothing_brings_nothing(self, records: Records) -> None:
        assert records.read().states == {}

    def test_one_commit_stores_all_its_parts_and_one_read_brings_them_back(self, records: Records) -> None:
        record = WorkloadRecord(CHECKOUT, live="r1", cooldown_until=NOW, episodes={"f/1": "r0"})
        storm = Storm({"r1": NOW})
        commit = replace(
            opening(),
            workload=Versioned(record, 0),
            storm=("prod", Versioned(storm, 0)),
            freezes_version=0,
            delivery=a_delivery(),
            tasks=(a_task("tell"), a_task("escalate", due_at=None)),
        )

        assert records.commit(commit) is None

        view = records.read(
            responses=["r1", "r2"],
            workloads=[CHECKOUT],
            deliveries=[("alertmanager", "k1")],
            freezes=True,
            storm="prod",
        )
        assert view.states == {"r1": commit.state}
        assert view.workloads == {CHECKOUT: Versioned(record, 1)}
        assert view.deliveries == {("alertmanager", "k1"): a_delivery()}
        assert view.freezes.version == 0
        assert view.storm == Versioned(storm, 1)
        assert records.events("r1") == [an_event(1)]
        assert records.tasks("r1") == [a_task("escalate", due_at=None), a_task("tell")]
        assert records.task("r1", "tell") == Versioned(a_task("tell"), 1)

    def test_150_records_are_read_at_once_and_a_record_asked_for_twice_comes_once(
        self, records: Records
    ) -> None:
        commits = [opening(a_response(f"r{n}")) for n in range(150)]
        for commit in commits:
            assert records.commit(commit) is None

        view = records.read(responses=[c.state.response.id for c in commits] + ["r0"], freezes=True)

        assert view.states == {c.state.response.id: c.state for c in commits}

    def test_a_long_history_comes_whole_and_in_order(self, records: Records) -> None:
        text = "x" * 20_000  # 70 of these are more than one page of a query (1 MB)
        events = [replace(an_event(n, previous=n - 1), facts={"text": text}) for n in range(1, 71)]
        for start in range(0, 70, 14):
            batch = tuple(events[start : start + 14])
            version = start // 14 + 1
            state = State(
                a_response(), version, Lease(), None, last_event=batch[-1].number, commit_id=f"c{start}"
            )
            assert records.commit(Commit(state, version - 1, None, events=batch)) is None

        assert records.events("r1") == events

    # the rules of a commit

    def test_a_response_is_opened_once(self, records: Records) -> None:
        records.commit(opening())

        again = opening(a_response(service="other"))
        again = replace(again, state=replace(again.state, commit_id="someone-else"))

        assert records.commit(again) == Lost(frozenset({"state", "event"}))
        assert records.read(responses=["r1"]).states["r1"].response.service == "checkout"

    def test_a_commit_on_an_older_version_loses(self, records: Records) -> None:
        first = opening()
        records.commit(first)
        records.commit(following(first, "join"))

        late = following(first, "late", phase="rollback")
        late = replace(late, events=(an_event(7),))

        assert records.commit(late) == Lost(frozenset({"state"}))
        assert records.read(responses=["r1"]).states["r1"].response.phase == "assess"
        assert [event.number for event in records.events("r1")] == [1, 2]

    def test_a_commit_under_a_lease_that_someone_else_holds_loses(self, records: Records) -> None:
        first = opening()
        records.commit(first)

        stranger = replace(following(first, "c2"), owner_before="worker-2")
        nobody = replace(following(first, "c3"), owner_before=None)

        assert records.commit(stranger) == Lost(frozenset({"state"}))
        assert records.commit(nobody) == Lost(frozenset({"state"}))
        assert records.commit(following(first, "c4")) is None

    def test_a_lease_is_given_up_and_taken_by_another(self, records: Records) -> None:
        first = opening()
        records.commit(first)
        left = following(first, "left", lease=Lease())
        assert records.commit(left) is None

        old_owner = replace(following(left, "old", lease=WORKER), owner_before="worker-1")
        taken = following(left, "taken", lease=Lease("worker-2", NOW + SECOND))

        assert records.commit(old_owner) == Lost(frozenset({"state"}))
        assert records.commit(taken) is None
        assert records.read(responses=["r1"]).states["r1"].lease == Lease("worker-2", NOW + SECOND)

    def test_a_state_that_was_never_stored_cannot_be_followed(self, records: Records) -> None:
        assert records.commit(following(opening(), "c2")) == Lost(frozenset({"state"}))
        assert records.events("r1") == []

    def test_every_condition_that_fails_is_named_and_nothing_is_stored(self, records: Records) -> None:
        record, storm = WorkloadRecord(CHECKOUT), Storm({"r0": NOW})
        first = replace(
            opening(),
            workload=Versioned(record, 0),
            storm=("prod", Versioned(storm, 0)),
            tasks=(a_task("tell"),),
        )
        records.commit(first)
        records.put_freezes(Versioned(Freezes(), 0))

        late = replace(
            following(first, "late"),
            version_before=7,
            events=(an_event(1),),
            workload=Versioned(record.claimed("r1"), 0),
            storm=("prod", Versioned(Storm(), 9)),
            freezes_version=0,
            delivery=a_delivery(),
            tasks=(replace(a_task("tell"), kind="other"), a_task("new")),
        )

        assert records.commit(late) == Lost(
            frozenset({"state", "workload", "storm", "freezes", "event", "task"})
        )
        view = records.read(
            responses=["r1"], workloads=[CHECKOUT], deliveries=[("alertmanager", "k1")], storm="prod"
        )
        assert view.states == {"r1": first.state}
        assert view.workloads == {CHECKOUT: Versioned(record, 1)}
        assert view.deliveries == {}
        assert view.storm == Versioned(storm, 1)
        assert records.tasks("r1") == [a_task("tell")]
        assert records.events("r1") == [an_event(1)]

    @pytest.mark.parametrize("part", ["workload", "storm", "freezes", "event", "task"])
    def test_one_condition_that_fails_is_enough(self, records: Records, part: str) -> None:
        first = replace(opening(), tasks=(a_task("tell"),))
        records.commit(first)
        lost = {
            "workload": replace(following(first, "c2"), workload=Versioned(WorkloadRecord(CHECKOUT), 1)),
            "storm": replace(following(first, "c2"), storm=("prod", Versioned(Storm(), 1))),
            "freezes": replace(following(first, "c2"), freezes_version=1),
            "event": replace(following(first, "c2"), events=(an_event(1),)),
            "task": replace(following(first, "c2"), tasks=(a_task("tell"),)),
        }

        assert records.commit(lost[part]) == Lost(frozenset({part}))
        assert records.read(responses=["r1"]).states == {"r1": first.state}

    def test_a_freeze_that_came_in_between_stops_an_intent(self, records: Records) -> None:
        first = opening()
        records.commit(first)
        read = records.read(freezes=True).freezes
        freezes = Freezes(
            {"global": Freeze("alice", "audit", NOW, NOW + SECOND), "team/pay": Freeze("bob", "", NOW)}
        )

        assert records.put_freezes(replace(read, value=freezes))

        intent = replace(following(first, "intent"), freezes_version=read.version)
        assert records.commit(intent) == Lost(frozenset({"freezes"}))
        frozen = records.read(freezes=True).freezes
        assert frozen == Versioned(freezes, 1)
        assert records.commit(replace(intent, freezes_version=frozen.version)) is None

    def test_freezes_that_someone_else_changed_are_not_replaced(self, records: Records) -> None:
        mine = Freezes({"global": Freeze("alice", "audit", NOW)})

        assert records.put_freezes(Versioned(mine, 0))
        assert not records.put_freezes(Versioned(Freezes(), 0))
        assert not records.put_freezes(Versioned(Freezes(), 2))
        assert records.read(freezes=True).freezes == Versioned(mine, 1)
        assert records.put_freezes(Versioned(Freezes(), 1))

    def test_a_delivery_replaces_the_one_before(self, records: Records) -> None:
        first = replace(opening(), delivery=a_delivery())
        records.commit(first)
        joined = replace(a_delivery(), outcome="joined")

        records.commit(replace(following(first, "join"), delivery=joined))

        view = records.read(deliveries=[("alertmanager", "k1"), ("pagerduty", "k1")])
        assert view.deliveries == {("alertmanager", "k1"): joined}

    # commits that are sent twice

    def test_a_commit_sent_twice_is_stored_once(self, records: Records) -> None:
        first = replace(opening(), workload=Versioned(WorkloadRecord(CHECKOUT), 0), tasks=(a_task("tell"),))
        second = following(first, "c2")
        for commit in (first, first, second, second):
            assert records.commit(commit) is None

        assert records.read(responses=["r1"], workloads=[CHECKOUT]).states == {"r1": second.state}
        assert records.read(workloads=[CHECKOUT]).workloads[CHECKOUT].version == 1
        assert [event.number for event in records.events("r1")] == [1, 2]

    def test_a_commit_finds_that_it_was_stored_also_after_a_join(self, records: Records) -> None:
        first = opening()
        mine = following(first, "mine", phase="rollback")
        for commit in (first, mine, following(mine, "join")):
            records.commit(commit)

        assert records.commit(mine) is None
        assert records.read(responses=["r1"]).states["r1"].commit_id == "join"

    def test_its_commit_id_alone_names_a_commit(self, records: Records) -> None:
        first = opening()
        records.commit(first)
        records.commit(following(first, "c2", phase="hold"))

        assert records.commit(following(first, "c2", phase="rollback")) is None
        assert records.read(responses=["r1"]).states["r1"].response.phase == "hold"

    def test_of_several_commits_at_once_one_is_stored(self, records: Records) -> None:
        first = opening()
        records.commit(first)
        rivals = [
            replace(
                following(first, f"c{n}", phase=f"p{n}"),
                workload=Versioned(WorkloadRecord(CHECKOUT, live=f"w{n}"), 0),
            )
            for n in range(self.writers)
        ]

        outcomes = at_once([lambda rival=rival: records.commit(rival) for rival in rivals])  # type: ignore[misc]

        winners = [n for n, outcome in enumerate(outcomes) if outcome is None]
        assert len(winners) == 1
        assert {o for o in outcomes if o} == {Lost(frozenset({"state", "workload", "event"}))}
        view = records.read(responses=["r1"], workloads=[CHECKOUT])
        assert view.states["r1"].response.phase == f"p{winners[0]}"
        assert view.workloads[CHECKOUT].value.live == f"w{winners[0]}"
        assert [event.number for event in records.events("r1")] == [1, 2]

    def test_of_several_responses_that_claim_a_workload_at_once_one_is_opened(self, records: Records) -> None:
        rivals = [
            replace(
                opening(a_response(f"r{n}")), workload=Versioned(WorkloadRecord(CHECKOUT, live=f"r{n}"), 0)
            )
            for n in range(self.writers)
        ]

        outcomes = at_once([lambda rival=rival: records.commit(rival) for rival in rivals])  # type: ignore[misc]

        winners = [f"r{n}" for n, outcome in enumerate(outcomes) if outcome is None]
        assert {o for o in outcomes if o} == {Lost(frozenset({"workload"}))}
        assert records.read(workloads=[CHECKOUT]).workloads[CHECKOUT].value.live == winners[0]
        view = records.read(responses=[f"r{n}" for n in range(self.writers)])
        assert list(view.states) == winners

    def test_no_join_is_lost_when_several_come_at_once_and_each_tries_again(self, records: Records) -> None:
        records.commit(opening())

        def join(name: str) -> None:
            while True:
                state = records.read(responses=["r1"]).states["r1"]
                heard = replace(state.response.heard, alert_count=state.response.heard.alert_count + 1)
                joined = replace(
                    state,
                    response=replace(state.response, heard=heard),
                    version=state.version + 1,
                    commit_id=f"{name}-{state.version}",
                )
                if records.commit(Commit(joined, state.version, state.lease.owner)) is None:
                    return

        at_once([lambda n=n: join(f"w{n}") for n in range(self.writers)])  # type: ignore[misc]

        state = records.read(responses=["r1"]).states["r1"]
        assert state.response.heard.alert_count == self.writers
        assert state.version == self.writers + 1

    # tasks

    def test_a_task_is_replaced_by_who_read_it_last(self, records: Records) -> None:
        started = replace(a_task("tell"), attempts=1)

        assert records.put_task(Versioned(a_task("tell"), 0))
        assert not records.put_task(Versioned(a_task("tell"), 0))
        assert records.put_task(Versioned(started, 1))
        assert not records.put_task(Versioned(started, 1))
        assert records.task("r1", "tell") == Versioned(started, 2)

    def test_of_several_that_start_a_task_at_once_one_starts_it(self, records: Records) -> None:
        records.put_task(Versioned(a_task("tell"), 0))
        started = Versioned(replace(a_task("tell"), attempts=1), 1)

        outcomes = at_once([lambda: records.put_task(started)] * self.writers)

        assert sorted(outcomes) == [False] * (self.writers - 1) + [True]

    # what is due

    def test_what_is_due_is_found_oldest_first_and_nothing_else(self, records: Records) -> None:
        for n in range(8):
            records.commit(opening(a_response(f"r{n}"), due_at=NOW - n * SECOND))
        records.commit(opening(a_response("later"), due_at=NOW + SECOND / 1000))
        records.commit(opening(a_response("never"), due_at=None))
        records.put_task(Versioned(a_task("tell", response_id="never", due_at=NOW - 100 * SECOND), 0))
        records.put_task(Versioned(a_task("done", response_id="never", due_at=None), 0))

        due = records.due(NOW)

        assert due[0] == Due("never", "tell", NOW - 100 * SECOND)
        assert due[1:] == [Due(f"r{n}", "", NOW - n * SECOND) for n in range(7, -1, -1)]
        assert records.due(NOW, limit=3) == due[:3]
        assert Due("later", "", NOW + SECOND / 1000) in records.due(NOW + SECOND)

    def test_what_is_no_longer_due_leaves_the_index(self, records: Records) -> None:
        first = replace(opening(due_at=NOW), tasks=(a_task("tell"),))
        records.commit(first)
        assert {due.task for due in records.due(NOW)} == {"", "tell"}

        records.commit(following(first, "end", phase="completed", lease=Lease(), due_at=None))
        records.put_task(Versioned(a_task("tell", due_at=None), 1))

        assert records.due(NOW + timedelta(days=1)) == []
        assert records.read(responses=["r1"]).states["r1"].due_at is None

    def test_a_new_due_time_replaces_the_old(self, records: Records) -> None:
        first = opening(due_at=NOW)
        records.commit(first)
        records.commit(following(first, "wait", due_at=NOW + 5 * SECOND))

        assert records.due(NOW + SECOND) == []
        assert records.due(NOW + 5 * SECOND) == [Due("r1", "", NOW + 5 * SECOND)]

    # lists

    def test_a_days_responses_are_listed_newest_first_by_service_and_as_they_are_now(
        self, records: Records
    ) -> None:
        services = ["checkout", "search", "checkout", "checkout"]
        commits = [
            opening(a_response(f"r{n}", service=service, started_at=NOW + n * SECOND))
            for n, service in enumerate(services)
        ]
        yesterday = opening(a_response("old", started_at=NOW - timedelta(days=1)))
        for commit in (*commits, yesterday):
            records.commit(commit)
        ended = following(commits[0], "end", phase="completed")
        records.commit(ended)

        listed = records.recent("2026-03-02")

        assert [state.response.id for state in listed] == ["r3", "r2", "r1", "r0"]
        assert listed[-1] == ended.state
        checkouts = records.recent("2026-03-02", service="checkout", limit=2)
        assert [state.response.id for state in checkouts] == ["r3", "r2"]
        assert records.recent("2026-03-01") == [yesterday.state]
        assert records.recent("2026-03-03") == []


def the_biggest_response() -> Response:
    """Return a response that has heard as much as one keeps, in characters of four bytes."""
    wide = "\N{ROLLING ON THE FLOOR LAUGHING}"
    digest = AlertDigest(
        "e" * 80, "n" * 200, "alertmanager", NOW, firing=True, summary=wide * 300, url=wide * 1000
    )
    response = a_response()
    return replace(response, heard=replace(response.heard, alerts=(digest,) * 50, alert_count=1_000_000))


class DynamoRecordsContract(RecordsContract):
    """The suite for tables that DynamoDB or a stand-in keeps: give it a fresh `table`, too."""

    @pytest.fixture
    def records(self, table: Table) -> Records:
        return DynamoRecords(table.client, table.name)

    def test_items_can_be_read_by_people_and_hold_no_empty_attributes(
        self, records: Records, table: Table
    ) -> None:
        records.commit(replace(opening(due_at=None, lease=Lease()), delivery=a_delivery()))

        state = table.item("RESPONSE#r1", "STATE")
        assert {name: value for name, value in state.items() if name != "body"} == {
            "pk": {"S": "RESPONSE#r1"},
            "sk": {"S": "STATE"},
            "format": {"N": str(FORMAT)},
            "version": {"N": "1"},
            "commit_id": {"S": "r1-open"},
            "last_event": {"N": "1"},
            "phase": {"S": "assess"},
            "service": {"S": "checkout"},
            "workload": {"S": "production/deployment/checkout"},
            "day": {"S": "2026-03-02"},
            "started_at": {"N": "1772452800.123456"},
        }
        assert table.item("RESPONSE#r1", "EVENT#000001")["code"] == {"S": "accepted"}

    def test_only_deliveries_expire(self, records: Records, table: Table) -> None:
        records.commit(
            replace(opening(), delivery=a_delivery(), workload=Versioned(WorkloadRecord(CHECKOUT), 0))
        )

        assert table.item("DELIVERY#alertmanager#k1", "DELIVERY")["expires_at"] == {"N": "1772712001"}
        assert "expires_at" not in table.item("RESPONSE#r1", "STATE")
        assert "expires_at" not in table.item("WORKLOAD#prod/production/deployment/checkout", "WORKLOAD")
        ttl = table.client.describe_time_to_live(TableName=table.name)["TimeToLiveDescription"]
        assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}

    def test_a_response_that_has_heard_all_it_keeps_fits_an_item(self, records: Records) -> None:
        assert records.commit(opening(the_biggest_response())) is None
        assert records.read(responses=["r1"]).states["r1"].response == the_biggest_response()

    def test_a_state_that_a_newer_backout_wrote_is_not_taken_for_ours(
        self, records: Records, table: Table
    ) -> None:
        records.commit(opening())
        item = table.item("RESPONSE#r1", "STATE")
        table.client.put_item(TableName=table.name, Item={**item, "format": {"N": str(FORMAT + 1)}})

        with pytest.raises(ConfigurationError, match=f"RESPONSE#r1 STATE was written in format {FORMAT + 1}"):
            records.read(responses=["r1"])

    def test_the_table_is_made_once(self, table: Table) -> None:
        assert not create_table(table.client, table.name)

    def test_another_table_of_that_name_is_not_touched(self, table: Table) -> None:
        name = f"{table.name}-other"
        table.client.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )

        with pytest.raises(ConfigurationError) as refused:
            create_table(table.client, name)

        table.client.delete_table(TableName=name)
        assert "the table has id (S) where pk (S), sk (S) is needed" in str(refused.value)
        assert "index due has nothing where due_shard (S), due_at (N) is needed" in str(refused.value)

    def test_a_table_that_is_missing_is_a_matter_of_configuration(self, table: Table) -> None:
        records = DynamoRecords(table.client, "no-such-table")

        for call in (
            lambda: records.read(responses=["r1"]),
            lambda: records.commit(opening()),
            lambda: records.events("r1"),
            lambda: records.put_freezes(Versioned(Freezes(), 0)),
            lambda: records.due(NOW),
        ):
            with pytest.raises(ConfigurationError, match="backout table create"):
                call()
