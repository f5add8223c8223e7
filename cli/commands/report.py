"""`trader report`: the whole journal, as a page, as tables, or as JSON."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from eventlog.printable import printable
from journal import console
from journal.errors import NoJournal

if TYPE_CHECKING:
    from analysis.history import History
    from analysis.summaries import ReportSummary


def report(
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write one file that needs no network."),
    ] = None,
    influences: Annotated[
        bool | None,
        typer.Option(
            "--influences/--no-influences",
            help="What the network looks at: loads TensorFlow. In the page, unless refused.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="With --html: replace a file that is there.")
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
    """Tell a journal from its first record: does it learn, can it be believed, did it pay, and why.

    The same figures stand in the page, in the tables and in --json.
    """
    from analysis import history
    from analysis.report import figures
    from cli import holes
    from journal import layout, outputs, sidecar
    from journal.header import header_of
    from journal.messages import as_json as json_of
    from journal.messages import summary_of
    from journal.progress import progress, stage

    if html is not None:
        outputs.check(html, force=force)
    place = layout.find(home, name)
    log = holes.opened(place.log)
    if not log.end:
        raise NoJournal(f"{place.log} is empty: there is nothing to tell yet")
    if frozen:
        from journal import compile_cache

        compile_cache.reuse()
        with stage("load"):
            from analysis.freezing import freeze
        freeze(place, log, header_of(log, place))
    with progress("reading", log.end) as advance:
        told = history.gather(place, log, advance=advance)
    said = figures(told, sidecar.verified(place))
    if influences or (influences is None and html is not None):
        from analysis.attribution import influences as weigh

        said = replace(said, influences=weigh(told))
    if html is not None:
        said = _write(html, said, told, force=force)
    if as_json:
        console.put(summary_of(said), allow_nan=False)
    elif html is not None:
        console.echo(
            f"{printable(str(html))}: {said.bytes or 0:,} bytes; open it in a browser,"
            " it needs no network"
        )
    else:
        from cli.render.report import tables

        for line in tables(json_of(said)):
            console.echo(printable(line))


def _write(html: Path, said: "ReportSummary", told: "History", *, force: bool) -> "ReportSummary":
    """Write the page, whole or not at all."""
    from analysis.series import series
    from cli.render import page
    from journal import outputs
    from journal.messages import as_json as json_of

    text = page.render(json_of(said), series(told))
    return replace(said, html=str(html), bytes=outputs.write_text(html, text, force=force))
