"""Serve what CustomResourceDefinitions define, and stop when they go."""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.cluster.controllers.conditions import condition
from sandbox.cluster.objects import Object, name_of
from sandbox.cluster.registry import Registry
from sandbox.cluster.resources import DEFINITIONS, Catalogue, defined_by
from sandbox.cluster.storage import Change, Key


class Definitions:
    """Add custom resources to the catalogue; deleting a definition deletes its objects."""

    def __init__(self, registry: Registry, catalogue: Catalogue) -> None:
        self._registry = registry
        self._catalogue = catalogue
        self._names: dict[str, tuple[str, str]] = {}

    def keys(self, change: Change) -> Iterable[Key]:
        if change.resource == DEFINITIONS.qualified:
            yield "", name_of(change.obj)

    def reconcile(self, key: Key) -> float | None:
        definition = self._registry.storage.find(DEFINITIONS, *key)
        if definition is None:
            self._withdraw(key[1])
            return None
        spec = definition["spec"]
        self._names[key[1]] = (spec["group"], spec["names"]["plural"])
        self._catalogue.drop(spec["group"], spec["names"]["plural"])
        self._catalogue.add(defined_by(definition))
        if not definition["status"].get("conditions"):
            self._establish(definition)
        return None

    def _establish(self, definition: Object) -> None:
        spec = definition["spec"]
        status = {
            "acceptedNames": spec["names"],
            "storedVersions": [one["name"] for one in spec["versions"] if one.get("storage")],
            "conditions": [
                condition("NamesAccepted", "True", "NoConflicts", "no conflicts found"),
                condition(
                    "Established", "True", "InitialNamesAccepted", "the initial names have been accepted"
                ),
            ],
        }
        self._registry.update(DEFINITIONS, definition, definition | {"status": status}, subresource="status")

    def _withdraw(self, name: str) -> None:
        if name not in self._names:
            return
        group, plural = self._names.pop(name)
        resource = next(one for one in self._catalogue if (one.group, one.plural) == (group, plural))
        for obj in self._registry.storage.objects(resource):
            self._registry.storage.remove(resource, obj)
        self._catalogue.drop(group, plural)
