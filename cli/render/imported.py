"""The result of an import, as lines for people."""

from collections.abc import Iterator, Mapping

from cli.render.amounts import amount
from journal.reading.score import fraction, words_of
from journal.summaries import ImportSummary


def as_lines(said: ImportSummary) -> Iterator[str]:
    """Yield the figures, and what became of invalid rows."""
    if said.resumed_at:
        yield f"went on after the {said.resumed_at:,} records that were there"
    rate = said.records / said.seconds if said.seconds else 0.0
    yield (
        f"{said.journal}: {said.records:,} records in {said.seconds:.1f} s ({rate:,.0f}/s),"
        f" {said.undecodable:,} undecodable"
    )
    yield from _counted(said.refused, "kept as raw")
    yield from _counted(said.noted, "noted")
    yield from _counted(said.left_out, "left out")
    yield (
        f"log-loss {fraction(said.log_loss)}, baseline {fraction(said.baseline_log_loss)},"
        f" accuracy {fraction(said.accuracy, 3)} on {said.labels:,} labels"
    )
    yield f"equity {amount(said.equity)}, {words_of(said.fills, 'fill')}"
    if said.nothing_learned is not None:
        yield f"nothing was learned: {said.nothing_learned}"


def _counted(reasons: Mapping[str, int], what: str) -> Iterator[str]:
    for reason, count in reasons.items():
        yield f"  {count:>9,}  {reason} ({what})"
