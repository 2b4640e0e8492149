"""Credentials: who presents a bearer token or a basic password, and when an open door is allowed."""

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Mapping, Sequence

Accepted = Mapping[str, Sequence[str]]
"""The secrets that are accepted, by the name of who holds them; several for the time of a rotation."""


def who(authorization: str | None, accepted: Accepted, *, basic: bool = False) -> str | None:
    """Return the name whose secret the Authorization header presents, or None.

    The secret comes as a bearer token or, if `basic`, as the password of any user. Every accepted value is
    compared in constant time and to the end, so that the time taken tells nothing of which one was near.
    """
    presented = _presented(authorization or "", basic=basic)
    found = None
    for name, secrets in accepted.items():
        for secret in secrets:
            same = hmac.compare_digest(presented, secret.encode())
            if same and secret and found is None:
                found = name
    return found


def may_stand_open(*, remote: str, bound_to: str, forwarded: bool = False) -> bool:
    """Return whether a door configured as ``none`` may let a caller in: on loopback only.

    Both ends must be loopback: behind a reverse proxy on the same machine every caller looks local. So the
    server must be bound to loopback too, and a request with a forwarding header (`forwarded`) is not let in.
    """
    return not forwarded and _loopback(remote) and _loopback(bound_to)


def _presented(authorization: str, *, basic: bool) -> bytes:
    scheme, _, rest = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip().encode(errors="backslashreplace")
    if basic and scheme.lower() == "basic":
        try:
            _, _, password = base64.b64decode(rest.strip(), validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return b""
        return password
    return b""


def _loopback(address: str) -> bool:
    if address == "localhost":
        return True
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return ip.is_loopback or (isinstance(ip, ipaddress.IPv6Address) and _mapped_loopback(ip))


def _mapped_loopback(ip: ipaddress.IPv6Address) -> bool:
    return ip.ipv4_mapped is not None and ip.ipv4_mapped.is_loopback
