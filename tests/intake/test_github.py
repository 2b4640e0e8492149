import json
from typing import Any

import pytest

from shared.errors import InvalidRequest
from shared.intake import github
from shared.intake.github import Merged, Waiting

URL = "https://api.github.com"
CALLBACK = f"{URL}/repos/shop/checkout/actions/runs/9001/deployment_protection_rule"


def payload(**changes: Any) -> bytes:
    """Return a webhook as GitHub documents it, what is not read left away."""
    sent = {
        "action": "requested",
        "environment": "production",
        "event": "push",
        "deployment_callback_url": CALLBACK,
        "deployment": {"id": 1, "ref": "main", "environment": "production"},
        "pull_requests": [],
        "repository": {"id": 1, "full_name": "shop/checkout", "private": True},
        "installation": {"id": 4711},
    }
    return json.dumps(sent | changes).encode()


def test_a_deployment_that_waits_is_read() -> None:
    assert github.waiting(payload(), url=URL) == Waiting("shop/checkout", 9001, "production")


def test_another_action_asks_nothing() -> None:
    assert github.waiting(payload(action="completed"), url=URL) is None


@pytest.mark.parametrize(
    "callback",
    [
        CALLBACK.replace("api.github.com", "api.github.com.example.org"),
        CALLBACK.replace("https", "http"),
        CALLBACK.replace("shop/checkout", "shop/other"),
        CALLBACK.replace("9001", "9001/../9002"),
        CALLBACK.replace("9001", "x"),
        f"{CALLBACK}?x=1",
        f"{CALLBACK}\n",
        "",
    ],
)
def test_a_callback_that_is_elsewhere_is_refused(callback: str) -> None:
    with pytest.raises(InvalidRequest, match="on no run of 'shop/checkout'") as refused:
        github.waiting(payload(deployment_callback_url=callback), url=URL)
    assert refused.value.status == 422


@pytest.mark.parametrize("name", ["shop", "shop/..", "shop/a/b", "shop/check out", ""])
def test_a_repository_that_is_none_is_refused(name: str) -> None:
    callback = f"{URL}/repos/{name}/actions/runs/9001/deployment_protection_rule"
    with pytest.raises(InvalidRequest):
        github.waiting(payload(repository={"full_name": name}, deployment_callback_url=callback), url=URL)


@pytest.mark.parametrize("environment", ["", "x" * 256])
def test_an_environment_that_is_none_is_refused(environment: str) -> None:
    with pytest.raises(InvalidRequest, match="environment"):
        github.waiting(payload(environment=environment), url=URL)


@pytest.mark.parametrize(
    ("body", "status"), [(b"", 400), (b"payload=%7B%7D", 400), (b"{}", 422), (b"[]", 422)]
)
def test_what_is_no_such_payload_is_refused(body: bytes, status: int) -> None:
    with pytest.raises(InvalidRequest) as refused:
        github.waiting(body, url=URL)
    assert refused.value.status == status


ID = "20260302-120000-0a1b2c3d"


def pull(*, action: str = "closed", name: str = "shop/checkout", **changes: Any) -> bytes:
    request = {
        "number": 7,
        "base": {"ref": "main"},
        "merged": True,
        "merged_by": {"login": "alice"},
        "body": f"Mend the prices.\r\n\r\nBackout-Fixes: {ID}\r\n",
        **changes,
    }
    repository = {"full_name": name, "default_branch": "main"}
    return json.dumps({"action": action, "pull_request": request, "repository": repository}).encode()


def test_a_merged_fix_that_names_its_response_is_read() -> None:
    assert github.merged(pull()) == Merged("shop/checkout", 7, "main", "main", "alice", ID)


@pytest.mark.parametrize(
    "sent",
    [
        pull(action="opened"),
        pull(merged=False),
        pull(body=None),
        pull(body=f"It undoes Backout-Fixes: {ID}"),
        pull(body="Backout-Fixes: soon"),
        pull(merged_by=None),
    ],
)
def test_any_other_news_of_a_pull_request_asks_nothing(sent: bytes) -> None:
    assert github.merged(sent) is None


def test_a_fix_in_what_is_no_repository_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        github.merged(pull(name="shop/.."))
