"""A fork next to what it was forked from, as lines for people."""

from pathlib import Path

from eventlog.printable import printable
from eventlog.records import parse_e8
from journal.reading.score import fraction, money
from journal.summaries import Forked, ForkSide


def as_lines(fork: Forked) -> list[str]:
    """Return both outcomes, and how to compare them further."""
    homes = " ".join(str(Path(side.journal).parent) for side in (fork.recorded, fork.forked))
    return [
        *_lines("recorded", fork.recorded),
        *_lines("forked", fork.forked),
        "What differs, and what of it is no chance:",
        f"  trader compare {printable(homes, 2_000)}",
    ]


def _lines(name: str, side: ForkSide) -> list[str]:
    equity = "-" if side.equity is None else money(parse_e8(side.equity)[0])
    return [
        f"{name:9} {printable(side.journal)}",
        (
            f"          {side.ticks:,} ticks, {side.fills:,} fills,"
            f" log-loss {fraction(side.log_loss)}, accuracy {fraction(side.accuracy, 3)},"
            f" equity {equity}"
        ),
    ]
