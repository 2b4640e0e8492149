"""Treatments: how a service is treated, from the file's top, its `defaults` and the service's own entry."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, get_args

from shared.domain.matrix import Matrix, Row
from shared.domain.remedies import CacheUse, Remedies, WhenStuck
from shared.domain.services import Service, SignalQuery, Targets, Timing
from shared.domain.signals import UNITS, Signal, Unit
from shared.settings import limits, schema
from shared.settings.conforming import Problems, unknown
from shared.settings.shapes import check_id


@dataclass(frozen=True)
class Builder:
    """Applies treatments to services; what is wrong goes to `problems` with its path."""

    teams: Mapping[str, object]
    caches: Mapping[str, object]
    problems: Problems

    def treated(self, service: Service, treatment: schema.Treatment, path: str) -> Service:
        """Return the service with what the treatment says of it; what it does not say stays."""
        said: dict[str, Any] = {
            "mode": treatment.mode,
            "team": treatment.team,
            "customer_facing": treatment.customer_facing,
            "selector": treatment.selector,
            "trust_alerts": treatment.trust_alerts,
            "min_requests_per_minute": treatment.min_requests_per_minute,
        }
        if treatment.team is not None and treatment.team not in self.teams:
            self.problems.append(f"{path}.team: {unknown(treatment.team, list(self.teams))}")
        rate = treatment.min_requests_per_minute
        if rate is not None and not 0 <= rate < float("inf"):
            self.problems.append(f"{path}.min_requests_per_minute: expected 0 or more; found {rate}")
        if treatment.github is not None:
            said |= self.repository(treatment.github, f"{path}.github")
        said["schema_at_least"] = treatment.schema_at_least
        said["flags"] = tuple(treatment.flags) if treatment.flags is not None else None
        said["log_errors"] = self.log_errors(treatment.logs, f"{path}.logs")
        if treatment.remedies is not None:
            said["remedies"] = self.remedies(treatment.remedies, f"{path}.remedies")
        given: dict[str, Any] = {key: value for key, value in said.items() if value is not None}
        return replace(
            self.queried(service, treatment.queries),
            **given,
            matrix=self.matrix(service.matrix, treatment.matrix, f"{path}.matrix"),
            timing=self.timing(service.timing, treatment.timing, f"{path}.timing"),
            targets=self.targets(service.targets, treatment.targets, f"{path}.targets"),
        )

    def repository(self, said: schema.Repository, path: str) -> dict[str, Any]:
        """Return where a service is deployed from, and its issue of GitHub as ``owner/repository#number``."""
        check_id(said.repository, "repository", f"{path}.repository", self.problems)
        if said.issue is not None and said.issue < 1:
            self.problems.append(f"{path}.issue: expected an issue's number, 1 or more; found {said.issue}")
        return {
            "github_issue": f"{said.repository}#{said.issue}" if said.issue is not None else None,
            "repository": said.repository,
            "branch": said.branch,
            "environment": said.environment,
            "reverts": said.revert,
        }

    def log_errors(self, said: schema.Logs, path: str) -> str | None:
        """Return what an error in a log matches; empty where logs are not to be read."""
        if said.errors in get_args(schema.OFF):
            return ""
        try:
            re.compile(said.errors or "")
        except re.error as error:
            self.problems.append(f"{path}.errors: expected a regular expression or off; {error}")
        return said.errors

    def remedies(self, said: schema.Remedies, path: str) -> Remedies:
        """Return what may be done for a service beside the rollback."""
        namespace, _, name = said.job.partition("/")
        if said.job and not (namespace and name and "/" not in name):
            self.problems.append(f"{path}.job: expected a CronJob, namespace/name; found {said.job!r}")
        for key, seconds in (("job_timeout", said.job_timeout), ("database_timeout", said.database_timeout)):
            if not 10 <= seconds <= 86_400:
                self.problems.append(f"{path}.{key}: expected 10s to 24h; found {seconds:g}s")
        use = said.cache
        if use is not None and use.name not in self.caches:
            self.problems.append(f"{path}.cache.name: {unknown(use.name, list(self.caches))}")
        default = Remedies()
        stuck = default.stuck if said.stuck is None else WhenStuck.OFF
        return Remedies(
            stuck=said.stuck if isinstance(said.stuck, WhenStuck) else stuck,
            job=said.job,
            job_seconds=float(said.job_timeout),
            database=said.database,
            database_seconds=float(said.database_timeout),
            cache=CacheUse(use.name, use.prefix, use.after_rollback, use.restart) if use else None,
        )

    def queried(self, service: Service, queries: str | schema.Queries | None) -> Service:
        """Return the service with its queries: a profile, queries of its own, or both."""
        if queries is None:
            return service
        if isinstance(queries, str):
            return replace(service, profile=queries)
        own = {
            name: _query(query)
            for name in schema.Queries.__struct_fields__
            if name != "profile" and (query := getattr(queries, name)) is not None
        }
        return replace(
            service, profile=queries.profile or service.profile, queries={**service.queries, **own}
        )

    def timing(self, timing: Timing, said: schema.Timing, path: str) -> Timing:
        """Return the times with what is said of them; all of them within their limits."""
        given = {
            field.name: float(seconds)
            for field in fields(Timing)
            if (seconds := getattr(said, field.name)) is not None
        }
        if not given:
            return timing
        changed = replace(timing, **given)
        self.problems.extend(f"{path}.{wrong}" for wrong in limits.out_of_limits(changed))
        return changed

    def targets(self, targets: Targets, said: schema.Targets, path: str) -> Targets:
        """Return the targets with what is said of them."""
        given = {}
        for signal in (Signal.ERROR_RATE, Signal.LATENCY_P95):
            text = getattr(said, signal.value)
            target = None if text is None else self.threshold(text, signal, f"{path}.{signal.value}")
            if target is not None:
                given[signal.value] = target
        return replace(targets, **given)

    def matrix(self, matrix: Matrix, said: schema.MatrixOverrides, path: str) -> Matrix:
        """Return the matrix with rows moved, switched off, replaced or added."""
        if not said:
            return matrix
        rows = {row.name: row for row in matrix.rows}
        for name, override in said.items():
            row = self.row(rows.get(name), name, override, f"{path}.{name}", known=list(rows))
            rows.pop(name, None) if row is None else rows.update({name: row})
        try:
            return Matrix(tuple(rows.values()))
        except ValueError as error:
            self.problems.append(f"{path}: {error}")
            return matrix

    def row(
        self,
        before: Row | None,
        name: str,
        said: str | schema.RowOverride,
        path: str,
        *,
        known: list[str],
    ) -> Row | None:
        """Return one row as it is to be, None to have it off."""
        if isinstance(said, str):
            if before is None:
                self.problems.append(f"{path}: {unknown(name, known)}")
            return None
        signal = said.signal or (before.signal if before else None)
        action = said.action or (before.action if before else None)
        severity = said.severity or (before.severity if before else None)
        if signal is None or action is None or severity is None:
            new = "a new row needs signal, threshold, action and severity"
            self.problems.append(f"{path}: {unknown(name, known)}; {new}")
            return None
        threshold = before.threshold if before and before.signal is signal else None
        if said.threshold is not None:
            threshold = self.threshold(said.threshold, signal, f"{path}.threshold")
        elif UNITS[signal] is Unit.FLAG:
            threshold = 0.0
        elif threshold is None:
            self.problems.append(f"{path}.threshold: is missing")
        if threshold is None:
            return before
        asks = said.asks if said.asks is not None else bool(before and before.asks)
        return Row(name, signal, threshold, action, severity, asks)

    def threshold(self, text: str, signal: Signal, path: str) -> float | None:
        """Return a threshold in the unit of its signal, None when it does not fit."""
        try:
            return limits.threshold(text, signal)
        except ValueError as error:
            self.problems.append(f"{path}: {error}")
            return None


def _query(said: str | schema.Query) -> SignalQuery:
    if isinstance(said, str):
        said = schema.Query(said)
    return SignalQuery(said.query, float(said.window))
