"""Learning, account and price over time, as curves that TensorBoard draws."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from analysis import curves
from analysis.curves import Curves
from analysis.export import tensorboard
from eventlog.reader import Reader
from journal import outputs
from journal.layout import JournalPath
from journal.progress import Advance
from journal.reading import prices

POINTS = 1_000
"""How many points a curve has at most."""


def write(
    target: Path,
    place: JournalPath,
    log: Reader,
    start: int,
    end: int,
    *,
    force: bool,
    advance: Advance,
) -> int:
    """Write an event file of the records from ``start`` up to ``end``; return its points.

    Raises:
        OSError: if it cannot be written.
    """
    market, since = prices.before(place, log, start)
    for batch in log.read(since, start, columns=prices.NEEDS):
        market.add(batch)
    drawn = curves.read(log, buckets=POINTS, start=start, end=end, advance=advance, prices=market)
    with outputs.replacing(target, force=force) as temporary:
        return tensorboard.write(temporary, points(drawn))


def points(drawn: Curves) -> Iterator[tuple[float, int, dict[str, float]]]:
    """Yield (time in s, ticks so far, values by tag) for each bucket that has a value."""
    ticks = 0
    for cell in range(drawn.count):
        ticks += int(drawn.decisions[cell])
        learned = drawn.learned(slice(cell, cell + 1))
        values = {
            "learning/log_loss": learned.log_loss,
            "learning/baseline_log_loss": learned.baseline_log_loss,
            "learning/accuracy": learned.accuracy,
            "learning/learning_rate": drawn.lasts["learning_rate"][cell],
            "account/equity": drawn.lasts["equity"][cell],
            "market/price": drawn.price_last[cell],
        }
        known = {tag: value for tag, value in values.items() if value is not None}
        kept = {tag: float(value) for tag, value in known.items() if np.isfinite(value)}
        if kept:
            yield drawn.time_ns[cell] / 1e9, ticks, kept
