"""What was packaged, deployed: every function in a process of its own, between stand-ins."""

import json
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import files
from pathlib import Path
from typing import Any, TypeVar

import httpx

from sandbox.awslambda import HttpApi, LambdaFunction, Poller, scheduled_event
from sandbox.awslambda.function import REGION
from sandbox.cluster import Cluster
from sandbox.receivers import GitHub, PagerDuty, Slack
from shared.adapters.dynamodb import DynamoRecords
from shared.ports import State
from tests.fakes.http_server import Answer, Request, serving
from tests.package.aws import Aws
from tests.package.template import Template

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "tests" / "package" / "backout.yaml"
FIRING = ROOT / "tests" / "events" / "alertmanager-0.25-firing.json"
GOOD, BAD = "registry.example.com/shop/checkout:v1", "registry.example.com/shop/checkout:v2"
TABLE = "backout-dev"
CHANNEL, ALICE = "C0SHOP", "U01ALICE"
SECRETS = {
    "ssm": {
        "alertmanager": "alerts-new",
        "alertmanager-before": "alerts-old",
        "github": "github-token",
        "github-signing": "github-signing",
        "pagerduty": "pagerduty-token",
        "pagerduty-actions": "presses",
        "pagerduty-signing": "pagerduty-signing",
        "read": "reader",
        "slack": "xoxb-slack",
    },
    "secretsmanager": {"alice": "alice-token", "links": "links", "slack-signing": "slack-signing"},
}
DEADLINE_SECONDS = 60.0

T = TypeVar("T")


@dataclass
class Deployed:
    """Everything that runs. `api` is what the outside reaches, `poller` brings messages to the worker.

    `instance` makes another instance of a function, with the variables of the template and others.
    """

    aws: Aws
    template: Template
    instance: Callable[..., LambdaFunction]
    functions: Mapping[str, LambdaFunction]
    api: HttpApi
    poller: Poller
    dead_letters_url: str
    cluster: Cluster
    slack: Slack
    pagerduty: PagerDuty
    github: GitHub

    def call(self, method: str, path: str, token: str = "reader", **rest: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.request(method, self.api.url + path, headers=headers, timeout=40, **rest)

    def alert(self, service: str = "checkout", token: str = "alerts-new") -> httpx.Response:
        """Have Alertmanager notify, just now, that a service answers too many errors."""
        sent = json.loads(FIRING.read_text().replace("checkout", service))
        sent["alerts"][0]["startsAt"] = datetime.now(UTC).isoformat()
        return self.call("POST", "/alertmanager", token, json=sent)

    def opened(self, service: str) -> str:
        """Return the id of the response that an alert of a service opens."""
        [result] = self.alert(service).raise_for_status().json()["results"]
        assert result["outcome"] == "created", result
        found: str = result["response_id"]
        return found

    def sweep(self) -> dict[str, int]:
        told: dict[str, int] = self.functions["sweep"].invoke(scheduled_event("backout-dev-sweep"))
        return told

    def ordered(self, action: str, service: str, **order: Any) -> str:
        """Return the id of the response that Alice's order opens."""
        sent = {"action": action, "service": service, **order}
        answer = self.call("POST", "/invoke", "alice-token", json=sent).raise_for_status()
        [result] = answer.json()["results"]
        return str(result["response_id"])

    def lose_messages(self) -> None:
        """Lose all messages that could be received now."""
        client, queue = self.aws.client("sqs"), self.poller.queue_url
        while messages := client.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                client.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])

    @contextmanager
    def showing_failed_messages_at_once(self) -> Iterator[None]:
        """Hide no message that failed; the template hides it for minutes."""
        client, queue = self.aws.client("sqs"), self.poller.queue_url
        name = "VisibilityTimeout"
        [hidden] = client.get_queue_attributes(QueueUrl=queue, AttributeNames=[name])["Attributes"].values()
        client.set_queue_attributes(QueueUrl=queue, Attributes={name: "0"})
        try:
            yield
        finally:
            client.set_queue_attributes(QueueUrl=queue, Attributes={name: hidden})

    def state(self, response_id: str) -> State:
        """Return a response as the table has it."""
        records = DynamoRecords(self.aws.client("dynamodb"), TABLE)
        return records.read(responses=[response_id]).states[response_id]

    def ended(self, response_id: str) -> dict[str, Any] | None:
        told = self.response(response_id)
        return told if told["ended_at"] else None

    def response(self, response_id: str) -> dict[str, Any]:
        told: dict[str, Any] = self.call("GET", f"/responses/{response_id}").raise_for_status().json()
        return told

    def eventually(self, look: Callable[[], T | None], what: str) -> T:
        """Deliver messages until `look` finds something; fail with the worker's log after a minute."""
        ends_at, pause = time.monotonic() + DEADLINE_SECONDS, threading.Event()
        while time.monotonic() < ends_at:
            found = look()
            if found:
                return found
            self.poller.poll()
            pause.wait(0.05)
        raise AssertionError(f"{what}\n{self.functions['advance'].log()}")

    def deploy(self, name: str, image: str) -> None:
        """Have a workload run another image, and wait until it does."""
        containers = [{"name": name, "image": image}]
        httpx.patch(
            f"{_deployments(self.cluster)}/{name}",
            headers={"Content-Type": "application/strategic-merge-patch+json"},
            json={"spec": {"template": {"spec": {"containers": containers}}}},
        ).raise_for_status()

        def rolled_out() -> bool:
            return set(self.cluster.running_images("production", "deployment", name)) == {image}

        self.eventually(rolled_out, f"{name} does not run {image}")

    def rollbacks(self, name: str) -> int:
        changed = [e for e in self.cluster.audit if e.name == name and e.template_changed]
        return len([e for e in changed if BAD in e.images_from.values() and GOOD in e.images_to.values()])


