"""What a call to Slack's Web API says, and what Slack says of a call that it does not take."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.responses import JSONResponse

from sandbox.receivers.blocks import UnfitBlocks, check_blocks
from sandbox.receivers.receiving import Received, Refused

LONGEST_POST = 40_000
LONGEST_UPDATE = 4_000

_MOST_METADATA_BYTES = 16_000

Arguments = Mapping[str, Any]


@dataclass(frozen=True)
class Content:
    """What a message says."""

    text: str
    blocks: tuple[Mapping[str, Any], ...] = ()
    metadata: Mapping[str, Any] | None = None


def refused(code: str, *reasons: str) -> Refused:
    """Refuse a call as Slack does: status 200, `ok` false and a code."""
    answer: dict[str, Any] = {"ok": False, "error": code}
    if reasons:
        answer |= {"errors": list(reasons), "response_metadata": {"messages": list(reasons)}}
    return Refused(JSONResponse(answer))


def arguments_of(received: Received) -> Arguments:
    """Read a method's arguments from the query, a form, or JSON."""
    match received.media_type:
        case "application/json":
            try:
                body = received.json() if received.body else {}
            except (msgspec.DecodeError, UnicodeDecodeError):
                raise refused("invalid_json") from None
            if not isinstance(body, dict):
                raise refused("json_not_object")
            return {**received.query, **body}
        case "" | "application/x-www-form-urlencoded":
            texts = {**received.query, **received.form()}
            return {name: _structured(name, text) for name, text in texts.items()}
        case _:
            raise refused("invalid_post_type")


def _structured(name: str, text: str) -> Any:
    if name not in {"blocks", "metadata"}:
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise refused(f"invalid_{name}_format") from None


def content_of(arguments: Arguments, *, longest_text: int) -> Content:
    """Read and check what a message is to say."""
    text, blocks, metadata = (arguments.get(name) or None for name in ("text", "blocks", "metadata"))
    if text is None and blocks is None:
        raise refused("no_text")
    if not isinstance(text, str | None):
        raise refused("invalid_arguments", "[ERROR] must be a string [json-pointer:/text]")
    if text is not None and len(text) > longest_text:
        raise refused("msg_too_long")
    try:
        check_blocks(blocks or [])
    except UnfitBlocks as unfit:
        raise refused(unfit.code, f"[ERROR] {unfit}") from unfit
    if metadata is not None:
        _check_metadata(metadata)
    return Content(text or "", tuple(blocks or ()), metadata)


def _check_metadata(metadata: object) -> None:
    match metadata:
        case {"event_type": str(kind), "event_payload": dict(), **others} if kind and not others:
            if len(msgspec.json.encode(metadata)) > _MOST_METADATA_BYTES:
                raise refused("metadata_too_large")
        case _:
            raise refused("invalid_metadata_format")


def flag(arguments: Arguments, name: str) -> bool:
    """Read a boolean, which a form writes in several ways."""
    return str(arguments.get(name, "")).lower() in {"1", "true", "t"}


def page_limit(arguments: Arguments) -> int:
    """Read how many a page is to hold."""
    try:
        limit = int(arguments.get("limit") or 100)
    except ValueError:
        raise refused("invalid_limit") from None
    if not 1 <= limit <= 999:
        raise refused("invalid_limit")
    return limit


def page_start(arguments: Arguments) -> int:
    """Read where a page begins."""
    try:
        return int(base64.b64decode(str(arguments.get("cursor") or "")).decode().removeprefix("from:") or 0)
    except ValueError:
        raise refused("invalid_cursor") from None


def cursor_at(start: int) -> str:
    """Write the cursor of the page that begins there."""
    return base64.b64encode(f"from:{start}".encode()).decode()
