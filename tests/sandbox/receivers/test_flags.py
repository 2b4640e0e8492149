from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.receivers.flags import ENVIRONMENT, READER, TOKEN
from sandbox.receivers.flagsmith import ENVIRONMENT_KEY, Flagsmith
from sandbox.receivers.launchdarkly import LaunchDarkly
from sandbox.receivers.unleash import Unleash
from tests.sandbox.receivers.hands import WEB

FLAGS = {"new": True}
SEMANTIC = "application/json; domain-model=launchdarkly.semanticpatch"
PATCH: dict[str, Any] = {"environmentKey": ENVIRONMENT, "instructions": [{"kind": "turnFlagOff"}]}
VALUE = {"type": "unicode", "string_value": "v2"}
UPDATE: dict[str, Any] = {"feature_segment": None, "enabled": False, "feature_state_value": VALUE}


@pytest.fixture
def unleash() -> Iterator[Unleash]:
    with Unleash(FLAGS) as server:
        yield server


@pytest.fixture
def launchdarkly() -> Iterator[LaunchDarkly]:
    with LaunchDarkly(FLAGS) as server:
        yield server


@pytest.fixture
def flagsmith() -> Iterator[Flagsmith]:
    with Flagsmith(FLAGS, versioning=True) as server:
        yield server


def off(server: Unleash, *, token: str = TOKEN, flag: str = "new", environment: str = "production") -> int:
    path = f"/api/admin/projects/shop/features/{flag}/environments/{environment}/off"
    return WEB.post(f"{server.url}{path}", headers={"Authorization": token}).status_code


def patch(
    server: LaunchDarkly, body: Any, *, token: str = TOKEN, media: str = SEMANTIC, flag: str = "new"
) -> httpx.Response:
    headers = {"Authorization": token, "Content-Type": media}
    return WEB.patch(f"{server.url}/api/v2/flags/shop/{flag}", json=body, headers=headers)


def version(server: Flagsmith, body: Any, *, token: str = f"Api-Key {TOKEN}") -> int:
    url = f"{server.url}/api/v1/environments/31/features/1/versions/"
    return WEB.post(url, json=body, headers={"Authorization": token}).status_code


def test_unleash_switches_a_flag_in_its_environment(unleash: Unleash) -> None:
    assert off(unleash) == 200
    assert unleash.changes == [("new", False, "")]


def test_unleash_refuses_what_it_does_not_know(unleash: Unleash) -> None:
    assert off(unleash, token=f"Bearer {TOKEN}") == 401
    assert off(unleash, token=READER) == 403
    assert off(unleash, flag="gone") == 404
    assert off(unleash, environment="staging") == 404
    assert WEB.get(f"{unleash.url}/api/admin/projects/other/features/new").status_code == 401
    assert unleash.changes == []


def test_unleash_refuses_changes_where_change_requests_are_enforced(unleash: Unleash) -> None:
    unleash.approvals = True

    assert off(unleash) == 403
    assert unleash.flags["new"] is True


def test_launchdarkly_keeps_the_comment(launchdarkly: LaunchDarkly) -> None:
    assert patch(launchdarkly, {**PATCH, "comment": "why"}).status_code == 200
    assert launchdarkly.changes == [("new", False, "why")]


def test_launchdarkly_refuses_what_it_does_not_know(launchdarkly: LaunchDarkly) -> None:
    assert patch(launchdarkly, PATCH, token=f"Bearer {TOKEN}").status_code == 401
    assert patch(launchdarkly, PATCH, token=READER).status_code == 403
    assert patch(launchdarkly, PATCH, flag="gone").status_code == 404
    assert patch(launchdarkly, PATCH, media="application/json").status_code == 400
    assert patch(launchdarkly, PATCH, media=SEMANTIC.replace("application", "text")).status_code == 415
    assert patch(launchdarkly, {**PATCH, "environmentKey": "staging"}).status_code == 400
    assert patch(launchdarkly, {**PATCH, "instructions": [{"kind": "off"}]}).status_code == 400
    assert patch(launchdarkly, [PATCH]).status_code == 400
    assert launchdarkly.changes == []


def test_launchdarkly_refuses_changes_where_approvals_are_required(launchdarkly: LaunchDarkly) -> None:
    launchdarkly.approvals = True

    answer = patch(launchdarkly, PATCH)

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


def test_flagsmith_publishes_a_version(flagsmith: Flagsmith) -> None:
    body = {"feature_states_to_update": [UPDATE], "publish_immediately": True, "description": "why"}

    assert version(flagsmith, body) == 201
    assert flagsmith.changes == [("new", False, "why")]


def test_flagsmith_leaves_a_draft_where_publishing_is_not_asked_for(flagsmith: Flagsmith) -> None:
    assert version(flagsmith, {"feature_states_to_update": [UPDATE]}) == 201
    assert (flagsmith.drafts, flagsmith.changes) == (1, [])


def test_flagsmith_refuses_what_it_does_not_know(flagsmith: Flagsmith) -> None:
    assert version(flagsmith, {}, token=TOKEN) == 401
    assert version(flagsmith, {}, token=f"Api-Key {READER}") == 403
    assert version(flagsmith, {"feature_states_to_update": [{"enabled": False}]}) == 400
    headers = {"Authorization": f"Api-Key {TOKEN}"}
    states = f"{flagsmith.url}/api/v1/features/featurestates/"
    assert WEB.get(states, headers=headers).status_code == 400
    unknown = f"{flagsmith.url}/api/v1/environments/unknown/"
    assert WEB.get(unknown, headers=headers).status_code == 404


def test_flagsmith_takes_the_older_way_only_without_versioning(flagsmith: Flagsmith) -> None:
    url = f"{flagsmith.url}/api/v1/environments/{ENVIRONMENT_KEY}/featurestates/101/"
    headers = {"Authorization": f"Api-Key {TOKEN}"}

    assert WEB.patch(url, json={"enabled": False}, headers=headers).status_code == 400
    flagsmith.versioning = False
    assert WEB.patch(url, json={"enabled": False}, headers=headers).status_code == 200
    assert version(flagsmith, {}) == 404
