"""The reasons that are counted by whoever tells of a journal are the policy's own."""

import pytest

from engine.account.policy import PRIORITY, REASONS
from engine.account.reasons import HALTED, LATE


@pytest.mark.parametrize("reason", [LATE, HALTED])
def test_what_cannot_be_traded_on_is_judged_no_further(reason: str) -> None:
    """They come before every other reason to hold."""
    assert REASONS.count(reason) == 1
    assert reason in PRIORITY[:2]
