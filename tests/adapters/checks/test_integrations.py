import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from shared.adapters.checks import github, pagerduty, slack, status_page
from shared.domain.prerequisites import Finding, State
from tests.fakes.http_server import Answer, Request, serving

TOKEN = "t0ken-that-nobody-may-see"
GitHubCheck = Callable[[str], Sequence[Finding]]


def as_json(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})})


def found(
    check: Callable[[str], Sequence[Finding]], answers: Callable[[Request], Answer]
) -> tuple[list[Finding], list[Request]]:
    with serving(answers) as server:
        findings = list(check(server.url))
    assert TOKEN not in repr(findings)
    assert server.url not in repr(findings)
    return findings, server.requests


CHECKS: Mapping[str, Callable[[str], Sequence[Finding]]] = {
    "github": lambda url: github.check(url, TOKEN, []),
    "pagerduty": lambda url: pagerduty.check(url, TOKEN, "bot@example.com"),
    "slack": lambda url: slack.check(f"{url}/api/", TOKEN),
    "statuspage": lambda url: status_page.statuspage(url, "p1", TOKEN),
    "endpoint": lambda url: status_page.endpoint(url, TOKEN),
}


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("status", [401, 403, 500])
def test_what_is_refused_is_broken_and_says_how_to_mend_it(name: str, status: int) -> None:
    [finding], _ = found(CHECKS[name], lambda _: Answer(status, f"no: {TOKEN}".encode()))

    assert finding.state is State.BROKEN
    assert str(status) in finding.detail
    assert finding.mend


@pytest.mark.parametrize("name", CHECKS)
def test_what_does_not_answer_is_broken(name: str) -> None:
    [finding], _ = found(CHECKS[name], lambda _: Answer(drops=True))

    assert (finding.state, finding.detail) == (State.BROKEN, "the connection broke off")


@pytest.mark.parametrize("name", ["pagerduty", "slack"])
def test_a_page_in_place_of_an_answer_is_broken(name: str) -> None:
    [finding], _ = found(CHECKS[name], lambda _: Answer(200, b"<html>log in</html>"))

    assert finding.state is State.BROKEN


def test_github_is_asked_for_each_issue() -> None:
    def answers(request: Request) -> Answer:
        return as_json({}, 404 if request.path.endswith("/13") else 200)

    issues = ["shop/checkout#12", "shop/payments#13"]
    findings, requests = found(lambda url: github.check(url, TOKEN, issues), answers)

    assert [(f.name, f.state) for f in findings] == [
        ("GitHub", State.OK),
        ("GitHub issue shop/checkout#12", State.OK),
        ("GitHub issue shop/payments#13", State.BROKEN),
    ]
    assert [r.path for r in requests] == [
        "/rate_limit",
        "/repos/shop/checkout/issues/12",
        "/repos/shop/payments/issues/13",
    ]
    assert {r.headers["authorization"] for r in requests} == {f"Bearer {TOKEN}"}


def test_pagerduty_knows_the_sender() -> None:
    users = {"users": [{"email": "bot@example.community"}, {"email": "Bot@example.com"}]}

    [finding], [request] = found(CHECKS["pagerduty"], lambda _: as_json(users))

    assert finding.state is State.OK
    assert request.path == "/users?query=bot%40example.com&limit=100"
    assert request.headers["authorization"] == f"Token token={TOKEN}"
    assert request.headers["accept"] == "application/vnd.pagerduty+json;version=2"


def test_a_sender_that_is_no_user_of_pagerduty_is_broken() -> None:
    [finding], _ = found(CHECKS["pagerduty"], lambda _: as_json({"users": []}))

    assert finding.state is State.BROKEN
    assert "pagerduty.from" in finding.mend


def test_slack_tests_the_token() -> None:
    body = {"ok": True, "team": "Shop", "user": "backout", "url": "https://shop.slack.com/"}

    [finding], [request] = found(
        CHECKS["slack"], lambda _: as_json(body, headers={"X-OAuth-Scopes": "chat:write,usergroups:read"})
    )

    assert (finding.state, finding.detail) == (State.OK, "the token is accepted: backout in Shop")
    assert (request.method, request.path) == ("POST", "/api/auth.test")
    assert request.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (as_json({"ok": False, "error": "invalid_auth"}), "auth.test: invalid_auth"),
        (as_json({"ok": True}, headers={"X-OAuth-Scopes": "chat:read"}), "lacks the scope chat:write"),
    ],
)
def test_a_token_that_slack_does_not_take_or_that_cannot_post_is_broken(answer: Answer, detail: str) -> None:
    [finding], _ = found(CHECKS["slack"], lambda _: answer)

    assert finding.state is State.BROKEN
    assert detail in finding.detail


def test_the_page_at_statuspage_is_read() -> None:
    [finding], [request] = found(CHECKS["statuspage"], lambda _: as_json({"id": "p1"}))

    assert finding.state is State.OK
    assert (request.path, request.headers["authorization"]) == ("/pages/p1", f"OAuth {TOKEN}")


def test_a_page_that_is_not_there_names_the_key_to_set() -> None:
    [finding], _ = found(CHECKS["statuspage"], lambda _: as_json({"error": "not found"}, 404))

    assert "status_page.page" in finding.mend


@pytest.mark.parametrize(("status", "state"), [(200, State.OK), (405, State.OK), (404, State.BROKEN)])
def test_an_endpoint_that_only_takes_a_post_is_well(status: int, state: State) -> None:
    [finding], _ = found(CHECKS["endpoint"], lambda _: Answer(status))

    assert finding.state is state
