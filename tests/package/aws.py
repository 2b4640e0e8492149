"""AWS as moto plays it, at an address of this machine, with an account of who called what.

Every function has credentials of its own, so that what it called can be told from what others did.
"""

import io
import json
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.session import Session
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from sandbox.awslambda.function import REGION

_SERVICES = {
    "AmazonSQS": "sqs",
    "AmazonSSM": "ssm",
    "DynamoDB_20120810": "dynamodb",
    "secretsmanager": "secretsmanager",
}
_PARTS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}


@dataclass
class Aws:
    """What runs at `url`, and `called`: pairs of action and resource, by the key id of the caller."""

    url: str = ""
    called: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))

    def credentials(self, who: str) -> dict[str, str]:
        """Return the environment of a caller."""
        return {
            "AWS_ACCESS_KEY_ID": who,
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_SESSION_TOKEN": "session",
            "AWS_ENDPOINT_URL": self.url,
        }

    def client(self, service: str, who: str = "test", *, region: str = REGION) -> Any:
        """Return a client of boto's that calls as `who`."""
        return Session().create_client(
            service,
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id=who,
            aws_secret_access_key="secret",
        )

    def note(self, authorization: str, target: str, body: bytes) -> None:
        """Take down a call of the JSON protocols."""
        if "Credential=" not in authorization:
            return
        who = authorization.partition("Credential=")[2].partition("/")[0]
        service, _, operation = target.partition(".")
        asked = json.loads(body) if target else {}
        self.called[who].update(_rights(_SERVICES.get(service, service), operation, asked))


def _rights(service: str, operation: str, asked: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the pairs of action and resource that a call needs, each resource as `Template.rights` has it."""
    match service:
        case "dynamodb" if operation == "TransactWriteItems":
            for part in asked["TransactItems"]:
                yield from ((f"dynamodb:{_PARTS[kind]}", "Table") for kind in part)
        case "dynamodb":
            index = asked.get("IndexName")
            yield f"dynamodb:{operation}", f"Table/index/{index}" if index else "Table"
        case "sqs":
            name = str(asked.get("QueueUrl", "")).rpartition("-")[2]
            yield f"sqs:{operation}", "Queue" if name == "advance" else name
        case "ssm":
            yield f"ssm:{operation}", f"parameter{asked.get('Name')}"
        case "secretsmanager":
            yield f"secretsmanager:{operation}", f"secret:{asked.get('SecretId')}"


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_: object) -> None:
        """Stay quiet."""


@contextmanager
def aws() -> Iterator[Aws]:
    """Run it on a free port. One call at a time: moto checks a condition and writes in two steps."""
    account, one_at_a_time = Aws(), threading.Lock()
    backend = DomainDispatcherApplication(create_backend_app)

    def noted(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        account.note(environ.get("HTTP_AUTHORIZATION", ""), environ.get("HTTP_X_AMZ_TARGET", ""), body)
        with one_at_a_time:
            answer: Iterable[bytes] = list(backend(environ, start_response))
        return answer

    server = make_server("127.0.0.1", 0, noted, threaded=True, request_handler=_Quiet)
    account.url = f"http://127.0.0.1:{server.port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield account
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
