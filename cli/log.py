"""`trader log`: records as lines, from anywhere to anywhere, or as they come."""

from typing import Annotated

import typer

from cli import console, options
from cli.exits import CommandError, Exit

FOLLOW_S = 0.2


def log(
    from_: Annotated[
        str,
        typer.Option(
            "--from", "-o", metavar="OFFSET", help="beginning, end, checkpoint, N, -N or s@TIME."
        ),
    ] = "-20",
    to: Annotated[
        str, typer.Option("--to", metavar="OFFSET", help="Stop before it; e@TIME, too.")
    ] = "end",
    count: Annotated[
        int | None, typer.Option("-c", "--count", min=1, help="Stop after so many lines.")
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Only this kind; may be repeated.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on as records become durable.")
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
    """Print records, one a line. Never shows what is not durable.

    Places are named as kcat names them: from the beginning, the last N (-N), an offset, or the
    first record received since a time (s@2026-11-21T14:02:00Z), up to a time (e@TIME).
    """
    from cli import journal, lines
    from cli.offsets import resolve
    from engine.checkpoint import Checkpoints
    from eventlog.reader import Reader
    from eventlog.records import KINDS
    from feeds import clock

    for each in kind or []:
        if each not in KINDS:
            hint = f"Known: {', '.join(KINDS)}."
            raise CommandError(Exit.USAGE, f"--kind {each}: not a kind of record", hint=hint)
    write = lines.brief if form is None else lines.template(form)
    place = journal.find(home, name)
    reader, checkpoints = Reader.open(place.log), Checkpoints(place.checkpoints)
    if from_.startswith("-") and from_[1:].isdigit():
        from_ = str(-min(int(from_[1:]), reader.end)) if reader.end else "beginning"
    start, end = resolve(from_, reader, checkpoints), resolve(to, reader, checkpoints)
    shown = 0
    while True:
        for offset, record in journal.records(reader, start, max(start, end), kinds=kind):
            if as_json:
                facts = {"offset": offset, "kind": lines.kind_of(record), **lines.plain(record)}
                console.put({"message_type": "record", **facts})
            else:
                console.echo(write(offset, record))
            shown += 1
            if shown == count:
                break
        start = max(start, end)
        if not follow or shown == count:
            break
        clock.sleep_s(FOLLOW_S)
        end = reader.refresh()
    if as_json:
        console.put({"message_type": "summary", "records": shown, "end": reader.end})
