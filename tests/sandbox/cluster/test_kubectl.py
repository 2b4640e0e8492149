"""The real kubectl drives the cluster, each command as people type it."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from sandbox.cluster import Behaviour, Cluster
from tests.sandbox.cluster.api import APPS, BAD, DEPLOYMENT, GOOD, Api, workload
from tests.sandbox.endpoints import eventually

Kubectl: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]

MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, labels: {app: cart}}
spec:
  replicas: 2
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec:
      containers:
      - {name: app, image: "shop/cart:1", env: [{name: TEA, value: green}]}
      - {name: proxy, image: "shop/proxy:1"}
"""


@pytest.fixture
def kubectl(cluster: Cluster, tmp_path: Path) -> Kubectl:
    program = os.environ.get("KUBECTL") or shutil.which("kubectl")
    if program is None:
        pytest.skip("no kubectl on the path")
    options = ["--kubeconfig", str(cluster.kubeconfig_path), "--cache-dir", str(tmp_path / "cache")]

    def run(*arguments: str, fails: bool = False, given: str = "") -> subprocess.CompletedProcess[str]:
        command = [program, *options, "--namespace", "shop", *arguments]
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode != 0) is fails, done.stderr
        return done

    return run


@pytest.fixture
def cart(api: Api, kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", given=MANIFEST)
    api.rolled_out()


def image(api: Api) -> str:
    found: str = api.document(DEPLOYMENT)["spec"]["template"]["spec"]["containers"][0]["image"]
    return found


def test_apply_creates_configures_and_leaves_alone(api: Api, kubectl: Kubectl) -> None:
    assert "created" in kubectl("apply", "-f", "-", given=MANIFEST).stdout
    assert "unchanged" in kubectl("apply", "-f", "-", given=MANIFEST).stdout
    changed = MANIFEST.replace("cart:1", "cart:2").replace("env: [{name: TEA, value: green}]", "env: []")
    assert "configured" in kubectl("apply", "-f", "-", given=changed).stdout

    app, proxy = api.document(DEPLOYMENT)["spec"]["template"]["spec"]["containers"]
    assert (app["image"], app.get("env", []), proxy["image"]) == (BAD, [], "shop/proxy:1")


def test_get_prints_the_server_s_own_columns(cart: None, kubectl: Kubectl) -> None:
    header, row = kubectl("get", "deployments").stdout.splitlines()
    assert header.split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert row.split()[:4] == ["cart", "2/2", "2", "2"]
    assert "shop/cart:1,shop/proxy:1" in kubectl("get", "deploy", "-o", "wide").stdout
    assert "2/2" in kubectl("get", "pods", "-l", "app=cart").stdout
    assert kubectl("get", "deploy/cart", "-o", "jsonpath={.spec.replicas}").stdout == "2"
    assert kubectl("get", "all", "-A").stdout.count("cart-") == 3


def test_get_watch_goes_on_printing(cart: None, kubectl: Kubectl) -> None:
    watched = kubectl("get", "pods", "-w", "--request-timeout=1s").stdout

    assert watched.count("Running") == 2
    assert watched.count("NAME") == 1


def test_set_image_changes_the_one_container_and_status_waits_for_the_rollout(
    cart: None, api: Api, kubectl: Kubectl
) -> None:
    kubectl("set", "image", "deploy/cart", "app=shop/cart:2")
    said = kubectl("rollout", "status", "deploy/cart", "--timeout=20s").stdout

    assert 'deployment "cart" successfully rolled out' in said
    containers = api.document(DEPLOYMENT)["spec"]["template"]["spec"]["containers"]
    assert [one["image"] for one in containers] == [BAD, "shop/proxy:1"]
    assert containers[0]["env"] == [{"name": "TEA", "value": "green"}]


def test_undo_goes_back_and_a_second_undo_goes_forward_again(cart: None, api: Api, kubectl: Kubectl) -> None:
    kubectl("set", "image", "deploy/cart", "app=shop/cart:2")
    api.rolled_out()

    assert "rolled back" in kubectl("rollout", "undo", "deploy/cart").stdout
    api.rolled_out()
    assert image(api) == GOOD
    kubectl("rollout", "undo", "deploy/cart")
    api.rolled_out()

    assert image(api) == BAD


def test_undo_to_a_revision_is_pinned_skips_what_is_there_and_refuses_what_is_not(
    cart: None, api: Api, kubectl: Kubectl
) -> None:
    kubectl("annotate", "deploy/cart", "kubernetes.io/change-cause=first")
    for tag in ("2", "3"):
        kubectl("set", "image", "deploy/cart", f"app=shop/cart:{tag}")
        api.rolled_out()
    history = kubectl("rollout", "history", "deploy/cart").stdout
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["1", "2", "3"]

    kubectl("rollout", "undo", "deploy/cart", "--to-revision=1")
    api.rolled_out()

    assert image(api) == GOOD
    assert "skipped rollback" in kubectl("rollout", "undo", "deploy/cart", "--to-revision=4").stdout
    refused = kubectl("rollout", "undo", "deploy/cart", "--to-revision=9", fails=True)
    assert "unable to find specified revision 9 in history" in refused.stderr
    assert "shop/cart:2" in kubectl("rollout", "history", "deploy/cart", "--revision=2").stdout


def test_a_restart_is_a_new_revision_that_differs_in_one_annotation(
    cart: None, api: Api, kubectl: Kubectl
) -> None:
    before = api.document(DEPLOYMENT)["spec"]["template"]

    kubectl("rollout", "restart", "deploy/cart")

    after = api.rolled_out()["spec"]["template"]
    assert after["metadata"].pop("annotations").keys() == {"kubectl.kubernetes.io/restartedAt"}
    assert after == before
    assert len(api.items(f"{APPS}/replicasets")) == 2


def test_a_paused_deployment_cannot_be_undone_until_it_is_resumed(
    cart: None, api: Api, kubectl: Kubectl
) -> None:
    kubectl("set", "image", "deploy/cart", "app=shop/cart:2")
    api.rolled_out()
    kubectl("rollout", "pause", "deploy/cart")

    refused = kubectl("rollout", "undo", "deploy/cart", fails=True)

    assert "you cannot rollback a paused deployment" in refused.stderr
    kubectl("rollout", "resume", "deploy/cart")
    kubectl("rollout", "undo", "deploy/cart")
    assert image(api) == GOOD


def test_a_stuck_rollout_fails_its_status_and_undo_mends_it(
    api: Api, cluster: Cluster, kubectl: Kubectl
) -> None:
    cluster.put_behaviour(BAD, Behaviour(ready=False))
    api.create(f"{APPS}/deployments", workload("Deployment", replicas=2, progressDeadlineSeconds=1))
    api.rolled_out()
    kubectl("set", "image", "deploy/cart", "app=shop/cart:2")

    failed = kubectl("rollout", "status", "deploy/cart", "--timeout=20s", fails=True)

    assert 'deployment "cart" exceeded its progress deadline' in failed.stderr
    kubectl("rollout", "undo", "deploy/cart")
    kubectl("rollout", "status", "deploy/cart", "--timeout=20s")
    assert cluster.running_images("shop", "deployment", "cart") == [GOOD] * 2


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_stateful_and_daemon_sets_roll_out_and_back(api: Api, kubectl: Kubectl, kind: str) -> None:
    path, name = f"{APPS}/{kind.lower()}s", f"{kind.lower()}/cart"
    replicas: dict[str, Any] = {"replicas": 2} if kind == "StatefulSet" else {}
    api.create(path, workload(kind, **replicas))
    kubectl("rollout", "status", name, "--timeout=20s")
    kubectl("set", "image", name, "app=shop/cart:2")
    kubectl("rollout", "status", name, "--timeout=20s")

    assert "rolled back" in kubectl("rollout", "undo", name).stdout
    kubectl("rollout", "status", name, "--timeout=20s")

    # kubectl compares its own encoding of the template with the revision's data byte by byte.
    assert "skipped rollback" in kubectl("rollout", "undo", name, "--to-revision=3").stdout
    eventually(lambda: api.pod_images() == [GOOD] * 2)
    history = kubectl("rollout", "history", name).stdout
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["2", "3"]


def test_scale_sets_the_size_and_minds_its_precondition(cart: None, api: Api, kubectl: Kubectl) -> None:
    kubectl("scale", "deploy/cart", "--replicas=3")
    assert api.document(DEPLOYMENT)["spec"]["replicas"] == 3

    refused = kubectl("scale", "deploy/cart", "--replicas=1", "--current-replicas=7", fails=True)

    assert "Expected replicas to be 7, was 3" in refused.stderr


def test_labels_annotations_and_patches_are_written(cart: None, api: Api, kubectl: Kubectl) -> None:
    kubectl("label", "deploy/cart", "team=tea")
    kubectl("annotate", "deploy/cart", "note=fine")
    kubectl("patch", "deploy/cart", "--type=json", '-p=[{"op":"replace","path":"/spec/replicas","value":1}]')
    kubectl("patch", "deploy/cart", "-p", '{"spec":{"minReadySeconds":1}}')
    found = api.document(DEPLOYMENT)

    assert found["metadata"]["labels"]["team"] == "tea"
    assert found["metadata"]["annotations"]["note"] == "fine"
    assert (found["spec"]["replicas"], found["spec"]["minReadySeconds"]) == (1, 1)


def test_delete_waits_until_it_is_gone(cart: None, api: Api, kubectl: Kubectl) -> None:
    kubectl("delete", "deploy/cart")

    eventually(lambda: api.pod_images() == [])


def test_logs_and_top_answer_for_running_pods(cart: None, cluster: Cluster, kubectl: Kubectl) -> None:
    cluster.put_behaviour(GOOD, Behaviour(cpu_cores=0.25, log_lines=("hello", "tea")))

    assert kubectl("logs", "deploy/cart", "-c", "app", "--tail=1").stdout == "tea\n"
    assert kubectl("top", "pods").stdout.count("260m") == 2
