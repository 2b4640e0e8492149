"""Access to a cluster: where its API server is, what it is known by, and by which credential we come."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from kubernetes.client import Configuration


class Access(Protocol):
    """Configures the client library for a cluster."""

    def configure(self, settings: "Configuration") -> None:
        """Put address, authorities and credential into the library's settings.

        Raises ConfigurationError without a credential, TemporaryError where it cannot be told just now.
        """
        ...

    def renew(self) -> bool:
        """Forget a credential that the cluster rejected; return whether there may be another now."""
        ...


class LocalAccess:
    """A kubeconfig by its path; without one the account of the pod, or else the default kubeconfig."""

    def __init__(self, kubeconfig: str | None) -> None:
        self._kubeconfig = kubeconfig

    def configure(self, settings: "Configuration") -> None:
        """Read the file, or the pod's account."""
        from kubernetes import config
        from yaml import YAMLError

        from_file: Callable[..., None] = config.load_kube_config
        in_cluster: Callable[..., None] = config.load_incluster_config
        try:
            if self._kubeconfig is not None:
                from_file(config_file=self._kubeconfig, client_configuration=settings)
                return
            try:
                in_cluster(client_configuration=settings)
            except config.ConfigException:
                from_file(client_configuration=settings)
        except config.ConfigException as error:
            raise ConfigurationError(f"no credential for the cluster: {error}") from error
        except (YAMLError, ValueError) as error:
            # The parser's own words quote the file, which holds the credential.
            raise ConfigurationError(f"the kubeconfig {self._kubeconfig or ''} cannot be parsed") from error

    def renew(self) -> bool:
        """Return that there is no other: the library reads an account's token again by itself."""
        return False


class SecretAccess:
    """A kubeconfig that is a secret, known by its reference; `renewed` looks it up anew."""

    def __init__(self, reference: str, text: Callable[[], str], renewed: Callable[[], str]) -> None:
        self._reference, self._text, self._renewed = reference, text, renewed
        self._used = ""

    def configure(self, settings: "Configuration") -> None:
        """Look the kubeconfig up; only what the library itself needs of it touches the disk."""
        import yaml
        from kubernetes import config

        self._used = self._text()
        from_dict: Callable[..., None] = config.load_kube_config_from_dict
        try:
            from_dict(yaml.safe_load(self._used), client_configuration=settings)
        except (config.ConfigException, yaml.YAMLError, ValueError, TypeError, AttributeError):
            # All of these may quote the secret, so none becomes a cause.
            raise ConfigurationError(
                f"what {self._reference} holds is no kubeconfig with a current context, cluster and user"
            ) from None

    def renew(self) -> bool:
        """Look it up anew; return whether it is another one."""
        return self._renewed() != self._used
