"""Packing: the archives that Lambda unpacks, one for each set of functions that import the same.

The versions and hashes are those of `requirements.lock`, the wheels those of the function's architecture,
which need not be this machine's. The same sources give the same bytes.
"""

import compileall
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"
CONFIG = "backout.yaml"
"""What the configuration is called in an archive, and so in ``BACKOUT_CONFIG``."""

PLATFORMS: Mapping[str, str] = {"arm64": "aarch64-manylinux2014", "x86_64": "x86_64-manylinux2014"}
"""Lambda's architectures, as uv calls them; python3.11 runs on Amazon Linux 2, whose glibc is 2.26."""

_DOOR = ("apig-wsgi", "botocore", "flask", "msgspec", "pyyaml", "stamina", "tzdata")
_CALLING = (*_DOOR, "httpx", "slack-sdk")
PACKAGES: Mapping[str, Sequence[str]] = {
    "door": _DOOR,
    "calling": _CALLING,
    "engine": (*_CALLING, "icalendar", "joserfc", "kubernetes", "recurring-ical-events", "redis", "regex"),
}
"""The archives, and what the functions in each import: those that store alone, those that also ask Slack or
PagerDuty while their caller waits, and those that look at the cluster."""

TRACING = ("opentelemetry-exporter-otlp-proto-http", "opentelemetry-sdk")
"""What each archive holds besides where an endpoint for traces is set."""

SERVICES = frozenset({"dynamodb", "eks", "rds", "secretsmanager", "sesv2", "sqs", "ssm", "sts"})
"""The AWS services that are called. botocore knows 400 more, 20 MB of them."""

UNUSED = frozenset(
    {
        "aiohappyeyeballs",
        "aiohttp",
        "aiohttp-retry",
        "aiosignal",
        "attrs",
        "frozenlist",
        "multidict",
        "propcache",
        "yarl",
    }
)
"""What only the asynchronous half of the Kubernetes client imports, which is left out too."""

_OURS = ("functions", "shared")
_PRUNED = ("bin", "kubernetes/aio", "**/tests", "**/*.pyi", "**/include", "*.dist-info/RECORD")
_RARE = re.compile(r"/kubernetes/client/(api|models)/")
"""Modules that are imported one by one if at all: not worth compiling."""

_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Target:
    """What the archives are made for: Lambda's name of the architecture, and the version of Python."""

    architecture: str
    python: str = f"{sys.version_info.major}.{sys.version_info.minor}"

    @property
    def runtime(self) -> str:
        """Lambda's name of the runtime."""
        return f"python{self.python}"

    @property
    def options(self) -> tuple[str, ...]:
        """The options that have uv choose wheels for it."""
        return ("--python-platform", PLATFORMS[self.architecture], "--python-version", self.python)


def pack(target: Target, config: Path, folder: Path, *, traced: bool = False) -> dict[str, Path]:
    """Make every archive in `folder`, with the configuration in it; return them by name."""
    besides = TRACING if traced else ()
    return {
        name: _packed((*roots, *besides), target, config, folder / f"{name}.zip")
        for name, roots in PACKAGES.items()
    }


def _packed(roots: Sequence[str], target: Target, config: Path, made: Path) -> Path:
    with tempfile.TemporaryDirectory(prefix="backout-package-") as temporary:
        task = Path(temporary)
        _install(roots, target, task)
        _prune(task)
        for package in _OURS:
            shutil.copytree(ROOT / package, task / package, ignore=shutil.ignore_patterns("__pycache__"))
        _compile(task)
        shutil.copyfile(config, task / CONFIG)
        _archive(task, made)
    return made


def _install(roots: Sequence[str], target: Target, task: Path) -> None:
    lines = "\n".join(_locked(LOCK.read_text(), _needed(roots, target)))
    _uv(
        ("install", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-compile-bytecode"),
        target,
        ("--target", str(task), "-r", "-"),
        given=lines,
    )


def _needed(roots: Sequence[str], target: Target) -> frozenset[str]:
    """Return the names of the roots and of all that these need."""
    told = _uv(
        ("compile", "--no-header", "--no-annotate"), target, ("-c", str(LOCK), "-"), given="\n".join(roots)
    )
    return frozenset(line.partition("==")[0] for line in told.splitlines() if "==" in line) - UNUSED


def _locked(lock: str, names: frozenset[str]) -> Iterator[str]:
    """Yield the lock's own lines, hashes included, of these names."""
    wanted = False
    for line in lock.splitlines():
        if not line.startswith(" "):
            wanted = re.split(r"[=\[]", line, maxsplit=1)[0] in names
        if wanted:
            yield line


def _uv(command: Sequence[str], target: Target, rest: Sequence[str], *, given: str) -> str:
    uv = Path(sys.executable).with_name("uv")
    run = [str(uv), "pip", command[0], "--quiet", *command[1:], *target.options, *rest]
    return subprocess.run(run, check=True, input=given, stdout=subprocess.PIPE, text=True).stdout


def _prune(task: Path) -> None:
    services = task / "botocore" / "data"
    unused = [path for path in services.iterdir() if path.is_dir() and path.name not in SERVICES]
    for path in [*unused, *(found for pattern in _PRUNED for found in task.glob(pattern))]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _compile(task: Path) -> None:
    """Compile: Lambda's folder cannot be written to, so the rest is compiled at every cold start."""
    compiled = compileall.compile_dir(
        task,
        maxlevels=20,
        quiet=1,
        rx=_RARE,
        stripdir=str(task),
        prependdir="/var/task",
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )
    if not compiled:
        raise RuntimeError(f"not everything in {task} could be compiled")


def _archive(task: Path, made: Path) -> None:
    made.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in task.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(task).as_posix(), _EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)


def sizes(archive: Path) -> str:
    """Return in words what an archive weighs, packed and unpacked."""
    with zipfile.ZipFile(archive) as opened:
        unpacked = sum(entry.file_size for entry in opened.infolist())
    return f"{archive.stat().st_size / 1e6:5.1f} MB, {unpacked / 1e6:5.1f} MB unpacked"
