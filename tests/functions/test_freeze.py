from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.functions.installation import Installation, bearer, problem, results


def freeze(installation: Installation, scope: str = "", **body: Any) -> TestResponse:
    path = f"/freeze/{scope}" if scope else "/freeze"
    return installation.client.put(path, json=body, headers=bearer("alice-token"))


def test_a_freeze_holds_a_response_back(installation: Installation) -> None:
    told = freeze(installation, reason="launch day", **{"for": "2h"}).get_json()

    assert told == {
        "scope": "global",
        "by": "alice",
        "reason": "launch day",
        "at": "2026-08-22T10:01:00Z",
        "until": "2026-08-22T12:01:00Z",
    }
    [result] = results(installation.notify())
    assert (result["outcome"], result["reason"]) == ("delayed", "freeze")


def test_a_freeze_of_a_namespace_is_told_and_lifted(installation: Installation) -> None:
    freeze(installation, "namespace/production", until="2026-08-22T18:00:00+02:00")

    assert installation.get("/freeze").get_json()["freezes"]["namespace/production"]["by"] == "alice"
    assert (
        installation.get("/freeze/namespace/production")
        .get_json()["freeze"]["until"]
        .startswith("2026-08-22T1")
    )
    assert installation.get("/freeze/team/payments").get_json() == {"scope": "team/payments", "freeze": None}

    thawed = installation.client.delete("/freeze/namespace/production", headers=bearer("alice-token"))

    assert thawed.get_json() == {"scope": "namespace/production", "thawed": True}
    assert installation.get("/freeze").get_json() == {"freezes": {}}


def test_a_freeze_without_a_body_has_no_end(installation: Installation) -> None:
    answer = installation.client.put("/freeze", headers=bearer("alice-token"))

    assert answer.get_json()["until"] is None


def test_thawing_what_is_not_frozen_says_so(installation: Installation) -> None:
    answer = installation.client.delete("/freeze", headers=bearer("alice-token"))

    assert (answer.status_code, answer.get_json()) == (200, {"scope": "global", "thawed": False})


@pytest.mark.parametrize(
    "body",
    [
        {"for": "soon"},
        {"for": "9999999w"},
        {"for": "0s"},
        {"until": "2026-08-22T09:00:00Z"},
        {"until": "2026-08-22T18:00:00"},
        {"until": "2029-01-01T00:00:00Z"},
        {"until": "2026-08-22T18:00:00Z", "for": "2h"},
        {"untill": "2026-08-22T18:00:00Z"},
        {"reason": 5},
    ],
)
def test_a_freeze_that_can_never_be_right_is_not_set(
    installation: Installation, body: dict[str, Any]
) -> None:
    assert problem(freeze(installation, **body), 422)
    assert installation.get("/freeze").get_json() == {"freezes": {}}


@pytest.mark.parametrize("scope", ["production", "cluster/prod", "namespace/a/b", f"team/{'x' * 400}"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_scope_of_another_form_is_a_problem(installation: Installation, scope: str, method: str) -> None:
    token = "read-token" if method == "GET" else "alice-token"

    assert problem(installation.client.open(f"/freeze/{scope}", method=method, headers=bearer(token)), 422)
