"""The result of a replay, as lines for people."""

from collections.abc import Iterator

from cli.render.amounts import account_lines, amount
from journal.reading.score import fraction
from journal.summaries import DifferenceSaid, Replayed


def as_lines(said: Replayed) -> Iterator[str]:
    """Yield the figures, and whether everything was as recorded."""
    yield (
        f"{said.journal}: offsets {said.start:,} to {said.end:,}, {said.ticks:,} ticks"
        f" in {said.seconds:.1f} s ({said.ticks_per_second:,.0f}/s)"
    )
    yield (
        f"log-loss {fraction(said.log_loss)}, baseline {fraction(said.baseline_log_loss)},"
        f" accuracy {fraction(said.accuracy, 3)}, equity {amount(said.equity)}"
    )
    if said.account is not None:
        yield from account_lines(said.account)
    yield f"fingerprint {said.fingerprint or '-'}, state {said.state}"
    if said.difference is None:
        yield f"{said.compared:,} effects compared: all identical"
    else:
        yield f"DIVERGED {_difference(said.difference)}"


def _difference(at: DifferenceSaid) -> str:
    return (
        f"at offset {at.offset} (tick {at.cause}): {at.column}"
        f" recorded {at.recorded}, derived {at.derived}"
    )
