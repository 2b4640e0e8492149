from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.argocd import ArgoCD
from sandbox.argocd.server import TOKEN
from tests.sandbox.receivers.hands import WEB

WINDOW: dict[str, Any] = {
    "kind": "deny",
    "schedule": "* * * * *",
    "duration": "1h",
    "applications": ["a"],
    "description": "ours",
}


@pytest.fixture
def argocd() -> Iterator[ArgoCD]:
    with ArgoCD("http://127.0.0.1:9") as argocd:
        yield argocd


def call(argocd: ArgoCD, method: str, body: Any = None, *, token: str = TOKEN) -> httpx.Response:
    url = f"{argocd.url}/api/v1/projects/default"
    return WEB.request(method, url, json=body, headers={"Authorization": f"Bearer {token}"})


def put(argocd: ArgoCD, *windows: Any, version: str = "") -> httpx.Response:
    project = call(argocd, "GET").json()
    project["spec"]["syncWindows"] = list(windows)
    project["metadata"]["resourceVersion"] = version or project["metadata"]["resourceVersion"]
    return call(argocd, "PUT", {"project": project})


def test_a_project_is_replaced_whole(argocd: ArgoCD) -> None:
    assert put(argocd, WINDOW).status_code == 200
    assert argocd.projects.windows("default") == [WINDOW]


def test_an_older_server_keeps_no_description(argocd: ArgoCD) -> None:
    argocd.projects.described = False
    put(argocd, WINDOW)
    assert "description" not in argocd.projects.windows("default")[0]


def test_one_that_was_changed_meanwhile_is_not(argocd: ArgoCD) -> None:
    assert put(argocd, WINDOW, version="0").status_code == 409


@pytest.mark.parametrize(
    ("windows", "status"),
    [
        ([WINDOW, {**WINDOW, "applications": ["b"]}], 409),
        ([{**WINDOW, "applications": []}], 400),
        ([{**WINDOW, "kind": "never"}], 400),
        ([{**WINDOW, "schedule": "* *"}], 400),
        ([{**WINDOW, "colour": "red"}], 400),
    ],
    ids=["twice the same", "of nothing", "no kind", "no schedule", "unknown field"],
)
def test_windows_that_are_none_are_refused(argocd: ArgoCD, windows: list[Any], status: int) -> None:
    assert put(argocd, *windows).status_code == status
    assert argocd.projects.windows("default") == []


def test_rights_and_tokens_are_looked_at(argocd: ArgoCD) -> None:
    assert call(argocd, "GET", token="other").status_code == 401
    argocd.projects.rights = {"get"}
    assert put(argocd, WINDOW).status_code == 403
    argocd.projects.rights = set()
    assert call(argocd, "GET").status_code == 403
    assert (
        WEB.get(
            f"{argocd.url}/api/v1/projects/gone", headers={"Authorization": f"Bearer {TOKEN}"}
        ).status_code
        == 403
    )
