"""Serve `/sandbox/…`: what the cluster noted, and what a demo or a test makes it do.

GET    /sandbox/audit        the accepted changes, oldest first
PUT    /sandbox/behaviours   {"image": …, fields of Behaviour}
POST   /sandbox/faults       fields of Fault            DELETE clears them all
POST   /sandbox/denials      fields of Denial           DELETE clears them all
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from sandbox.cluster.behaviours import Behaviour
from sandbox.cluster.errors import bad_request, no_such_path
from sandbox.cluster.faults import Denial, Fault
from sandbox.cluster.objects import Object
from sandbox.cluster.state import State

T = TypeVar("T")


def answer(state: State, method: str, path: str, body: bytes) -> Object:
    match method, path.removeprefix("/sandbox/"):
        case "GET", "audit":
            return {"items": msgspec.to_builtins(state.audit)}
        case "PUT", "behaviours":
            wanted = _read(body, dict[str, object])
            image = wanted.pop("image", None)
            if not isinstance(image, str):
                raise bad_request("image: required")
            state.put_behaviour(image, _read(msgspec.json.encode(wanted), Behaviour))
        case "POST", "faults":
            state.faults.add(_read(body, Fault))
        case "DELETE", "faults":
            state.faults.clear()
        case "POST", "denials":
            state.access.deny(_read(body, Denial))
        case "DELETE", "denials":
            state.access.clear()
        case _:
            raise no_such_path()
    return {}


def _read(body: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.DecodeError as error:
        raise bad_request(str(error)) from error
