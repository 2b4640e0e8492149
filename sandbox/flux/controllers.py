"""Run Flux's controllers in a thread of this process."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from sandbox.flux.api import Api, Refused
from sandbox.flux.definitions import install
from sandbox.flux.kustomizations import Kustomizations
from sandbox.flux.releases import Releases
from sandbox.flux.sources import Sources
from sandbox.repeating import Repeating
from sandbox.running import Running

logger = logging.getLogger(__name__)


class Flux(Running):
    """Flux in the cluster at `url`, from `start` to `stop`.

    `repositories` are the bare repositories on disk, by the URL that a GitRepository names. Each object is
    looked at every `spec.interval`, and at once when what it is made from, its spec or a request for it has
    moved; `poll_seconds` is how often that is found out.
    """

    def __init__(
        self, url: str, *, repositories: Mapping[str, Path], token: str = "", poll_seconds: float = 0.1
    ) -> None:
        self._api = Api(url, token=token)
        sources = Sources(self._api, repositories)
        self._controllers = (sources, Kustomizations(self._api, sources), Releases(self._api))
        self._repeating = Repeating(self._reconcile, interval_seconds=poll_seconds)

    def start(self) -> None:
        """Define Flux's objects where the cluster does not know them, and begin."""
        install(self._api)
        self._repeating.start()

    def stop(self) -> None:
        """Return when nothing is being reconciled any more."""
        self._repeating.stop()
        self._api.close()

    def _reconcile(self) -> None:
        for controller in self._controllers:
            try:
                controller.reconcile()
            except Refused as refused:
                logger.warning("%s: %s", type(controller).__name__, refused)