@contextmanager
def deployed(made: Path, aws: Aws, folder: Path) -> Iterator[Deployed]:
    """Deploy what was made into `folder`: the table and the queues by the template, the rest by its words."""
    template = Template.of(made)
    tasks = {path.stem: unzipped(path, folder / path.stem) for path in made.glob("*.zip")}
    archives = archives_of(made)
    outputs = create_stack(template, aws)
    with ExitStack() as running:
        cluster = running.enter_context(Cluster(start_seconds=0.05))
        store_secrets(aws, cluster)
        cluster.create_namespace("production")
        for name in ("checkout", "payments", "search", "carts"):
            httpx.post(_deployments(cluster), json=_manifest(name, GOOD)).raise_for_status()
        slack = running.enter_context(
            Slack(
                token=SECRETS["ssm"]["slack"],
                signing_secret=SECRETS["secretsmanager"]["slack-signing"],
                channels={CHANNEL: "shop"},
                groups={"S01SHOP": [ALICE]},
                burst=100,
            )
        )
        pagerduty = running.enter_context(
            PagerDuty(
                token=SECRETS["ssm"]["pagerduty"],
                webhook_secrets=(SECRETS["ssm"]["pagerduty-signing"],),
                services={"PCHECKOUT": "checkout", "PCARTS": "carts"},
            )
        )
        github = running.enter_context(GitHub(token=SECRETS["ssm"]["github"]))
        prometheus = running.enter_context(serving(lambda request: _measured(request, cluster)))
        config = folder / "backout.yaml"
        text = CONFIG.read_text()
        for port, url in enumerate((prometheus.url, slack.url, pagerduty.url, github.url), 9001):
            text = text.replace(f"http://127.0.0.1:{port}", url)
        config.write_text(text)
        client = runtime_client(folder / "client")

        def instance(name: str, **changed: str) -> LambdaFunction:
            function = template.functions[name]
            return LambdaFunction(
                function["FunctionName"],
                function["Handler"],
                task=tasks[archives[name]],
                client=[client],
                environment={
                    **environment(function, outputs),
                    **aws.credentials(name),
                    **changed,
                },
                timeout_seconds=function["Timeout"],
            )

        functions = {
            name: running.enter_context(instance(name, BACKOUT_CONFIG=str(config)))
            for name in template.functions
        }
        routes = {route: functions[name] for route, name in template.routes.items()}
        api = running.enter_context(HttpApi(routes))
        arn = "arn:aws:sqs:us-east-1:123456789012:backout-dev-advance"
        poller = Poller(aws.client("sqs", "advance"), outputs["QueueUrl"], arn, functions["advance"])
        dead = outputs["DeadLettersUrl"]
        yield Deployed(
            aws, template, instance, functions, api, poller, dead, cluster, slack, pagerduty, github
        )


