"""Owners, repositories, caches and flags: what the configuration names becomes their adapters."""

from shutil import which
from typing import TYPE_CHECKING

from shared.bootstrap.renewing import renewing
from shared.settings import Secrets, Settings, model

if TYPE_CHECKING:
    from shared.adapters.kubernetes import KubernetesWorkloads
    from shared.adapters.redis_connection import Cache
    from shared.ports import Caches, Flags, Owners, Repositories


def owners_of(
    settings: Settings, secrets: Secrets, workloads: "KubernetesWorkloads", *, kubeconfig: str | None
) -> "Owners":
    """Return the adapter of each kind of owner; those in the cluster share its connection."""
    from shared.adapters.owners import OwnersByKind, flux, helm

    adapters: dict[str, Owners] = {
        kind: flux.FluxOwner(workloads.connection, kind) for kind in (flux.KUSTOMIZATION, flux.HELM_RELEASE)
    }
    program = settings.owners.helm_program
    adapters[helm.KIND] = helm.HelmOwner(
        workloads.connection,
        program=(which(program) or program) if program else "",
        kubeconfig=kubeconfig or settings.kubernetes.kubeconfig,
    )
    if settings.owners.argo_cd is not None:
        from shared.adapters.owners import argo_cd, argo_cd_api

        configured = settings.owners.argo_cd

        def argo(secrets: Secrets) -> "Owners":
            token = secrets.value(configured.token)
            return argo_cd.ArgoCd(configured.url, token, cluster=settings.cluster)

        adapters[argo_cd_api.KIND] = renewing(secrets, argo)
    return OwnersByKind(adapters)


def caches_of(settings: Settings, secrets: Secrets) -> "Caches":
    """Return the caches that are configured, each by its name."""
    from shared.adapters.redis import RedisCaches

    return RedisCaches({name: cache_of(cache, secrets) for name, cache in settings.caches.items()})


def cache_of(cache: model.Cache, secrets: Secrets) -> "Cache":
    """Return a cache as the adapter takes it, with its password."""
    from shared.adapters.redis_connection import Cache

    return Cache(
        cache.url,
        user=cache.user,
        password=secrets.value(cache.password) if cache.password else "",
        ca=cache.ca,
        all_databases=cache.all_databases,
    )


def flags_of(settings: Settings, secrets: Secrets) -> "Flags":
    """Return what switches feature flags; one that switches none where no vendor is configured."""
    configured = settings.flags
    if configured is None:
        from shared.adapters.unconfigured import NoFlags

        return NoFlags()
    token = secrets.value(configured.token)
    if configured.vendor == "unleash":
        from shared.adapters.flags.unleash import UnleashFlags

        return UnleashFlags(
            configured.url, token, project=configured.project, environment=configured.environment
        )
    if configured.vendor == "launchdarkly":
        from shared.adapters.flags.launchdarkly import LaunchDarklyFlags

        return LaunchDarklyFlags(
            configured.url, token, project=configured.project, environment=configured.environment
        )
    from shared.adapters.flags.flagsmith import FlagsmithFlags

    return FlagsmithFlags(configured.url, token, environment=configured.environment)


def repositories_of(settings: Settings, secrets: Secrets) -> "Repositories":
    """Return the host of the repositories; one that reverts nothing where none is configured."""
    if settings.github is None:
        from shared.adapters.unconfigured import NoRepositories

        return NoRepositories()
    from shared.adapters.github_reverts import GitHubRepositories

    return GitHubRepositories(settings.github.url, secrets.value(settings.github.token))
