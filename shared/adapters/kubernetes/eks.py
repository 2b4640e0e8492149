"""Access to an EKS cluster by an AWS role: no kubeconfig, no program, no secret.

The token is a request to STS that is signed here and sent by the cluster, which so learns who we are (AWS IAM
Authenticator, "API authorization from outside a cluster"). Signing needs no network.
"""

import base64
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.errors import ConfigurationError, TemporaryError

if TYPE_CHECKING:
    from botocore.session import Session
    from kubernetes.client import Configuration

TOKEN_SECONDS = 14 * 60.0
"""How long a token is used: STS takes one for 15 minutes from its date."""

LEAST_SECONDS = 10.0
"""A token that is rejected at this age or younger is not the trouble: another would be rejected too."""

_URL_SECONDS = 60  # is asked for, and means nothing to STS, which counts from the date


class _Cluster(NamedTuple):
    endpoint: str
    authorities: str


class EksAccess:
    """Address and authorities by ``eks:DescribeCluster``, kept; a token for some minutes, then another.

    `role` is one to take first (``sts:AssumeRole``): of another account, for example. Without `region` it is
    the session's.
    """

    def __init__(
        self,
        name: str,
        *,
        region: str = "",
        role: str = "",
        session: "Callable[[], Session] | None" = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._region, self._role = name, region, role
        self._made_session = session
        self._clock = clock
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._cluster: _Cluster | None = None
        self._token, self._signed_at = "", 0.0

    def configure(self, settings: "Configuration") -> None:
        """Describe the cluster, and have each request carry a token that is not too old."""
        cluster = self._described()
        settings.host = cluster.endpoint
        settings.ca_cert_data = cluster.authorities
        settings.api_key["authorization"] = self._authorization()

        def refresh(settings: "Configuration") -> None:
            settings.api_key["authorization"] = self._authorization()

        hook: Any = refresh
        settings.refresh_api_key_hook = hook

    def renew(self) -> bool:
        """Forget the token; one that was signed just now is right, and the cluster does not know its role."""
        with self._lock:
            if self._clock() - self._signed_at <= LEAST_SECONDS:
                return False
            self._token = ""
            return True

    def _authorization(self) -> str:
        with self._lock:
            now = self._clock()
            if not self._token or now - self._signed_at >= TOKEN_SECONDS:
                self._token, self._signed_at = self._signed(), now
            return f"Bearer {self._token}"

    def _signed(self) -> str:
        from botocore.hooks import HierarchicalEmitter
        from botocore.model import ServiceId
        from botocore.signers import RequestSigner

        session, region = self._ready()
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        request: dict[str, Any] = {
            "method": "GET",
            "url": f"https://sts.{region}.{domain}/?Action=GetCallerIdentity&Version=2011-06-15",
            "body": {},
            "headers": {"x-k8s-aws-id": self._name},
            "context": {},
        }
        with self._translating("sts:AssumeRole"):
            credentials = session.get_credentials()
            if credentials is None:
                raise ConfigurationError(f"EKS cluster {self._name}: no AWS credentials are set")
            events = HierarchicalEmitter()  # the signer holds it by a weak reference
            signer = RequestSigner(ServiceId("STS"), region, "sts", "v4", credentials, events)
            url = signer.generate_presigned_url(
                request, region_name=region, expires_in=_URL_SECONDS, operation_name=""
            )
        return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")

    def _described(self) -> _Cluster:
        from shared.adapters import aws

        with self._lock:
            if self._cluster is None:
                session, region = self._ready()
                with self._translating("eks:DescribeCluster"):
                    client = aws.make_client("eks", session, region=region)
                    found = client.describe_cluster(name=self._name)["cluster"]
                self._cluster = self._reached(found)
            return self._cluster

    def _reached(self, found: Mapping[str, Any]) -> _Cluster:
        try:
            authorities = base64.b64decode(found["certificateAuthority"]["data"], validate=True)
            return _Cluster(found["endpoint"], authorities.decode("ascii"))
        except (KeyError, ValueError):
            status = found.get("status", "without a status")
            raise TemporaryError(f"EKS cluster {self._name} is {status}, and cannot be reached yet") from None

    def _ready(self) -> "tuple[Session, str]":
        """Return the session, with the credentials of the role where there is one, and the region."""
        from botocore.session import Session

        if self._session is None:
            session = self._made_session() if self._made_session else Session()
            with self._translating("sts:AssumeRole"):
                self._session = _assuming(session, self._role) if self._role else session
        region = self._region or self._session.get_config_variable("region")
        if not region:
            raise ConfigurationError(
                f"EKS cluster {self._name}: no region is set; set kubernetes.eks.region or AWS_DEFAULT_REGION"
            )
        return self._session, region

    def _translating(self, action: str) -> Any:  # noqa: ANN401 - a context manager
        from shared.adapters.aws import translating

        return translating(
            f"EKS cluster {self._name}", action, missing="check kubernetes.eks in the configuration"
        )


def _assuming(session: "Session", role: str) -> "Session":
    """Return a session of the role; its credentials are got on first use, and again before they end."""
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
    from botocore.session import Session

    from shared.adapters.aws import LIMITS

    source = session.get_credentials()
    if source is None:
        raise ConfigurationError(f"no AWS credentials are set, by which to take the role {role}")
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=partial(session.create_client, config=LIMITS),
        source_credentials=source,
        role_arn=role,
        extra_args={"RoleSessionName": "backout"},
    )
    credentials = DeferredRefreshableCredentials(
        refresh_using=fetcher.fetch_credentials, method="assume-role"
    )

    class RoleSession(Session):
        def get_credentials(self) -> DeferredRefreshableCredentials:
            return credentials

    return RoleSession()
