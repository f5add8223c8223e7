"""`trader report`: the whole journal, as a page, as tables, or as JSON."""

from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.answer import answer


def report(
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write one file that needs no network."),
    ] = None,
    influences: Annotated[
        bool | None,
        typer.Option(
            "--influences/--no-influences",
            help="The influence of each feature. Default: in the page.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="With --html: replace an existing file.")
    ] = False,
    frozen: Annotated[
        bool,
        typer.Option(
            "--frozen",
            help="First run the state of a quarter of it over the rest, learning no more: loads"
            " TensorFlow. What it said is kept, and told from then on.",
        ),
    ] = False,
    name: options.Journal = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Report on a journal from its first record: learning, calibration, gains, and reasons.

    The page, the tables and --json have the same figures.
    """
    from analysis.report import reported
    from analysis.series import series
    from cli import holes
    from cli.render import page
    from cli.render.report import tables
    from journal import layout, outputs
    from journal.asked.settings import settings

    if html is not None:
        outputs.check(html, force=force)
    place = layout.find(home, name)
    weighed = html is not None if influences is None else influences
    log, executor = holes.opened(place.log), settings(home, None).executor
    result = reported(place, log, frozen=frozen, influences=weighed, executor=executor)
    if html is None:
        answer(result.figures, tables(result.figures), as_json=as_json, allow_nan=False)
        return
    said = page.write(html, result.figures, series(result.history), force=force)
    lines = [f"{html}: {said.bytes:,} bytes; open it in a browser, it needs no network"]
    answer(said, lines, as_json=as_json, allow_nan=False)
