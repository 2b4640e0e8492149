"""Strategic merge patches, directive by directive."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.cluster.errors import ApiError
from sandbox.cluster.strategic import merge

ENV = {"env": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]}


@pytest.mark.parametrize(
    ("current", "patch", "merged"),
    [
        (ENV, {"env": [{"name": "b", "value": "3"}]}, {"env": [ENV["env"][0], {"name": "b", "value": "3"}]}),
        (ENV, {"env": [{"$patch": "delete", "name": "a"}]}, {"env": [ENV["env"][1]]}),
        (ENV, {"env": [{"$patch": "replace"}, {"name": "c"}]}, {"env": [{"name": "c"}]}),
        (ENV, {"env": None}, {}),
        (
            ENV,
            {"$setElementOrder/env": [{"name": "b"}, {"name": "a"}], "env": []},
            {"env": ENV["env"][::-1]},
        ),
        (
            ENV,
            {"$setElementOrder/env": [{"name": "c"}, {"name": "b"}], "env": [{"name": "c"}]},
            {"env": [ENV["env"][0], {"name": "c"}, ENV["env"][1]]},
        ),
        (
            {"ports": [{"port": 80, "name": "web"}]},
            {"ports": [{"port": 80, "name": "http"}, {"port": 443}]},
            {"ports": [{"port": 80, "name": "http"}, {"port": 443}]},
        ),
        ({"args": ["a", "b"]}, {"args": ["c"]}, {"args": ["c"]}),
        ({"finalizers": ["a"]}, {"finalizers": ["b"]}, {"finalizers": ["a", "b"]}),
        ({"finalizers": ["a", "b"]}, {"$deleteFromPrimitiveList/finalizers": ["a"]}, {"finalizers": ["b"]}),
        ({"map": {"a": 1, "b": 2}}, {"map": {"$patch": "replace", "c": 3}}, {"map": {"c": 3}}),
        ({"map": {"a": 1}}, {"map": {"$patch": "delete"}}, {}),
        (
            {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}},
            {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}},
            {"strategy": {"type": "Recreate"}},
        ),
    ],
)
def test_each_directive_does_what_the_api_conventions_say(
    current: dict[str, Any], patch: dict[str, Any], merged: dict[str, Any]
) -> None:
    assert merge(current, patch) == merged


def test_a_list_item_without_its_merge_key_is_refused() -> None:
    with pytest.raises(ApiError) as refused:
        merge(ENV, {"env": [{"value": "3"}]})

    assert refused.value.code == 400


@given(
    st.dictionaries(
        st.sampled_from("abc"), st.integers() | st.dictionaries(st.sampled_from("de"), st.integers())
    )
)
def test_an_empty_patch_changes_nothing_and_the_whole_object_as_a_patch_restores_it(
    current: dict[str, Any],
) -> None:
    assert merge(current, {}) == current
    assert merge({}, current) == current
