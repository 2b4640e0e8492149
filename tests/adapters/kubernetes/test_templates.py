import json
from typing import Any

import msgspec
import pytest

from shared.adapters.kubernetes import templates

TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"app": "checkout"}, "annotations": {"example.com/scrape": "true"}},
    "spec": {
        "containers": [{"name": "app", "image": "checkout:1"}, {"name": "proxy", "image": "proxy:7"}],
        "somethingNew": {"that": ["no", "model", "knows"], "big": 9007199254740993},
    },
}


def read(template: dict[str, Any], *ignored: str) -> templates.Template:
    return templates.read(msgspec.Raw(json.dumps(template).encode()), ignored)


def with_metadata(**metadata: Any) -> dict[str, Any]:
    return {**TEMPLATE, "metadata": {**TEMPLATE["metadata"], **metadata}}


def test_an_identity_is_twelve_hex_digits() -> None:
    assert len(read(TEMPLATE).id) == 12
    assert int(read(TEMPLATE).id, 16)


def test_a_template_is_kept_whole() -> None:
    assert read(TEMPLATE).json == TEMPLATE


def test_what_a_replica_set_adds_is_taken_out() -> None:
    held = with_metadata(labels={"app": "checkout", "pod-template-hash": "7d4b9c"})

    assert read(held).json == TEMPLATE
    assert read(held).id == read(TEMPLATE).id


def test_what_a_controller_revision_adds_is_taken_out() -> None:
    held = {**TEMPLATE, "$patch": "replace"}

    assert read(held).json == TEMPLATE
    assert read(held).id == read(TEMPLATE).id


@pytest.mark.parametrize(
    "same",
    [
        with_metadata(creationTimestamp=None),
        with_metadata(
            annotations={
                "example.com/scrape": "true",
                "kubectl.kubernetes.io/restartedAt": "2026-03-02T12:00:00Z",
            }
        ),
        dict(reversed(list(TEMPLATE.items()))),
    ],
)
def test_what_makes_no_version_does_not_show(same: dict[str, Any]) -> None:
    assert read(same).id == read(TEMPLATE).id


def test_a_restart_of_a_template_without_annotations_does_not_show() -> None:
    bare = {**TEMPLATE, "metadata": {"labels": {"app": "checkout"}}}
    annotations = {"kubectl.kubernetes.io/restartedAt": "2026-03-02T12:00:00Z"}
    restarted = {**TEMPLATE, "metadata": {"labels": {"app": "checkout"}, "annotations": annotations}}

    assert read(restarted).id == read(bare).id
    assert read(restarted).json == restarted


def test_ignored_annotations_make_no_version() -> None:
    built = with_metadata(annotations={"example.com/scrape": "true", "example.com/built-at": "noon"})

    assert read(built, "example.com/built-at").id == read(TEMPLATE).id
    assert read(built).id != read(TEMPLATE).id


@pytest.mark.parametrize(
    "other",
    [
        {**TEMPLATE, "spec": {**TEMPLATE["spec"], "containers": [{"name": "app", "image": "checkout:2"}]}},
        {**TEMPLATE, "spec": {**TEMPLATE["spec"], "somethingNew": {}}},
        {**TEMPLATE, "spec": {**TEMPLATE["spec"], "labelSelector": {}}},
        with_metadata(annotations={"example.com/scrape": "false"}),
        with_metadata(labels={"app": "checkout", "tier": "web"}),
    ],
)
def test_what_makes_a_version_shows(other: dict[str, Any]) -> None:
    assert read(other).id != read(TEMPLATE).id


def test_images_are_in_the_templates_order() -> None:
    assert list(read(TEMPLATE).images.items()) == [("app", "checkout:1"), ("proxy", "proxy:7")]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("42", 42),
        ("0", 0),
        ("", None),
        ("v42", None),
        ("-1", None),
        ("4.2", None),
        ("²", None),
        ("9" * 5000, None),
    ],
)
def test_a_declared_schema_is_a_whole_number(text: str, number: int | None) -> None:
    declared = with_metadata(annotations={"backout.dev/schema": text, "backout.dev/schema-at-least": text})

    assert (read(declared).schema, read(declared).schema_at_least) == (number, number)


def test_an_undeclared_schema_is_none() -> None:
    assert (read(TEMPLATE).schema, read(TEMPLATE).schema_at_least) == (None, None)


@pytest.mark.parametrize(
    "text", [b"null", b"[]", b'"text"', b'{"metadata": []}', b'{"metadata": {"labels": 3}}']
)
def test_what_is_no_template_cannot_be_read(text: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        templates.read(msgspec.Raw(text))
