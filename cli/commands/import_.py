"""`trader import`: tables of quotes and trades, or recorded frames, into a journal."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.answer import answer
from journal import console


def import_(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="CSV, Parquet, or recorded frames (.jsonl)."),
    ],
    market: Annotated[str, typer.Option(metavar="ID", help="The market's id, such as BTC-AUD.")],
    venue: options.Venue = options.VENUE,
    map_: options.Map = None,
    time_unit: options.TimeUnit = None,
    set_: options.Set = None,
    executor: options.Executor = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Import recorded quotes, books and trades into a journal of their own, and learn from them.

    Columns: at, received, kind, bid, bid_size, ask, ask_size, last, price, size, side, trade_id.
    Required are at, and either bid and ask or price and size. Several files are merged by time. An
    invalid row becomes a record with the reason; a trade with a known id is left out. The journal
    is called MARKET.imported. An interrupted import continues when it is started again, with the
    same result.
    """
    # These take a moment to import, which --help should not.
    from cli.render.imported import as_lines
    from journal.asked.settings import settings
    from journal.import_source import layout_of
    from journal.runs.imports import ImportPlan, import_files

    plan = ImportPlan(
        files=files,
        market=market,
        venue=venue,
        layout=layout_of(map_ or [], time_unit),
        home=home,
        settings=settings(home, options.assigned(set_, executor)),
    )
    said = import_files(plan, tell=partial(console.echo, err=True))
    answer(said, as_lines(said), as_json=as_json)
