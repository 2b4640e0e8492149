"""A shop that Argo CD deploys: a stand-in cluster, a git repository, and Argo CD between them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.argocd import ArgoCD
from sandbox.cluster import Cluster
from sandbox.git import Repository
from tests.sandbox.cluster.api import Api
from tests.sandbox.endpoints import eventually

GOOD, BAD, WORSE = "shop/cart:1", "shop/cart:2", "shop/cart:3"
NAMESPACE, NAME, APP = "shop", "cart", "cart-app"
DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{NAME}"
SELF_HEAL = {"prune": True, "selfHeal": True}

Object = dict[str, Any]


def deployment(image: str, *, name: str = NAME, **template: Any) -> Object:
    labels = {"app": name}
    spec = {"containers": [{"name": "app", "image": image}], **template.pop("spec", {})}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels, **template}, "spec": spec},
        },
    }


def application(
    repository: str, *, name: str = APP, automated: Object | None = None, path: str = "cart", **metadata: Any
) -> Object:
    return {
        "metadata": {"name": name, **metadata},
        "spec": {
            "project": "shop",
            "source": {"repoURL": repository, "path": path, "targetRevision": "main"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": NAMESPACE},
            **({} if automated is None else {"syncPolicy": {"automated": automated}}),
        },
    }


@dataclass
class World:
    """What runs; `commits` are those of `deploy`, by image."""

    cluster: Cluster
    api: Api
    repository: Repository
    argocd: ArgoCD
    commits: dict[str, str] = field(default_factory=dict)

    def push(self, image: str, **template: Any) -> str:
        """Commit a manifest of the Deployment with that image."""
        text = json.dumps(deployment(image, **template))
        self.commits[image] = self.repository.commit({"cart/deployment.json": text}, f"cart: {image}")
        return self.commits[image]

    def live(self) -> Object:
        return self.api.document(DEPLOYMENT)

    def image(self) -> str:
        answer = self.api.get(DEPLOYMENT)
        if answer.status_code == 404:
            return ""
        image: str = answer.json()["spec"]["template"]["spec"]["containers"][0]["image"]
        return image

    def deploy(self, image: str, **template: Any) -> str:
        """Commit, and wait until Argo CD has synced it by itself and is at rest."""
        commit = self.push(image, **template)
        self.settled()
        return commit

    def settled(self) -> None:
        """Wait until the branch's newest commit was deployed last, and nothing differs from it."""
        commit = self.repository.tip()
        eventually(lambda: self.history()[-1:] == [commit] and self.status("sync").get("status") == "Synced")

    def create(self, automated: Object | None, **metadata: Any) -> None:
        self.argocd.create(application(self.repository.url, automated=automated, **metadata))

    def status(self, part: str) -> Any:
        return self.argocd.application(APP)["status"].get(part, {})

    def history(self) -> list[str]:
        return [entry["revision"] for entry in self.argocd.application(APP)["status"].get("history", [])]


@contextmanager
def running(folder: Path, **argocd: Any) -> Iterator[World]:
    """Run a cluster and Argo CD with a first commit of the good image, and no application yet."""
    repository = Repository.create(folder / "deploy.git")
    with (
        Cluster(start_seconds=0.02) as cluster,
        ArgoCD(cluster.url, poll_seconds=0.05, **argocd) as server,
        Api(cluster.url) as api,
    ):
        cluster.create_namespace(NAMESPACE)
        world = World(cluster, api, repository, server)
        world.push(GOOD)
        yield world
