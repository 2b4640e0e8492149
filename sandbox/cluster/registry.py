"""Create, change and delete objects under the rules that hold for every writer, client or controller."""

from __future__ import annotations

import secrets
import uuid

from sandbox.cluster import defaults, validation
from sandbox.cluster.errors import ApiError, already_exists, bad_request, conflict, forbidden, invalid, stale
from sandbox.cluster.objects import Object, clone, is_deleting, name_of, namespace_of, timestamp, uid_of
from sandbox.cluster.resources import DEPLOYMENTS, JOBS, NAMESPACES, PODS, Catalogue, Resource
from sandbox.cluster.storage import Storage

# The letters that generated names use: no vowels, so that no words come about.
SAFE_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
FOREGROUND = "foregroundDeletion"


def random_suffix() -> str:
    """Return the five letters that end a generated name."""
    return "".join(secrets.choice(SAFE_LETTERS) for _ in range(5))


class Registry:
    """Write to the storage: system fields, defaults, validation, generation, finalizers."""

    def __init__(self, storage: Storage, catalogue: Catalogue) -> None:
        self.storage = storage
        self.catalogue = catalogue

    def create(self, resource: Resource, namespace: str, obj: Object, *, dry_run: bool = False) -> Object:
        """Keep a new object; 404 without its namespace, 403 in one that ends, 409 for a name in use."""
        self._check_namespace(resource, namespace, obj)
        metadata = {**(obj.get("metadata") or {})}
        if not metadata.get("name"):
            if not metadata.get("generateName"):
                raise invalid(
                    resource, "", "metadata.name", "Required value: name or generateName is required"
                )
            metadata["name"] = metadata["generateName"] + random_suffix()
        if self.storage.find(resource, namespace, metadata["name"]) is not None:
            raise already_exists(resource, metadata["name"])
        new = defaults.filled(resource, obj | {"metadata": metadata})
        self._stamp(resource, namespace, new)
        validation.check(resource, new, None)
        return new if dry_run else self.storage.put(resource, new)

    def _check_namespace(self, resource: Resource, namespace: str, obj: Object) -> None:
        written = (obj.get("metadata") or {}).get("namespace") or ""
        if not resource.namespaced:
            return
        if written not in ("", namespace):
            raise bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        if is_deleting(self.storage.get(NAMESPACES, "", namespace)):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise forbidden(resource, (obj.get("metadata") or {}).get("name", ""), why)

    def _stamp(self, resource: Resource, namespace: str, new: Object) -> None:
        new |= {"apiVersion": resource.api_version, "kind": resource.kind}
        metadata = new["metadata"]
        for field in ("resourceVersion", "generation", "deletionTimestamp", "selfLink"):
            metadata.pop(field, None)
        metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": timestamp()}
        if resource.namespaced:
            metadata["namespace"] = namespace
        if resource.has_generation:
            metadata["generation"] = 1
        if resource.has_status:
            new["status"] = {}
        if resource is PODS:
            new["status"] = {"phase": "Pending", "qosClass": "BestEffort"}
        if resource is JOBS:
            _select_own_pods(new)
        if resource is NAMESPACES:
            new |= {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
            metadata.setdefault("labels", {})["kubernetes.io/metadata.name"] = metadata["name"]

    def update(
        self,
        resource: Resource,
        current: Object,
        desired: Object,
        *,
        subresource: str = "",
        dry_run: bool = False,
    ) -> Object:
        """Replace an object; what changes nothing keeps its resourceVersion.

        409 when `desired` names another resourceVersion or uid than the current ones. The `status`
        subresource changes status and metadata only (of custom resources only status), and every other
        write leaves status alone.
        """
        self._check_preconditions(resource, current, desired)
        new = self._merged(resource, current, desired, subresource)
        validation.check(resource, new, current)
        if resource.has_generation and subresource != "status" and _moves_generation(resource, current, new):
            new["metadata"]["generation"] = current["metadata"].get("generation", 0) + 1
        if new == current or dry_run:
            return new
        if is_deleting(new) and not new["metadata"].get("finalizers") and resource not in (PODS, NAMESPACES):
            return self.storage.remove(resource, current)
        return self.storage.put(resource, new)

    def _check_preconditions(self, resource: Resource, current: Object, desired: Object) -> None:
        name, now = name_of(current), current["metadata"]
        wanted = desired.get("metadata") or {}
        if wanted.get("name", name) != name:
            raise invalid(
                resource, name, "metadata.name", f'Invalid value: "{wanted["name"]}": field is immutable'
            )
        if wanted.get("namespace", namespace_of(current)) != namespace_of(current):
            raise bad_request("the namespace of the object does not match the namespace on the request")
        if wanted.get("uid", now["uid"]) != now["uid"]:
            why = (
                f"Precondition failed: UID in precondition: {wanted['uid']}, UID in object meta: {now['uid']}"
            )
            raise conflict(resource, name, why)
        if wanted.get("resourceVersion", now["resourceVersion"]) not in ("", now["resourceVersion"]):
            raise stale(resource, name)

    def _merged(self, resource: Resource, current: Object, desired: Object, subresource: str) -> Object:
        fixed = {"apiVersion": current["apiVersion"], "kind": current["kind"]}
        if subresource == "status":
            kept = {"status": desired.get("status") or {}}
            if not resource.custom:
                kept["metadata"] = desired["metadata"]
            new = defaults.filled(resource, current | kept | fixed)
            if resource is DEPLOYMENTS:
                new["metadata"] = _with(new["metadata"], "labels", current["metadata"].get("labels"))
        else:
            new = defaults.filled(resource, desired | fixed)
            if resource.has_status:
                new = _with(new, "status", clone(current.get("status")))
        for field in (
            "name", "namespace", "uid", "creationTimestamp", "generation", "resourceVersion",
            "deletionTimestamp", "deletionGracePeriodSeconds", "generateName",
        ):  # fmt: skip
            new["metadata"] = _with(new["metadata"], field, current["metadata"].get(field))
        return new

    def delete(
        self, resource: Resource, obj: Object, *, policy: str = "Background", grace_seconds: int | None = None
    ) -> Object:
        """Delete an object and return it as it was last; dependents follow by the policy.

        Pods end gracefully, namespaces empty themselves first, and an object with finalizers waits for
        whoever put them there; `Foreground` adds one that waits for the dependents.
        """
        if policy == "Orphan":
            self._orphan_dependents(obj)
        finalizers = list(obj["metadata"].get("finalizers") or [])
        if policy == "Foreground" and FOREGROUND not in finalizers and self.storage.owned_by(uid_of(obj)):
            finalizers.append(FOREGROUND)
        if resource is PODS and grace_seconds is None:
            grace_seconds = int(obj["spec"].get("terminationGracePeriodSeconds", 30))
        graceful = (resource is PODS and grace_seconds != 0) or resource is NAMESPACES
        if not finalizers and not graceful:
            return self.storage.remove(resource, obj)
        if is_deleting(obj):
            return obj
        ending = clone(obj)
        ending["metadata"] |= {
            "deletionTimestamp": timestamp(in_seconds=grace_seconds or 0),
            "deletionGracePeriodSeconds": grace_seconds or 0,
        }
        if finalizers:
            ending["metadata"]["finalizers"] = finalizers
        if resource is NAMESPACES:
            ending["status"] = {"phase": "Terminating"}
        return self.storage.put(resource, ending)

    def _orphan_dependents(self, owner: Object) -> None:
        for qualified, dependent in self.storage.owned_by(uid_of(owner)):
            freed = clone(dependent)
            references = freed["metadata"]["ownerReferences"]
            freed["metadata"]["ownerReferences"] = [one for one in references if one["uid"] != uid_of(owner)]
            self.update(self.resource_named(qualified), dependent, freed)

    def resource_named(self, qualified: str) -> Resource:
        """Return the resource that objects are kept under, as `deployments.apps`."""
        found = next((one for one in self.catalogue if one.qualified == qualified), None)
        if found is None:
            raise ApiError(404, "NotFound", f"the server does not serve {qualified}")
        return found


def _with(obj: Object, field: str, value: object) -> Object:
    """Return the object with the field as given, without it when the value is None."""
    rest = {key: kept for key, kept in obj.items() if key != field}
    return rest if value is None else rest | {field: value}


def _select_own_pods(job: Object) -> None:
    """Give a new Job the labels that its pods are found by; both spellings of each are in use."""
    name, uid = name_of(job), uid_of(job)
    own = {"batch.kubernetes.io/controller-uid": uid, "controller-uid": uid}
    labels = job["spec"]["template"]["metadata"].setdefault("labels", {})
    labels |= own | {"batch.kubernetes.io/job-name": name, "job-name": name}
    job["spec"]["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}


def _moves_generation(resource: Resource, before: Object, after: Object) -> bool:
    if resource.custom:
        ignored = {"metadata", "status"} if resource.has_status else {"metadata"}
        return any(before.get(key) != after.get(key) for key in (before.keys() | after.keys()) - ignored)
    if before.get("spec") != after.get("spec"):
        return True
    annotations = [one["metadata"].get("annotations") for one in (before, after)]
    return resource is DEPLOYMENTS and annotations[0] != annotations[1]
