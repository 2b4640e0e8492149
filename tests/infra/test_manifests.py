"""The manifests build, hold nothing that Kubernetes does not know, and fit each other and the program."""

import ast
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes.client
import pytest
import typer
import yaml
from packaging.requirements import Requirement
from typer.testing import CliRunner

from cli.main import app
from functions.app import ENDPOINTS
from infra.aws.granting import ENGINE
from tests.adapters.recorded_prometheus import program

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
CONFIG = INFRA / "kubernetes" / "backout.yaml"
CONTAINERFILE = (INFRA / "Containerfile").read_text()
LABELS = {"app.kubernetes.io/name": "backout"}


def built() -> list[Any]:
    """Return the objects that `kubectl apply -k` would send."""
    command = [program("kubectl"), "kustomize", str(INFRA / "kubernetes")]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    return list(yaml.safe_load_all(ran.stdout))


def bindings_for_eks() -> list[Any]:
    return list(yaml.safe_load_all((INFRA / "eks" / "production.yaml").read_text()))


def known(each: Any) -> Any:
    """Return of an object what its kind's schema knows; a value of a wrong type raises ValidationError."""
    client: Any = kubernetes.client.ApiClient()
    model = getattr(kubernetes.client, f"V1{each['kind']}").from_dict(each)
    return client.sanitize_for_serialization(model)


@pytest.fixture(scope="module")
def objects() -> dict[str, Any]:
    return {each["kind"]: each for each in built()}


