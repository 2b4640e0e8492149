"""What `osls package` made, as CloudFormation reads it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

Statement = Mapping[str, Any]


@dataclass(frozen=True)
class Template:
    """A template. Resources are found by their kind or by Serverless's names for them."""

    path: Path

    @classmethod
    def of(cls, made: Path) -> "Template":
        """Return the template in a folder of what was made."""
        return cls(made / "osls" / "cloudformation-template-update-stack.json")

    @cached_property
    def resources(self) -> Mapping[str, Mapping[str, Any]]:
        found: Mapping[str, Mapping[str, Any]] = json.loads(self.path.read_text())["Resources"]
        return found

    def kind(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """Return the properties of the resources of a kind, by name."""
        return {n: r.get("Properties", {}) for n, r in self.resources.items() if r["Type"] == kind}

    @cached_property
    def functions(self) -> dict[str, Mapping[str, Any]]:
        """The properties of the functions, by their names in serverless.yml."""
        found = self.kind("AWS::Lambda::Function")
        return {name.removesuffix("LambdaFunction").lower(): each for name, each in found.items()}

    @cached_property
    def routes(self) -> dict[str, str]:
        """The function that answers each route."""
        found = {}
        for route in self.kind("AWS::ApiGatewayV2::Route").values():
            integration = route["Target"]["Fn::Join"][1][1]["Ref"]
            found[route["RouteKey"]] = integration.removeprefix("HttpApiIntegration").lower()
        return found

    def statements(self, function: str) -> Iterator[Statement]:
        """Yield every statement of a function's role."""
        role = self.functions[function]["Role"]["Fn::GetAtt"][0]
        for policy in self.resources[role]["Properties"]["Policies"]:
            yield from policy["PolicyDocument"]["Statement"]

    def rights(self, function: str) -> frozenset[tuple[str, str]]:
        """Return the pairs of action and resource that a function's role allows, resources as short texts."""
        return frozenset(
            (action, _text(resource))
            for statement in self.statements(function)
            for action in _listed(statement["Action"])
            for resource in _listed(statement["Resource"])
        )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(resource: Any) -> str:
    """Return an ARN as text: ``Table``, ``Table/index/due``, ``parameter/backout/read``, ``secret:name``."""
    match resource:
        case {"Fn::GetAtt": [name, "Arn"]}:
            return str(name)
        case {"Fn::Sub": str(text)}:
            return (
                text.replace("${Table.Arn}", "Table").split("${AWS::AccountId}:")[-1].removesuffix("-??????")
            )
        case _:
            return str(resource)
