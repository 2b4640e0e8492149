"""Claims on a release: which response runs helm, for helm itself keeps nobody from running it twice.

Workloads of one release tend to fail together, each with a response of its own. The first to mark the newest
version's Secret, by compare and swap, rolls the release back; the others find it rolled back. Helm drops the
mark when it writes the Secret anew.
"""

from datetime import datetime, timedelta

from shared.adapters.kubernetes import resources
from shared.adapters.kubernetes.resources import Request
from shared.adapters.owners.helm_releases import SECRETS, Version
from shared.domain.changes import MARKER, RollBackByOwner

SINCE = "backout.dev/rolling-back-since"
LASTS = timedelta(seconds=30)
"""Longer than a call: by then the claimant's helm has made a version, or was ended."""


def is_ours(version: Version, change: RollBackByOwner) -> bool:
    """Return whether the response that makes the change has claimed the release."""
    return version.secret.annotations.get(MARKER) == change.response_id


def is_others(version: Version, change: RollBackByOwner, now: datetime) -> bool:
    """Return whether another response has, and may be at it still."""
    claimed = version.secret.annotations
    if MARKER not in claimed or is_ours(version, change):
        return False
    try:
        return now < datetime.fromisoformat(claimed.get(SINCE, "")) + LASTS
    except (ValueError, TypeError):  # nothing that was written here
        return False


def request(version: Version, change: RollBackByOwner, now: datetime) -> Request:
    """Return the request that claims the release, if its newest version is still as it was read."""
    annotations = {MARKER: change.response_id, SINCE: now.isoformat()}
    metadata = {"resourceVersion": version.secret.resource_version, "annotations": annotations}
    body = {"metadata": metadata}
    name = version.secret.name
    return resources.patch(SECRETS, change.namespace, name, kind=resources.MERGE_PATCH, body=body)
