"""Alerting rules: read from Prometheus's rules file format and evaluated."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

import msgspec

from sandbox.prometheus.durations import parse_duration_ms
from sandbox.prometheus.evaluation import Evaluation
from sandbox.prometheus.floats import in_template
from sandbox.prometheus.parsing import parse
from sandbox.prometheus.samples import NAME, Labels, SampleStore, labels_of
from sandbox.prometheus.syntax import Expression, Kind, QueryError, kind_of

_TEMPLATE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_REFERENCE = re.compile(r"\s*(?:\$value|\$labels\.(?P<label>\w+))\s*")

KEEP_RESOLVED_MS = 15 * 60_000
"""How long a resolved alert is remembered, to be told again in case its message was lost."""


class RulesError(ValueError):
    """A rules file that cannot be used; the message says where it is wrong."""


class _Rule(msgspec.Struct, forbid_unknown_fields=True):
    alert: str
    expr: str
    hold: str = msgspec.field(default="0s", name="for")
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class _Group(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    rules: list[_Rule] = []


class _RulesFile(msgspec.Struct, forbid_unknown_fields=True):
    groups: list[_Group] = []


class AlertState(Enum):
    """Where an alert is on its way; resolved ones are remembered for a while."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Alert:
    """One label set for which a rule's expression has held, with times in Unix milliseconds."""

    labels: Labels
    annotations: Mapping[str, str]
    value: float
    state: AlertState
    active_at_ms: int
    fired_at_ms: int = 0
    resolved_at_ms: int = 0


@dataclass
class AlertRule:
    """One rule and the alerts that it has raised, keyed by the labels of the series behind them."""

    name: str
    text: str
    expression: Expression
    hold_ms: int
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    alerts: dict[Labels, Alert] = field(default_factory=dict)

    def evaluate(self, store: SampleStore, *, at_ms: int) -> None:
        """Move every alert on; raise `QueryError` when the expression cannot be evaluated over these series.

        An alert waits for the rule's `for`, fires, and is resolved by the first evaluation that does not show
        it; one that ends while waiting is forgotten at once.
        """
        value = Evaluation(store, at_ms).value(self.expression)
        shown = value if isinstance(value, dict) else {(): value}
        for key, each in shown.items():
            if isinstance(each, float):
                self.alerts[key] = self._raised(key, each, at_ms=at_ms)
        for key, alert in list(self.alerts.items()):
            if key in shown:
                continue
            told_long_ago = alert.resolved_at_ms and alert.resolved_at_ms + KEEP_RESOLVED_MS < at_ms
            if alert.state is AlertState.PENDING or told_long_ago:
                del self.alerts[key]
            elif alert.state is AlertState.FIRING:
                self.alerts[key] = replace(alert, state=AlertState.RESOLVED, resolved_at_ms=at_ms)

    def _raised(self, key: Labels, value: float, *, at_ms: int) -> Alert:
        series = {name: text for name, text in key if name != NAME}

        def expand(templates: Mapping[str, str]) -> dict[str, str]:
            return {name: _expand(text, series, value) for name, text in templates.items()}

        before = self.alerts.get(key)
        if before is None or before.state is AlertState.RESOLVED:
            before = Alert((), {}, value, AlertState.PENDING, active_at_ms=at_ms)
        current = replace(
            before,
            labels=labels_of({**series, **expand(self.labels), "alertname": self.name}),
            annotations=expand(self.annotations),
            value=value,
        )
        if current.state is AlertState.PENDING and at_ms - current.active_at_ms >= self.hold_ms:
            return replace(current, state=AlertState.FIRING, fired_at_ms=at_ms)
        return current


def load_rules(text: str) -> list[AlertRule]:
    """Read a rules file (YAML); raise `RulesError` for one that is wrong or asks for more than alerting."""
    try:
        groups = msgspec.yaml.decode(text, type=_RulesFile).groups
    except msgspec.ValidationError as error:
        raise RulesError(str(error)) from error
    return [
        _load(rule, where=f"group {group.name!r}, rule {rule.alert!r}")
        for group in groups
        for rule in group.rules
    ]


def _load(rule: _Rule, *, where: str) -> AlertRule:
    for name, template in {**rule.labels, **rule.annotations}.items():
        for reference in _TEMPLATE.findall(template):
            if not _REFERENCE.fullmatch(reference):
                raise RulesError(
                    f"{where}: {name!r} may contain {{{{ $value }}}} and {{{{ $labels.name }}}} only, "
                    f"not {reference.strip()!r}"
                )
    try:
        expression, hold_ms = parse(rule.expr), parse_duration_ms(rule.hold)
    except (QueryError, ValueError) as error:
        raise RulesError(f"{where}: {error}") from error
    if kind_of(expression) is Kind.MATRIX:
        raise RulesError(f"{where}: the expression gives a range vector; an alert needs single values")
    return AlertRule(rule.alert, rule.expr, expression, hold_ms, rule.labels, rule.annotations)


def _expand(template: str, series: Mapping[str, str], value: float) -> str:
    """Fill a template in; a label that the series does not have is empty."""

    def text(match: re.Match[str]) -> str:
        reference = _REFERENCE.fullmatch(match.group(1))
        label = reference and reference["label"]
        return series.get(label, "") if label else in_template(value)

    return _TEMPLATE.sub(text, template)
