"""A fork next to what it was forked from, as lines for people."""

from pathlib import Path

from cli.render.amounts import amount
from eventlog.printable import printable
from journal.reading.score import fraction
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
    return [
        f"{name:9} {printable(side.journal)}",
        (
            f"          {side.ticks:,} ticks, {side.fills:,} fills,"
            f" log-loss {fraction(side.log_loss)}, accuracy {fraction(side.accuracy, 3)},"
            f" equity {amount(side.equity)}"
        ),
    ]
