import pytest

from tests.functions.installation import FIRING, Installation, bearer, problem, results, with_tokens

UNCONFIGURED = "cluster: prod"
OPEN = f"""{UNCONFIGURED}
auth: {{alertmanager: none, invoke: none, read: none}}
guardrails: {{namespaces: [production]}}
"""
ENDPOINTS = [
    ("POST", "/alertmanager", "alertmanager"),
    ("POST", "/invoke", "invoke"),
    ("GET", "/responses", "read"),
    ("GET", "/responses/r1", "read"),
    ("POST", "/responses/r1/approve", "invoke"),
    ("POST", "/responses/r1/abort", "invoke"),
    ("GET", "/freeze", "read"),
    ("PUT", "/freeze", "invoke"),
    ("DELETE", "/freeze/team/payments", "invoke"),
    ("GET", "/metrics", "read"),
]


@pytest.mark.parametrize(("method", "path", "key"), ENDPOINTS)
def test_an_endpoint_without_a_configured_credential_says_which_key_to_set(
    method: str, path: str, key: str
) -> None:
    answer = Installation(config=UNCONFIGURED).client.open(path, method=method, headers=bearer("x"))

    assert f"auth.{key}" in problem(answer, 503)


@pytest.mark.parametrize(("method", "path", "key"), ENDPOINTS)
def test_an_endpoint_lets_nobody_in_without_a_credential(
    installation: Installation, method: str, path: str, key: str
) -> None:
    answer = installation.client.open(path, method=method)

    assert f"auth.{key}" in problem(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "path", "key"), ENDPOINTS)
def test_an_endpoint_lets_nobody_in_with_another_endpoints_credential(
    installation: Installation, method: str, path: str, key: str
) -> None:
    other = "read-token" if key != "read" else "alice-token"

    assert problem(installation.client.open(path, method=method, headers=bearer(other)), 401)


def test_a_secret_that_is_not_there_closes_the_door_and_names_its_reference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_tokens(monkeypatch)
    monkeypatch.delenv("READER")

    assert "env:READER" in problem(Installation().get("/responses"), 503)


def test_an_open_door_lets_programs_on_loopback_in() -> None:
    installation = Installation(config=OPEN)

    assert results(installation.notify(token=""))


@pytest.mark.parametrize("bound_to", ["", "0.0.0.0", "10.0.0.1", "::"])
def test_an_open_door_is_shut_where_others_can_reach_it(bound_to: str) -> None:
    installation = Installation(config=OPEN, bound_to=bound_to)

    assert "loopback" in problem(installation.notify(token=""), 503)


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "Origin"])
def test_an_open_door_is_shut_to_proxies_and_web_pages(header: str) -> None:
    installation = Installation(config=OPEN)

    answer = installation.client.post("/alertmanager", data=FIRING, headers={header: "http://example.com"})

    assert problem(answer, 503)


def test_an_open_door_is_shut_to_other_machines() -> None:
    installation = Installation(config=OPEN)

    answer = installation.client.post(
        "/alertmanager", data=FIRING, environ_overrides={"REMOTE_ADDR": "10.0.0.7"}
    )

    assert problem(answer, 503)
