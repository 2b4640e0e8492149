"""Slack's Block Kit, as far as a message with buttons needs it: kinds, required fields, sizes.

Sizes are those of Slack's block and composition object reference. A kind of block or element that is not
here is refused, as is an unknown field.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

MOST_BLOCKS = 50

MOST_CHARACTERS = 13_200
"""Of all blocks together, as JSON. Not documented; where senders see ``msg_blocks_too_long`` begin."""

Id = Annotated[str, Meta(min_length=1, max_length=255)]
Url = Annotated[str, Meta(min_length=1, max_length=3000)]


class PlainText(msgspec.Struct, tag="plain_text", tag_field="type", forbid_unknown_fields=True):
    text: Annotated[str, Meta(min_length=1, max_length=3000)]
    emoji: bool | UnsetType = UNSET


class Markdown(msgspec.Struct, tag="mrkdwn", tag_field="type", forbid_unknown_fields=True):
    text: Annotated[str, Meta(min_length=1, max_length=3000)]
    verbatim: bool | UnsetType = UNSET


class Confirm(msgspec.Struct, forbid_unknown_fields=True):
    title: PlainText
    text: PlainText | Markdown
    confirm: PlainText
    deny: PlainText
    style: Literal["primary", "danger"] | UnsetType = UNSET

    def __post_init__(self) -> None:
        _at_most(100, title=self.title)
        _at_most(300, text=self.text)
        _at_most(30, confirm=self.confirm, deny=self.deny)


class Button(msgspec.Struct, tag="button", tag_field="type", forbid_unknown_fields=True):
    text: PlainText
    action_id: Id | UnsetType = UNSET
    url: Url | UnsetType = UNSET
    value: Annotated[str, Meta(max_length=2000)] | UnsetType = UNSET
    style: Literal["primary", "danger"] | UnsetType = UNSET
    confirm: Confirm | UnsetType = UNSET
    accessibility_label: Annotated[str, Meta(max_length=75)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        _at_most(75, text=self.text)


class Image(msgspec.Struct, tag="image", tag_field="type", forbid_unknown_fields=True):
    image_url: Url
    alt_text: Annotated[str, Meta(min_length=1, max_length=2000)]


class Section(msgspec.Struct, tag="section", tag_field="type", forbid_unknown_fields=True):
    block_id: Id | UnsetType = UNSET
    text: PlainText | Markdown | UnsetType = UNSET
    fields: Annotated[list[PlainText | Markdown], Meta(min_length=1, max_length=10)] | UnsetType = UNSET
    accessory: Button | Image | UnsetType = UNSET
    expand: bool | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.text is UNSET and self.fields is UNSET:
            raise ValueError("must define either `text` or `fields`")
        for each in () if self.fields is UNSET else self.fields:
            _at_most(2000, fields=each)


class Header(msgspec.Struct, tag="header", tag_field="type", forbid_unknown_fields=True):
    text: PlainText
    block_id: Id | UnsetType = UNSET

    def __post_init__(self) -> None:
        _at_most(150, text=self.text)


class Context(msgspec.Struct, tag="context", tag_field="type", forbid_unknown_fields=True):
    elements: Annotated[list[PlainText | Markdown | Image], Meta(min_length=1, max_length=10)]
    block_id: Id | UnsetType = UNSET


class Divider(msgspec.Struct, tag="divider", tag_field="type", forbid_unknown_fields=True):
    block_id: Id | UnsetType = UNSET


class Actions(msgspec.Struct, tag="actions", tag_field="type", forbid_unknown_fields=True):
    elements: Annotated[list[Button], Meta(min_length=1, max_length=25)]
    block_id: Id | UnsetType = UNSET

    def __post_init__(self) -> None:
        _once(each.action_id for each in self.elements)


Block = Section | Header | Context | Divider | Actions


class UnfitBlocks(ValueError):
    """Blocks that Slack would not take; `code` is its error, the message says where and why."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


def check_blocks(blocks: object) -> None:
    """Raise `UnfitBlocks` for what Slack would refuse."""
    try:
        fit = msgspec.convert(blocks, Annotated[list[Block], Meta(max_length=MOST_BLOCKS)])
    except msgspec.ValidationError as error:
        raise UnfitBlocks("invalid_blocks", str(error)) from error
    try:
        _once(block.block_id for block in fit)
    except ValueError as error:
        raise UnfitBlocks("invalid_blocks", str(error)) from error
    if len(msgspec.json.encode(blocks).decode()) > MOST_CHARACTERS:
        raise UnfitBlocks("msg_blocks_too_long", f"more than {MOST_CHARACTERS} characters in all")


def buttons(blocks: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Walk through the buttons that can be pressed, each with its block's id."""
    for block in blocks:
        for element in [*block.get("elements", ()), block.get("accessory", {})]:
            if element.get("type") == "button":
                yield block["block_id"], element


def _at_most(characters: int, **texts: PlainText | Markdown) -> None:
    for name, text in texts.items():
        if len(text.text) > characters:
            raise ValueError(f"`{name}` must be at most {characters} characters, not {len(text.text)}")


def _once(ids: Iterable[str | UnsetType]) -> None:
    seen: set[str] = set()
    for each in ids:
        if each is UNSET:
            continue
        if each in seen:
            raise ValueError(f"{each!r} is there twice")
        seen.add(each)
