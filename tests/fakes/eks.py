"""What an EKS API server makes of a token, and a DescribeCluster that leads to a stand-in."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.fakes.http_server import Answer

CLUSTER, REGION = "shop-prod", "eu-central-1"
LONGEST = timedelta(minutes=15)


class _At(SigV4QueryAuth):
    """Signs as at a time that is given."""

    def __init__(self, credentials: Credentials, at: str, expires: int) -> None:
        super().__init__(credentials, "sts", REGION, expires)
        self._at = at

    def add_auth(self, request: AWSRequest) -> None:
        request.context["timestamp"] = self._at
        inner: Any = self
        inner._modify_request_before_signing(request)
        text = self.string_to_sign(request, self.canonical_request(request))
        inner._inject_signature_to_request(request, self.signature(text, request))


def verdict(token: str, accepted: list[Credentials], *, now: datetime | None = None) -> str:
    """Return what is wrong with a token, nothing where all is right; the checks are the authenticator's."""
    prefix, _, encoded = token.partition(".")
    if prefix != "k8s-aws-v1" or "=" in encoded:
        return "no token of EKS"
    url = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    parts = urlsplit(url)
    said = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if (parts.scheme, parts.netloc, parts.path) != ("https", f"sts.{REGION}.amazonaws.com", "/"):
        return "another host than STS"
    if (said.get("Action"), said.get("Version")) != ("GetCallerIdentity", "2011-06-15"):
        return "another action"
    if said.get("X-Amz-SignedHeaders") != "host;x-k8s-aws-id":
        return "other signed headers"
    signed_at = datetime.strptime(said["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if not timedelta() <= (now or datetime.now(UTC)) - signed_at + timedelta(seconds=1) <= LONGEST:
        return "too old"
    key = said["X-Amz-Credential"].partition("/")[0]
    known = next((each for each in accepted if each.access_key == key), None)
    if known is None:
        return "an unknown key"
    unsigned = f"https://{parts.netloc}/?Action=GetCallerIdentity&Version=2011-06-15"
    again = AWSRequest("GET", unsigned, headers={"x-k8s-aws-id": CLUSTER})
    _At(known, said["X-Amz-Date"], int(said["X-Amz-Expires"])).add_auth(again)
    expected = parse_qs(urlsplit(str(again.url)).query)["X-Amz-Signature"][0]
    return "" if expected == said["X-Amz-Signature"] else "another signature"


def described(endpoint: str, authorities: str = "") -> Answer:
    """Return what ``eks:DescribeCluster`` answers."""
    data = base64.b64encode(authorities.encode()).decode()
    cluster = {"name": CLUSTER, "endpoint": endpoint, "certificateAuthority": {"data": data}}
    return Answer(body=json.dumps({"cluster": cluster}).encode())
