"""The delivery by git: a repository as GitHub hosts it, and Argo CD, which syncs the cluster to it."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sandbox.argocd import ArgoCD
from sandbox.argocd import server as argocd
from sandbox.git import Repository
from sandbox.receivers import GitHub, github
from sandbox.receivers.github_hosted import Hosted

REPOSITORY, BRANCH, APPLICATION = "shop/checkout", "main", "shop"
URL = f"https://github.com/{REPOSITORY}.git"
FILE = "deploy/checkout.json"

SECRETS = {"BACKOUT_DEMO_GITHUB": github.TOKEN, "BACKOUT_DEMO_ARGO_CD": argocd.TOKEN}

CONFIGURATION = """
github: {{token: env:BACKOUT_DEMO_GITHUB, url: "{github}"}}
owners: {{argo_cd: {{url: "{argo_cd}", token: env:BACKOUT_DEMO_ARGO_CD}}}}
"""

SERVICE_KEYS = f"""
    github: {{repository: {REPOSITORY}, branch: {BRANCH}, revert: true}}
"""


@dataclass(frozen=True)
class GitOps:
    """What deploys: a push to the branch, which Argo CD brings to the cluster."""

    repository: Repository
    github: GitHub
    argo_cd: ArgoCD
    manifest: Mapping[str, Any]

    def push(self, image: str) -> None:
        """Push the manifest with an image, as a person's merge does."""
        template = json.loads(json.dumps(self.manifest))
        template["spec"]["template"]["spec"]["containers"][0]["image"] = image
        self.repository.commit({FILE: json.dumps(template, indent=2)}, f"Deploy {image}", branch=BRANCH)

    def configuration(self) -> str:
        """Return the part of the configuration that names them."""
        return CONFIGURATION.format(github=self.github.url, argo_cd=self.argo_cd.url)

    def log(self) -> list[str]:
        """Return the branch's commits, the newest first, a line each."""
        return [f"{c.sha[:10]} {c.message.splitlines()[0]}" for c in self.repository.log(BRANCH)]

    def syncs_by_itself(self) -> bool:
        """Return whether Argo CD's auto-sync is on."""
        automated = self.argo_cd.application(APPLICATION)["spec"].get("syncPolicy", {}).get("automated")
        return automated is not None and automated.get("enabled") is not False


@contextmanager
def gitops(cluster_url: str, manifest: Mapping[str, Any], image: str) -> Iterator[GitOps]:
    """Start them, with the first version pushed; their secrets are in the environment meanwhile."""
    with ExitStack() as running:
        for name, value in SECRETS.items():
            os.environ[name] = value
            running.callback(os.environ.pop, name, None)
        path = Path(running.enter_context(TemporaryDirectory(prefix="backout-demo-"))) / "checkout.git"
        repository = Repository.create(path)
        host = running.enter_context(GitHub(repositories={REPOSITORY: Hosted(repository)}))
        argo_cd = running.enter_context(ArgoCD(cluster_url, repositories={URL: path}))
        made = GitOps(repository, host, argo_cd, manifest)
        made.push(image)
        argo_cd.create(_application())
        yield made


def _application() -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": APPLICATION, "namespace": "argocd"},
        "spec": {
            "project": "default",
            "source": {"repoURL": URL, "path": FILE.partition("/")[0], "targetRevision": BRANCH},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "production"},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
        },
    }
