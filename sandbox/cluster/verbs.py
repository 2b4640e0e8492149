"""Carry requests out: get, list, create, update, patch, delete, on objects and their subresources."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from sandbox.cluster import autoscaling, fields, patches, podreports, scaling
from sandbox.cluster.behaviours import Behaviours
from sandbox.cluster.deletion import DeleteOptions
from sandbox.cluster.errors import bad_request, conflict, not_found
from sandbox.cluster.faults import Access
from sandbox.cluster.objects import Object, clone, is_deleting, name_of
from sandbox.cluster.registry import Registry
from sandbox.cluster.requests import Answer, Request
from sandbox.cluster.resources import (
    ACCESS_REVIEWS,
    AUTOSCALERS,
    AUTOSCALERS_V1,
    POD_METRICS,
    PODS,
    Resource,
)
from sandbox.cluster.targets import Target


def kept_as(resource: Resource) -> Resource:
    """Return the version in which the objects of a built-in resource are kept."""
    return AUTOSCALERS if resource is AUTOSCALERS_V1 else resource


def shown(resource: Resource, obj: Object) -> Object:
    """Return a kept object in the version that the request named."""
    if obj["apiVersion"] == resource.api_version:
        return obj
    return (
        autoscaling.to_v1(obj) if resource is AUTOSCALERS_V1 else obj | {"apiVersion": resource.api_version}
    )


def collection(resource: Resource, items: list[Object], revision: int) -> Object:
    """Return a list document; its items leave kind and version out, but for custom resources."""
    if not resource.custom:
        omitted = ("kind", "apiVersion")
        items = [{key: value for key, value in item.items() if key not in omitted} for item in items]
    metadata = {"resourceVersion": str(revision)}
    document: Object = {
        "kind": f"{resource.kind}List",
        "apiVersion": resource.api_version,
        "metadata": metadata,
    }
    return document | {"items": items}


def _check_preconditions(target: Target, obj: Object, wanted: Mapping[str, str]) -> None:
    for field in ("uid", "resourceVersion"):
        found = obj["metadata"][field]
        if wanted.get(field, found) != found:
            why = f"Precondition failed: {field} in precondition: {wanted[field]}, in object: {found}"
            raise conflict(target.resource, target.name, why)


class Verbs:
    """Dispatch requests to the registry; every refusal is an ApiError."""

    def __init__(self, registry: Registry, behaviours: Behaviours, access: Access) -> None:
        self._registry = registry
        self._storage = registry.storage
        self._behaviours = behaviours
        self._access = access

    def carry_out(self, request: Request) -> Answer:
        match request.verb:
            case "get":
                return self._get(request)
            case "create":
                return self._create(request)
            case "update":
                return self._update(request)
            case "patch":
                return self._patch(request)
            case "delete":
                return self._delete(request)
            case _:
                return self._delete_collection(request)

    def listed(self, request: Request) -> list[Object]:
        """Return the objects that a list request asks for, ordered by namespace and name."""
        target = request.target
        kept = self._storage.objects(
            PODS if target.resource is POD_METRICS else kept_as(target.resource), target.namespace
        )
        found = [obj for obj in kept if request.matches(obj)]
        found.sort(key=lambda obj: (obj["metadata"].get("namespace", ""), name_of(obj)))
        if target.resource is POD_METRICS:
            measured = [podreports.metrics(pod, self._behaviours) for pod in found]
            return [one for one in measured if one is not None]
        return [shown(target.resource, obj) for obj in found]

    def _found(self, target: Target) -> Object:
        return self._storage.get(kept_as(target.resource), target.namespace, target.name)

    def _view(self, target: Target, obj: Object) -> Object:
        """Return what a client sees at the target: the object, or its Scale."""
        if target.subresource == "scale":
            return scaling.scale_of(target.resource, obj)
        return shown(target.resource, obj)

    def _get(self, request: Request) -> Answer:
        target = request.target
        if target.resource is POD_METRICS:
            pod = self._storage.get(PODS, target.namespace, target.name)
            measured = podreports.metrics(pod, self._behaviours)
            if measured is None:
                raise not_found(POD_METRICS, target.name)
            return Answer(body=measured)
        found = self._found(target)
        if target.subresource == "log":
            return Answer(body=podreports.log(found, request.query, self._behaviours))
        return Answer(body=self._view(target, found))

    def _create(self, request: Request) -> Answer:
        target, document = request.target, request.document()
        if target.resource is ACCESS_REVIEWS:
            return Answer(body=self._access.review(document), code=201)
        if target.subresource == "eviction":
            return self._evict(request)
        self._check_kind(target.resource, document)
        return self._create_from(request, document)

    def _create_from(self, request: Request, document: Object) -> Answer:
        target = request.target
        if target.resource is AUTOSCALERS_V1:
            document = autoscaling.from_v1(document, None)
        if target.resource.custom:
            applying = request.media_type == patches.APPLY_PATCH
            document = fields.created(document, request.field_manager, applied=applying)
        namespace = target.namespace if target.resource.namespaced else ""
        created = self._registry.create(
            kept_as(target.resource), namespace, document, dry_run=request.dry_run
        )
        return Answer(body=shown(target.resource, created), code=201, after=created)

    def _check_kind(self, resource: Resource, document: Object) -> None:
        found = (document.get("apiVersion", resource.api_version), document.get("kind", resource.kind))
        if found != (resource.api_version, resource.kind):
            raise bad_request(f"the object provided is {found}, not {(resource.api_version, resource.kind)}")

    def _update(self, request: Request) -> Answer:
        document, current = request.document(), self._found(request.target)
        if request.target.subresource != "scale":
            self._check_kind(request.target.resource, document)
        return self._write(request, current, document)

    def _patch(self, request: Request) -> Answer:
        target = request.target
        applying = request.media_type == patches.APPLY_PATCH
        current = self._storage.find(kept_as(target.resource), target.namespace, target.name)
        if current is None and applying and not target.subresource:
            return self._create_from(request, patches.decode(request.body, request.media_type))
        current = self._found(target)
        custom = target.resource.custom
        desired = patches.patched(
            self._view(target, current), request.body, request.media_type, custom=custom
        )
        if custom and applying and not target.subresource:
            desired = fields.applied(
                target.resource, current, desired,
                document=patches.decode(request.body, request.media_type),
                manager=request.field_manager, force=request.query.get("force") == "true",
            )  # fmt: skip
            return self._put(request, current, desired)
        return self._write(request, current, desired)

    def _write(self, request: Request, current: Object, desired: Object) -> Answer:
        """Replace the current object by what the client wants to see at the target."""
        target = request.target
        subresource = target.subresource
        if subresource == "scale":
            desired, subresource = scaling.scaled(target.resource, current, desired), ""
        elif target.resource is AUTOSCALERS_V1:
            desired = autoscaling.from_v1(desired, current)
        if target.resource.custom and subresource:
            desired = fields.kept(current, desired)
        elif target.resource.custom:
            desired = fields.updated(current, desired, request.field_manager)
        return self._put(request, current, desired, subresource=subresource)

    def _put(self, request: Request, current: Object, desired: Object, *, subresource: str = "") -> Answer:
        target = request.target
        written = self._registry.update(
            kept_as(target.resource), current, desired, subresource=subresource, dry_run=request.dry_run
        )
        return Answer(body=self._view(target, written), before=current, after=written)

    def _delete(self, request: Request) -> Answer:
        target, obj = request.target, self._found(request.target)
        options = DeleteOptions.read(request.query, request.body)
        _check_preconditions(target, obj, options.preconditions)
        if options.dry_run:
            return Answer(body=shown(target.resource, obj), before=obj, after=obj)
        last = self._registry.delete(
            kept_as(target.resource), obj, policy=options.policy, grace_seconds=options.grace_seconds
        )
        if is_deleting(last):
            return Answer(body=shown(target.resource, last), before=obj)
        details = {"name": target.name, "group": target.resource.group, "kind": target.resource.plural}
        details |= {"uid": obj["metadata"]["uid"]}
        success = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": details,
        }
        return Answer(body=success, before=obj)

    def _delete_collection(self, request: Request) -> Answer:
        target, resource = request.target, kept_as(request.target.resource)
        options = DeleteOptions.read(request.query, request.body)
        doomed = [obj for obj in self._storage.objects(resource, target.namespace) if request.matches(obj)]
        if not options.dry_run:
            for obj in doomed:
                self._registry.delete(
                    resource, obj, policy=options.policy, grace_seconds=options.grace_seconds
                )
        items = [shown(target.resource, obj) for obj in doomed]
        document = collection(target.resource, clone(items), self._storage.revision)
        return Answer(body=document, before=document)

    def _evict(self, request: Request) -> Answer:
        pod = self._found(request.target)
        document = msgspec.json.encode(request.document().get("deleteOptions") or {})
        options = DeleteOptions.read(request.query, document)
        _check_preconditions(request.target, pod, options.preconditions)
        podreports.check_eviction(self._storage, pod)
        if not options.dry_run:
            self._registry.delete(PODS, pod, grace_seconds=options.grace_seconds)
        success = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
        return Answer(body=success, code=201, before=pod)