def unzipped(archive: Path, folder: Path) -> Path:
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    return folder


def archives_of(made: Path) -> dict[str, str]:
    """Return the name of each function's archive, by what Serverless means to upload."""
    state = json.loads((made / "osls" / "serverless-state.json").read_text())
    functions = state["service"]["functions"]
    return {name: Path(each["package"]["artifact"]).stem for name, each in functions.items()}


def environment(function: Mapping[str, Any], outputs: Mapping[str, str]) -> dict[str, str]:
    """Return a function's variables, with the table and the queue in the places of their references."""
    made = {"Table": outputs["TableName"], "Queue": outputs["QueueUrl"]}
    variables = function["Environment"]["Variables"]
    return {n: made[v["Ref"]] if isinstance(v, dict) else v for n, v in variables.items()}


def create_stack(template: Template, aws: Aws, *, region: str = REGION) -> dict[str, str]:
    """Make the table and the queues of the template by CloudFormation; return its outputs."""
    whole = json.loads(template.path.read_text())
    wanted = {n: r for n, r in whole["Resources"].items() if n in {"Table", "Queue", "DeadLetters"}}
    outputs = {n: o for n, o in whole["Outputs"].items() if n in {"TableName", "QueueUrl", "DeadLettersUrl"}}
    client = aws.client("cloudformation", region=region)
    body = json.dumps({"Resources": wanted, "Outputs": outputs})
    client.create_stack(StackName="backout-dev", TemplateBody=body)
    [stack] = client.describe_stacks(StackName="backout-dev")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def store_secrets(aws: Aws, cluster: Cluster) -> None:
    parameters, secrets = aws.client("ssm"), aws.client("secretsmanager")
    for name, value in SECRETS["ssm"].items():
        parameters.put_parameter(Name=f"/backout/{name}", Value=value, Type="SecureString")
    for name, value in SECRETS["secretsmanager"].items():
        secrets.create_secret(Name=f"backout/{name}", SecretString=value)
    secrets.create_secret(Name="backout/kubeconfig", SecretString=cluster.kubeconfig_path.read_text())


def runtime_client(folder: Path) -> Path:
    """Put the runtime client and what it needs into a folder of its own, as Lambda has it."""
    for distribution in ("awslambdaric", "simplejson", "snapshot-restore-py"):
        for file in files(distribution) or ():
            if ".." not in file.parts:
                target = folder / file
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(Path(str(file.locate())).read_bytes())
    return folder


def _measured(request: Request, cluster: Cluster) -> Answer:
    """Answer as Prometheus does: a quarter of a service's requests fails while the bad image runs."""
    form = request.form
    service, _, signal = form["query"].partition(":")
    value = {"error_rate": 0.001, "p95": 0.2, "traffic": 600.0}.get(signal, 1.0)
    if signal == "error_rate" and "time" not in form:
        images = cluster.running_images("production", "deployment", service)
        value = 0.25 if BAD in images else value
    sample = [float(form.get("time", time.time())), str(value)]
    data = {"resultType": "vector", "result": [{"metric": {}, "value": sample}]}
    return Answer(200, json.dumps({"status": "success", "data": data}).encode())


def _deployments(cluster: Cluster) -> str:
    return f"{cluster.url}/apis/apps/v1/namespaces/production/deployments"


def _manifest(name: str, image: str) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "production"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": name, "image": image}]},
            },
        },
    }
