"""Command rules: Prometheus's alerting rules, made from the matrix."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import printing

if TYPE_CHECKING:
    from shared.domain.services import Catalogue

HEADER = "# Made by `backout rules`, from the decision matrix. Make it anew rather than change it.\n"


def rules(
    config: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="The services; without it, every Deployment there is."
        ),
    ] = None,
    profile: Annotated[
        str,
        typer.Option(
            help="What counts requests where a service does not say: http_requests, istio, nginx, otel."
        ),
    ] = "",
) -> None:
    """Print rules for Prometheus that alert on exactly what the matrix decides on."""
    import yaml

    from shared.adapters.prometheus.rules import alerting_rules

    with printing.telling(as_json=False):
        catalogue, window_seconds = _asked_about(config)
        if profile:
            catalogue = replace(catalogue, template=replace(catalogue.template, profile=profile))
        made = alerting_rules(catalogue, window_seconds=window_seconds)
    print(HEADER, *(f"# {line}\n" for line in made.unheard), sep="", end="")
    groups = {"groups": list(made.groups)}
    print(yaml.safe_dump(groups, sort_keys=False, allow_unicode=True, width=10_000), end="")


def _asked_about(config: Path | None) -> "tuple[Catalogue, float]":
    """Return the services and what the profiles' queries look back over, in seconds."""
    if config is None:
        from shared.domain.services import Catalogue, Service
        from shared.domain.workloads import WorkloadRef

        return Catalogue("", (), Service("", WorkloadRef("", "", "", ""))), 60.0
    from shared import bootstrap
    from shared.settings import load

    settings = load(config)
    return bootstrap.catalogue_of(
        settings
    ), settings.prometheus.window_seconds if settings.prometheus else 60.0
