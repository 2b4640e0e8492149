"""What is uploaded: for the right processor, as small as it should be, and the same each time."""

import re
import struct
import zipfile
from pathlib import Path

import pytest

from infra.aws.packing import PACKAGES
from tests.package.deployed import CONFIG, archives_of

MACHINES = {"arm64": 183, "x86_64": 62}
"""ELF's numbers of the processors (e_machine)."""

TAGS = {"arm64": "aarch64", "x86_64": "x86_64"}
MOST_MB = {"door": (12, 35), "calling": (15, 45), "engine": (50, 250)}
"""Packed and unpacked. Lambda takes 50 and 250; the webhooks' are to start fast."""


@pytest.fixture(params=sorted(PACKAGES))
def archive(made: Path, request: pytest.FixtureRequest) -> zipfile.ZipFile:
    return zipfile.ZipFile(made / f"{request.param}.zip")


def name_of(archive: zipfile.ZipFile) -> str:
    return Path(str(archive.filename)).stem


def test_compiled_modules_are_for_the_processor(made: Path, archive: zipfile.ZipFile) -> None:
    modules = [name for name in archive.namelist() if name.endswith(".so")]
    machines = {struct.unpack_from("<H", archive.read(name), 18)[0] for name in modules}

    assert machines == {MACHINES[made.name]}


def test_wheels_are_for_the_processor_and_an_old_enough_libc(made: Path, archive: zipfile.ZipFile) -> None:
    """Amazon Linux 2, which python3.11 runs on, has glibc 2.26; manylinux2014 needs 2.17."""
    texts = [archive.read(n).decode() for n in archive.namelist() if n.endswith(".dist-info/WHEEL")]
    for tags in (re.findall(r"^Tag: (\S+)", text, re.MULTILINE) for text in texts):
        platforms = {part for tag in tags for part in tag.rpartition("-")[2].split(".")}
        assert "any" in platforms or any(
            re.fullmatch(rf"manylinux(2014|_2_(1\d|5))_{TAGS[made.name]}", platform) for platform in platforms
        ), tags


def test_it_is_as_small_as_it_should_be(archive: zipfile.ZipFile) -> None:
    packed, unpacked = MOST_MB[name_of(archive)]

    assert Path(str(archive.filename)).stat().st_size < packed * 1e6
    assert sum(entry.file_size for entry in archive.infolist()) < unpacked * 1e6


def test_webhooks_carry_neither_the_cluster_nor_tests_nor_tools(archive: zipfile.ZipFile) -> None:
    found = {name.split("/")[0] for name in archive.namelist()}

    assert not {"cli", "sandbox", "tests", "moto", "boto3", "functions_framework", "aiohttp"} & found
    if name_of(archive) != "engine":
        assert not {"kubernetes", "redis"} & found
    if name_of(archive) == "door":
        assert not {"httpx", "slack_sdk"} & found


def test_the_configuration_is_in_it(archive: zipfile.ZipFile) -> None:
    assert archive.read("backout.yaml") == CONFIG.read_bytes()


def test_only_what_looks_at_the_cluster_carries_its_client(made: Path) -> None:
    engine = {name for name, archive in archives_of(made).items() if archive == "engine"}

    assert engine == {"advance", "doctor", "invoke", "sweep"}
