"""`trader log`: records as lines, from anywhere to anywhere, or as they come."""

import json
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from cli import options
from cli.exits import CommandError, Exit

FOLLOW_S = 0.2


def log(
    from_: Annotated[
        str, typer.Option("--from", metavar="OFFSET", help="beginning, N, -N, s@TIME, end.")
    ] = "-20",
    to: Annotated[str, typer.Option("--to", metavar="OFFSET", help="Stop before it.")] = "end",
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Only this kind; may be repeated.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on as records become durable.")
    ] = False,
    name: options.Journal = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Print records, one a line. Never shows what is not durable."""
    from cli import journal
    from cli.offsets import resolve
    from engine.checkpoint import Checkpoints
    from eventlog.reader import Reader
    from eventlog.records import KINDS
    from eventlog.schema import decode
    from feeds import clock

    for each in kind or []:
        if each not in KINDS:
            hint = f"Known: {', '.join(KINDS)}."
            raise CommandError(Exit.USAGE, f"--kind {each}: not a kind of record", hint=hint)
    place = journal.find(home, name)
    reader, checkpoints = Reader.open(place.log), Checkpoints(place.checkpoints)
    if from_.startswith("-") and from_[1:].isdigit():
        from_ = str(-min(int(from_[1:]), reader.end)) if reader.end else "beginning"
    start, end = resolve(from_, reader, checkpoints), resolve(to, reader, checkpoints)
    shown = 0
    while True:
        for batch in reader.read(start, max(start, end)):
            for offset, record in decode(batch):
                word = next(word for word, cls in KINDS.items() if type(record) is cls)
                if kind and word not in kind:
                    continue
                shown += 1
                fields = {key: _plain(value) for key, value in asdict(record).items()}
                if as_json:
                    line = {"message_type": "record", "offset": offset, "kind": word, **fields}
                    typer.echo(json.dumps(line))
                else:
                    text = " ".join(f"{key}={value}" for key, value in fields.items())
                    typer.echo(f"{offset} {word} {text}")
        start = max(start, end)
        if not follow:
            break
        clock.sleep_s(FOLLOW_S)
        end = reader.refresh()
    if as_json:
        typer.echo(json.dumps({"message_type": "summary", "records": shown, "end": reader.end}))


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, StrEnum):
        return value.value
    return value
