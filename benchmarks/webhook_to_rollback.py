"""From the webhook to the rollback in the API server: Backout against `webhook` that runs kubectl.

Every round rolls back a Deployment of its own that runs a bad image, so that neither cooldown nor old news
is in its way. The clock stops when a watch on the Deployments shows the good image, for both alike.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks import alerts, installation, traffic
from benchmarks.cluster import BAD, GOOD, Cluster, Watch, cluster
from benchmarks.measuring import Outcome, Row, Series, interleaved
from benchmarks.programs import found, free_port, listens, running, until
from benchmarks.tables import storage

ROUNDS = 12
WARM_UP = 2
HALF = 0.5
SETTLED_SECONDS = 2 * traffic.WINDOW_SECONDS + 6
"""How long the good version runs first: its health is looked up for two windows before the bad deploy."""


@dataclass(frozen=True)
class _Contender:
    """Whom notifications are posted to, and the Deployments that are left for it."""

    url: str
    client: httpx.Client
    names: Iterator[str]


def run() -> Outcome:
    """Measure. Raises Skipped where kubectl or `webhook` is missing."""
    kubectl, webhook = found("kubectl", "kubernetes-client"), found("webhook", "webhook")
    each = ROUNDS + WARM_UP
    ours, theirs = [[f"{who}-{n}" for n in range(each)] for who in ("ours", "theirs")]
    with ExitStack() as stack:
        on = stack.enter_context(cluster())
        table = stack.enter_context(storage())
        program = shutil.which("prometheus")
        prometheus_url = stack.enter_context(_breaking(on, [*ours, *theirs], program))
        config = installation.configuration(on.namespace, ours, prometheus_url=prometheus_url)
        backout = stack.enter_context(installation.serving(config, table, kubeconfig=on.kubeconfig))
        hooks = stack.enter_context(_plain_webhook(webhook, kubectl, on))
        watch = stack.enter_context(Watch(on).running())
        us = _Contender(f"{backout}/alertmanager", stack.enter_context(_client()), iter(ours))
        them = _Contender(f"{hooks}/hooks/rollback", stack.enter_context(_client()), iter(theirs))
        _warm(us, on.namespace, table.warm_up_calls)
        contenders = [lambda: _ours(on, watch, us, backout), lambda: _round(on, watch, them)[0]]
        interleaved(contenders, rounds=WARM_UP)
        values = interleaved(contenders, rounds=ROUNDS)
    row = Row(
        Series("Backout", "ms", values[0]),
        Series("webhook + kubectl", "ms", values[1]),
        None if table.missing else HALF,
    )
    source = "the real Prometheus" if program else "the sandbox's Prometheus (the real one is not installed)"
    return Outcome((row,), (f"{on.note}; {table.note}; {source}; {ROUNDS} rounds each",))


def _warm(us: _Contender, namespace: str, calls: int) -> None:
    """Have the table's server compile what it runs; one in production has been up for longer.

    Each alert is for a workload that only observes, so it costs one read and one transaction.
    """
    for n in range(calls):
        body = alerts.notification(namespace, installation.OBSERVED, n)
        us.client.post(us.url, content=body).raise_for_status()


@contextmanager
def _breaking(on: Cluster, names: list[str], program: str | None) -> Iterator[str]:
    """Run the good image for a while, then deploy the bad one, until Prometheus shows it for every name."""
    on.create(names, GOOD)
    shown = traffic.Traffic(on.namespace, names)
    with traffic.watched(shown, program=program) as prometheus_url:
        began = time.monotonic()
        on.wait_until_rolled_out()
        until(
            lambda: time.monotonic() - began > SETTLED_SECONDS,
            what="the good version's record",
            seconds=SETTLED_SECONDS + 1,
        )
        on.deploy(names, BAD)
        shown.fail()
        on.wait_until_rolled_out()
        window = f"[{traffic.WINDOW_SECONDS}s]"
        errors = f'sum by (pod) (rate(http_requests_total{{code="500"}}{window}))'
        total = f"sum by (pod) (rate(http_requests_total{window}))"
        traffic.wait_for(prometheus_url, f"{errors} / {total}", above=0.2)
        yield prometheus_url


@contextmanager
def _plain_webhook(program: str, kubectl: str, on: Cluster) -> Iterator[str]:
    """Run Debian's `webhook` with a hook that undoes the rollout that the alert names."""

    def given(source: str, name: str) -> dict[str, str]:
        return {"source": source, "name": name}

    arguments = [
        *(given("string", word) for word in ("rollout", "undo", "deployment")),
        given("payload", "alerts.0.labels.deployment"),
        given("string", "--namespace"),
        given("payload", "alerts.0.labels.namespace"),
    ]
    token = {
        "type": "value",
        "value": f"Bearer {alerts.TOKEN}",
        "parameter": given("header", "Authorization"),
    }
    hook = {
        "id": "rollback",
        "execute-command": kubectl,
        "pass-arguments-to-command": arguments,
        "trigger-rule": {"match": token},
    }
    with tempfile.TemporaryDirectory(prefix="backout-bench-") as home:
        path = Path(home, "hooks.json")
        path.write_text(json.dumps([hook]))
        port = free_port()
        command = [program, "-hooks", str(path), "-ip", "127.0.0.1", "-port", str(port)]
        environment = {"KUBECONFIG": on.kubeconfig, "HOME": home}
        with running(command, environment=environment, ready=lambda _: listens(port)):
            yield f"http://127.0.0.1:{port}"


@contextmanager
def _client() -> Iterator[httpx.Client]:
    with httpx.Client(headers=alerts.HEADERS, timeout=20) as client:
        yield client


def _round(on: Cluster, watch: Watch, contender: _Contender) -> tuple[float, httpx.Response]:
    """Post one alert; return the milliseconds until the good image is back, and the answer."""
    name = next(contender.names)
    body = alerts.notification(on.namespace, name)
    began = time.monotonic()
    answer = contender.client.post(contender.url, content=body).raise_for_status()
    changed_at = watch.changed_at(name, GOOD, after=began)
    on.wait_until_rolled_out()
    return (changed_at - began) * 1000, answer


def _ours(on: Cluster, watch: Watch, us: _Contender, backout: str) -> float:
    """Run a round; then end its response, so that its watching takes nothing from the next."""
    took, answer = _round(on, watch, us)
    response = f"{backout}/responses/{answer.json()['results'][0]['response_id']}"
    us.client.post(f"{response}/abort", json={"reason": "measured"}).raise_for_status()
    until(lambda: us.client.get(response).json()["ended_at"] is not None, what="the abort")
    return took
