import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.intake import signatures

EVENTS = Path(__file__).resolve().parents[1] / "events"
# Published with the capture; see the README beside the event.
PING = (EVENTS / "pagerduty" / "pagey.ping.json").read_bytes()
PING_SECRET = "HvPtlQNKMPpHSSqJpCdndXfo7HnGXa1pnH6w5axpxLFn9aRBNBGh4e8/HlonK5mz"
PING_SIGNATURE = "v1=0e83584cbab86f98c51517cf96a70c90e910532d3d2f067d58c753cc8980a05b"

# Slack's own example, from "Verifying requests from Slack".
SLACK_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
SLACK_TIMESTAMP = "1531420618"
SLACK_SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SLACK_NOW = datetime.fromtimestamp(int(SLACK_TIMESTAMP), UTC)


def v1(body: bytes, secret: str) -> str:
    return "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def test_pagerdutys_published_capture_is_signed_with_its_secret() -> None:
    assert signatures.pagerduty(PING, PING_SIGNATURE, [PING_SECRET])
    assert not signatures.pagerduty(PING + b"\n", PING_SIGNATURE, [PING_SECRET])


@pytest.mark.parametrize(
    "header",
    [
        f"{v1(PING, 'other')},{PING_SIGNATURE}",
        f"{PING_SIGNATURE}, {v1(PING, 'other')}",
        f"v2=abcdef,{PING_SIGNATURE}",
        f"v1={PING_SIGNATURE.removeprefix('v1=').upper()}",
    ],
)
def test_one_signature_of_several_that_fits_is_enough(header: str) -> None:
    assert signatures.pagerduty(PING, header, ["another", PING_SECRET])


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "v1=",
        ",,,",
        PING_SIGNATURE.removeprefix("v1="),
        PING_SIGNATURE.replace("v1=", "v2="),
        PING_SIGNATURE[:-1] + "c",
        "v1=ÿé",
        v1(PING, "other"),
        v1(PING, ""),
    ],
)
def test_what_is_no_signature_with_the_secret_signs_nothing(header: str | None) -> None:
    assert not signatures.pagerduty(PING, header, [PING_SECRET, ""])


def test_without_a_secret_nothing_is_signed() -> None:
    assert not signatures.pagerduty(PING, PING_SIGNATURE, [])


@given(body=st.binary(), secret=st.text(min_size=1), other=st.text(min_size=1))
def test_what_one_secret_signed_another_does_not_accept(body: bytes, secret: str, other: str) -> None:
    encodable = secret.encode(errors="replace").decode()
    assert signatures.pagerduty(body, v1(body, encodable), [encodable])
    # HMAC pads a short key with zero bytes, so these two are one key.
    if encodable.rstrip("\0") != other.encode(errors="replace").decode().rstrip("\0"):
        assert not signatures.pagerduty(body, v1(body, encodable), [other.encode(errors="replace").decode()])


def test_slacks_own_example_is_signed() -> None:
    assert signatures.slack(SLACK_BODY, SLACK_TIMESTAMP, SLACK_SIGNATURE, ["new", SLACK_SECRET], SLACK_NOW)


@pytest.mark.parametrize("seconds", [-300, 300])
def test_slack_may_be_five_minutes_off(seconds: int) -> None:
    now = SLACK_NOW + timedelta(seconds=seconds)

    assert signatures.slack(SLACK_BODY, SLACK_TIMESTAMP, SLACK_SIGNATURE, [SLACK_SECRET], now)


@pytest.mark.parametrize("seconds", [-301, 301, 86400])
def test_what_slack_signed_longer_ago_is_a_replay(seconds: int) -> None:
    now = SLACK_NOW + timedelta(seconds=seconds)

    assert not signatures.slack(SLACK_BODY, SLACK_TIMESTAMP, SLACK_SIGNATURE, [SLACK_SECRET], now)


@pytest.mark.parametrize(
    ("timestamp", "signature"),
    [
        (None, SLACK_SIGNATURE),
        ("", SLACK_SIGNATURE),
        ("now", SLACK_SIGNATURE),
        ("-1531420618", SLACK_SIGNATURE),
        ("١٥٣١٤٢٠٦١٨", SLACK_SIGNATURE),
        ("9" * 400, SLACK_SIGNATURE),
        ("1531420619", SLACK_SIGNATURE),
        (SLACK_TIMESTAMP, None),
        (SLACK_TIMESTAMP, ""),
        (SLACK_TIMESTAMP, "v0="),
        (SLACK_TIMESTAMP, SLACK_SIGNATURE.removeprefix("v0=")),
        (SLACK_TIMESTAMP, SLACK_SIGNATURE.replace("v0=", "v1=")),
        (SLACK_TIMESTAMP, SLACK_SIGNATURE[:-1] + "4"),
    ],
)
def test_what_slack_did_not_sign_is_not_signed(timestamp: str | None, signature: str | None) -> None:
    assert not signatures.slack(SLACK_BODY, timestamp, signature, [SLACK_SECRET, ""], SLACK_NOW)


# GitHub's own example, from "Validating webhook deliveries".
GITHUB_SECRET = "It's a Secret to Everybody"
GITHUB_BODY = b"Hello, World!"
GITHUB_SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_githubs_published_example_is_signed_with_its_secret() -> None:
    assert signatures.github(GITHUB_BODY, GITHUB_SIGNATURE, ["an older one", GITHUB_SECRET])
    assert not signatures.github(GITHUB_BODY + b"\n", GITHUB_SIGNATURE, [GITHUB_SECRET])


@pytest.mark.parametrize(
    "header",
    [None, "", "sha256=", GITHUB_SIGNATURE.replace("sha256", "sha1"), GITHUB_SIGNATURE[7:], "sha256=ü"],
)
def test_what_github_has_not_signed_so_is_not_signed(header: str | None) -> None:
    assert not signatures.github(GITHUB_BODY, header, [GITHUB_SECRET, ""])