@pytest.fixture(scope="module")
def pod(objects: dict[str, Any]) -> Any:
    return objects["Deployment"]["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def container(pod: Any) -> Any:
    [only] = pod["containers"]
    return only


def test_every_object_is_of_its_kinds_schema_and_no_field_is_unknown() -> None:
    for each in built() + bindings_for_eks():
        assert known(each) == each


def test_a_misspelt_field_would_be_found(objects: dict[str, Any]) -> None:
    service = {**objects["Service"], "spec": {**objects["Service"]["spec"], "selectors": {}}}

    assert known(service) != service


def test_the_table_and_its_region_are_given(container: Any) -> None:
    assert {"BACKOUT_TABLE", "AWS_DEFAULT_REGION"} <= {each["name"] for each in container["env"]}


def test_two_replicas_stay_through_a_drain_and_are_spread(objects: dict[str, Any], pod: Any) -> None:
    spread = {each["topologyKey"] for each in pod["topologySpreadConstraints"]}

    assert objects["Deployment"]["spec"]["replicas"] == 2
    assert objects["Deployment"]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert objects["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1
    assert spread == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}


def test_everything_is_about_the_same_pods(objects: dict[str, Any], pod: Any) -> None:
    assert objects["Deployment"]["spec"]["template"]["metadata"]["labels"] == LABELS
    assert objects["Deployment"]["spec"]["selector"]["matchLabels"] == LABELS
    assert objects["Service"]["spec"]["selector"] == LABELS
    assert objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == LABELS
    assert objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == LABELS
    for constraint in pod["topologySpreadConstraints"]:
        assert constraint["labelSelector"]["matchLabels"] == LABELS


def test_the_pods_meet_the_restricted_standard_and_write_nowhere_but_in_tmp(pod: Any, container: Any) -> None:
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert [m["mountPath"] for m in container["volumeMounts"] if not m.get("readOnly")] == ["/tmp"]
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert set(container["resources"]) == {"requests", "limits"}


def test_the_probes_ask_what_there_is(container: Any) -> None:
    asked = {
        name: container[name]["httpGet"]["path"]
        for name in ("startupProbe", "livenessProbe", "readinessProbe")
    }

    assert asked == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    assert set(asked.values()) <= ENDPOINTS.keys()


def test_the_arguments_are_those_of_the_program_and_of_the_port(
    objects: dict[str, Any], pod: Any, container: Any
) -> None:
    command, *arguments = container["args"]
    assert (command, arguments[:2]) == ("serve", ["--config", "/etc/backout/backout.yaml"])

    serve = typer.main.get_command(app).commands[command]  # type: ignore[attr-defined]
    parsed = serve.make_context(command, ["--config", str(CONFIG), *arguments[2:]]).params

    assert (parsed["host"], parsed["embedded"]) == ("0.0.0.0", False)
    assert {parsed["port"]} == {port["containerPort"] for port in container["ports"]}
    [ingress] = objects["NetworkPolicy"]["spec"]["ingress"]
    assert [port["port"] for port in ingress["ports"]] == [parsed["port"]]
    assert [port["targetPort"] for port in objects["Service"]["spec"]["ports"]] == ["http"]


def test_the_configuration_is_mounted_and_valid(objects: dict[str, Any], pod: Any) -> None:
    [volume] = [volume for volume in pod["volumes"] if "configMap" in volume]
    checked = CliRunner().invoke(app, ["config", "check", str(CONFIG)])

    assert checked.exit_code == 0, checked.output
    assert volume["configMap"]["name"] == objects["ConfigMap"]["metadata"]["name"]
    assert objects["ConfigMap"]["data"] == {"backout.yaml": CONFIG.read_text()}


def test_every_secret_of_the_configuration_is_in_the_command_that_makes_them() -> None:
    wanted = set(re.findall(r"env:(\w+)", CONFIG.read_text()))
    made = set(re.findall(r"--from-literal=(\w+)=", (ROOT / "docs" / "kubernetes.md").read_text()))

    assert wanted == made


def test_alertmanager_and_the_policy_reach_the_service_and_prometheus(objects: dict[str, Any]) -> None:
    receivers = yaml.safe_load((INFRA / "alertmanager" / "alertmanager.yml").read_text())["receivers"]
    service, prometheus = objects["Service"], yaml.safe_load(CONFIG.read_text())["prometheus"]["url"]
    name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
    port = service["spec"]["ports"][0]["port"]
    reached = [
        (to["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"], port["port"])
        for rule in objects["NetworkPolicy"]["spec"]["egress"]
        for to in rule.get("to", ())
        if "namespaceSelector" in to
        for port in rule["ports"]
    ]

    assert receivers[1]["webhook_configs"][0]["url"] == f"http://{name}.{namespace}.svc:{port}/alertmanager"
    assert prometheus == "http://prometheus.monitoring.svc:9090"
    assert ("monitoring", 9090) in reached
    assert ("kube-system", 53) in reached


def test_the_policy_reaches_the_agent_that_has_the_credentials_on_eks(objects: dict[str, Any]) -> None:
    """Where it is, EKS's guide to Pod Identity says: 169.254.170.23, port 80."""
    blocks = {
        (to["ipBlock"]["cidr"], port["port"])
        for rule in objects["NetworkPolicy"]["spec"]["egress"]
        for to in rule.get("to", ())
        if "ipBlock" in to
        for port in rule["ports"]
    }

    assert blocks == {("169.254.170.23/32", 80)}


def test_every_binding_is_for_the_account_of_the_pods(objects: dict[str, Any], pod: Any) -> None:
    account = objects["ServiceAccount"]["metadata"]
    subject = {"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}
    bindings = [each for each in built() if each["kind"] == "RoleBinding"]

    assert pod["serviceAccountName"] == account["name"]
    assert [binding["subjects"] for binding in bindings] == [[subject]] * 4


def test_on_eks_the_bindings_are_for_the_group_of_the_access_entry() -> None:
    template = (INFRA / "eks" / "access-entry.yaml").read_text()
    bindings = bindings_for_eks()
    group = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "backout"}

    assert "KubernetesGroups: [backout]" in template
    assert [binding["subjects"] for binding in bindings] == [[group]] * 4
    in_the_cluster = {each["roleRef"]["name"] for each in built() if each["kind"] == "RoleBinding"}
    assert {binding["roleRef"]["name"] for binding in bindings} == in_the_cluster


def test_every_function_that_reaches_the_cluster_is_let_in() -> None:
    [looped] = re.findall(r"for function in ([\w ]+);", (ROOT / "docs" / "kubernetes.md").read_text())
    outputs = (INFRA / "aws" / "roles.yml").read_text().partition("\nOutputs:\n")[2]

    assert looped.lower().split() == list(ENGINE)
    assert re.findall(r"^  (\w+): \{Value: !GetAtt (\w+)\.Arn\}$", outputs, re.MULTILINE) == [
        (f"{name}RoleArn", f"{name}Role") for name in looped.split()
    ]


def test_cloudformation_takes_the_access_entry() -> None:
    lint = Path(sys.executable).with_name("cfn-lint")
    template = INFRA / "eks" / "access-entry.yaml"
    ran = subprocess.run([lint, template], capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_image_runs_as_the_manifests_say(pod: Any, container: Any) -> None:
    user = pod["securityContext"]

    assert f"USER {user['runAsUser']}:{user['runAsGroup']}\n" in CONTAINERFILE
    assert 'ENTRYPOINT ["backout"]\n' in CONTAINERFILE
    assert 'CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]' in CONTAINERFILE
    assert "BACKOUT_CONFIG=/etc/backout/backout.yaml\n" in CONTAINERFILE


def test_the_image_installs_by_hash_and_copies_what_there_is() -> None:
    installs = re.findall(r"pip install ([^\n]+)", CONTAINERFILE)
    copies = re.findall(r"^COPY (?!--)([^\n]+) \S+$", CONTAINERFILE, re.MULTILINE)
    copied = {name for names in copies for name in names.split()}
    let_in = (INFRA / "Containerfile.dockerignore").read_text()

    assert [line for line in installs if "--require-hashes" not in line and "--no-deps" not in line] == []
    assert copied == set(re.findall(r"^!(\S+)$", let_in, re.MULTILINE))
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_builds_with_hatchling_and_all_that_it_needs() -> None:
    [names] = re.findall(r"wanted = /\^\(([a-z|-]+)\)==/", CONTAINERFILE)
    needed, found = ["hatchling"], set[str]()
    while needed:
        name = needed.pop()
        found.add(name)
        wants = map(Requirement, importlib.metadata.requires(name) or ())
        needed += [want.name for want in wants if not want.marker or want.marker.evaluate({"extra": ""})]

    assert set(names.split("|")) == found


def test_the_health_check_of_the_image_is_python() -> None:
    code = re.search(r'CMD \["python", "-c", "([^"]+)"\]', CONTAINERFILE)

    assert code
    ast.parse(code[1])
    assert "/healthz" in code[1]
