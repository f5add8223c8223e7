"""`trader export`: records, the network, or the curves, as files of other programs."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from eventlog.printable import printable, to_json
from journal import console
from journal.asked.choices import check_kinds
from journal.errors import UsageError

if TYPE_CHECKING:
    from pyarrow import RecordBatch

    from analysis.export.tables import Form


def export(
    out: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="records.parquet, .csv, .jsonl, also .gz or .zst; -; model.keras; a directory.",
        ),
    ],
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Only this kind; may be repeated.")
    ] = None,
    from_: Annotated[
        str, typer.Option("--from", "-o", metavar="OFFSET", help="Where to begin.")
    ] = "beginning",
    to: Annotated[str, typer.Option("--to", metavar="OFFSET", help="Where to stop.")] = "end",
    as_: Annotated[
        str,
        typer.Option("--as", metavar="FORM", help="With -: jsonl, csv, csv.gz, parquet, ..."),
    ] = "jsonl",
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    name: options.Journal = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Write records, the network or its learning curves; what the name ends in says which.

    .parquet, .csv, .jsonl: records between two offsets. .keras: the Keras model as it stood before
    --to, derived again and compared on the way. A directory: learning curves for TensorBoard. A
    name that ends in .gz or .zst is compressed. - is stdout, and then the summary is on stderr.
    """
    from analysis.export import forms, tables
    from cli import holes
    from cli.answer import answer
    from engine.checkpoint import Checkpoints
    from journal import layout, outputs
    from journal.asked.offsets import check_order, resolve
    from journal.progress import progress

    check_kinds(kind)
    to_stdout = str(out) == "-"
    form = forms.chosen(out, f"-.{as_}" if to_stdout else out.name)
    place = layout.find(home, name)
    target = out if out.suffix else out / f"events.out.tfevents.{place.name}"
    if not to_stdout:
        outputs.check(target, force=force)
    log, checkpoints = holes.opened(place.log), Checkpoints(place.checkpoints)
    start, end = resolve(from_, log, checkpoints), resolve(to, log, checkpoints)
    check_order(from_, start, to, end)
    summary: dict[str, object] = {"file": str(target)}
    if form is not None:
        with progress("exporting", end - start) as advance:
            rows = tables.batches(log, start, end, kinds=kind, advance=advance)
            if to_stdout:
                _put(rows, form, kind, as_json=as_json)
                return
            count, size_bytes = tables.write(out, rows, form=form, kinds=kind, force=force)
        summary |= {"records": count, "bytes": size_bytes}
    elif out.suffix == forms.MODEL:
        from analysis.export import model

        summary |= asdict(model.write(out, place, log, end - 1, force=force))
    else:
        from analysis.export import learning_curves

        with progress("reading", end - start) as advance:
            summary["points"] = learning_curves.write(
                target, place, log, start, end, force=force, advance=advance
            )
    answer(summary, as_json=as_json, facts=dict, text=_lines)


def _lines(summary: Mapping[str, object]) -> Iterator[str]:
    """Return what a person reads of what was written."""
    shown = printable(str(summary["file"]))
    if "records" in summary:
        yield f"{summary['records']:,} records, {summary['bytes']:,} bytes: {shown}"
    elif "weights" in summary:
        weights = f"{summary['weights']:,} weights"
        yield f"the network after offset {summary['offset']:,}, {weights}: {shown}"
    else:
        yield f"{summary['points']:,} points for TensorBoard: {shown}"


def _put(
    rows: "Iterable[RecordBatch]", form: "Form", kinds: list[str] | None, *, as_json: bool
) -> None:
    """Write records to stdout, and what they were to stderr."""
    from analysis.export import tables

    is_binary = form.suffix == ".parquet" or form.compression
    if is_binary and sys.stdout.isatty():
        raise UsageError("what is not text does not go to a terminal")
    stream = console.binary()
    count = tables.put(stream, rows, form=form, kinds=kinds)
    stream.flush()
    said = {"message_type": "summary", "file": "-", "records": count}
    console.echo(to_json(said) if as_json else f"{count:,} records", err=True)
