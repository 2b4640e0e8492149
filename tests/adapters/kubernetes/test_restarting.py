from typing import Any

import jsonpatch
import msgspec
import pytest

from shared.adapters.kubernetes import restarting, rollouts, templates, wire
from shared.adapters.kubernetes.reading import Look
from shared.adapters.kubernetes.standing import as_written
from shared.domain.changes import RestartWorkload
from shared.domain.workloads import WorkloadRef

AT = "2026-03-02T12:00:00Z"
REF = WorkloadRef("test", "production", "deployment", "checkout")
SPEC = {"containers": [{"name": "app", "image": "checkout:1"}]}


def look(template: dict[str, Any]) -> Look:
    raw = {"metadata": {"uid": "u-1", "generation": 3}, "spec": {"selector": {}, "template": template}}
    found = msgspec.json.decode(msgspec.json.encode(raw), type=wire.Workload)
    written = templates.read(found.spec.template)
    standing = as_written(rollouts.of_deployment)(found, written, ())
    return Look(found, (), standing, written)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"metadata": {"labels": {"app": "checkout"}}},
        {"metadata": {"annotations": {"example.com/scrape": "true"}}},
        {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "yesterday"}}},
    ],
)
def test_the_annotation_is_added_to_whatever_metadata_there_is(metadata: dict[str, Any]) -> None:
    template = {**metadata, "spec": SPEC}
    before = look(template)
    change = RestartWorkload(REF, "r-1", generation=3, template_id=before.template.id, at=AT)
    stored = {"metadata": {"uid": "u-1", "generation": 3}, "spec": {"template": template}}

    after = jsonpatch.apply_patch(stored, restarting.operations(before, change))["spec"]["template"]

    kept = metadata.get("metadata", {})
    annotations = {**kept.get("annotations", {}), "kubectl.kubernetes.io/restartedAt": AT}
    assert after == {"metadata": {**kept, "annotations": annotations}, "spec": SPEC}
    assert restarting.is_done(look(after), change)
    assert not restarting.is_done(before, change)


def test_the_template_of_an_argo_rollout_is_left_alone() -> None:
    rollout = WorkloadRef("test", "production", "rollout", "checkout")
    change = RestartWorkload(rollout, "r-1", generation=3, template_id="t", at=AT)
    stored = {"metadata": {"uid": "u-1", "generation": 3}, "spec": {"template": {"spec": SPEC}}}

    after = jsonpatch.apply_patch(stored, restarting.operations(look({"spec": SPEC}), change))

    assert after["spec"] == {"template": {"spec": SPEC}, "restartAt": AT}
