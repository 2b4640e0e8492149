"""A kubeconfig that is a secret: replaced where it is kept, it is used at the next rejection."""

import json
from collections.abc import Callable

import pytest

from shared.adapters.kubernetes.access import SecretAccess
from shared.adapters.kubernetes.connection import Answer as ClusterAnswer
from shared.adapters.kubernetes.connection import Budget, Connection
from shared.adapters.kubernetes.resources import VERSION, Request
from shared.bootstrap.clusters import access_of
from shared.errors import ConfigurationError
from shared.settings import Secrets, parse
from tests.fakes.http_server import Answer, serving
from tests.fakes.http_server import Request as Received


def kubeconfig(url: str, token: str) -> str:
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": url}}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
    )


def accepting(token: str) -> Callable[[Received], Answer]:
    return lambda request: Answer(
        200 if request.headers["authorization"] == f"Bearer {token}" else 401, b"{}"
    )


def asked(connection: Connection, request: Request = VERSION) -> ClusterAnswer:
    return connection.send(request, Budget(5.0))


def test_a_kubeconfig_is_looked_up_where_the_configuration_says_and_again_when_it_is_rejected() -> None:
    now, stored = [0.0], {"shop": ""}
    with serving(accepting("one")) as server:
        stored["shop"] = kubeconfig(server.url, "one")
        secrets = Secrets({"secretsmanager": stored.get}, monotonic=lambda: now[0])
        settings = parse("{cluster: prod, kubernetes: {kubeconfig: 'secretsmanager:shop'}}")
        connection = Connection(access=access_of(settings, secrets))
        assert asked(connection).status == 200

        stored["shop"], server.answers, now[0] = kubeconfig(server.url, "two"), accepting("two"), 60.0
        assert [asked(connection).status for _ in range(3)] == [200, 200, 200]
        connection.close()

        tokens = [request.headers["authorization"].removeprefix("Bearer ") for request in server.requests]
    assert tokens == ["one", "one", "two", "two", "two"]


def test_one_that_was_not_replaced_is_not_tried_again() -> None:
    with serving(accepting("another")) as server:
        text = kubeconfig(server.url, "one")
        connection = Connection(access=SecretAccess("secretsmanager:shop", lambda: text, lambda: text))
        assert asked(connection).status == 401
        connection.close()

        assert len(server.requests) == 1


@pytest.mark.parametrize("text", ["no: kubeconfig", "- a list", "{s3cret", "s3cret", ""])
def test_what_is_no_kubeconfig_is_told_without_quoting_it(text: str) -> None:
    connection = Connection(access=SecretAccess("secretsmanager:shop", lambda: text, lambda: text))

    with pytest.raises(ConfigurationError, match="secretsmanager:shop holds is no kubeconfig") as told:
        asked(connection)
    assert "s3cret" not in str(told.value)
    assert told.value.__cause__ is None
    connection.close()
