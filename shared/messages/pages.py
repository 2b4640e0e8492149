"""Pages: what a person sees who follows an approval link, on a phone, woken a minute ago.

Plain HTML without script or anything from elsewhere. All that was not written here is escaped.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from html import escape

from shared.domain.decisions import RowVerdict
from shared.domain.reasons import sentence
from shared.domain.response import Response, Step, Word
from shared.messages.quantities import clock, quantity

_STYLE = """
:root{color-scheme:light dark;--ink:#16181d;--dim:#5b616e;--paper:#fff;--line:#d5d8df;
--yes:#b3261e;--box:#f3f4f7}
@media(prefers-color-scheme:dark){:root{--ink:#eceef2;--dim:#a4abb8;--paper:#14161a;--line:#3a3f49;
--yes:#c8382f;--box:#1f2228}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:34rem;padding:1.25rem 1rem 3rem;background:var(--paper);color:var(--ink);
font:1.0625rem/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.2;margin:.25rem 0 .5rem}
h2{font-size:.9375rem;margin:1.5rem 0 .4rem;color:var(--dim);font-weight:600}
p{margin:.4rem 0}
.dim{color:var(--dim);font-size:.9375rem}
.box{background:var(--box);border-radius:.6rem;padding:.75rem .9rem}
.image{display:block;font:600 1rem/1.4 ui-monospace,Menlo,Consolas,monospace}
.image b{font-size:1.25rem}
.image+.dim{display:block;margin-top:.6rem}
.end{margin-top:1.75rem;border-top:1px solid var(--line);padding-top:.9rem}
table{border-collapse:collapse;width:100%}
td{padding:.3rem 0;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child td{border-bottom:0}
td+td{text-align:right;padding-left:1rem;white-space:nowrap}
label{display:block;margin-top:1.5rem;color:var(--dim);font-size:.9375rem}
textarea{width:100%;font:inherit;padding:.6rem .7rem;margin-top:.3rem;border:1px solid var(--line);
border-radius:.5rem;background:var(--paper);color:var(--ink)}
button{width:100%;min-height:3.5rem;margin-top:1.25rem;border-radius:.6rem;
font:600 1.125rem system-ui,sans-serif;border:2px solid var(--line);background:transparent;color:var(--ink)}
button.yes{background:var(--yes);border-color:var(--yes);color:#fff}
""".strip()

POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
"""The Content-Security-Policy of every page: its own style, a form that goes back to it, nothing else."""


@dataclass(frozen=True)
class Asked:
    """A question as a link puts it: to whom, until when, and which answers it can give.

    `zone` is that in which the reader's clock shows the time.
    """

    to: str
    expires_at: datetime
    yes: bool
    no: bool
    zone: tzinfo


def question(response: Response, asked: Asked, now: datetime) -> str:
    """Return the page that asks; to see it changes nothing."""
    minutes = max(0, round((asked.expires_at - now).total_seconds() / 60))
    until = f"{clock(asked.expires_at, asked.zone)}, in {minutes} min"
    parts = [
        f'<p class="dim">Backout asks {escape(asked.to)}. Answer until {escape(until)}.</p>',
        f"<h1>{escape(_title(response))}</h1>",
        f'<p class="dim">{escape(f"{response.workload} in {response.workload.cluster}")}</p>',
        _images(response),
        _section("What is wrong", _rows(response.decision.matched)),
        _section("Why you are asked", _list([sentence(reason) for reason in response.asks])),
        _form(response, asked),
        f'<p class="dim end">{escape(_silence(response))}</p>',
        f'<p class="dim">Response {escape(response.id)}</p>',
    ]
    return _page(_title(response), parts)


def recorded(response: Response, *, yes: bool, by: str, at: datetime, zone: tzinfo) -> str:
    """Return the page that says which answer has been recorded and what comes of it."""
    title = f"Recorded: {'yes' if yes else 'no'}"
    parts = [
        f"<h1>{title}</h1>",
        f"<p>{escape(_title(response))}</p>",
        f"<p>{escape(_consequence(response, yes=yes))}</p>",
        f'<p class="dim">{escape(f"{by}, {clock(at, zone)}. Response {response.id}")}</p>',
    ]
    return _page(title, parts)


def used(response: Response, word: Word, zone: tzinfo) -> str:
    """Return the page that says who has answered the question before."""
    said = "no" if word.verb == "abort" else "yes"
    reason = f" “{word.reason}”" if word.reason else ""
    text = f"{word.by} said {said} at {clock(word.at, zone)}.{reason}"
    return notice("This has been answered", text, f"{response.service}, response {response.id}")


def notice(title: str, *lines: str) -> str:
    """Return a page that only says something."""
    return _page(title, [f"<h1>{escape(title)}</h1>", *(f"<p>{escape(line)}</p>" for line in lines)])


def _page(title: str, parts: Sequence[str]) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · Backout</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>"
    )


def _title(response: Response) -> str:
    if response.choice is None:
        return f"{response.service}: add capacity?"
    return f"{response.service}: roll back{' now' if _holds(response) else ''}?"


def _images(response: Response) -> str:
    choice = response.choice
    if choice is None:
        return ""
    return (
        '<div class="box">'
        f'<span class="dim">runs now, revision {choice.from_number}</span>{_image(choice.from_image)}'
        f'<span class="dim">back to, revision {choice.to_number}</span>{_image(choice.to_image)}</div>'
    )


def _image(image: str) -> str:
    """Write an image with the part that tells versions apart, its tag or digest, standing out."""
    name, separator, tag = image.partition("@") if "@" in image else image.rpartition(":")
    if not separator or "/" in tag:
        return f'<span class="image">{escape(image)}</span>'
    return f'<span class="image">{escape(name + separator)}<b>{escape(tag)}</b></span>'


def _section(title: str, body: str) -> str:
    return f"<h2>{escape(title)}</h2>{body}" if body else ""


def _rows(rows: Sequence[RowVerdict]) -> str:
    if not rows:
        return "<p>Nothing that was measured is past its threshold.</p>"
    lines = [
        f"<tr><td>{escape(row.signal.replace('_', ' '))}</td>"
        f"<td><b>{escape(_said(row))}</b><br>"
        f'<span class="dim">limit {escape(quantity(row.signal, row.threshold))}, {row.severity}</span>'
        "</td></tr>"
        for row in rows
    ]
    return f"<table>{''.join(lines)}</table>"


def _list(lines: Sequence[str]) -> str:
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def _form(response: Response, asked: Asked) -> str:
    """Return the form, which goes to the page's own address.

    The reason is a text area: in an input the keyboard's Enter would press the first button.
    """
    buttons = []
    if asked.yes:
        label = "Yes, add capacity" if response.choice is None else "Yes, roll back"
        buttons.append(_button("approve", label, _consequence(response, yes=True)))
    if asked.no:
        buttons.append(_button("abort", "No, touch nothing", _consequence(response, yes=False)))
    area = '<textarea name="reason" rows="1" maxlength="500"></textarea>'
    why = f"<label>Your reason, for the history (optional){area}</label>"
    return f'<form method="post" action="">{why}{"".join(buttons)}</form>'


def _button(verb: str, label: str, consequence: str) -> str:
    style = ' class="yes"' if verb == "approve" else ""
    return (
        f'<button{style} name="verb" value="{verb}">{escape(label)}</button>'
        f'<p class="dim">{escape(consequence)}</p>'
    )


def _consequence(response: Response, *, yes: bool) -> str:
    choice = response.choice
    if not yes:
        stays = f"revision {choice.from_number}" if choice else "its capacity"
        return f"Nothing is touched: {stays} stays as it is, and this response ends."
    if choice is None:
        return "It is looked at once more. If nothing has changed, capacity is added and watched."
    first = "" if _holds(response) else "It is looked at once more. If nothing has changed, "
    then = f"it goes back to revision {choice.to_number} and is verified; you hear how it ends."
    return first + (then if first else then[0].upper() + then[1:])


def _silence(response: Response) -> str:
    if _holds(response):
        return "If nobody answers, it is rolled back when the waiting time is over."
    return "If nobody answers in time, nothing is touched, and a person is called."


def _holds(response: Response) -> bool:
    return response.phase == Step.HOLD


def _said(row: RowVerdict) -> str:
    value = row.reading.value
    return row.reading.kind.value if value is None else quantity(row.signal, value)
