"""Templates of issues as repositories on GitHub keep them: issue forms, and Markdown with front matter."""

import re

import msgspec

from shared.ports import Section, Template
from shared.wire import convert

_FRONT = re.compile(r"\A---\s*\n(?P<front>.*?)\n---\s*(?:\n|\Z)(?P<body>.*)", re.DOTALL)
_HEADING = re.compile(r"^#{1,6}\s+(?P<label>.+?)\s*#*\s*$", re.MULTILINE)

Names = list[str] | str | None
Text = str | int | float | None


class _Option(msgspec.Struct):
    label: Text = ""


class _Attributes(msgspec.Struct):
    label: str = ""
    value: Text = ""
    options: list[Text | _Option] = []


class _Field(msgspec.Struct):
    type: str = ""
    id: str = ""
    attributes: _Attributes = msgspec.field(default_factory=_Attributes)


class _Head(msgspec.Struct):
    title: str | None = ""
    labels: Names = None
    assignees: Names = None
    body: list[_Field] = []


def parse(path: str, text: str) -> Template | None:
    """Return the template; None for a text that is none."""
    found = _FRONT.match(text) if path.endswith(".md") else None
    front = found["front"] if found else ("{}" if path.endswith(".md") else text)
    try:
        head = convert(_Head, msgspec.yaml.decode(front))
    except (msgspec.DecodeError, ValueError):
        return None
    sections = _headings(found["body"] if found else text) if path.endswith(".md") else _fields(head.body)
    return Template(head.title or "", _names(head.labels), _names(head.assignees), sections)


def _fields(body: list[_Field]) -> tuple[Section, ...]:
    """Return what GitHub makes of a form's fields: a heading for each, but for the texts between them."""
    return tuple(
        Section(field.attributes.label, field.id, _text(field), _options(field, of="dropdown"))
        for field in body
        if field.type != "markdown" and field.attributes.label
    )


def _text(field: _Field) -> str:
    boxes = [f"- [ ] {option}" for option in _options(field, of="checkboxes")]
    return "\n".join(boxes) or str(field.attributes.value or "").strip()


def _options(field: _Field, *, of: str) -> tuple[str, ...]:
    if field.type != of:
        return ()
    labels = (o.label if isinstance(o, _Option) else o for o in field.attributes.options)
    return tuple(str(label) for label in labels if label is not None)


def _headings(text: str) -> tuple[Section, ...]:
    """Return the parts of a Markdown template; what stands before the first heading has no heading."""
    parts = _HEADING.split(text)
    found = [Section("", text=parts[0].strip())] if parts[0].strip() else []
    found += [Section(label, text=body.strip()) for label, body in zip(parts[1::2], parts[2::2], strict=True)]
    return tuple(found)


def _names(said: Names) -> tuple[str, ...]:
    """Return names; Markdown templates mostly write them in one text."""
    listed = said.split(",") if isinstance(said, str) else said or []
    return tuple(name.strip().removeprefix("@") for name in listed if name.strip())
