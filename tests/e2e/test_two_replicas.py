"""Two replicas with one table, as infra/kubernetes runs them: whoever is told, it happens once."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.cluster import Cluster
from shared.adapters.dynamodb import create_table
from tests.cli.serving import GOOD, ROOT, Served, deploy, end, served_beside, until
from tests.dynamodb_local import DynamoDBLocal

FIRING = (ROOT / "tests" / "events" / "alertmanager-0.25-firing.json").read_bytes()
AT_ONCE = 4


@pytest.fixture
def replicas(tmp_path: Path, dynamodb_server: DynamoDBLocal) -> Iterator[Sequence[Served]]:
    table = tmp_path.name
    create_table(dynamodb_server.client(), table)
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster(start_seconds=0.05))
        deploy(cluster)
        running = []
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            replica = served_beside(
                cluster, tmp_path / name, "--table", table, env=dynamodb_server.environment()
            )
            running.append(stack.enter_context(replica))
        yield running


def posted(replicas: Sequence[Served], path: str, token: str, content: bytes) -> list[httpx.Response]:
    """Post to both replicas at once, several times each."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    urls = [f"{replica.url}{path}" for replica in replicas] * AT_ONCE

    def post(url: str) -> httpx.Response:
        return httpx.post(url, content=content, headers=headers, timeout=20)

    with ThreadPoolExecutor(len(urls)) as threads:
        return list(threads.map(post, urls))


def responses(replica: Served, path: str = "") -> Any:
    answer = httpx.get(f"{replica.url}/responses{path}", headers={"Authorization": "Bearer token"})
    return answer.raise_for_status().json()


def test_an_alert_and_a_yes_that_both_are_told_lead_to_one_rollback(replicas: Sequence[Served]) -> None:
    one, other = replicas

    alerts = posted(replicas, "/alertmanager", "am", FIRING)
    [found] = responses(other)["responses"]
    path = f"/{found['id']}"
    until(lambda: responses(one, path)["phase"] == "approve")
    posted(replicas, f"/responses{path}/approve", "token", b"{}")
    until(lambda: one.images() == {GOOD})

    assert {answer.status_code for answer in alerts} <= {202, 503}
    changed = [
        entry for entry in one.cluster.audit if entry.user_agent == "backout" and entry.template_changed
    ]
    assert len(changed) == 1
    assert len(responses(one)["responses"]) == 1
    assert responses(one, path)["id"] == responses(other, path)["id"]


def test_what_one_replica_accepted_the_other_goes_on_with_when_it_is_stopped(
    replicas: Sequence[Served],
) -> None:
    one, other = replicas

    posted([one], "/alertmanager", "am", FIRING)
    [found] = responses(one)["responses"]
    path = f"/{found['id']}"
    until(lambda: responses(one, path)["phase"] == "approve")
    end(one.process)
    posted([other], f"/responses{path}/approve", "token", b"{}")

    until(lambda: other.images() == {GOOD})
