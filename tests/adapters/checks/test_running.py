import threading
import time
from collections.abc import Sequence

from shared.adapters.checks import running
from shared.domain.prerequisites import Finding, State
from shared.errors import BackoutError, ConfigurationError, TemporaryError

WELL = Finding("well", State.OK, "it is")


def test_findings_come_in_the_order_of_their_checks() -> None:
    checks = {"a": lambda: [WELL], "b": lambda: [Finding("b", State.OFF, ""), WELL], "c": list}

    assert [f.name for f in running.findings(checks, seconds=5)] == ["well", "b", "well"]


def test_checks_run_side_by_side() -> None:
    together = threading.Barrier(3, timeout=10)

    def meet() -> Sequence[Finding]:
        together.wait()
        return [WELL]

    assert running.findings(dict.fromkeys("abc", meet), seconds=10) == [WELL] * 3


def test_a_check_that_hangs_is_broken_and_holds_nobody_up() -> None:
    released = threading.Event()

    def hang() -> Sequence[Finding]:
        released.wait(20)
        return []

    began = time.monotonic()
    late, well = running.findings({"late": hang, "well": lambda: [WELL]}, seconds=0.2)
    took = time.monotonic() - began
    released.set()

    assert (late.name, late.state, late.detail) == ("late", State.BROKEN, "no answer in 0.2 s")
    assert well == WELL
    assert took < 5


def raising(error: Exception) -> Finding:
    def check() -> Sequence[Finding]:
        raise error

    [finding] = running.findings({"it": check}, seconds=5)
    return finding


def test_what_is_not_configured_is_missing_and_what_does_not_answer_broken() -> None:
    missing: BackoutError = ConfigurationError("set it")

    assert raising(missing) == Finding("it", State.MISSING, "set it")
    assert raising(TemporaryError("away")) == Finding("it", State.BROKEN, "away")


def test_the_text_of_an_unexpected_error_stays_in_the_log() -> None:
    finding = raising(RuntimeError("s3cret"))

    assert finding.state is State.BROKEN
    assert "s3cret" not in finding.detail
