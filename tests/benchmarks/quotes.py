"""Quotes that wander as a market's do."""

import random
from dataclasses import replace

from eventlog.records import Quote
from tests.support.strategies import quote


def walked(rng: random.Random, number: int) -> Quote:
    """Return a quote that arrives some milliseconds after the last, around a price that varies."""
    middle = 6_000_000 + rng.randint(-20_000, 20_000)
    spread = rng.randint(1, 500)
    return replace(
        quote(number),
        exchange_ns=1_700_000_000_000_000_000
        + number * 50_000_000
        + rng.randint(0, 40) * 1_000_000,
        received_ns=1_700_000_000_000_000_000 + number * 50_000_000 + rng.randint(0, 50_000_000),
        bid_e8=(middle - spread) * 1_000_000,
        ask_e8=(middle + spread) * 1_000_000,
        last_e8=(middle + rng.randint(-spread, spread)) * 1_000_000,
    )
