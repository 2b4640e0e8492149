import json
from datetime import timedelta
from typing import Any

import pytest

from functions import advance
from shared.errors import TemporaryError
from tests.functions.installation import Installation, results


def message(response_id: str, identifier: str = "m1") -> dict[str, Any]:
    return {"messageId": identifier, "body": json.dumps({"response_id": response_id})}


def opened(installation: Installation) -> str:
    installation.deployed_badly()
    [result] = results(installation.notify())
    found: str = result["response_id"]
    installation.queue.sent.clear()
    return found


def phase(installation: Installation, response_id: str) -> str:
    return installation.records.read(responses=[response_id]).states[response_id].response.phase


def test_a_message_advances_its_response_and_asks_to_come_again_when_it_is_due(
    installation: Installation,
) -> None:
    response_id = opened(installation)

    told = advance.batch(installation.engine, [message(response_id)])

    assert told == {"batchItemFailures": []}
    assert phase(installation, response_id) == "stabilise"
    assert len(installation.workloads.applied) == 1
    [(again, delay)] = installation.queue.sent
    assert again == response_id
    assert delay > 0


def test_the_same_message_twice_acts_once(installation: Installation) -> None:
    response_id = opened(installation)

    advance.batch(installation.engine, [message(response_id), message(response_id, "m2")])
    told = advance.batch(installation.engine, [message(response_id, "m3")])

    assert told == {"batchItemFailures": []}
    assert len(installation.workloads.applied) == 1


def test_a_message_that_meets_a_live_lease_is_acknowledged(installation: Installation) -> None:
    response_id = opened(installation)
    assert installation.engine.advancer._take(response_id) is not None

    assert advance.batch(installation.engine, [message(response_id)]) == {"batchItemFailures": []}
    assert phase(installation, response_id) == "assess"
    assert installation.queue.sent == []


def test_a_message_of_no_response_is_acknowledged(installation: Installation) -> None:
    assert advance.batch(installation.engine, [message("none")]) == {"batchItemFailures": []}


def test_only_the_messages_that_failed_come_again(installation: Installation) -> None:
    response_id = opened(installation)
    broken = {"messageId": "broken", "body": "no JSON"}

    told = advance.batch(installation.engine, [broken, message(response_id)])

    assert told == {"batchItemFailures": [{"itemIdentifier": "broken"}]}
    assert phase(installation, response_id) == "stabilise"


def test_while_the_table_is_away_every_message_comes_again(installation: Installation) -> None:
    response_id = opened(installation)
    installation.fake_records.away = True

    told = advance.batch(installation.engine, [message(response_id)])

    assert told == {"batchItemFailures": [{"itemIdentifier": "m1"}]}


def test_a_queue_that_is_away_leaves_the_response_to_the_sweep(installation: Installation) -> None:
    response_id = opened(installation)
    installation.queue.away = True

    assert advance.batch(installation.engine, [message(response_id)]) == {"batchItemFailures": []}

    installation.queue.away = False
    installation.now += timedelta(minutes=10)
    assert advance.sweep(installation.engine)["responses"] == 1
    assert installation.queue.sent == [(response_id, 0.0)]


def test_the_sweep_runs_tasks_that_are_due(installation: Installation) -> None:
    response_id = opened(installation)
    installation.people.fails(5, TemporaryError("chat is away"))
    advance.batch(installation.engine, [message(response_id)])
    installation.people._failures.clear()
    installation.now += timedelta(minutes=2)

    told = advance.sweep(installation.engine)

    assert told["tasks"] >= 1
    assert told["failed"] == 0
    assert any("rolled back" in title for title in installation.people.titles)


@pytest.mark.parametrize("event", [{}, {"source": "aws.s3"}, {"body": "x"}])
def test_an_event_of_another_kind_is_an_error(event: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="neither"):
        advance.handler(event, None)
