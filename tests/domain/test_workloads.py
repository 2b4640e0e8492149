import pytest

from shared.domain.workloads import WorkloadRef
from tests.domain.examples import a_revision, a_workload


def test_a_workload_is_named_by_namespace_kind_and_name() -> None:
    ref = WorkloadRef.parse("production/Deployment/checkout", cluster="prod")
    assert ref == WorkloadRef("prod", "production", "deployment", "checkout")
    assert str(ref) == "production/deployment/checkout"


def test_a_kind_that_is_not_supported_is_left_to_its_guardrail() -> None:
    assert WorkloadRef.parse("production/cronjob/report", cluster="prod").kind == "cronjob"


@pytest.mark.parametrize(
    "text", ["", "checkout", "production/checkout", "a/b/c/d", "//", "production//checkout"]
)
def test_a_name_of_another_shape_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not namespace/kind/name, like production/deployment/checkout"):
        WorkloadRef.parse(text, cluster="prod")


def test_the_same_name_in_another_cluster_is_another_workload() -> None:
    one, other = (WorkloadRef.parse("production/deployment/checkout", cluster=c) for c in ("blue", "green"))
    assert one != other
    assert sorted([other, one]) == [one, other]


def test_the_current_revision_is_the_one_of_the_template() -> None:
    workload = a_workload(9, 8, template_id="t8")
    assert workload.current.number == 8


def test_the_image_for_people_names_every_container_in_order() -> None:
    revision = a_revision(9, images={"app": "shop:1.9", "proxy": "envoy:1.30"})
    assert a_workload(revisions=(revision,)).image == "shop:1.9, envoy:1.30"


def test_a_revision_is_found_by_its_template_while_the_history_holds_it() -> None:
    workload = a_workload(9, 8)
    assert workload.revision("t8") == a_revision(8)
    assert workload.revision("t1") is None
