"""Documents: the YAML text of the configuration, read without YAML's surprises.

A key that is written twice is an error (YAML would silently drop the first). Plain scalars stay texts,
and the key decides what it makes of them: ``22:00`` is not the number 1320, ``no`` not false, and the
label value 1.10 not 1.1.
"""

from collections.abc import Hashable
from typing import Any, ClassVar

import yaml

from shared.errors import ConfigurationError

_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVED = {"tag:yaml.org,2002:null", "tag:yaml.org,2002:merge"}


class _Loader(_BASE):  # type: ignore[misc]
    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag in _RESOLVED]
        for first, resolvers in _BASE.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Build a mapping; raises ConstructorError for a key that is there twice."""
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is written twice", key.start_mark
                )
            seen.add(key.value)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return mapping


def read(text: str, *, named: str) -> dict[str, Any]:
    """Return the document's top mapping. Raises ConfigurationError with the line."""
    try:
        document = yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigurationError(f"{named}{line}: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigurationError(f"{named} is not YAML: {type(error).__name__}") from error
    if not isinstance(document, dict):
        raise ConfigurationError(f"{named}: expected keys like `cluster:` and `services:`.")
    return document
