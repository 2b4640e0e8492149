"""Make what `serverless.yml` deploys: the archives, and what follows from the configuration."""

import argparse
import json
import os
import sys
from pathlib import Path

from infra.aws import granting, packing
from infra.aws.granting import Surroundings
from shared import settings
from shared.adapters import tracing


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.aws", description=__doc__)
    parser.add_argument("--architecture", choices=sorted(packing.PLATFORMS), required=True)
    parser.add_argument("--config", type=Path, required=True, help="the configuration to deploy")
    parser.add_argument("--folder", type=Path, required=True, help="where to put what is made")
    chosen = parser.parse_args()
    loaded = settings.load(str(chosen.config))
    target, surroundings = packing.Target(chosen.architecture), _surroundings()
    traced = bool(os.environ.get(tracing.ENDPOINTS[0]))
    for name, path in packing.pack(target, chosen.config, chosen.folder, traced=traced).items():
        print(f"{name:8} {packing.sizes(path)}")  # noqa: T201 - whoever packs sees what it weighs
    _write(chosen.folder / "setting.json", {"runtime": target.runtime, "vpc": surroundings.vpc})
    _write(chosen.folder / "granted.json", granting.policies(loaded, surroundings))
    for name in granting.unreachable(loaded):
        print(f"{chosen.config}: {name} is not set on Lambda: use ssm: or secretsmanager:", file=sys.stderr)  # noqa: T201


def _surroundings() -> Surroundings:
    """Read what the environment says of where the functions will run."""
    return Surroundings(
        subnets=tuple(os.environ.get("SUBNETS", "").replace(",", " ").split()),
        security_groups=tuple(os.environ.get("SECURITY_GROUPS", "").replace(",", " ").split()),
        secrets_key=os.environ.get("SECRETS_KEY", ""),
        tracing=os.environ.get("TRACING", "") == "true",
    )


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")


if __name__ == "__main__":
    main()
