import pytest

from shared.errors import ConfigurationError, TemporaryError
from shared.settings import Credential, SecretRef, Secrets


def test_a_variable_is_read_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = Secrets()
    monkeypatch.setenv("BACKOUT_TEST_SECRET", " one\n")
    assert secrets.value(SecretRef("env:BACKOUT_TEST_SECRET")) == "one"

    monkeypatch.setenv("BACKOUT_TEST_SECRET", "two")
    assert secrets.value(SecretRef("env:BACKOUT_TEST_SECRET")) == "two"


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_secret_that_is_missing_or_empty_is_named(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("BACKOUT_TEST_SECRET", raising=False)
    if value is not None:
        monkeypatch.setenv("BACKOUT_TEST_SECRET", value)

    with pytest.raises(ConfigurationError, match="env:BACKOUT_TEST_SECRET"):
        Secrets().value(SecretRef("env:BACKOUT_TEST_SECRET"))


def test_a_scheme_without_a_store_is_told() -> None:
    with pytest.raises(ConfigurationError, match="ssm:/backout/token"):
        Secrets().value(SecretRef("ssm:/backout/token"))


def test_what_a_store_said_is_kept_for_its_time_and_then_asked_again() -> None:
    now, asked = [0.0], []

    def store(name: str) -> str:
        asked.append(name)
        return f"secret {len(asked)}"

    secrets = Secrets({"ssm": store}, keep_seconds=300, monotonic=lambda: now[0])
    ref = SecretRef("ssm:/backout/token")

    assert [secrets.value(ref), secrets.value(ref)] == ["secret 1", "secret 1"]
    now[0] = 300
    assert secrets.value(ref) == "secret 2"
    assert asked == ["/backout/token", "/backout/token"]


def test_a_store_that_cannot_tell_is_temporary_and_nothing_is_kept_of_it() -> None:
    answers: list[str | None] = [None, "found"]

    def store(name: str) -> str:
        if answers.pop(0) is None:
            raise TemporaryError("away")
        return "found"

    secrets = Secrets({"ssm": store})
    with pytest.raises(TemporaryError):
        secrets.value(SecretRef("ssm:/x"))
    assert secrets.value(SecretRef("ssm:/x")) == "found"


def test_a_credential_accepts_every_value_of_every_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOUT_TEST_A", "a")
    monkeypatch.setenv("BACKOUT_TEST_B", "b")
    a, b = SecretRef("env:BACKOUT_TEST_A"), SecretRef("env:BACKOUT_TEST_B")

    assert Secrets().accepted(Credential({"ci": (a, b), "me": (b,)})) == {"ci": ("a", "b"), "me": ("b",)}


def test_headers_may_hold_references_beside_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOUT_TEST_A", "Bearer a")
    headers = {"Authorization": SecretRef("env:BACKOUT_TEST_A"), "X-Scope-OrgID": "env:not a reference"}

    assert Secrets().headers(headers) == {"Authorization": "Bearer a", "X-Scope-OrgID": "env:not a reference"}
