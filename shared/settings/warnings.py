"""Warnings: what a configuration may say and probably does not mean."""

from collections.abc import Iterator

from shared.domain.services import Mode, Service
from shared.domain.workloads import KINDS
from shared.settings.model import Settings


def warnings(settings: Settings) -> Iterator[str]:
    """Yield each warning as ``path: sentence``."""
    if not settings.rails.namespaces:
        yield "guardrails.namespaces: is empty, so nothing can ever be touched"
    for name in ("alertmanager", "invoke", "read"):
        credential = getattr(settings.auth, name)
        if credential is None:
            yield f"auth.{name}: is not configured, so its endpoints answer 503"
        elif credential.open:
            yield f"auth.{name}: none is honoured on loopback only"
    for i, service in enumerate(settings.services):
        for warning in _of(service, settings):
            yield f"services[{i}] ({service.name}): {warning}"


def _of(service: Service, settings: Settings) -> Iterator[str]:
    ref = service.workload
    if ref.namespace not in settings.rails.namespaces:
        yield f"namespace {ref.namespace} is not in guardrails.namespaces, so it can never be touched"
    if ref.kind not in KINDS:
        yield f"a {ref.kind} cannot be rolled back; {', '.join(KINDS)} can"
    if service.trust_alerts and service.measured:
        yield "trust_alerts has no effect where signals are measured"
    if service.mode is Mode.AUTO and not service.measured and not service.trust_alerts:
        yield "nothing is measured and trust_alerts is false, so a person is always asked"
