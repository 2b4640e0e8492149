"""The arithmetic of a rolling update keeps within its limits, whatever the sizes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.cluster.controllers import rolling

PERCENT = st.integers(0, 100).map(lambda part: f"{part}%")
LIMIT = st.integers(0, 10) | PERCENT


def replica_set(name: str, size: int, available: int) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "annotations": {}},
        "spec": {"replicas": size},
        "status": {"availableReplicas": available},
    }


def spec(replicas: int, surge: int | str, unavailable: int | str) -> dict[str, Any]:
    limits = {"maxSurge": surge, "maxUnavailable": unavailable}
    return {"replicas": replicas, "strategy": {"type": "RollingUpdate", "rollingUpdate": limits}}


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "limits"),
    [
        (4, "25%", "25%", (1, 1)),
        (3, "25%", "25%", (1, 0)),
        (10, "25%", "25%", (3, 2)),
        (1, "25%", "25%", (1, 0)),
        (5, 0, "10%", (0, 1)),
        (2, 1, 9, (1, 2)),
    ],
)
def test_percentages_round_up_for_surge_and_down_for_unavailable(
    replicas: int, surge: int | str, unavailable: int | str, limits: tuple[int, int]
) -> None:
    assert rolling.surge_and_unavailable(spec(replicas, surge, unavailable)) == limits


SIZES = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(lambda pair: (max(pair), min(pair)))


@given(st.integers(1, 12), LIMIT, LIMIT, SIZES, st.lists(SIZES, max_size=3))
def test_scaling_old_sets_down_never_takes_available_pods_below_the_minimum(
    replicas: int, surge: int | str, unavailable: int | str, new: tuple[int, int], old: list[tuple[int, int]]
) -> None:
    wanted = spec(replicas, surge, unavailable)
    newest = replica_set("new", *new)
    others = [replica_set(f"old{place}", *sizes) for place, sizes in enumerate(old)]
    before = sum(rolling.available(one) for one in [newest, *others])

    sizes = rolling.old_sizes(wanted, newest, others)

    after = rolling.available(newest) + sum(
        min(rolling.available(one), sizes.get(one["metadata"]["name"], rolling.size(one))) for one in others
    )
    minimum = replicas - rolling.surge_and_unavailable(wanted)[1]
    assert after >= min(before, minimum)
    assert all(0 <= size < rolling.size(one) for one in others for name, size in sizes.items()
               if name == one["metadata"]["name"])  # fmt: skip


@given(st.integers(0, 12), LIMIT, LIMIT, SIZES, st.lists(SIZES, max_size=3))
def test_the_new_set_never_takes_the_total_above_the_surge(
    replicas: int, surge: int | str, unavailable: int | str, new: tuple[int, int], old: list[tuple[int, int]]
) -> None:
    wanted = spec(replicas, surge, unavailable)
    newest = replica_set("new", *new)
    others = [replica_set(f"old{place}", *sizes) for place, sizes in enumerate(old)]
    limit = replicas + rolling.resolve(surge, replicas, round_up=True)

    size = rolling.new_size(wanted, newest, others)

    total = rolling.total_size(others) + size
    assert size <= replicas
    assert total <= max(limit, rolling.total_size([newest, *others]))


@given(st.integers(0, 12), LIMIT, LIMIT, st.lists(SIZES, min_size=2, max_size=4))
def test_a_proportional_scale_grows_into_exactly_the_room_there_is_and_never_shrinks_too_far(
    replicas: int, surge: int | str, unavailable: int | str, sets: list[tuple[int, int]]
) -> None:
    wanted = spec(replicas, surge, unavailable)
    present = [replica_set(f"set{place}", *sizes) for place, sizes in enumerate(sets)]
    for one in present:
        one["metadata"]["annotations"][rolling.MAX_REPLICAS] = str(rolling.total_size(present))

    sizes = rolling.proportional_sizes(wanted, present)

    allowed = replicas + rolling.surge_and_unavailable(wanted)[0] if replicas else 0
    before = rolling.total_size(present)
    after = sum(sizes.values())
    assert all(size >= 0 for size in sizes.values())
    if not sizes:
        assert before == 0
    elif allowed >= before:
        assert after == allowed
    else:
        # What rounding leaves over comes off the largest set, which may be too small for it.
        assert allowed <= after <= before
