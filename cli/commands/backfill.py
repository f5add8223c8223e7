"""`trader backfill`: the past of a market, from the exchange's REST into its journal."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.answer import answer
from cli.durations import since_ns_of

if TYPE_CHECKING:
    from journal.summaries import BackfillSummary


def backfill(
    market: Annotated[str, typer.Option(metavar="ID", help="Its id.")] = options.MARKET,
    since: Annotated[
        str, typer.Option(metavar="TIME|DATE", help="How far back: 90d, 2026-01-31.")
    ] = "365d",
    candles: Annotated[
        str, typer.Option(metavar="LENGTH", help="Of a candle: 1m, 5m, 1h, 1d and others.")
    ] = "1m",
    trades: Annotated[
        bool, typer.Option("--trades", help="Every single trade, too: many more calls.")
    ] = False,
    venue: options.Venue = options.VENUE,
    rest: Annotated[
        str | None, typer.Option("--rest-url", metavar="URL", help="Its REST, up to /v3.")
    ] = None,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Of a stand-in exchange: needs no network.")
    ] = False,
    home: options.Home = options.HOME,
    set_: options.Set = None,
    as_json: options.Json = False,
) -> None:
    """Fetch candles of the past into a journal: its history before the first session.

    A journal that has lived already keeps what it lived: only its gaps are filled, by candles that
    are marked. Nothing is decided on history, and no account moves. Interrupted or killed, the same
    command goes on from there. An empty minute has no candle; a long stretch without any is
    recorded as a gap, and a row that makes no sense as what it is.
    """
    from feeds import clock
    from journal.asked.settings import settings
    from journal.runs import backfills

    plan = backfills.Plan(
        home=home,
        market=market,
        since_ns=since_ns_of(since, "--since", now_ns=clock.now_ns()),
        length=candles,
        trades=trades,
        venue=venue,
        rest_url=rest,
        simulated=simulated,
        settings=settings(home, set_),
    )
    summary = backfills.run(plan)
    answer(summary, _lines(summary), as_json=as_json)


def _lines(summary: "BackfillSummary") -> list[str]:
    span = f", {summary.start} to {summary.end}" if summary.start else ""
    return [
        f"{summary.journal}: {summary.candles:,} candles, {summary.trades:,} trades{span}",
        f"{summary.calls:,} calls in {summary.seconds:.1f} s; stopped: {summary.stopped_because}",
    ]
