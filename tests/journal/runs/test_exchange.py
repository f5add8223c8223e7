"""The stand-in exchange: what is refused before it listens. Its life is tested with its command."""

from dataclasses import replace
from pathlib import Path

import pytest

from feeds.errors import FaultUnknown, FeedError, RecordingUnreadable
from journal.errors import CommandError, UsageError
from journal.runs.exchange import ExchangePlan, serve
from journal.summaries import Listening

PLAN = ExchangePlan(
    markets=["BTC-AUD"],
    scenario="calm",
    recording=None,
    seed=0,
    start_ns=None,
    past_s=None,
    start_price_e8=None,
    speed=1.0,
    faults=[],
    port=0,
    once=False,
    close_at_end=False,
)


@pytest.mark.parametrize(
    ("plan", "error", "said"),
    [
        (replace(PLAN, scenario="tempest"), UsageError, "--scenario tempest: unknown"),
        (replace(PLAN, markets=["A-B", "A-B"]), UsageError, "--market A-B: named twice"),
        (replace(PLAN, markets=["a b"]), UsageError, "not a market's id"),
        (replace(PLAN, faults=["fire"]), FaultUnknown, "unknown fault 'fire'"),
        (replace(PLAN, recording=Path("nowhere")), RecordingUnreadable, "cannot play nowhere"),
    ],
)
def test_what_cannot_be_served_is_refused(
    plan: ExchangePlan, error: type[CommandError | FeedError], said: str
) -> None:
    told: list[Listening] = []

    with pytest.raises(error, match=said):
        serve(plan, tell=told.append, until_stdin_closes=False)
    assert told == []
