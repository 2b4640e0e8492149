import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from shared.adapters.alertmanager import AlertmanagerAlerts
from shared.adapters.checks import alertmanager, argo_cd, github, pagerduty, slack, status_page
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
    "argo_cd": lambda url: argo_cd.check(url, TOKEN),
    "github": lambda url: github.check(url, TOKEN, []),
    "pagerduty": lambda url: pagerduty.check(url, TOKEN, "bot@example.com"),
    "slack": lambda url: slack.check(f"{url}/api/", TOKEN),
    "support": lambda url: slack.readable(f"{url}/api/", TOKEN, "C0SUPPORT"),
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


@pytest.mark.parametrize("name", ["argo_cd", "pagerduty", "slack"])
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


USER = {"permissions": {"pull": True, "push": True}}
READER = {"permissions": {"pull": True, "push": False}}
CLASSIC = {"X-OAuth-Scopes": "read:org, repo"}
FINE = "such a token does not show whether it has the rights to write contents and pull requests"


@pytest.mark.parametrize(
    ("answer", "state", "detail"),
    [
        (as_json(USER, headers=CLASSIC), State.OK, "the token may push and open pull requests"),
        (as_json(USER, headers={"X-OAuth-Scopes": "gist"}), State.BROKEN, "lacks the scope repo"),
        (as_json(READER, headers=CLASSIC), State.BROKEN, "the token's user may not push"),
        (as_json(USER), State.OK, f"its user may push, but {FINE}"),
        (as_json(READER), State.OK, f"nothing tells that it may push, but {FINE}"),
        (as_json({}), State.OK, f"nothing tells that it may push, but {FINE}"),
        (as_json({**USER, "archived": True}, headers=CLASSIC), State.BROKEN, "is archived"),
        (as_json({}, 404), State.BROKEN, "answered 404"),
        (Answer(200, b"<html>log in</html>"), State.BROKEN, "answered 200"),
    ],
)
def test_githubs_repository_tells_of_a_reverts_rights_what_shows_without_writing(
    answer: Answer, state: State, detail: str
) -> None:
    def answers(request: Request) -> Answer:
        return answer if request.path == "/repos/shop/checkout" else as_json({})

    check = lambda url: github.check(url, TOKEN, [], ["shop/checkout"])  # noqa: E731
    [token, repository], _ = found(check, answers)

    assert token.state is State.OK
    assert (repository.name, repository.state) == ("GitHub repository shop/checkout", state)
    assert detail in repository.detail
    assert bool(repository.mend) is (state is State.BROKEN)


@pytest.mark.parametrize(
    ("answer", "state", "detail"),
    [
        (as_json({"has_issues": True}), State.OK, "found; that the token may write issues shows only when"),
        (as_json({"has_issues": False}), State.BROKEN, "the repository has no issues"),
        (as_json({"archived": True}), State.BROKEN, "the repository is archived"),
        (as_json({}, 404), State.BROKEN, "answered 404"),
    ],
)
def test_the_repository_in_which_issues_are_filed_is_looked_at(
    answer: Answer, state: State, detail: str
) -> None:
    def answers(request: Request) -> Answer:
        return answer if request.path == "/repos/shop/incidents" else as_json({})

    check = lambda url: github.check(url, TOKEN, [], [], ["shop/incidents"])  # noqa: E731
    [_, filed], _ = found(check, answers)

    assert (filed.name, filed.state) == ("GitHub issues of shop/incidents", state)
    assert filed.detail.startswith(detail)
    assert bool(filed.mend) is (state is State.BROKEN)


def argo(applications: Answer, user: Any = None) -> Callable[[Request], Answer]:
    told = {"loggedIn": True, "username": "backout", "iss": "argocd"} if user is None else user
    return lambda request: applications if request.path.startswith("/api/v1/applications") else as_json(told)


def test_argo_cd_tells_whose_the_token_is_and_what_it_sees() -> None:
    items = {"metadata": {}, "items": [{"metadata": {"name": name}} for name in ("shop", "till")]}

    [finding], requests = found(CHECKS["argo_cd"], argo(as_json(items)))

    assert (finding.state, finding.detail) == (State.OK, "the token is accepted: backout sees 2 applications")
    assert [r.path.partition("?")[0] for r in requests] == [
        "/api/v1/session/userinfo",
        "/api/v1/applications",
    ]
    assert {r.headers["authorization"] for r in requests} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize("items", [None, []])
def test_an_account_of_argo_cds_that_sees_nothing_lacks_a_right(items: Any) -> None:
    [finding], _ = found(CHECKS["argo_cd"], argo(as_json({"items": items})))

    assert (finding.state, finding.detail) == (State.BROKEN, "backout sees no application")
    assert "applications, get" in finding.mend


def test_a_token_that_argo_cd_takes_for_nobodys_is_broken() -> None:
    [finding], _ = found(CHECKS["argo_cd"], argo(as_json({}), user={"loggedIn": False}))

    assert finding.state is State.BROKEN
    assert "owners.argo_cd.token" in finding.mend


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


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ({"ok": True, "messages": []}, State.OK),
        ({"ok": False, "error": "not_in_channel"}, State.BROKEN),
        ({"ok": False, "error": "missing_scope", "needed": "channels:history"}, State.BROKEN),
    ],
)
def test_a_support_channel_is_read(body: Mapping[str, Any], state: State) -> None:
    [finding], [request] = found(CHECKS["support"], lambda _: as_json(body))

    assert (finding.name, finding.state) == ("Slack support channel C0SUPPORT", state)
    assert request.path == "/api/conversations.history?channel=C0SUPPORT&limit=1"
    assert bool(finding.mend) is (state is State.BROKEN)


@pytest.mark.parametrize(("answer", "state"), [(Answer(body=b"[]"), State.OK), (Answer(503), State.BROKEN)])
def test_alertmanager_is_asked_for_alerts(answer: Answer, state: State) -> None:
    findings, [request] = found(lambda url: alertmanager.check(AlertmanagerAlerts(url)), lambda _: answer)

    assert [(finding.name, finding.state) for finding in findings] == [("Alertmanager", state)]
    assert request.path.startswith("/api/v2/alerts?filter=")
