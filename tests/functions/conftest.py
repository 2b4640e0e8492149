import pytest

from tests.functions.installation import Installation, with_tokens


@pytest.fixture
def installation(monkeypatch: pytest.MonkeyPatch) -> Installation:
    with_tokens(monkeypatch)
    return Installation()
