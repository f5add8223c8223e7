"""Made-up tables of quotes and trades, and the engine that commands are tested with.

It is that of the recorded journals: a step takes seconds to compile, so tests share one.
"""

import random
from pathlib import Path

from engine.parameters import Parameters
from fixtures.record import SMALL as ENGINE
from fixtures.record import TRADES

SMALL = (*ENGINE, *TRADES)
"""Words of a command that choose it."""

PARAMETERS = Parameters(memory_rows=512, fee_ppm=0, warm_up_labels=50, confidence_floor=0.5)
"""The same as an object."""

HEADER = "at,kind,bid,bid_size,ask,ask_size,price,size,side"


def table(path: Path, rows: int, *, dirty: bool = False, start_s: int = 0) -> Path:
    """Write a market that wanders, a row each 20 ms; with ``dirty``, now and then nonsense."""
    draws = random.Random(5)
    lines, cents = [HEADER], 6_000_000
    for row in range(rows):
        at = (1_700_000_000 + start_s) * 10**9 + row * 20_000_000
        cents += draws.choice((-1, 0, 0, 1))
        bid, ask = cents / 100, (cents + 1) / 100
        if dirty and row % 1_000 == 500:
            bid = float("nan")
        if dirty and row % 1_000 == 700:
            bid, ask = ask, bid
        if row % 5 == 3:
            side = draws.choice(("buy", "sell"))
            lines.append(f"{at},trade,,,,,{ask},{draws.randint(1, 99) / 100},{side}")
        else:
            sizes = draws.randint(1, 999) / 100, draws.randint(1, 999) / 100
            lines.append(f"{at},quote,{bid},{sizes[0]},{ask},{sizes[1]},,,")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
