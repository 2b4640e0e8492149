import pytest

from shared.adapters.unconfigured import NoFlags
from shared.errors import PermanentError
from tests.contract.flags import ON, switching


def test_where_no_flags_are_configured_none_is_looked_at_or_switched() -> None:
    with pytest.raises(PermanentError, match="flags is not configured"):
        NoFlags().look(ON)
    with pytest.raises(PermanentError, match="flags is not configured"):
        NoFlags().apply(switching(ON))
