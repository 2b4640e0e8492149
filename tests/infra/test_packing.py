import ast
import tomllib
from pathlib import Path

from infra.aws.packing import LOCK, PACKAGES, ROOT, SERVICES, TRACING, UNUSED, _locked
from shared.adapters.tracing import ENDPOINTS

CLIENTS = frozenset({"make_client", "create_client", "_client"})


def services_called(source: str) -> set[str]:
    """Return the names that clients of AWS are made by."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return {
        argument.value
        for call in calls
        if (call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", ""))
        in CLIENTS
        for argument in call.args[:1]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


def test_every_aws_service_that_is_called_is_packaged() -> None:
    sources = [path.read_text() for path in (ROOT / "shared").rglob("*.py")]

    by_botocore = {"sts"}  # it assumes the role that knows an EKS cluster
    assert set().union(*map(services_called, sources)) | by_botocore == SERVICES


def test_what_is_left_out_and_what_is_wanted_are_in_the_lock() -> None:
    wanted = {name for names in PACKAGES.values() for name in names}
    lock = Path(LOCK).read_text()

    for name in wanted | UNUSED | set(TRACING):
        assert any(line.startswith((f"{name}==", f"{name}[")) for line in lock.splitlines()), name


def test_the_lines_of_the_lock_come_with_their_hashes() -> None:
    first, second, third = "a==1 \\", "ab==2 \\", "b[x]==3 ; python_version < '4' \\"
    lock = [first, "    --hash=sha256:0", second, "    --hash=sha256:1", third, "    --hash=sha256:2"]

    found = list(_locked("\n".join(lock), frozenset({"a", "b"})))

    assert found == [first, "    --hash=sha256:0", third, "    --hash=sha256:2"]


def test_where_traces_are_wanted_the_functions_hold_what_sends_them_and_know_where_to() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"][
        "tracing"
    ]

    assert sorted(TRACING) == sorted(requirement.partition(">")[0] for requirement in declared)
    endpoint = ENDPOINTS[0]
    assert f"\n    {endpoint}: ${{env:{endpoint}, ''}}\n" in (ROOT / "serverless.yml").read_text()
