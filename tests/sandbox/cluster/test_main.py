"""The cluster runs by itself as a program."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.cluster.api import Api


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_its_url_writes_a_kubeconfig_and_ends_when_told(tmp_path: Path, ending: int) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    command = [sys.executable, "-m", "sandbox.cluster", "--port", "0", "--kubeconfig", str(kubeconfig)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as program:
        try:
            assert program.stdout is not None
            url = program.stdout.readline().strip()
            with Api(url) as api:
                names = [one["metadata"]["name"] for one in api.items("/api/v1/namespaces")]
            program.send_signal(ending)
            code = program.wait(timeout=15)
        finally:
            program.kill()

    assert "default" in names
    assert url in kubeconfig.read_text()
    assert code == 0
