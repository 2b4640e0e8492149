"""Helm's history out of its Secrets, as helm 3.16 wrote them, and as nothing should have."""

import base64
import gzip
import json
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from sandbox.helm.releases import Object, Release, manifest_of, packed, secret_of
from shared.adapters.kubernetes import wire
from shared.adapters.owners import helm_releases as releases
from shared.adapters.owners.helm_releases import History, Secret
from shared.domain.workloads import WorkloadRef

RECORDED = Path(__file__).parents[2] / "events" / "helm-3.16-secrets.json"
CHECKOUT = WorkloadRef("prod", "production", "deployment", "checkout")


def history(document: bytes) -> History:
    return releases.history(msgspec.json.decode(document, type=wire.Items[Secret]).items or [])


def of(*secrets: Object) -> History:
    stamp = {"creationTimestamp": "2026-08-22T10:00:00Z"}
    dated = [{**one, "metadata": {**one["metadata"], **stamp}} for one in secrets]
    return history(json.dumps({"items": dated}).encode())


def stored(version: int, **changed: str) -> Object:
    made = {"status": "deployed", "manifest": "", "description": "Upgrade complete", **changed}
    return secret_of(Release(name="shop", namespace="production", version=version, **made))


def held(manifest: str) -> list[releases.Rendered]:
    release = releases.Release(name="shop", version=1, namespace="production", manifest=manifest)
    return releases.rendered(release, "prod")


def deployment(**template: object) -> Object:
    pods = {"spec": {"containers": [{"name": "app", "image": "shop:1"}]}, **template}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "checkout"},
        "spec": {"template": pods},
    }


def test_what_helm_stored_is_read() -> None:
    found = history(RECORDED.read_bytes())

    assert [(v.number, v.status) for v in found.versions] == [
        (3, "deployed"),
        (2, "superseded"),
        (1, "superseded"),
    ]
    newest, second = found.release(3), found.release(2)
    assert newest is not None
    assert newest.info.description == "Rollback to 1"
    assert newest.told == "release 3 (chart shop-1.4.1)"
    ours = [releases.rendered_as(release, CHECKOUT) for release in (newest, second)]
    assert [dict(one.images) for one in ours if one is not None] == [
        {"app": "registry.example/checkout:1.4.1"},
        {"app": "registry.example/checkout:1.4.2"},
    ]


def test_a_version_is_dated_by_its_secret() -> None:
    newest = history(RECORDED.read_bytes()).newest

    assert newest is not None
    assert newest.created_at == datetime.fromisoformat("2026-11-25T20:54:29Z")


def test_versions_are_sorted_by_number_and_not_by_name() -> None:
    found = of(*(stored(version) for version in (1, 10, 2, 9)))

    assert [version.number for version in found.versions] == [10, 9, 2, 1]


def test_other_secrets_are_left_out() -> None:
    other_type = {**stored(2), "type": "Opaque"}
    unnumbered = stored(3)
    unnumbered["metadata"]["labels"]["version"] = "latest"

    assert [version.number for version in of(stored(1), other_type, unnumbered).versions] == [1]


@pytest.mark.parametrize("items", ["[]", "null"])
def test_no_secrets_are_no_history(items: str) -> None:
    assert history(f'{{"items": {items}}}'.encode()).newest is None


def test_a_release_from_before_compression_is_read() -> None:
    plain = base64.b64encode(base64.b64encode(b'{"name": "shop", "version": 7}')).decode()

    found = releases.decoded(plain)

    assert found is not None
    assert (found.version, found.told) == (7, "release 7")


def twice(content: bytes) -> str:
    return base64.b64encode(base64.b64encode(content)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not base64!",
        base64.b64encode(b"once only").decode(),
        twice(b""),
        twice(b"plain text"),
        twice(gzip.compress(b"no JSON")),
        twice(gzip.compress(b'{"name": "shop"}')),
        twice(gzip.compress(b'{"name": "shop", "version": 1}')[:-9]),
        twice(b"\x1f\x8b\x08 and then nothing"),
        packed(b'["a", "list"]'),
    ],
    ids=["empty", "text", "once", "nothing", "plain", "no-json", "no-version", "cut", "broken", "list"],
)
def test_what_helm_did_not_write_is_not_read(text: str) -> None:
    assert releases.decoded(text) is None


def test_a_release_that_is_huge_once_it_is_unpacked_is_not_read() -> None:
    bomb = packed(b'{"name": "shop", "version": 1, "manifest": "' + b" " * releases.LARGEST_RELEASE + b'"}')

    assert len(bomb) < releases.LARGEST_STORED
    assert releases.decoded(bomb) is None


def test_a_secret_that_is_too_large_is_not_read() -> None:
    assert releases.decoded("A" * (releases.LARGEST_STORED + 4)) is None


def test_workloads_are_found_among_other_objects() -> None:
    rollout = {**deployment(), "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"}
    elsewhere = {**deployment(), "metadata": {"name": "checkout", "namespace": "staging"}}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "checkout"}}
    scaler = {"kind": "HorizontalPodAutoscaler", "spec": {"scaleTargetRef": {"kind": "Deployment"}}}

    found = held(manifest_of([service, deployment(), scaler, elsewhere, rollout]))

    assert [str(one.ref) for one in found] == [
        "production/deployment/checkout",
        "staging/deployment/checkout",
        "production/rollout/checkout",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "kind: Deployment\nmetadata: {name: [",
        "kind: Deployment",
        "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: 7}\nspec: {template: {spec: {}}}",
        "kind: Deployment\napiVersion: example.com/v1\nmetadata: {name: a}\nspec: {template: {spec: {}}}",
        "- kind: Deployment",
        "kind: Deployment\nat: 2026-99-99",
        "kind: Deployment\nspec: !!python/object/apply:os.system [true]",
        "kind: Deployment\nspec: " + "[" * 5000,
    ],
    ids=["broken", "bare", "number", "other-group", "list", "date", "tag", "deep"],
)
def test_a_document_that_is_no_workload_holds_none_and_hides_none(text: str) -> None:
    assert [one.ref for one in held(f"{text}\n{manifest_of([deployment()])}")] == [CHECKOUT]


def test_a_document_in_json_is_read() -> None:
    assert [one.ref for one in held(json.dumps(deployment()))] == [CHECKOUT]


def test_templates_are_the_same_whatever_else_differs() -> None:
    one, other = deployment(), deployment()
    other["metadata"] = {"name": "checkout", "labels": {"helm.sh/chart": "shop-1.4.2"}}
    other["spec"] = {"replicas": 7, **other["spec"]}
    third = deployment(metadata={"labels": {"app": "checkout"}})

    found = [held(manifest_of([each]))[0].template for each in (one, other, third)]

    assert found[0] == found[1] != found[2]


def test_anchors_that_nest_without_end_cost_nothing() -> None:
    lines = ["bomb:", "- &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"- &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    text = manifest_of([deployment()]).replace(
        "spec:\n  template:\n", "spec:\n  template:\n    " + "\n    ".join(lines) + "\n"
    )

    assert [one.ref for one in held(text)] == [CHECKOUT]
