"""Blocks: a message as Slack shows it, within Slack's limits.

Limits are those of the Block Kit reference (header 150 characters, a text 3000, button 75, 25 buttons, 10
elements of a context, confirmation 100, 300 and 30). All blocks together are kept below 13,000 characters,
where senders see ``msg_blocks_too_long``.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from shared.ports import Button, Message

ACTION = "backout:"
"""What the action id of each of our buttons begins with; the verb follows."""

Block = Mapping[str, Any]

_HEADER = 150
_SECTION = 2000
_LINE = 350  # at most 1750 characters once it is escaped
_TEXT = 3000
_BUTTONS = 5
_LINKS = 8
_ALL_LINKS = 2500
_CUT = " … (cut)"
_STYLES = {"approve": "primary", "now": "primary", "abort": "danger"}


def text(message: Message) -> str:
    """Return what a notification shows, and clients that know no blocks."""
    return _lines((message.title, *message.lines), limit=_TEXT)


def story(message: Message) -> Sequence[Block]:
    """Return the response's message: the newest news, the decision's rows, the story so far, buttons."""
    news = [line for line in message.lines if line not in message.rows]
    blocks: list[Block] = [
        {"type": "header", "text": _plain(message.title, _HEADER)},
        *_section("", news),
        *_section("*Why*", message.rows),
        *_section("*So far*", message.timeline, newest=True),
        _context(message),
    ]
    if message.buttons:
        buttons = [_button(button, message.response_id) for button in message.buttons[:_BUTTONS]]
        blocks.append({"type": "actions", "elements": buttons})
    return blocks


def news(message: Message) -> Sequence[Block]:
    """Return the reply in the message's thread: what is new, in full."""
    return _section(f"*{_escaped(cut(message.title, _LINE))}*", message.lines)


def cut(text: str, limit: int) -> str:
    """Return the text, or its beginning and a word that it goes on."""
    return text if len(text) <= limit else text[: limit - len(_CUT)].rstrip() + _CUT


def _section(title: str, lines: Sequence[str], *, newest: bool = False) -> list[Block]:
    if not lines:
        return []
    room = _SECTION - len(title) - 1
    told = "\n".join(part for part in (title, _lines(lines, limit=room, newest=newest)) if part)
    return [{"type": "section", "text": _markdown(told)}]


def _lines(lines: Sequence[str], *, limit: int, newest: bool = False) -> str:
    """Return as many whole lines as there is room for, the first ones or the newest, and how many are not."""
    wanted = [_escaped(cut(line, _LINE)) for line in (reversed(lines) if newest else lines)]
    room = limit - len("… 000000 earlier lines left out\n")
    kept: list[str] = []
    for line in wanted:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    left = len(wanted) - len(kept)
    if left:
        kept.append(f"… {left} {'earlier' if newest else 'more'} line{'s' if left > 1 else ''} left out")
    return "\n".join(reversed(kept) if newest else kept)


def _context(message: Message) -> Block:
    facts = (
        message.severity,
        message.service,
        f"team {message.team}" if message.team else "",
        message.phase,
        message.response_id,
    )
    told = " · ".join(_escaped(cut(fact, _HEADER)) for fact in facts if fact)
    links: list[Block] = []
    room = _ALL_LINKS
    for name, url in message.links.items():
        link = f"<{_address(url)}|{_escaped(name)}>"
        room -= len(link)
        if room >= 0 and len(links) < _LINKS:
            links.append(_markdown(link))
    return {"type": "context", "elements": [_markdown(told), *links]}


def _button(button: Button, response_id: str) -> Block:
    """Return a button. Its value is seen by everyone in the workspace, so it names and grants nothing."""
    value = {"response": response_id, "verb": button.verb, "question": button.question}
    shown: dict[str, Any] = {
        "type": "button",
        "action_id": f"{ACTION}{button.verb}",
        "text": _plain(button.label, 75),
        "value": json.dumps(value, separators=(",", ":")),
    }
    if button.verb in _STYLES:
        shown["style"] = _STYLES[button.verb]
    if button.confirm:
        shown["confirm"] = {
            "title": _plain(button.label, 100),
            "text": _plain(button.confirm, 300),
            "confirm": _plain(button.label, 30),
            "deny": _plain("Cancel", 30),
        }
    return shown


def _plain(text: str, limit: int) -> Block:
    return {"type": "plain_text", "text": cut(text, limit), "emoji": False}


def _markdown(text: str) -> Block:
    """Return marked-up text in which Slack makes no links or mentions of what looks like some."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _escaped(text: str) -> str:
    """Return text with the three characters escaped that mark mentions and links up."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _address(url: str) -> str:
    return _escaped(url).replace("|", "%7C").replace("&lt;", "%3C").replace("&gt;", "%3E")
