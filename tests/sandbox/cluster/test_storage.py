"""The change log is bounded: what fell out of it can no longer be watched from."""

import pytest

from sandbox.cluster.errors import ApiError
from sandbox.cluster.resources import NAMESPACES
from sandbox.cluster.storage import Storage


def filled(*, kept_changes: int, writes: int) -> Storage:
    storage = Storage(kept_changes=kept_changes)
    for number in range(writes):
        storage.put(NAMESPACES, {"metadata": {"name": f"n{number}", "uid": str(number)}})
    return storage


def test_changes_since_a_version_are_those_after_it() -> None:
    storage = filled(kept_changes=10, writes=5)

    assert [change.revision for change in storage.since(storage.revision - 2)] == [5, 6]
    assert storage.since(storage.revision) == []


def test_a_version_whose_next_change_is_forgotten_has_expired() -> None:
    storage = filled(kept_changes=3, writes=10)

    assert len(storage.since(storage.revision - 3)) == 3
    with pytest.raises(ApiError) as refused:
        storage.since(storage.revision - 4)
    assert (refused.value.code, refused.value.reason) == (410, "Expired")
