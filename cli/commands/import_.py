"""`trader import`: tables of quotes and trades, or recorded frames, into a journal."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from eventlog.printable import printable
from journal import console
from journal.asked.names import check_market
from journal.errors import Interrupted

if TYPE_CHECKING:
    from feeds.files.survey import Survey
    from journal.importing import Imported
    from journal.summaries import FileSaid, ImportSummary


def import_(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="CSV, Parquet, or recorded frames (.jsonl)."),
    ],
    market: Annotated[str, typer.Option(metavar="ID", help="The market's id, such as BTC-AUD.")],
    map_: options.Map = None,
    time_unit: options.TimeUnit = None,
    set_: options.Set = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Import recorded quotes, books and trades into a journal of their own, learning from them.

    Columns: at, received, kind, bid, bid_size, ask, ask_size, last, price, size, side, trade_id.
    Needed are at, and bid and ask or price and size. Several files are merged by time. A row that
    makes no sense becomes a record that says so; a trade whose id was there before is left out.
    The journal is called MARKET.imported; an import that was interrupted goes on when it is started
    again, as if it had not been.
    """
    from journal import compile_cache
    from journal.asked import preflight
    from journal.asked.settings import settings
    from journal.layout import IMPORTED, JournalPath
    from journal.progress import stage

    check_market(market)
    chosen = settings(home, set_)
    # These take a moment to import, which --help should not.
    from journal.import_source import Unfinished, layout_of, surveyed, why_no_label
    from journal.messages import summary_of

    layout = layout_of(map_ or [], time_unit)
    preflight.check_files(files)
    preflight.check_home(home, min_free_bytes=chosen.min_free_bytes)
    preflight.check_unlocked(place := JournalPath(home, market + IMPORTED))
    found = surveyed(files, market, layout)
    Unfinished(place, chosen).check(found)
    compile_cache.reuse()
    with stage("load"):
        from journal.importing import Importing

    importing = Importing(place, found, settings=chosen)
    try:
        outcome = importing.run()
    except KeyboardInterrupt:
        hint = "Nothing is lost: the same command goes on from there."
        raise Interrupted(f"{place.name}: interrupted", hint=hint) from None
    is_known = outcome.score.scored or outcome.resumed_at  # what was learned before is not counted
    reason = "" if is_known else why_no_label(found, outcome.horizon_ms)
    if as_json:
        console.put(summary_of(summarised(place.name, found, outcome, reason)))
    else:
        _tell(place.name, outcome, reason)


def summarised(
    name: str, found: "list[Survey]", outcome: "Imported", reason: str
) -> "ImportSummary":
    """Return the figures under the names that they have in JSON."""
    from journal.summaries import ImportSummary

    score = outcome.score
    return ImportSummary(
        journal=name,
        files=tuple(_file(each) for each in found),
        rows=sum(each.rows for each in found),
        records=outcome.records,
        resumed_at=outcome.resumed_at,
        duplicates=outcome.duplicates,
        left_out=dict(sorted(outcome.left_out.items())),
        undecodable=outcome.undecodable,
        refused=dict(sorted(outcome.refused.items())),
        crossed=outcome.noted["crossed"],
        noted=dict(sorted(outcome.noted.items())),
        ticks=score.decisions,
        fills=score.fills,
        labels=score.scored,
        log_loss=score.log_loss,
        baseline_log_loss=score.baseline_log_loss,
        accuracy=score.accuracy,
        equity=score.equity,
        fingerprint=score.fingerprint_hex,
        nothing_learned=reason or None,
        seconds=round(outcome.seconds, 3),
    )


def _file(each: "Survey") -> "FileSaid":
    from journal.summaries import FileSaid

    return FileSaid(
        name=str(each.path),
        kind=each.kind,
        rows=each.rows,
        records=each.records,
        columns=each.columns,
        time_units={name: dict(units) for name, units in each.units.items() if units},
    )


def _tell(name: str, outcome: "Imported", reason: str) -> None:
    from journal.reading.score import fraction, money, words_of

    score = outcome.score
    if outcome.resumed_at:
        console.echo(f"went on after the {outcome.resumed_at:,} records that were there")
    rate = outcome.records / outcome.seconds if outcome.seconds else 0.0
    console.echo(
        f"{name}: {outcome.records:,} records in {outcome.seconds:.1f} s ({rate:,.0f}/s),"
        f" {outcome.undecodable:,} undecodable"
    )
    _say(outcome.refused, "kept as raw")
    _say(outcome.noted, "noted")
    _say(outcome.left_out, "left out")
    console.echo(
        f"log-loss {fraction(score.log_loss)}, baseline {fraction(score.baseline_log_loss)},"
        f" accuracy {fraction(score.accuracy, 3)} on {score.scored:,} labels\n"
        f"equity {money(score.equity_e8) or '-'}, {words_of(score.fills, 'fill')}"
    )
    if reason:
        console.echo(f"nothing was learned: {reason}")


def _say(reasons: Counter[str], what: str) -> None:
    for reason, count in sorted(reasons.items()):
        console.echo(f"  {count:>9,}  {printable(reason)} ({what})")
