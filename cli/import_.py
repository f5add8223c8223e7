"""`trader import`: tables of quotes and trades, or recorded frames, into a journal."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import console, options
from cli.exits import CommandError, Exit
from cli.names import check_market
from eventlog.printable import printable

if TYPE_CHECKING:
    from feeds.files.tables import Layout


def import_(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="CSV, Parquet, or recorded frames (.jsonl.zst)."),
    ],
    market: Annotated[str, typer.Option(metavar="ID", help="The market's id, such as BTC-AUD.")],
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="COLUMN=NAME", help="What a column is called there; may be repeated."
        ),
    ] = None,
    time_unit: Annotated[
        str, typer.Option(metavar="ns|us|ms|s", help="Of times that are whole numbers.")
    ] = "ns",
    set_: options.Set = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Import recorded quotes, books and trades into a journal of their own, learning from them.

    Columns: at, received, kind, bid, bid_size, ask, ask_size, last, price, size, side, trade_id.
    Needed are at, and bid and ask or price and size. Several files are merged by time. A row that
    makes no sense becomes a record that says so. The journal is called MARKET.imported; an import
    that was interrupted goes on when it is started again, as if it had not been.
    """
    from cli import compiled, outputs
    from cli.settings import settings

    outputs.refuse_journal(home)
    check_market(market)
    chosen = settings(home, set_)
    layout = layout_of(map_ or [], time_unit)
    compiled.reuse()
    # These take a moment to import, which --help should not.
    from cli.importing import Importing
    from cli.journal import IMPORTED, Place
    from cli.score import fraction, money
    from eventlog.records import format_e8

    place = Place(home, market + IMPORTED)
    importing = Importing(place, files, market=market, layout=layout, settings=chosen)
    try:
        outcome = importing.run()
    except KeyboardInterrupt:
        hint = "Nothing is lost: the same command goes on from there."
        raise CommandError(Exit.INTERRUPTED, f"{place.name}: interrupted", hint=hint) from None
    score = outcome.score
    if as_json:
        summary = {
            "journal": place.name,
            "records": outcome.records,
            "resumed_at": outcome.resumed_at,
            "refused": dict(sorted(outcome.refused.items())),
            "noted": dict(sorted(outcome.noted.items())),
            "ticks": score.decisions,
            "fills": score.fills,
            "labels": score.scored,
            "log_loss": score.log_loss,
            "baseline_log_loss": score.baseline_log_loss,
            "accuracy": score.accuracy,
            "equity": None if score.equity_e8 is None else format_e8(score.equity_e8),
            "fingerprint": None if score.fingerprint is None else f"{score.fingerprint:016x}",
            "seconds": round(outcome.seconds, 3),
        }
        console.put({"message_type": "summary", **summary})
        return
    if outcome.resumed_at:
        console.echo(f"went on behind the {outcome.resumed_at:,} records that were there")
    rate = outcome.records / outcome.seconds if outcome.seconds else 0.0
    console.echo(
        f"{place.name}: {outcome.records:,} records in {outcome.seconds:.1f} s ({rate:,.0f}/s),"
        f" {sum(outcome.refused.values()):,} undecodable"
    )
    _say(outcome.refused, "kept as raw")
    _say(outcome.noted, "noted")
    console.echo(
        f"log-loss {fraction(score.log_loss)}, baseline {fraction(score.baseline_log_loss)},"
        f" accuracy {fraction(score.accuracy, 3)} on {score.scored:,} labels\n"
        f"equity {money(score.equity_e8) or '-'}"
    )


def _say(reasons: Counter[str], what: str) -> None:
    for reason, count in sorted(reasons.items()):
        console.echo(f"  {count:>9,}  {printable(reason)} ({what})")


def layout_of(assignments: list[str], time_unit: str) -> "Layout":
    """Return the layout that ``--map`` and ``--time-unit`` say.

    Raises:
        CommandError: (2) if they say none.
    """
    from feeds.files.tables import COLUMNS, UNITS_NS, Layout

    names = {}
    for assignment in assignments:
        column, equals, name = assignment.partition("=")
        if not equals or column not in COLUMNS:
            hint = f"COLUMN is one of {', '.join(COLUMNS)}."
            raise CommandError(Exit.USAGE, f"--map {assignment}: not COLUMN=NAME", hint=hint)
        names[column] = name
    if time_unit not in UNITS_NS:
        hint = f"There are: {', '.join(UNITS_NS)}."
        raise CommandError(Exit.USAGE, f"--time-unit {time_unit}: not a unit", hint=hint)
    return Layout(names, time_unit)
