"""Runs checks side by side, within a time."""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from shared.adapters.checks import Check
from shared.domain.prerequisites import Finding, State
from shared.errors import BackoutError, ConfigurationError

SIDE_BY_SIDE = 16

log = logging.getLogger("backout.doctor")


def findings(checks: Mapping[str, Check], *, seconds: float) -> list[Finding]:
    """Run the checks and return what they found, in their order; one that is late is told as broken.

    Every check bounds its own calls, so the threads of late ones end soon after. An unexpected error is for
    the log: its text might hold what nobody should read.
    """
    pool = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="doctor")
    try:
        running = {name: pool.submit(check) for name, check in checks.items()}
        wait(running.values(), timeout=seconds)
        found = [finding for name, future in running.items() for finding in _told(name, future, seconds)]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return found


def _told(name: str, future: "Future[Sequence[Finding]]", seconds: float) -> Sequence[Finding]:
    if not future.done():
        late = "Ask again; if it stays, see whether its address answers from the server's network."
        return [Finding(name, State.BROKEN, f"no answer in {seconds:g} s", late)]
    match future.exception():
        case None:
            return future.result()
        case ConfigurationError() as error:
            return [Finding(name, State.MISSING, str(error))]
        case BackoutError() as error:
            return [Finding(name, State.BROKEN, str(error))]
        case error:
            log.error("the check of %s failed unexpectedly", name, exc_info=error)
            return [Finding(name, State.BROKEN, "the check failed unexpectedly; the server's log has why")]
