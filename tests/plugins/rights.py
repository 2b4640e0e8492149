"""Hold the roles of infra/kubernetes/rbac against what Backout asked of stand-in clusters over the test run.

The clusters note who asks for what; what the tests themselves set up comes from other clients. No run may ask
for what no role grants; and after a whole and green one nothing may be granted that was never asked for.
"""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.cluster import audit
from shared.adapters.kubernetes.resources import FIELD_MANAGER

ROLES = Path(__file__).resolve().parents[2] / "infra" / "kubernetes" / "rbac" / "roles.yaml"
FOR_ANYONE = "authorization.k8s.io"
"""Every account may review its own rights."""

Right = tuple[str, str, str]
"""Verb, group and resource, with its subresource."""

_USED = pytest.StashKey[set[Right]]()
_COMPLAINT = pytest.StashKey[str]()


def granted() -> dict[str, set[Right]]:
    """Return what each role grants."""
    return {
        role["metadata"]["name"]: {
            (verb, group, resource)
            for rule in role["rules"]
            for verb in rule["verbs"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
        }
        for role in yaml.safe_load_all(ROLES.read_text())
    }


def complaint(used: set[Right], *, whole: bool) -> str:
    """Return what is wrong with the roles, empty where nothing is."""
    known = set().union(*granted().values())
    lacking = sorted(used - known)
    spare = sorted(known - used) if whole else []
    told = [f"no role grants {right}, which Backout asked for" for right in lacking]
    return "\n".join(
        told + [f"a role grants {right}, which nothing in this run asked for" for right in spare]
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_USED] = set[Right]()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take what a worker of pytest-xdist has seen."""
    seen: list[Right] = getattr(node, "workeroutput", {}).get("rights", [])
    node.config.stash[_USED].update((verb, group, resource) for verb, group, resource in seen)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Compare, or in a worker pass on what was seen."""
    config = session.config
    used = config.stash[_USED]
    used.update(
        (asked.verb, asked.group, asked.resource)
        for asked in audit.ASKED
        if asked.user_agent == FIELD_MANAGER and asked.group != FOR_ANYONE
    )
    output = getattr(config, "workeroutput", None)
    if output is not None:
        output["rights"] = sorted(used)
        return
    wrong = complaint(used, whole=exitstatus == 0 and _is_whole(config))
    if wrong:
        config.stash[_COMPLAINT] = wrong
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if _COMPLAINT in config.stash:
        terminalreporter.section("roles for the cluster", red=True)
        terminalreporter.write_line(config.stash[_COMPLAINT])


def _is_whole(config: pytest.Config) -> bool:
    """Return whether all tests were asked for."""
    chosen = ("keyword", "markexpr", "lf", "deselect", "ignore", "ignore_glob")
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not any(
        config.getoption(name, None) for name in chosen
    )
