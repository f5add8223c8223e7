"""`trader compare A B`: two journals of the same ticks, side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from eventlog.printable import printable
from journal import console
from journal.errors import NoJournal

if TYPE_CHECKING:
    from analysis.summaries import Comparison
    from journal.layout import JournalPath


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="A home, or a journal in it.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another, such as its fork.")],
    name: options.Journal = None,
    as_json: options.Json = False,
) -> None:
    """Compare two journals that decided on the same ticks: a night, and the night with other rules.

    Every decision of one is paired with the other's on the same tick. Says where they first differ,
    and what differs on average, as surely as the data allow.
    """
    from analysis.paired import pair
    from eventlog.reader import Reader
    from journal.messages import summary_of
    from journal.progress import progress

    places = [_place(path, name) for path in (first, second)]
    logs = [Reader.open(place.log) for place in places]
    with progress("comparing", sum(log.end for log in logs)) as advance:
        said = pair(places[0], logs[0], places[1], logs[1], advance=advance)
    if as_json:
        console.put(summary_of(said), allow_nan=False)
        return
    for line in _lines(said):
        console.echo(printable(line))


def _place(path: Path, name: str | None) -> "JournalPath":
    """Return the journal that a path names: a home with one journal, or a journal's directory.

    Raises:
        NoJournal: if there is none.
    """
    from journal import layout
    from journal.layout import JournalPath

    if (path / "log").is_dir():
        return JournalPath(path.parent, path.name)
    if not path.exists():
        raise NoJournal(f"{path}: no such home or journal")
    return layout.find(path, name)


def _lines(said: "Comparison") -> list[str]:
    """Return what a person reads, within eighty columns."""
    from cli.render.page import amount
    from journal.reading.score import fraction, percent

    out = [f"PAPER A {said.a.journal}", f"PAPER B {said.b.journal}"]
    different = said.parameters
    out += [f"  {key} {a} in A, {b} in B" for key, (a, b) in different.items()] or [
        "  the parameters are the same"
    ]
    first = said.first_difference
    if first is None:
        out.append(f"  all {said.paired:,} paired decisions are the same")
    else:
        out += [
            f"  first differing decision: on tick {first.tick_a:,} of A, {first.time}",
            f"    A  {first.a}",
            f"    B  {first.b}",
            f"  {said.different_actions:,} of {said.paired:,} paired decisions act otherwise",
        ]
    out += ["", f"  {'':18} {'A':>14} {'B':>14} {'B - A':>12}   95 % interval"]
    for row in said.rows:
        show = {"money": amount, "share": percent}.get(row.unit, fraction)
        cells = [show(value) for value in (row.a, row.b, row.difference)]
        interval = row.interval
        bounds = ""
        if interval is not None:
            bounds = f"{show(interval.low)} … {show(interval.high)}"
            bounds += "" if interval.verdict == "unclear" else " *"
        out.append(f"  {row.name:18} {cells[0]:>14} {cells[1]:>14} {cells[2]:>12}   {bounds}")
    out += ["  (* an interval without zero)", "", *(f"  {line}" for line in said.words)]
    return out
