"""Gates: what enforces them outside, as the configuration names it."""

from typing import TYPE_CHECKING

from shared.bootstrap.renewing import renewing
from shared.settings import Secrets, Settings, model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.adapters.github_access import GitHubAccess
    from shared.ports import Barrier, Deployments, Reviews, Workloads


def barriers_of(settings: Settings, secrets: Secrets, workloads: "Workloads") -> "Mapping[str, Barrier]":
    """Return each barrier that is configured, by its name."""
    made: dict[str, Barrier] = {}
    if settings.gate.github_status and (git := settings.github) is not None:
        from shared.adapters.github_gates import GitHubStatus

        context = settings.gate.context
        made["github"] = renewing(secrets, lambda known: GitHubStatus(access_of(git, known), context))
    if settings.gate.argo_cd and (argo := settings.owners.argo_cd) is not None:
        from shared.adapters.owners.argo_cd_windows import ArgoCdWindows

        url, token = argo.url, argo.token
        made["argo_cd"] = renewing(secrets, lambda known: ArgoCdWindows(url, known.value(token), workloads))
    return made


def deployments_of(settings: Settings, secrets: Secrets) -> "Deployments":
    """Return what answers deployments that wait; one that refuses where GitHub is not configured."""
    if settings.github is None:
        from shared.adapters.unconfigured import NoDeployments

        return NoDeployments()
    from shared.adapters.github_gates import GitHubDeployments

    return GitHubDeployments(access_of(settings.github, secrets))


def reviews_of(settings: Settings, secrets: Secrets) -> "Reviews":
    """Return what knows of reviews; one that refuses where GitHub is not configured."""
    if settings.github is None:
        from shared.adapters.unconfigured import NoReviews

        return NoReviews()
    from shared.adapters.github_gates import GitHubReviews

    return GitHubReviews(access_of(settings.github, secrets))


def access_of(configured: model.GitHub, secrets: Secrets) -> "GitHubAccess":
    """Return access to GitHub: as the app where one is configured, else by the token."""
    from shared.adapters.github_access import App, GitHubAccess

    app = configured.app
    return GitHubAccess(
        configured.url,
        secrets.value(configured.token),
        app=App(app.id, secrets.value(app.key)) if app is not None else None,
    )
