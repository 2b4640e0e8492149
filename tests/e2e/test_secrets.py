"""No configured secret shows anywhere: not in logs, the table, HTTP answers, problem documents or results."""

import base64
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

import httpx
import pytest

from shared.domain.response import Outcome
from shared.domain.workloads import Owner
from tests.e2e.installation import ALICE, CAROL, CHECKOUT, SECRETS, Installation, installed, secrets_of, until

BAD_REQUESTS = (
    ("POST", "/alertmanager"),
    ("POST", "/slack"),
    ("POST", "/invoke"),
    ("POST", "/pagerduty"),
    ("POST", "/pagerduty/actions/rollback"),
    ("POST", "/pagerduty/actions/nothing"),
    ("GET", "/responses"),
    ("GET", "/responses/none"),
    ("POST", "/responses/none/approve"),
    ("POST", "/responses/none/abort"),
    ("GET", "/freeze"),
    ("PUT", "/freeze"),
    ("GET", "/decide/no.token"),
    ("POST", "/decide/no.token"),
    ("GET", "/doctor"),
    ("GET", "/metrics"),
    ("GET", "/nowhere"),
)


@dataclass(frozen=True)
class Seen:
    """All that could be seen of an installation that went through a lot."""

    secrets: Mapping[str, str]
    logs: str
    records: str
    answers: tuple[str, ...]
    results: tuple[str, ...]


@pytest.fixture(scope="module")
def seen() -> Iterator[Seen]:
    """Have each vendor fail in another way, have everybody send what is wrong, and keep all that shows."""
    logs = Kept()
    root = logging.getLogger()
    before = root.level
    root.addHandler(logs)
    root.setLevel(logging.DEBUG)
    try:
        with installed(mode="approve") as shop:
            answers = [_text(answer) for answer in _played(shop)]
            response_id = next(iter(shop.records.recent(_today(shop)))).response.id
            results = [task.result for task in shop.records.tasks(response_id)]
            records = "\n".join(repr(item) for item in shop.records._items.values())
            yield Seen(
                secrets_of(shop.vendors), "\n".join(logs.lines), records, tuple(answers), tuple(results)
            )
    finally:
        root.removeHandler(logs)
        root.setLevel(before)


class Kept(logging.Handler):
    """Keeps every line, with the tracebacks."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def _today(shop: Installation) -> str:
    return shop.local.door.clock().date().isoformat()


def _played(shop: Installation) -> Iterator[httpx.Response]:
    shop.vendors.github.fail(status=401)
    shop.vendors.status.html(status=502)
    shop.vendors.hook.fail(status=401, path="/argo-cd")
    shop.vendors.hook.fail(status=404)
    shop.vendors.pagerduty.fail(status=500)
    answer = shop.alert()
    yield answer
    response_id = answer.json()["results"][0]["response_id"]
    shop.paged()
    message = shop.shown("approve")
    yield shop.press(message, "approve", CAROL)
    yield from _bad(shop)
    yield _get(shop, "/doctor")
    shop.vendors.slack.fail(status=500)
    shop.workloads.update(CHECKOUT, owner=Owner("Argo CD", "shop", undoes_us=True, why="it syncs"))
    yield _get(shop, "/doctor")
    shop.workloads.update(CHECKOUT, owner=None)
    shop.vendors.slack.mend()
    yield shop.press(message, "approve", ALICE)
    assert shop.ended(response_id).phase == Outcome.COMPLETED
    channels = ("slack", "pagerduty", "github", "status_page", "webhook")
    until(lambda: all(any(t.result for t in shop.tells(response_id, c)) for c in channels), "no results")
    for path in ("/responses", f"/responses/{response_id}", "/freeze", "/metrics", "/readyz"):
        yield _get(shop, path)


def _get(shop: Installation, path: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {SECRETS['READ']}"}
    return httpx.get(f"{shop.url}{path}", headers=headers, timeout=40)


def _bad(shop: Installation) -> Iterator[httpx.Response]:
    """Send every endpoint nothing, a wrong token, wrong signatures, and the right token with nonsense."""
    wrong = {
        "Authorization": "Bearer wrong",
        "X-PagerDuty-Signature": "v1=00",
        "X-Slack-Signature": "v0=00",
        "X-Slack-Request-Timestamp": "1",
        "X-Backout-Secret": "wrong",
    }
    for method, path in BAD_REQUESTS:
        token = SECRETS["READ"] if method == "GET" else SECRETS["INVOKE"]
        token = SECRETS["ALERTMANAGER"] if path == "/alertmanager" else token
        right = {
            "Authorization": f"Bearer {token}",
            "X-Backout-Secret": SECRETS["PAGERDUTY_ACTIONS"],
        }
        for headers in ({}, wrong, right):
            yield httpx.request(method, f"{shop.url}{path}", headers=headers, content=b"{no json", timeout=40)


def _text(answer: httpx.Response) -> str:
    return "\n".join((*(f"{name}: {value}" for name, value in answer.headers.items()), answer.text))


def forms(secret: str) -> set[str]:
    """Return the ways in which a secret could be written: as it is, quoted, in base64 at any offset."""
    written = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), secret.replace("/", "\\/")}
    raw = secret.encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            text = encode(b"x" * before + raw).decode()
            written.add(text[4:-4] if before else text[:-4])
    return written


def shows(secrets: Mapping[str, str], text: str) -> list[str]:
    """Return the names of the secrets that a text shows, in any form."""
    return [name for name, secret in secrets.items() if any(form in text for form in forms(secret))]


def test_what_looks_for_secrets_finds_them_in_every_form() -> None:
    for name, secret in SECRETS.items():
        for text in (
            f"x {secret} y",
            quote_plus(f"?token={secret}&b"),
            base64.b64encode(f"user:{secret}".encode()).decode(),
            base64.urlsafe_b64encode(f'{{"t": "{secret}"}}'.encode()).decode(),
        ):
            assert name in shows(SECRETS, text)


def test_the_story_has_gone_through_refusals_errors_and_results(seen: Seen) -> None:
    assert len(seen.answers) > 3 * len(BAD_REQUESTS)
    assert sum("application/problem+json" in answer for answer in seen.answers) > 2 * len(BAD_REQUESTS)
    assert {"401", "404", "500", "502"} <= {
        word for r in seen.results for word in r.replace(":", " ").split()
    }
    assert any("renew owners.argo_cd.token" in answer for answer in seen.answers)
    assert "backout" in seen.records
    assert "is no approver" in seen.logs


def test_no_log_line_shows_one(seen: Seen) -> None:
    assert shows(seen.secrets, seen.logs) == []


def test_no_stored_record_shows_one(seen: Seen) -> None:
    assert shows(seen.secrets, seen.records) == []


def test_no_http_answer_shows_one(seen: Seen) -> None:
    assert [shows(seen.secrets, answer) for answer in seen.answers if shows(seen.secrets, answer)] == []


def test_no_result_of_a_task_shows_one(seen: Seen) -> None:
    assert shows(seen.secrets, "\n".join(seen.results)) == []
