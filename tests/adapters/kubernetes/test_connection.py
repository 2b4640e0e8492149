"""Whatever answers at the cluster's address, only the project's errors come out."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.adapters.kubernetes import KubernetesWorkloads
from shared.domain.workloads import Workload, WorkloadRef
from shared.errors import BackoutError, PermanentError, TemporaryError
from tests.fakes.http_server import Answer, Request, Server, serving

TOKEN = "s3cr3t-token-of-the-test"
REF = WorkloadRef("test", "production", "deployment", "checkout")
WORKLOAD = {
    "metadata": {"name": "checkout", "uid": "u-1", "generation": 1, "resourceVersion": "7"},
    "spec": {"selector": {"matchLabels": {"app": "checkout"}}, "template": {"spec": {"containers": []}}},
    "status": {},
}


@contextmanager
def connected(
    answers: Callable[[Request], Answer], folder: Path, *, timeout_seconds: float = 5.0
) -> Iterator[tuple[KubernetesWorkloads, Server]]:
    with serving(answers) as server:
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": server.url}}],
            "users": [{"name": "u", "user": {"token": TOKEN}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(json.dumps(content))
        workloads = KubernetesWorkloads("test", kubeconfig=str(kubeconfig), timeout_seconds=timeout_seconds)
        try:
            yield workloads, server
        finally:
            workloads.close()


def cluster(*, lists: Answer | None = None) -> Callable[[Request], Answer]:
    """Answer with the workload, and to every list with `lists` (without one: with nothing in it)."""

    def answers(request: Request) -> Answer:
        if request.path.endswith("/checkout"):
            return Answer(body=json.dumps(WORKLOAD).encode())
        if request.path == "/version":
            return Answer(body=b"{}")
        return lists or Answer(body=b'{"items": null}')

    return answers


@pytest.mark.parametrize(
    "answer",
    [
        Answer(drops=True),
        Answer(body=b""),
        Answer(body=b"<html>the proxy's login page</html>"),
        Answer(body=b'{"metadata": '),
        Answer(body=b"null"),
        Answer(body=b'{"metadata": {}, "spec": {"selector": {}, "template": [1]}}'),
        Answer(body=b'{"metadata": {"generation": "x"}}'),
        Answer(status=204),
        Answer(status=302, headers={"Location": "/login"}),
        Answer(status=302, headers={"Location": "http://["}),
        Answer(status=404, body=b"404 page not found\n"),
        Answer(status=418, body=b"\xff\xfe"),
        Answer(status=500, body=b"null"),
        Answer(body=b"\x1f\x8bnot gzip", headers={"Content-Encoding": "gzip"}),
        Answer(body=b"{", headers={"Content-Length": "100"}),
    ],
)
def test_an_answer_that_makes_no_sense_is_an_error_of_the_projects(answer: Answer, tmp_path: Path) -> None:
    with connected(lambda _: answer, tmp_path) as (workloads, _), pytest.raises(BackoutError) as failed:
        workloads.read(REF)

    assert "production" in str(failed.value)
    assert TOKEN not in str(failed.value)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(["items", "metadata", "spec", "template", "data"]), inner, max_size=3
            )
        ),
        max_leaves=8,
    )
)
def test_a_list_of_anything_is_read_or_an_error_of_the_projects(body: object, tmp_path: Path) -> None:
    with connected(cluster(lists=Answer(body=json.dumps(body).encode())), tmp_path) as (workloads, _):
        try:
            found = workloads.read(REF)
        except BackoutError:
            return
        assert isinstance(found, Workload)


def test_empty_lists_may_be_null(tmp_path: Path) -> None:
    with connected(cluster(), tmp_path) as (workloads, _):
        found = workloads.read(REF, usage=True)

    assert found is not None
    assert (found.pods, found.autoscaler, found.current.number) == ((), None, 1)


def test_a_read_is_one_request_of_each_kind(tmp_path: Path) -> None:
    with connected(cluster(), tmp_path) as (workloads, server):
        workloads.read(REF, usage=True)
        paths = sorted(request.path for request in server.requests)

    assert [path.rpartition("/")[2] for path in paths] == [
        "pods?labelSelector=app%3Dcheckout",
        "checkout",
        "replicasets?labelSelector=app%3Dcheckout",
        "horizontalpodautoscalers",
        "pods?labelSelector=app%3Dcheckout",
    ]


def test_connections_are_kept(tmp_path: Path) -> None:
    with connected(cluster(), tmp_path) as (workloads, server):
        for _ in range(5):
            workloads.read(REF)

    assert len(server.requests) == 20
    assert len(server.connections) <= 4


def test_the_server_says_when_to_come_back(tmp_path: Path) -> None:
    busy = Answer(status=429, headers={"Retry-After": "7"})

    with connected(lambda _: busy, tmp_path) as (workloads, server), pytest.raises(TemporaryError) as failed:
        workloads.read(REF)

    assert failed.value.retry_after == 7.0
    assert len([r for r in server.requests if r.path.endswith("/checkout")]) == 1


def test_the_servers_own_words_are_passed_on(tmp_path: Path) -> None:
    said = {"kind": "Status", "message": "admission webhook denied it for Bearer abc.def", "code": 400}
    answer = Answer(status=400, body=json.dumps(said).encode())

    with connected(lambda _: answer, tmp_path) as (workloads, _), pytest.raises(PermanentError) as failed:
        workloads.read(REF)

    assert "admission webhook denied it" in str(failed.value)
    assert "abc.def" not in str(failed.value)


@pytest.mark.parametrize("answer", [Answer(hangs=True), Answer(drips=True, body=b" " * 5000)])
def test_an_answer_that_never_ends_is_given_up(answer: Answer, tmp_path: Path) -> None:
    with connected(cluster(lists=answer), tmp_path, timeout_seconds=0.4) as (workloads, _):
        workloads.warm()
        started_at = time.monotonic()
        with pytest.raises(TemporaryError):
            workloads.read(REF)
        assert time.monotonic() - started_at < 2.0


def test_a_request_is_not_sent_once_it_was_given_up(tmp_path: Path) -> None:
    """The credential comes from a program that takes longer than the call may."""
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": TOKEN},
    }
    program = f"import time; time.sleep(0.6); print('{json.dumps(credential)}')"
    with connected(cluster(), tmp_path, timeout_seconds=0.2) as (workloads, server):
        kubeconfig = tmp_path / "kubeconfig"
        content = json.loads(kubeconfig.read_text())
        run = {"apiVersion": credential["apiVersion"], "command": sys.executable, "args": ["-c", program]}
        content["users"][0]["user"] = {"exec": run}
        kubeconfig.write_text(json.dumps(content))
        with pytest.raises(TemporaryError):
            workloads.read(REF)
        workloads.close(wait=True)

        assert server.requests == []


def test_the_client_library_is_not_loaded_before_the_first_call() -> None:
    program = (
        "import sys; from shared.adapters.kubernetes import KubernetesWorkloads; KubernetesWorkloads('test');"
        "sys.exit(str({'kubernetes', 'urllib3', 'yaml'} & set(sys.modules) or ''))"
    )
    root = Path(__file__).resolve().parents[3]

    started = subprocess.run(
        [sys.executable, "-c", program], cwd=root, check=False, capture_output=True, text=True
    )

    assert started.stderr.strip() == ""
