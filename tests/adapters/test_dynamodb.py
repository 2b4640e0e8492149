"""What the table's adapter makes of a DynamoDB that is busy, away, closed, or not what it should be."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import boto3
import httpx
import pytest
import requests
import stamina
import urllib3
from botocore.config import Config
from botocore.stub import Stubber

from shared.adapters.dynamodb import DynamoRecords, create_table, embedded_table, items, make_client
from shared.domain.reasons import Reason
from shared.domain.records import Freezes
from shared.errors import BackoutError, ConfigurationError, PermanentError, TemporaryError
from shared.ports import Lost, Records, Versioned
from tests.contract.records import CHECKOUT, NOW, a_task, opening
from tests.fakes.http_server import Answer, serving

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

CALLS: Mapping[str, tuple[str, Callable[[Records], object]]] = {
    "read": ("batch_get_item", lambda r: r.read(responses=["r1"], workloads=[CHECKOUT], freezes=True)),
    "commit": ("transact_write_items", lambda r: r.commit(opening())),
    "events": ("query", lambda r: r.events("r1")),
    "tasks": ("query", lambda r: r.tasks("r1")),
    "task": ("batch_get_item", lambda r: r.task("r1", "tell")),
    "put_task": ("put_item", lambda r: r.put_task(Versioned(a_task("tell"), 0))),
    "put_freezes": ("put_item", lambda r: r.put_freezes(Versioned(Freezes(), 1))),
    "due": ("query", lambda r: r.due(NOW)),
    "recent": ("query", lambda r: r.recent("2026-03-02")),
}
ATTEMPTS = 3
GENUINE = {"ResponseMetadata": {"RequestId": "42"}}


@pytest.fixture(autouse=True)
def retries_at_once() -> Iterator[None]:
    with stamina.set_testing(True, attempts=ATTEMPTS):
        yield


def a_client(endpoint_url: str = "http://127.0.0.1:9", **config: Any) -> "DynamoDBClient":
    return boto3.session.Session().client(
        "dynamodb",
        endpoint_url=endpoint_url,
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=1, **{"read_timeout": 1, **config}),
    )


@pytest.fixture
def stub() -> Iterator[Stubber]:
    with Stubber(a_client()) as stubber:
        yield stubber


@pytest.fixture
def records(stub: Stubber) -> DynamoRecords:
    return DynamoRecords(cast("DynamoDBClient", stub.client), "backout")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ThrottlingException", 400, TemporaryError),
        ("ProvisionedThroughputExceededException", 400, TemporaryError),
        ("TransactionConflictException", 400, TemporaryError),
        ("TransactionInProgressException", 400, TemporaryError),
        ("InternalServerError", 500, TemporaryError),
        ("SomethingNew", 503, TemporaryError),
        ("ResourceNotFoundException", 400, ConfigurationError),
        ("AccessDeniedException", 400, ConfigurationError),
        ("ExpiredTokenException", 400, ConfigurationError),
        ("UnrecognizedClientException", 400, ConfigurationError),
        ("ValidationException", 400, PermanentError),
        ("SomethingNew", 400, PermanentError),
    ],
)
def test_every_error_of_dynamodb_is_one_of_ours_and_names_the_table_and_the_action(
    stub: Stubber, call: str, code: str, status: int, kind: type[BackoutError]
) -> None:
    operation, make = CALLS[call]
    for _ in range(1 + ATTEMPTS):
        stub.add_client_error(operation, code, "as it was said", status)

    with pytest.raises(kind) as refused:
        make(DynamoRecords(cast("DynamoDBClient", stub.client), "backout"))

    action = {"batch_get_item": "BatchGetItem", "transact_write_items": "TransactWriteItems"}.get(operation)
    assert f"table backout, dynamodb:{action or operation.title().replace('_', '')}" in str(refused.value)
    if isinstance(refused.value, TemporaryError):
        assert refused.value.reason is Reason.INTERNAL


def test_a_missing_permission_names_the_action_and_what_to_check(
    stub: Stubber, records: DynamoRecords
) -> None:
    stub.add_client_error("query", "AccessDeniedException", "not authorized", 400)

    with pytest.raises(
        ConfigurationError, match=r"dynamodb:Query: .*not authorized.*policy allows the action"
    ):
        records.events("r1")


@pytest.mark.parametrize("call", CALLS)
def test_a_table_that_nobody_answers_for_is_a_temporary_error_that_says_so(call: str) -> None:
    records = DynamoRecords(a_client(), "backout")

    with pytest.raises(TemporaryError, match=r"table backout, dynamodb:\w+ did not answer.*Check") as refused:
        CALLS[call][1](records)
    assert refused.value.reason is Reason.INTERNAL


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=b"<html>a proxy's page</html>"),
        Answer(502, b"<html>Bad Gateway</html>"),
        Answer(drops=True),
        Answer(hangs=True),
    ],
    ids=["html", "bad gateway", "dropped", "hangs"],
)
@pytest.mark.parametrize("call", CALLS)
def test_what_is_not_dynamodb_is_a_temporary_error(answer: Answer, call: str) -> None:
    with serving(lambda request: answer) as server:
        records = DynamoRecords(a_client(server.url, read_timeout=0.2), "backout")

        with pytest.raises(TemporaryError):
            CALLS[call][1](records)


def cancelled(stub: Stubber, *reasons: Mapping[str, object]) -> None:
    stub.add_client_error(
        "transact_write_items",
        "TransactionCanceledException",
        "Transaction cancelled",
        400,
        modeled_fields={"CancellationReasons": list(reasons)},
    )


CONFLICT = {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}
HELD = {"Code": "None"}
FAILED = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}


def test_a_commit_that_met_another_transaction_is_tried_again(stub: Stubber, records: DynamoRecords) -> None:
    cancelled(stub, CONFLICT, HELD)
    cancelled(stub, HELD, CONFLICT)
    stub.add_response("transact_write_items", GENUINE)

    assert records.commit(opening()) is None
    stub.assert_no_pending_responses()


def test_a_commit_is_judged_only_when_all_its_conditions_were(stub: Stubber, records: DynamoRecords) -> None:
    cancelled(stub, CONFLICT, FAILED)
    cancelled(stub, FAILED, HELD)

    assert records.commit(opening()) == Lost(frozenset({"state"}))


def test_a_commit_that_stays_in_conflict_is_a_temporary_error(stub: Stubber, records: DynamoRecords) -> None:
    for _ in range(1 + ATTEMPTS):
        cancelled(stub, CONFLICT, HELD)

    with pytest.raises(TemporaryError, match="stayed busy"):
        records.commit(opening())


def test_a_commit_that_meets_itself_was_stored(stub: Stubber, records: DynamoRecords) -> None:
    mine = {"commit_id": {"S": "r1-open"}}

    cancelled(stub, {**FAILED, "Item": mine}, FAILED)
    assert records.commit(opening()) is None
    cancelled(stub, {**FAILED, "Item": {"commit_id": {"S": "a-join"}}}, {**FAILED, "Item": mine})
    assert records.commit(opening()) is None


def test_a_commit_of_the_state_alone_is_one_conditional_put(stub: Stubber, records: DynamoRecords) -> None:
    alone = replace(opening(), events=(), workload=None, delivery=None)
    stub.add_response("put_item", GENUINE)
    assert records.commit(alone) is None

    for stored, verdict in (("r1-open", None), ("a-join", Lost(frozenset({"state"})))):
        stub.add_client_error("put_item", "TransactionConflictException")
        found = {"Item": {"commit_id": {"S": stored}}}
        stub.add_client_error("put_item", "ConditionalCheckFailedException", modeled_fields=found)
        assert records.commit(alone) == verdict
    stub.assert_no_pending_responses()


def test_a_write_that_dynamodb_finds_invalid_is_permanent(stub: Stubber, records: DynamoRecords) -> None:
    cancelled(stub, {"Code": "ValidationError", "Message": "Item size has exceeded the limit"}, HELD)

    with pytest.raises(PermanentError, match="state: ValidationError: Item size"):
        records.commit(opening())


def test_the_same_commit_has_the_same_token_and_another_has_another() -> None:
    sent: list[str] = []
    client = a_client()
    with Stubber(client) as stub:
        client.meta.events.register(
            "provide-client-params.dynamodb.TransactWriteItems",
            lambda params, **_: sent.append(params["ClientRequestToken"]),
        )
        records = DynamoRecords(client, "backout")
        for commit in (opening(), opening(), opening(due_at=NOW)):
            stub.add_response("transact_write_items", GENUINE)
            records.commit(commit)

    assert sent[0] == sent[1] != sent[2]
    assert all(len(token) <= 36 for token in sent)


def test_keys_that_dynamodb_did_not_process_are_read_again(stub: Stubber, records: DynamoRecords) -> None:
    states = [items.of_state(opening().state), items.of_freezes(Versioned(Freezes(), 3), commit_id="c")]
    left = {"backout": {"Keys": [items.keyed(items.FREEZES_KEY)], "ConsistentRead": True}}
    nothing: Mapping[str, object] = {"Responses": {"backout": []}, "UnprocessedKeys": left, **GENUINE}
    stub.add_response(
        "batch_get_item", {"Responses": {"backout": states[:1]}, "UnprocessedKeys": left, **GENUINE}
    )
    stub.add_response("batch_get_item", nothing)
    stub.add_response(
        "batch_get_item", {"Responses": {"backout": states[1:]}, "UnprocessedKeys": {}, **GENUINE}
    )

    view = records.read(responses=["r1"], freezes=True)

    assert view.states == {"r1": opening().state}
    assert view.freezes.version == 4


def test_a_read_of_which_nothing_is_ever_processed_is_a_temporary_error(
    stub: Stubber, records: DynamoRecords
) -> None:
    left = {"backout": {"Keys": [items.keyed(items.FREEZES_KEY)], "ConsistentRead": True}}
    for _ in range(1 + ATTEMPTS):
        stub.add_response("batch_get_item", {"Responses": {}, "UnprocessedKeys": left, **GENUINE})

    with pytest.raises(TemporaryError, match="processed no key"):
        records.read(freezes=True)


def test_a_put_that_meets_itself_was_stored_and_one_that_meets_another_was_not() -> None:
    def stored_already(params: Mapping[str, Any], **_: object) -> None:
        stub.add_client_error(
            "put_item",
            "ConditionalCheckFailedException",
            modeled_fields={"Item": params["Item"] if own else {"commit_id": {"S": "someone-else"}}},
        )

    client = a_client()
    client.meta.events.register("provide-client-params.dynamodb.PutItem", stored_already)
    with Stubber(client) as stub:
        records = DynamoRecords(client, "backout")
        own = True
        assert records.put_task(Versioned(a_task("tell"), 1))
        own = False
        assert not records.put_task(Versioned(a_task("tell"), 1))


# the client


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave boto3 nothing to find a region or credentials in."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_a_client_without_a_region_says_what_to_set(bare: None) -> None:
    with pytest.raises(ConfigurationError, match="AWS_DEFAULT_REGION"):
        make_client()


def test_a_client_without_credentials_says_what_to_check(bare: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9")

    with pytest.raises(ConfigurationError, match="credentials"):
        DynamoRecords(make_client(), "backout").read(freezes=True)


def test_a_table_cannot_be_made_where_nobody_answers() -> None:
    with pytest.raises(TemporaryError, match="table backout, dynamodb:CreateTable did not answer"):
        create_table(a_client(), "backout")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AccessDeniedException", ConfigurationError),
        ("ContinuousBackupsUnavailableException", PermanentError),
    ],
)
def test_a_table_is_not_done_without_point_in_time_recovery(
    stub: Stubber, code: str, kind: type[BackoutError]
) -> None:
    with embedded_table("backout-like") as embedded:
        described = embedded.describe_table(TableName="backout-like")["Table"]
    shape = ("TableStatus", "KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes")
    table = {name: value for name, value in described.items() if name in shape}
    stub.add_client_error("create_table", "ResourceInUseException")
    stub.add_response("describe_table", {"Table": table})
    stub.add_response("describe_table", {"Table": table})
    on = {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
    stub.add_response("describe_time_to_live", {"TimeToLiveDescription": on})
    for _ in range(ATTEMPTS):
        stub.add_client_error("update_continuous_backups", code)

    with pytest.raises(kind, match="dynamodb:UpdateContinuousBackups"):
        create_table(cast("DynamoDBClient", stub.client), "backout")


def test_a_table_that_something_else_answers_for_was_not_made() -> None:
    with serving(lambda request: Answer(body=b"<html>a proxy's page</html>")) as server:  # noqa: SIM117
        with pytest.raises(TemporaryError, match="something else answered"):
            create_table(a_client(server.url), "backout")


# the embedded table


def test_the_embedded_table_leaves_all_other_traffic_alone() -> None:
    before = dict(os.environ)
    with embedded_table("backout-beside") as client, serving(lambda request: Answer(body=b"{}")) as server:
        assert httpx.get(server.url).text == "{}"
        assert urllib3.request("GET", server.url).data == b"{}"
        assert requests.get(server.url, timeout=5).text == "{}"
        a_client(server.url).list_tables()
        assert client.list_tables()["TableNames"] == ["backout-beside"]
        assert dict(os.environ) == before

    assert len(server.requests) == 4


def test_the_embedded_table_is_gone_at_its_end() -> None:
    with embedded_table("backout-short") as client:
        DynamoRecords(client, "backout-short").commit(opening())

    with embedded_table("backout-short") as client:
        assert DynamoRecords(client, "backout-short").read(responses=["r1"]).states == {}


def test_an_embedded_table_is_not_opened_twice() -> None:
    with (
        embedded_table("backout-twice"),
        pytest.raises(ConfigurationError, match="open in this process already"),
        embedded_table("backout-twice"),
    ):
        pass


def in_a_fresh_process(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()


def test_without_moto_the_embedded_table_says_how_to_install_it() -> None:
    said = in_a_fresh_process(
        "import sys; sys.modules['moto'] = None\n"
        "from shared.adapters.dynamodb import embedded_table\n"
        "from shared.errors import ConfigurationError\n"
        "try:\n"
        "    embedded_table('backout').__enter__()\n"
        "except ConfigurationError as error:\n"
        "    print(error)\n"
    )

    assert said == "the embedded table needs moto: pip install 'backout[embedded]'"


def test_the_adapter_loads_without_what_it_seldom_needs() -> None:
    loaded = in_a_fresh_process(
        "import sys, shared.adapters.dynamodb\n"
        "print({m for m in ('moto', 'stamina', 'boto3', 'httpx') if m in sys.modules})"
    )

    assert loaded == "set()"
