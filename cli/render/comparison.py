"""Two journals next to each other, as lines for people."""

from collections.abc import Iterator

from analysis.summaries import ComparedFigure, Comparison
from cli.render.page import amount
from journal.reading.score import fraction, percent

_SHOWN = {"money": amount, "share": percent}
"""How figures are written, by unit; those of other units are fractions."""


def to_lines(said: Comparison) -> Iterator[str]:
    """Yield what a person reads."""
    yield f"PAPER A {said.a.journal}"
    yield f"PAPER B {said.b.journal}"
    for key, (a, b) in said.parameters.items():
        yield f"  {key} {a} in A, {b} in B"
    if not said.parameters:
        yield "  the parameters are the same"
    first = said.first_difference
    if first is None:
        yield f"  all {said.paired:,} paired decisions are the same"
    else:
        yield f"  first differing decision: on tick {first.tick_a:,} of A, {first.time}"
        yield f"    A  {first.a}"
        yield f"    B  {first.b}"
        yield f"  {said.different_actions:,} of {said.paired:,} paired decisions act otherwise"
    yield ""
    yield f"  {'':18} {'A':>14} {'B':>14} {'B - A':>12}   95 % interval"
    yield from map(_row, said.rows)
    yield "  (* an interval without zero)"
    yield ""
    yield from (f"  {sentence}" for sentence in said.words)


def _row(row: ComparedFigure) -> str:
    show = _SHOWN.get(row.unit, fraction)
    a, b, difference = (show(value) for value in (row.a, row.b, row.difference))
    bounds = ""
    if row.interval is not None:
        bounds = f"{show(row.interval.low)} … {show(row.interval.high)}"
        bounds += "" if row.interval.verdict == "unclear" else " *"
    return f"  {row.name:18} {a:>14} {b:>14} {difference:>12}   {bounds}"
