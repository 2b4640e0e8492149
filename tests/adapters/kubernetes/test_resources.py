import msgspec
import pytest

from shared.adapters.kubernetes import resources, wire


@pytest.mark.parametrize(
    ("selector", "query"),
    [
        ({"matchLabels": {"app": "shop", "tier": "web"}}, "app=shop,tier=web"),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["x", "y"]}]}, "a in (x,y)"),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["x"]}]}, "a notin (x)"),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, "a"),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, "!a"),
        (
            {"matchLabels": {"app": "shop"}, "matchExpressions": [{"key": "a", "operator": "Exists"}]},
            "app=shop,a",
        ),
    ],
)
def test_a_selector_is_written_as_a_query(selector: object, query: str) -> None:
    assert resources.query(msgspec.convert(selector, wire.Selector)) == query


def test_a_subresource_is_granted_on_its_own() -> None:
    request = resources.get(resources.DEPLOYMENTS, "production", "checkout", subresource="scale")

    assert request.path == "/apis/apps/v1/namespaces/production/deployments/checkout/scale"
    assert request.resource == "deployments/scale.apps"


def test_core_resources_have_a_path_of_their_own() -> None:
    assert resources.list_of(resources.PODS, "production").path == "/api/v1/namespaces/production/pods"


@pytest.mark.parametrize("name", ["checkout", "checkout-2", "2048", "a.b", "a" * 253])
def test_a_name_that_an_object_can_have(name: str) -> None:
    assert resources.is_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", "-a", "a-", "a/b", "a\n", "A", "a b", "a%2f", "a" * 254])
def test_a_name_that_no_object_can_have(name: str) -> None:
    assert not resources.is_name(name)
