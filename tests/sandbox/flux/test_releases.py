"""A HelmRelease is upgraded when its values change, and drift is corrected where it says so."""

from typing import Any

import pytest

from tests.sandbox.cluster.api import BAD, DEPLOYMENT, GOOD, Api, Object
from tests.sandbox.endpoints import eventually
from tests.sandbox.flux.objects import NEVER, RELEASES, release

CART = f"{RELEASES}/cart"
OTHER = f"{RELEASES}/other"
REQUESTED = "reconcile.fluxcd.io/requestedAt"
CORRECTING: dict[str, Any] = {"driftDetection": {"mode": "enabled"}}


def image(api: Api) -> str:
    found = api.get(DEPLOYMENT)
    if found.status_code == 404:
        return ""
    return str(found.json()["spec"]["template"]["spec"]["containers"][0]["image"])


def history(api: Api) -> list[Object]:
    found: list[Object] = (api.document(CART).get("status") or {}).get("history", [])
    return found


def request(api: Api, token: str, path: str = CART) -> None:
    """Ask for a reconciliation, and wait until it is over."""
    api.merge(path, {"metadata": {"annotations": {REQUESTED: token}}})
    eventually(lambda: api.document(path)["status"].get("lastHandledReconcileAt") == token)


@pytest.mark.usefixtures("flux")
def test_a_release_is_installed_and_marked(api: Api) -> None:
    api.create(RELEASES, release(GOOD))
    eventually(lambda: history(api))

    metadata = api.document(DEPLOYMENT)["metadata"]
    assert image(api) == GOOD
    assert metadata["labels"]["helm.toolkit.fluxcd.io/name"] == "cart"
    assert metadata["labels"]["helm.toolkit.fluxcd.io/namespace"] == "flux-system"
    assert metadata["annotations"]["meta.helm.sh/release-namespace"] == "shop"


@pytest.mark.usefixtures("flux")
def test_other_values_are_an_upgrade(api: Api) -> None:
    api.create(RELEASES, release(GOOD))
    eventually(lambda: history(api))

    api.merge(CART, {"spec": {"values": {"image": BAD}}})

    eventually(lambda: image(api) == BAD)
    versions = eventually(lambda: found if len(found := history(api)) == 2 else [])
    assert [(one["version"], one["status"]) for one in versions] == [(2, "deployed"), (1, "superseded")]


@pytest.mark.usefixtures("flux")
def test_drift_is_corrected_where_it_is_looked_for(api: Api) -> None:
    api.create(RELEASES, release(GOOD, **CORRECTING))
    eventually(lambda: history(api))

    api.set_image(BAD)

    eventually(lambda: image(api) == GOOD)


@pytest.mark.usefixtures("flux")
def test_drift_stays_otherwise(api: Api) -> None:
    api.create(RELEASES, release(GOOD))
    eventually(lambda: history(api))
    api.set_image(BAD)

    request(api, "now")

    assert image(api) == BAD


@pytest.mark.usefixtures("flux")
def test_nothing_is_corrected_or_upgraded_while_it_is_suspended(api: Api) -> None:
    other = release("shop/other:1", releaseName="other", interval=NEVER)
    other["metadata"]["name"] = "other"
    api.create(RELEASES, release(GOOD, **CORRECTING))
    api.create(RELEASES, other)
    eventually(lambda: history(api) and api.document(OTHER).get("status", {}).get("history"))
    api.merge(CART, {"spec": {"suspend": True, "values": {"image": "shop/cart:3"}}})
    request(api, "what was under way is over", OTHER)

    api.set_image(BAD)

    request(api, "a whole round later", OTHER)
    assert image(api) == BAD
    assert len(history(api)) == 1
