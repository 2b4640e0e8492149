"""Watches tell every change after a resourceVersion, and translate what selectors make of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.sandbox.cluster.api import CORE, Api, Object

MAPS = f"{CORE}/configmaps"


def put(api: Api, name: str, **labels: str) -> Object:
    return api.create(MAPS, {"metadata": {"name": name, "labels": labels}})


@contextmanager
def watching(api: Api, query: str) -> Iterator[Iterator[Object]]:
    with api.stream("GET", f"{MAPS}?watch=true&timeoutSeconds=10&{query}") as response:
        assert response.status_code == 200
        yield (json.loads(line) for line in response.iter_lines())


def seen(event: Object) -> tuple[str, str]:
    return event["type"], event["object"]["metadata"]["name"]


def test_a_watch_without_a_resource_version_begins_with_what_there_is(api: Api) -> None:
    put(api, "a")
    with watching(api, "") as events:
        assert seen(next(events)) == ("ADDED", "a")
        put(api, "b")
        assert seen(next(events)) == ("ADDED", "b")


def test_a_watch_goes_on_after_the_list_that_it_follows(api: Api) -> None:
    put(api, "a")
    revision = api.document(MAPS)["metadata"]["resourceVersion"]
    api.merge(f"{MAPS}/a", {"data": {"tea": "green"}})
    api.delete(f"{MAPS}/a")

    with watching(api, f"resourceVersion={revision}") as events:
        modified, deleted = next(events), next(events)

    assert (seen(modified), seen(deleted)) == (("MODIFIED", "a"), ("DELETED", "a"))
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in (modified, deleted)]
    assert int(revision) < versions[0] < versions[1]


def test_what_begins_or_ceases_to_match_is_added_or_deleted(api: Api) -> None:
    put(api, "a")
    revision = api.document(MAPS)["metadata"]["resourceVersion"]
    for tier in ("web", "web2", None, "web"):
        api.merge(f"{MAPS}/a", {"metadata": {"labels": {"tier": tier}}})

    with watching(api, f"resourceVersion={revision}&labelSelector=tier=web") as events:
        assert [next(events)["type"] for _ in range(3)] == ["ADDED", "DELETED", "ADDED"]


def test_a_watch_of_one_name_tells_nothing_of_others(api: Api) -> None:
    with watching(api, "fieldSelector=metadata.name=b") as events:
        put(api, "a")
        put(api, "b")
        assert seen(next(events)) == ("ADDED", "b")


def test_a_watch_ends_when_its_time_is_up(api: Api) -> None:
    put(api, "a")

    response = api.get(f"{MAPS}?watch=true&timeoutSeconds=1")

    assert [seen(json.loads(line)) for line in response.text.splitlines()] == [("ADDED", "a")]


def test_a_watch_that_asks_for_it_is_told_where_the_initial_events_end(api: Api) -> None:
    put(api, "a")
    with watching(api, "sendInitialEvents=true&allowWatchBookmarks=true") as events:
        assert seen(next(events)) == ("ADDED", "a")
        bookmark = next(events)

    assert bookmark["type"] == "BOOKMARK"
    assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_a_resource_version_that_is_too_old_is_an_error_event(api: Api) -> None:
    put(api, "a")
    for number in range(5):
        api.merge(f"{MAPS}/a", {"data": {"number": str(number)}})

    response = api.get(f"{MAPS}?watch=true&resourceVersion=tea")

    assert response.status_code == 400
