"""The alerts of a PagerDuty incident, as its REST API tells them, read for labels and numbers.

What Alertmanager's notifier for PagerDuty puts into ``details.firing`` is a text in the form of its
template ``__text_alert_list``, in later versions a list of alerts. Who sends events of their own may put the
labels, ``signal`` and ``value`` into ``custom_details``, flat or as ``labels`` and ``annotations``.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from shared.domain.alerts import Alert
from shared.domain.signals import Signal
from shared.intake import alertmanager
from shared.intake.pagerduty import REFERENCE, SOURCE, Incident, response_of

_SECTIONS = ("labels", "annotations")
_ENTRY = re.compile(r" - (?P<name>[^=]*?) = (?P<value>.*)")
_LONGEST_VALUE = 2000


@dataclass(frozen=True)
class _Told:
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


def read(
    told: Sequence[Mapping[str, object]], incident: Incident, *, signals_by_alert: Mapping[str, Signal]
) -> list[Alert]:
    """Return the alerts that the incident's alerts tell of, each firing, as Alertmanager would have sent it.

    What cannot be understood is left out, and our own pages among them. Never raises.
    """
    found = [one for alert in told if not _ours(alert) for one in _of_details(_details(alert))]
    if not found:
        return []
    at = incident.reopened_at or incident.created_at
    body = {
        "alerts": [
            {
                "status": "firing",
                "labels": one.labels,
                "annotations": one.annotations,
                "startsAt": at.isoformat(),
            }
            for one in found
        ]
    }
    sent = alertmanager.parse(msgspec.json.encode(body), signals_by_alert=signals_by_alert)
    references = {REFERENCE: incident.id}
    return [replace(alert, source=SOURCE, references=references) for alert in sent.alerts]


def _ours(alert: Mapping[str, object]) -> bool:
    key = alert.get("alert_key")
    return isinstance(key, str) and bool(response_of(key))


def _details(alert: Mapping[str, object]) -> object:
    body = alert.get("body")
    if not isinstance(body, dict):
        return None
    cef = body.get("cef_details")
    return body.get("details") or (cef.get("details") if isinstance(cef, dict) else None)


def _of_details(details: object) -> list[_Told]:
    if isinstance(details, str):
        return list(_in_text(details))
    if not isinstance(details, dict):
        return []
    flat = _scalars(details)
    labels = {**flat, **_scalars(details.get("labels"))}
    annotations = {**flat, **_scalars(details.get("annotations"))}
    listed = _listed(details.get("firing")) or _listed(details.get("resolved"))
    if len(listed) > 1:
        return [_Told({**labels, **one.labels}, one.annotations) for one in listed]
    one = listed[0] if listed else _Told()
    return [_Told({**labels, **one.labels}, {**annotations, **one.annotations})]


def _listed(told: object) -> list[_Told]:
    """Return what Alertmanager listed, whichever of its versions did: objects, their JSON, or a text."""
    if isinstance(told, str) and told.lstrip().startswith("["):
        try:
            told = msgspec.json.decode(told)
        except msgspec.DecodeError:
            return []
    if isinstance(told, str):
        return list(_in_text(told))
    if not isinstance(told, list):
        return []
    return [
        _Told(_scalars(one.get("labels")), _scalars(one.get("annotations")))
        for one in told
        if isinstance(one, dict)
    ]


def _in_text(text: str) -> Iterator[_Told]:
    """Read Alertmanager's list, and Grafana's, which has more sections.

    Lines that are no entry, such as the second one of a value, are passed over.
    """
    one, section = _Told(), ""
    for line in text.splitlines():
        heading, colon, _ = line.partition(":")
        if colon and not line.startswith(" "):
            section = heading.strip().lower()
            if section == "labels" and (one.labels or one.annotations):
                yield one
                one = _Told()
        elif section in _SECTIONS and (entry := _ENTRY.fullmatch(line)):
            into = one.labels if section == "labels" else one.annotations
            into[entry["name"]] = entry["value"][:_LONGEST_VALUE]
    if one.labels or one.annotations:
        yield one


def _scalars(told: object) -> dict[str, str]:
    if not isinstance(told, dict):
        return {}
    return {name: _text(value) for name, value in told.items() if isinstance(value, str | int | float | bool)}


def _text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)[:_LONGEST_VALUE]
