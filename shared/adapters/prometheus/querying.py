"""Instant queries to Prometheus's HTTP API, answered by readings.

The shapes are those of ``POST /api/v1/query``, which Thanos, Mimir and VictoriaMetrics speak too.
"""

import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime

import msgspec

from shared.adapters.http_client import HttpClient, why_unanswered
from shared.domain.signals import Reading
from shared.errors import BackoutError
from shared.wire import decoder

_LARGEST_ANSWER_BYTES = 1_000_000
_LONGEST_QUOTE = 200
_ASKED_AS = "backout_signal"
"""The label that says which of several queries a series answers."""


class _Data(msgspec.Struct, rename="camel"):
    result_type: str
    result: msgspec.Raw


class _Answer(msgspec.Struct, rename="camel"):
    data: _Data | None = None
    error_type: str = ""
    error: str = ""


class _Series(msgspec.Struct):
    """One series of a vector; a native histogram has no `value`."""

    metric: dict[str, str] = {}
    value: tuple[float, str] | None = None


_NOT_PROMETHEUS = Reading.unknown("the answer is not what Prometheus answers")


class _Unusable(Exception):
    """An answer that was broken off, with the reason."""


class QueryApi:
    """Asks one Prometheus. A failure of any kind is an unknown reading that says why, never an error."""

    def __init__(
        self,
        url: str,
        *,
        http: HttpClient,
        stale_after_seconds: float,
        renewed: Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        self._url = f"{url.rstrip('/')}/api/v1/query"
        self._http = http
        self._renewed = renewed
        self._stale_after_seconds = stale_after_seconds

    def ask(self, query: str, *, at: datetime | None = None) -> Reading:
        """Evaluate the query now or at a time, and return its one number."""
        body = self._answer(query, at)
        if isinstance(body, Reading):
            return body
        return reading_in(body, asked_at=_seconds(at), stale_after_seconds=self._stale_after_seconds)

    def ask_together(
        self, queries: Mapping[str, str], *, at: datetime | None = None
    ) -> dict[str, Reading] | None:
        """Evaluate queries that each give a vector, by name, in one request.

        A label that each query's series get keeps them apart, and ``or`` puts them into one vector. None when
        there is no such vector, for whatever reason: one query that fails takes the others with it, so they
        have to be asked one by one.
        """
        query = " or ".join(
            f'label_replace({text}, "{_ASKED_AS}", "{name}", "", "")' for name, text in queries.items()
        )
        body = self._answer(query, at)
        if isinstance(body, Reading):
            return None
        return readings_by_name(
            body, queries, asked_at=_seconds(at), stale_after_seconds=self._stale_after_seconds
        )

    def _answer(self, query: str, at: datetime | None) -> bytes | Reading:
        """Return the body of an answer of 200, else an unknown reading that says what came instead."""
        import httpx

        form = {"query": query, "timeout": f"{round(self._http.timeout_seconds * 1000)}ms"}
        if at is not None:
            form["time"] = f"{at.timestamp():.3f}"
        try:
            try:
                status, body = self._post(form)
            except (httpx.NetworkError, httpx.RemoteProtocolError):
                # Once more: an idle connection may have been closed at the other end.
                status, body = self._post(form)
            if status in (401, 403) and self._has_others():
                status, body = self._post(form)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            return Reading.unknown(why_unanswered(error, timeout_seconds=self._http.timeout_seconds))
        except _Unusable as error:
            return Reading.unknown(str(error))
        if status != httpx.codes.OK:
            return Reading.unknown(f"the source answered {status}{_quoted_error(body)}")
        return body

    def _has_others(self) -> bool:
        """Return whether the headers that were rejected have been replaced, and take the new ones."""
        headers = self._http.get().headers
        try:
            fresh = self._renewed() if self._renewed is not None else {}
        except BackoutError:
            return False
        if all(headers.get(name) == value for name, value in fresh.items()):
            return False
        headers.update(fresh)
        return True

    def _post(self, form: dict[str, str]) -> tuple[int, bytes]:
        """Return status and body; a body that is too long or comes too slowly is broken off."""
        deadline = time.monotonic() + self._http.timeout_seconds
        body = bytearray()
        with self._http.get().stream("POST", self._url, data=form) as answer:
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > _LARGEST_ANSWER_BYTES:
                    raise _Unusable("the answer is far longer than one number")
                if time.monotonic() > deadline:
                    raise _Unusable(f"no whole answer in {self._http.timeout_seconds:g} s")
        return answer.status_code, bytes(body)


def _seconds(at: datetime | None) -> float:
    return time.time() if at is None else at.timestamp()


def reading_in(body: bytes, *, asked_at: float, stale_after_seconds: float) -> Reading:
    """Read the one number of an answer, or why there is none.

    `asked_at` is the time asked about, in seconds since 1970. A sample that is further from it than
    `stale_after_seconds` is about another time: a cache's, or that of a source that ignores `time`.
    """
    try:
        sample = _sample_in(body)
    except _Unusable as error:
        return Reading.unknown(str(error))
    except (msgspec.DecodeError, ValueError):
        return _NOT_PROMETHEUS
    return _reading_of(sample, asked_at, stale_after_seconds)


def readings_by_name(
    body: bytes, names: Collection[str], *, asked_at: float, stale_after_seconds: float
) -> dict[str, Reading] | None:
    """Read one number for each name from a vector; None when a series names none of them."""
    try:
        series = _vector_of(_data_in(body))
    except (_Unusable, msgspec.DecodeError, ValueError):
        return None
    found: dict[str, list[_Series]] = {name: [] for name in names}
    for each in series:
        if each.metric.get(_ASKED_AS) not in found:
            return None
        found[each.metric[_ASKED_AS]].append(each)

    def reading(series: list[_Series]) -> Reading:
        try:
            return _reading_of(_only(series), asked_at, stale_after_seconds)
        except _Unusable as error:
            return Reading.unknown(str(error))

    return {name: reading(series) for name, series in found.items()}


def _reading_of(sample: tuple[float, str], asked_at: float, stale_after_seconds: float) -> Reading:
    at, text = sample
    try:
        value = float(text)
    except ValueError:
        return _NOT_PROMETHEUS
    age_seconds = asked_at - at
    if abs(age_seconds) > stale_after_seconds:
        return Reading.unknown(f"the sample is stale: {age_seconds:.0f} s old")
    return Reading.number(value)


def _sample_in(body: bytes) -> tuple[float, str]:
    """Return time and text of the only sample; raise _Unusable or msgspec.DecodeError."""
    data = _data_in(body)
    if data.result_type == "scalar":
        return decoder(tuple[float, str]).decode(data.result)
    return _only(_vector_of(data))


def _vector_of(data: _Data) -> list[_Series]:
    if data.result_type != "vector":
        raise _Unusable(f"the query gives a {data.result_type}, not one number")
    return decoder(list[_Series]).decode(data.result)


def _data_in(body: bytes) -> _Data:
    answer = decoder(_Answer).decode(body)
    if answer.data is None:
        raise _Unusable(f"the source answered an error{_quoted_error(body)}")
    return answer.data


def _only(series: list[_Series]) -> tuple[float, str]:
    if not series:
        raise _Unusable("the query gives no series")
    if len(series) > 1:
        raise _Unusable(f"the query gives {len(series)} series, not one number")
    if series[0].value is None:
        raise _Unusable("the query gives a histogram, not one number")
    return series[0].value


def _quoted_error(body: bytes) -> str:
    """Return Prometheus's own words for what was wrong, or nothing when the body holds none."""
    try:
        answer = decoder(_Answer).decode(body)
    except msgspec.DecodeError:
        return ""
    text = ": ".join(part for part in (answer.error_type, answer.error) if part)
    return f": {text[:_LONGEST_QUOTE]}" if text else ""
