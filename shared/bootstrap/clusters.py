"""Clusters: how the one that the configuration names is reached."""

from typing import TYPE_CHECKING

from shared.settings import SecretRef, Secrets, Settings

if TYPE_CHECKING:
    from shared.adapters.kubernetes.access import Access


def access_of(settings: Settings, secrets: Secrets, *, kubeconfig: str | None = None) -> "Access":
    """Return the access to the cluster; `kubeconfig` is a path that goes before the configuration."""
    from shared.adapters.kubernetes.access import LocalAccess, SecretAccess

    named = settings.kubernetes
    if kubeconfig is not None:
        return LocalAccess(kubeconfig)
    if named.eks is not None:
        from shared.adapters.kubernetes.eks import EksAccess

        return EksAccess(named.eks.name, region=named.eks.region, role=named.eks.role)
    if isinstance(named.kubeconfig, SecretRef):
        ref = named.kubeconfig

        def renewed() -> str:
            secrets.renew(ref)
            return secrets.value(ref)

        return SecretAccess(ref, lambda: secrets.value(ref), renewed)
    return LocalAccess(named.kubeconfig or None)
