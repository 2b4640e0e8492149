"""Integrations: PagerDuty, Slack, GitHub, the status page and approval links, as they are configured."""

import string
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from shared.domain.matrix import Severity
from shared.settings import schema
from shared.settings.conforming import Problems, unknown
from shared.settings.model import (
    ApprovalLinks,
    ArgoCd,
    Cache,
    Eks,
    Flags,
    Gate,
    GitHub,
    GitHubApp,
    Kubernetes,
    Owners,
    PagerDuty,
    Slack,
    StatusPage,
)
from shared.settings.references import SecretRef, is_reference
from shared.settings.shapes import check_id, check_url

FLAG_URLS = {"launchdarkly": "https://app.launchdarkly.com", "flagsmith": "https://api.flagsmith.com"}
STATUSPAGE_URL = "https://api.statuspage.io/v1"


def pagerduty(said: schema.PagerDuty | None, problems: Problems) -> PagerDuty | None:
    """Return how PagerDuty is reached, None where it is not configured."""
    if said is None:
        return None
    check_id(said.sender, "email", "pagerduty.from", problems)
    check_url(said.url, "pagerduty.url", problems)
    check_url(said.events_url, "pagerduty.events_url", problems)
    severities = [severity.value for severity in Severity]
    for name, priority in said.priorities.items():
        if name not in severities:
            problems.append(f"pagerduty.priorities.{name}: {unknown(name, severities)}")
        check_id(priority, "pagerduty", f"pagerduty.priorities.{name}", problems)
    return PagerDuty(
        token=said.token,
        sender=said.sender,
        url=said.url.rstrip("/"),
        events_url=said.events_url.rstrip("/"),
        routing_key=said.routing_key,
        acknowledge=said.acknowledge,
        resolve=said.resolve,
        priorities=dict(said.priorities),
        wait_for_incident_seconds=float(said.wait_for_incident),
    )


def slack(said: schema.Slack | None, problems: Problems) -> Slack | None:
    """Return how Slack is reached; its URL ends in a slash, for names of methods come after it."""
    if said is None:
        return None
    check_url(said.url, "slack.url", problems)
    check_id(said.channel, "channel", "slack.channel", problems)
    return Slack(token=said.token, channel=said.channel, url=said.url.rstrip("/") + "/")


def github(said: schema.GitHub | None, problems: Problems) -> GitHub | None:
    """Return how GitHub is reached."""
    if said is None:
        return None
    check_url(said.url, "github.url", problems)
    app = GitHubApp(said.app.id, said.app.key) if said.app is not None else None
    return GitHub(token=said.token, url=said.url.rstrip("/"), app=app)


def gate(document: schema.Document, problems: Problems) -> Gate:
    """Return what enforces deploy gates; each needs access to its system."""
    said = document.gate
    if said.github == "status" and document.github is None:
        problems.append("gate.github: needs github, which is not configured")
    if said.argo_cd and document.owners.argo_cd is None:
        problems.append("gate.argo_cd: needs owners.argo_cd, which is not configured")
    if not said.context.strip():
        problems.append("gate.context: expected a name; found nothing")
    if said.fix_opens and document.github is None:
        problems.append("gate.fix_opens: needs github, which is not configured")
    return Gate(said.github == "status", said.context.strip(), said.argo_cd, said.fix_opens)


def kubernetes(said: schema.Kubernetes, owned: schema.Owners, problems: Problems) -> Kubernetes:
    """Return how the cluster is reached. A helm program finds it by a kubeconfig file alone."""
    secret = is_reference(said.kubeconfig)
    if said.eks is not None and said.kubeconfig:
        problems.append("kubernetes: expected eks or kubeconfig; found both")
    if owned.helm is not None and (said.eks is not None or secret):
        where = "eks" if said.eks is not None else "kubeconfig"
        problems.append(
            f"kubernetes.{where}: owners.helm needs a kubeconfig file, which helm reads by itself"
        )
    if said.eks is not None and not said.eks.name.strip():
        problems.append("kubernetes.eks.name: expected the cluster's name in EKS; found nothing")
    eks = Eks(said.eks.name.strip(), said.eks.region, said.eks.role) if said.eks is not None else None
    return Kubernetes(eks, SecretRef.parse(said.kubeconfig) if secret else said.kubeconfig)


def owners(said: schema.Owners, problems: Problems) -> Owners:
    """Return how owners of workloads are reached."""
    argo_cd = None
    if said.argo_cd is not None:
        check_url(said.argo_cd.url, "owners.argo_cd.url", problems)
        argo_cd = ArgoCd(said.argo_cd.url.rstrip("/"), said.argo_cd.token)
    return Owners(argo_cd, said.helm.program if said.helm is not None else "")


def caches(said: Mapping[str, schema.Cache], problems: Problems) -> dict[str, Cache]:
    """Return the caches by their names; a URL with a password in it would be told with every error."""
    for name, cache in said.items():
        parts = urlsplit(cache.url)
        if parts.scheme not in ("redis", "rediss") or not parts.hostname or "@" in parts.netloc:
            problems.append(
                f"caches.{name}.url: expected redis:// or rediss://HOST:PORT/DATABASE without a password"
            )
    return {
        name: Cache(cache.url, cache.user, cache.password, cache.ca, cache.all_databases)
        for name, cache in said.items()
    }


def flags(said: schema.Flags | None, problems: Problems) -> Flags | None:
    """Return how feature flags are switched, None where they are not."""
    if said is None:
        return None
    url = said.url or FLAG_URLS.get(said.vendor, "")
    if not url:
        problems.append(f"flags.url: is missing; vendor {said.vendor} needs it")
    else:
        check_url(url, "flags.url", problems)
    return Flags(said.vendor, url.rstrip("/"), said.token, said.environment, said.project)


def status_page(said: schema.StatusPage | None, problems: Problems) -> StatusPage | None:
    """Return how the status page is reached: Atlassian's by page and token, a JSON endpoint by its URL."""
    if said is None:
        return None
    atlassian = said.kind == "statuspage"
    wanted = {"page": said.page, "token": said.token} if atlassian else {"url": said.url}
    problems.extend(
        f"status_page.{name}: is missing; kind {said.kind} needs it"
        for name, value in wanted.items()
        if not value
    )
    url = said.url or (STATUSPAGE_URL if atlassian else "")
    if url:
        check_url(url, "status_page.url", problems)
    wording = {name: text for name, text in msgspec.structs.asdict(said.wording).items() if text is not None}
    for name, text in wording.items():
        _check_template(text, f"status_page.wording.{name}", problems)
    return StatusPage(said.kind, url.rstrip("/"), said.page, said.token, said.ask, wording)


def approval_links(said: schema.ApprovalLinks | None, problems: Problems) -> ApprovalLinks | None:
    """Return where approval links lead and what signs them."""
    if said is None:
        return None
    check_url(said.url, "approval_links.url", problems)
    return ApprovalLinks(said.url.rstrip("/"), said.secret)


def _check_template(text: str, path: str, problems: Problems) -> None:
    """Say so when a place in the text would reach customers unfilled."""
    try:
        places = [place for _, place, _, _ in string.Formatter().parse(text) if place is not None]
    except ValueError:
        places = [""]
    if not text.strip() or any(place != "service" for place in places):
        problems.append(f"{path}: expected a text, in which {{service}} stands for the service's name")
