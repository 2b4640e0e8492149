"""The owners of workloads and the repositories: what the configuration names becomes their adapters."""

from typing import TYPE_CHECKING

from shared.settings import Secrets, Settings

if TYPE_CHECKING:
    from shared.adapters.kubernetes import KubernetesWorkloads
    from shared.ports import Owners, Repositories


def owners_of(settings: Settings, secrets: Secrets, workloads: "KubernetesWorkloads") -> "Owners":
    """Return the adapter of each kind of owner; those in the cluster share its connection."""
    from shared.adapters.owners import OwnersByKind, flux

    adapters: dict[str, Owners] = {
        kind: flux.FluxOwner(workloads.connection, kind) for kind in (flux.KUSTOMIZATION, flux.HELM_RELEASE)
    }
    return OwnersByKind(adapters)


def repositories_of(settings: Settings, secrets: Secrets) -> "Repositories":
    """Return the host of the repositories; one that reverts nothing where none is configured."""
    if settings.github is None:
        from shared.adapters.no_repositories import NoRepositories

        return NoRepositories()
    from shared.adapters.github_reverts import GitHubRepositories

    return GitHubRepositories(settings.github.url, secrets.value(settings.github.token))
