"""Run a stand-in cluster by itself until it is told to end."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from sandbox.cluster.server import Cluster


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.cluster", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--kubeconfig", type=Path, help="file to write a kubeconfig to")
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--start-seconds", type=float, default=0.2, help="how long pods take to come up")
    parser.add_argument("--token", default="", help="bearer token that clients must send")
    parser.add_argument(
        "--operators", action="store_true", help="act on custom resources, as Argo Rollouts and KEDA would"
    )
    chosen = parser.parse_args()
    ended = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: ended.set())
    with Cluster(
        nodes=chosen.nodes,
        start_seconds=chosen.start_seconds,
        token=chosen.token,
        port=chosen.port,
        operators=chosen.operators,
    ) as cluster:
        if chosen.kubeconfig is not None:
            cluster.write_kubeconfig(chosen.kubeconfig)
        print(cluster.url, flush=True)  # noqa: T201 - whoever starts it reads where it is
        ended.wait()


if __name__ == "__main__":
    main()
