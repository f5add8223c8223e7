"""`trader log`: records as lines, between two offsets, or as they are recorded."""

from typing import Annotated

import typer

from cli import options
from cli.answer import answer
from journal import console
from journal.asked.choices import check_kinds
from journal.summaries import RecordsShown

SHOWN = 20
"""The number of records shown without ``--from`` and ``--count``."""


def log(
    from_: Annotated[
        str | None,
        typer.Option(
            *("--from", "-o"),
            metavar="OFFSET",
            show_default=f"-{SHOWN}",
            help="beginning, end, checkpoint, N, s@TIME, or -N: the last N.",
        ),
    ] = None,
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="OFFSET", help="The offset before which to stop; also e@TIME."
        ),
    ] = "end",
    count: Annotated[
        int | None,
        typer.Option(
            *("-c", "--count"), min=1, help="The newest N; with --from, the first N from there."
        ),
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Only this kind; may be repeated.")
    ] = None,
    follow: Annotated[
        bool,
        typer.Option("-f", "--follow", help="Continue with new records as they become durable."),
    ] = False,
    form: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="TEXT", help="A line of your own: '{offset} {time} {bid}'."
        ),
    ] = None,
    name: options.Journal = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Print records, one a line. Records that are not durable are never shown.

    Offsets are named as in kcat: beginning, the last N (-N), a number, the first record received
    since a time (s@2026-11-21T14:02:00Z), or up to a time (e@TIME). With --kind only records of
    that kind count.
    """
    from analysis import lines
    from cli import holes
    from engine.checkpoint import Checkpoints
    from journal import layout
    from journal.asked.offsets import range_of
    from journal.reading.tail import tail

    check_kinds(kind)
    write = lines.brief if form is None else lines.template(form)
    place = layout.find(home, name)
    reader = holes.opened(place.log)
    start, end = range_of(
        from_, to, reader, Checkpoints(place.checkpoints), count=count or SHOWN, kinds=kind
    )
    shown = 0
    for offset, record in tail(reader, start, end, kinds=kind, most=count, follow=follow):
        if as_json:
            answer(lines.said(offset, record), as_json=True)
        else:
            console.echo(write(offset, record))
        shown += 1
    answer(RecordsShown(records=shown, end=reader.end), as_json=as_json)
