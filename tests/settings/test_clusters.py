"""How the cluster is reached, as it is configured."""

import pytest

from shared.adapters.kubernetes.access import LocalAccess, SecretAccess
from shared.adapters.kubernetes.eks import EksAccess
from shared.bootstrap.clusters import access_of
from shared.errors import ConfigurationError
from shared.settings import SecretRef, Secrets, Settings, parse


def configured(kubernetes: str, more: str = "") -> Settings:
    return parse(f"cluster: prod\nkubernetes: {kubernetes}\n{more}")


def test_an_eks_cluster_is_named_with_its_region_and_the_role_to_take() -> None:
    role = "arn:aws:iam::123456789012:role/backout"
    settings = configured(f"{{eks: {{name: shop, region: eu-central-1, role: '{role}'}}}}")

    eks = settings.kubernetes.eks
    assert eks is not None
    assert (eks.name, eks.region, eks.role) == ("shop", "eu-central-1", role)
    assert isinstance(access_of(settings, Secrets()), EksAccess)


def test_a_kubeconfig_is_a_secret_or_a_path() -> None:
    secret, path = configured("{kubeconfig: 'ssm:/kube'}"), configured("{kubeconfig: /etc/kubeconfig}")

    assert isinstance(secret.kubernetes.kubeconfig, SecretRef)
    assert isinstance(access_of(secret, Secrets()), SecretAccess)
    assert path.kubernetes.kubeconfig == "/etc/kubeconfig"
    assert isinstance(access_of(path, Secrets()), LocalAccess)


def test_a_path_on_the_command_line_goes_before_the_configuration() -> None:
    settings = configured("{eks: {name: shop}}")
    assert isinstance(access_of(settings, Secrets(), kubeconfig="/tmp/other"), LocalAccess)


@pytest.mark.parametrize(
    ("kubernetes", "more", "said"),
    [
        ("{eks: {name: shop}, kubeconfig: /etc/kubeconfig}", "", "kubernetes: expected eks or kubeconfig"),
        ("{eks: {name: ' '}}", "", r"kubernetes\.eks\.name"),
        ("{eks: {name: shop}}", "owners: {helm: {}}", r"kubernetes\.eks: owners\.helm needs"),
        ("{kubeconfig: 'ssm:/x'}", "owners: {helm: {}}", r"kubernetes\.kubeconfig: owners\.helm needs"),
    ],
)
def test_what_does_not_go_together_is_told(kubernetes: str, more: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        configured(kubernetes, more)
