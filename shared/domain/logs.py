"""Logs: which lines of a workload's pods look like errors, and how those are told without their secrets."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain.evidence import Evidence, Standing
from shared.domain.workloads import Pod, Workload

MOST_PODS = 5
MOST_SAMPLES = 5
LONGEST_SAMPLE = 200
_LONGEST_LINE = 4000
_LONGEST_MASKED = 1000
_MOST_MASKED = 200

_NAMES = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|credential|authorization|session"
    r"|(?:api|access|private)[-_]?key)"
)
_VALUE = r"(?:\\?\"(?:[^\"\\]|\\.)*\"?|'[^']*'?|[^\s,;&}]+)"
_MASKS = tuple(
    (re.compile(pattern), masked)
    for pattern, masked in (
        (r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+", r"\1 …"),
        (r"(?i)\b(cookie\s*[:=]\s*).*", r"\1…"),
        (r"://[^/@\s]+@", "://…@"),
        (rf"(?i)({_NAMES}[\w.-]*\\?[\"']?\s*[:=]\s*)(?!(?:bearer|basic) …){_VALUE}", r"\1…"),
        (r"\beyJ[\w-]+\.[\w-]+\.[\w-]*", "…"),
        (r"\b(?:xox[a-z]-|xapp-|gh[pousr]_|github_pat_|glpat-|hvs\.|sk-|AIza|AKIA|ASIA)[\w-]{8,}", "…"),
        (r"-----BEGIN [A-Z ]+-----.*", "…"),
        (r"\b(?=[\w+/-]*\d)[\w+/-]{40,}={0,2}", "…"),
    )
)


@dataclass(frozen=True)
class PodLog:
    """What one container has written; `cut` where there was more than was read."""

    pod: str
    container: str
    lines: tuple[str, ...]
    cut: bool = False


def to_read(workload: Workload) -> tuple[Pod, ...]:
    """Return the pods whose logs tell how the present revision does, those that are not ready first."""
    present = [pod for pod in workload.pods if pod.deleting_since is None]
    own = [pod for pod in present if pod.template_id in {"", workload.template_id}]
    return tuple(sorted(own, key=lambda pod: (pod.ready, pod.name))[:MOST_PODS])


def evidence(
    logs: Sequence[PodLog], is_error: Callable[[str], object], *, since: datetime, asked: int, pods: int
) -> Evidence:
    """Count the lines that look like errors and show the first of each kind; a person judges them.

    `is_error` looks at one line; logs of `asked` pods were wanted, of `pods` that there are. Of one without a
    log nobody knows, so silence does not pass then. A healthy service logs errors too: some fail nothing.
    """
    cut = any(log.cut for log in logs)
    found = [
        (log.pod, line[:_LONGEST_LINE])
        for log in logs
        for line in log.lines
        if is_error(line[:_LONGEST_LINE])
    ]
    read = len({log.pod for log in logs})
    of = f"{read} pod{'' if read == 1 else 's'}" if read >= pods else f"{read} of {pods} pods"
    after = f"since {since:%H:%M:%S}Z"
    if not read:
        return Evidence(Standing.UNKNOWN, "no pod has a log to read")
    if not found and read < asked:
        return Evidence(Standing.UNKNOWN, f"no line of {of} is an error {after}; others have no log yet")
    if not found:
        more = " in what was read of long logs" if cut else ""
        return Evidence(
            Standing.ASKED if cut else Standing.PASS, f"no line of {of} is an error{more} {after}"
        )
    least = "at least " if cut else ""
    count = f"{least}{len(found)} line{'' if len(found) == 1 else 's'} of {of}"
    return Evidence(Standing.ASKED, f"{count} look like errors {after}; read them", _samples(found))


def _samples(found: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return examples that differ by more than their numbers."""
    told: dict[str, str] = {}
    for pod, line in found[:_MOST_MASKED]:
        shown = masked(line)[:LONGEST_SAMPLE]
        told.setdefault(re.sub(r"[\d…]+", "", shown), f"{pod}: {shown}")
        if len(told) == MOST_SAMPLES:
            break
    return tuple(told.values())


def masked(line: str) -> str:
    """Return a line of a log on one line, what looks like a secret left out: it is stored and shown."""
    shown = " ".join("".join(c if c.isprintable() else " " for c in line[:_LONGEST_MASKED]).split())
    for pattern, instead in _MASKS:
        shown = pattern.sub(instead, shown)
    return shown
