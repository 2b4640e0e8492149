"""helm-controller: upgrades a release when its values change, and corrects drift where it is told to.

Every chart is the same one Deployment, of the image and the replicas in the values.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import msgspec

from sandbox.flux.api import Api, Object, Refused
from sandbox.flux.definitions import HELM, HELM_RELEASES
from sandbox.flux.rhythm import Rhythm, begun, status

MANAGER = "helm-controller"
SWITCH = f"{HELM}/driftDetection"
_KEPT = 5


class Releases:
    """Reconciles the cluster's HelmReleases."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._rhythm = Rhythm()

    def reconcile(self) -> None:
        """Install, upgrade or correct each HelmRelease that is due."""
        for found in self._api.items(HELM_RELEASES):
            history = (found.get("status") or {}).get("history") or []
            upgraded = not history or history[0]["configDigest"] != _digest(found)
            if not self._rhythm.is_due(found, moved=upgraded):
                continue
            if self._api.begin(found, begun(found, "Fulfilling prerequisites"), manager=MANAGER):
                said = self._released(found, history, upgraded=upgraded)
                self._api.put_status(found, said, manager=MANAGER)

    def _released(self, release: Object, history: list[Object], *, upgraded: bool) -> Object:
        deployment = _deployment(release)
        detection = (release["spec"].get("driftDetection") or {}).get("mode", "disabled")
        try:
            if upgraded or (detection == "enabled" and not self._is_left_alone(deployment)):
                self._api.apply(deployment, manager=MANAGER)
        except Refused as refused:
            return status(release, reason="UpgradeFailed", message=str(refused), ready=False)
        if upgraded:
            history = [_snapshot(release, history), *({**one, "status": "superseded"} for one in history)]
        reason = "UpgradeSucceeded" if len(history) > 1 else "InstallSucceeded"
        said = status(release, reason=reason, message=f"Helm release v{history[0]['version']} is deployed")
        return said | {"history": history[:_KEPT], "lastAttemptedConfigDigest": _digest(release)}

    def _is_left_alone(self, deployment: Object) -> bool:
        there = self._api.find(self._api.path_of(deployment)) or {"metadata": {}}
        return (there["metadata"].get("annotations") or {}).get(SWITCH) == "disabled"


def _digest(release: Object) -> str:
    values = msgspec.json.encode(release["spec"].get("values") or {}, order="sorted")
    return f"sha256:{hashlib.sha256(values).hexdigest()}"


def _names(release: Object) -> tuple[str, str]:
    """Return the namespace and the name that Helm knows the release by."""
    spec, metadata = release["spec"], release["metadata"]
    namespace = spec.get("targetNamespace") or metadata["namespace"]
    return namespace, spec.get("releaseName") or metadata["name"]


def _snapshot(release: Object, history: list[Object]) -> Object:
    namespace, name = _names(release)
    chart = (release["spec"].get("chart") or {}).get("spec") or {}
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "name": name,
        "namespace": namespace,
        "version": history[0]["version"] + 1 if history else 1,
        "status": "deployed",
        "chartName": chart.get("chart", name),
        "chartVersion": chart.get("version", "0.1.0"),
        "configDigest": _digest(release),
        "firstDeployed": history[-1]["firstDeployed"] if history else now,
        "lastDeployed": now,
    }


def _deployment(release: Object) -> Object:
    """Return what the chart makes of the release's values."""
    namespace, name = _names(release)
    values, metadata = release["spec"].get("values") or {}, release["metadata"]
    labels = {
        "app.kubernetes.io/managed-by": "Helm",
        f"{HELM}/name": metadata["name"],
        f"{HELM}/namespace": metadata["namespace"],
    }
    annotations = {"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace}
    app = {"app": name}
    container = {"name": "app", "image": values["image"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels, "annotations": annotations},
        "spec": {
            "replicas": values.get("replicas", 1),
            "selector": {"matchLabels": app},
            "template": {"metadata": {"labels": app}, "spec": {"containers": [container]}},
        },
    }
