"""Which lines of logs look like errors, and how they are told without their secrets."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.domain.evidence import Standing
from shared.domain.logs import LONGEST_SAMPLE, MOST_PODS, MOST_SAMPLES, PodLog, evidence, masked, to_read
from shared.domain.services import LOG_ERRORS
from shared.domain.workloads import Pod
from tests.domain.examples import a_workload

IS_ERROR = re.compile(LOG_ERRORS).search
SINCE = datetime(2026, 3, 2, 3, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "line",
    [
        "level=error msg=boom",
        '{"level":"error","msg":"boom"}',
        '{"severity": "ERROR"}',
        "2026-03-02 ERROR [main] boom",
        "FATAL: the database system is starting up",
        "panic: runtime error: index out of range",
        "Traceback (most recent call last):",
        "E0302 03:02:10.000001       1 main.go:12] boom",
        'Exception in thread "main" java.lang.IllegalStateException',
    ],
)
def test_a_line_looks_like_an_error_in_the_usual_formats(line: str) -> None:
    assert re.search(LOG_ERRORS, line)


@pytest.mark.parametrize(
    "line", ["level=info err=nil", "0 errors", "GET /errors 200", "Errors: 0", "panicked"]
)
def test_a_line_that_only_speaks_of_errors_does_not(line: str) -> None:
    assert not re.search(LOG_ERRORS, line)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Authorization: Bearer s3cret.s3cret-s3cret", "Authorization: Bearer …"),
        ("Authorization: Basic czNjcmV0", "Authorization: Basic …"),
        ('{"db_password":"s3cret s3cret","user":"a"}', '{"db_password":…,"user":"a"}'),
        ('{"password": "s3cret s3cret', '{"password": …'),
        (r"{\"password\":\"s3cret s3cret\"}", r"{\"password\":…"),
        ("login?token=s3cret&page=2", "login?token=…&page=2"),
        ("api-key = 's3cret s3cret' x", "api-key = … x"),
        ("Set-Cookie: a=s3cret; b=s3cret", "Set-Cookie: …"),
        ("postgres://shop:s3cret@db/shop", "postgres://…@db/shop"),
        ("jwt eyJhbGciOi.eyJzM2NyZXQ.czNjcmV0 end", "jwt … end"),
        ("using xoxb-123456789-s3cret now", "using … now"),
        ("key AKIAIOSFODNN7EXAMPLE", "key …"),
        ("GET /maps?key=AIzaSyA1234567890abcdefghijklmnopqrstuv&x=1", "GET /maps?key=…&x=1"),
        ("socket xapp-1-A0123-s3cret closed", "socket … closed"),
        ("X-Vault hvs.CAESIJ2s3cret denied", "X-Vault … denied"),
        ('{"private_key": "s3cret"}', '{"private_key": …}'),
        ("got 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c", "got …"),
        ("a\x1b[31mred\x00 \u2028line", "a [31mred line"),
    ],
)
def test_what_looks_like_a_secret_is_left_out(line: str, shown: str) -> None:
    assert masked(line) == shown


def test_an_ordinary_line_is_shown_as_it_is() -> None:
    line = "ERROR order 4711 of customer 12: connection refused (db-1.shop.svc:5432), 500 tokens used"
    assert masked(line) == line


def logs(*lines: str, pod: str = "checkout-1", cut: bool = False) -> PodLog:
    return PodLog(pod, "app", lines, cut)


def test_errors_are_counted_and_each_kind_is_shown_once() -> None:
    read = [logs("ERROR a 1", "ok", "ERROR a 2", "ERROR b"), logs("ERROR a 3", pod="checkout-2")]

    found = evidence(read, IS_ERROR, since=SINCE, asked=2, pods=2)

    assert found.standing is Standing.ASKED
    assert found.said == "4 lines of 2 pods look like errors since 03:02:10Z; read them"
    assert found.details == ("checkout-1: ERROR a 1", "checkout-1: ERROR b")


def test_few_examples_are_kept_and_each_is_short() -> None:
    lines = [f"ERROR {letter} {'x ' * 300}" for letter in "abcdefghijkl"]

    found = evidence([logs(*lines)], IS_ERROR, since=SINCE, asked=1, pods=1)

    assert len(found.details) == MOST_SAMPLES
    assert {len(detail) for detail in found.details} == {len("checkout-1: ") + LONGEST_SAMPLE}


def test_logs_without_an_error_pass_unless_they_were_too_long_to_read() -> None:
    assert evidence([logs("fine")], IS_ERROR, since=SINCE, asked=1, pods=1).standing is Standing.PASS
    assert (
        evidence([logs("fine", cut=True)], IS_ERROR, since=SINCE, asked=1, pods=1).standing is Standing.ASKED
    )


def test_of_more_pods_than_are_read_that_is_said() -> None:
    found = evidence([logs("ERROR", cut=True)], IS_ERROR, since=SINCE, asked=1, pods=12)

    assert found.said.startswith("at least 1 line of 1 of 12 pods look")


def test_silence_is_unknown_while_a_pod_has_no_log_to_read() -> None:
    found = evidence([logs("fine")], IS_ERROR, since=SINCE, asked=3, pods=3)

    assert (found.standing, found.said[:26]) == (Standing.UNKNOWN, "no line of 1 of 3 pods is ")
    assert evidence([logs("ERROR")], IS_ERROR, since=SINCE, asked=3, pods=3).standing is Standing.ASKED


def test_no_log_at_all_is_unknown() -> None:
    assert evidence([], IS_ERROR, since=SINCE, asked=0, pods=0).standing is Standing.UNKNOWN


def a_pod(name: str, **fields: object) -> Pod:
    return replace(Pod(name, "Running", True, 0, {"app": "shop:1"}), **fields)  # type: ignore[arg-type]


def test_only_pods_of_the_present_revision_are_read_those_in_trouble_first() -> None:
    pods = (
        *(a_pod(f"good-{n}", template_id="t1") for n in range(9)),
        a_pod("old", template_id="t0"),
        a_pod("leaving", template_id="t1", deleting_since=SINCE),
        a_pod("unready", template_id="t1", ready=False),
    )

    read = to_read(replace(a_workload(), template_id="t1", pods=pods))

    assert [pod.name for pod in read] == ["unready", "good-0", "good-1", "good-2", "good-3"]
    assert len(read) == MOST_PODS
