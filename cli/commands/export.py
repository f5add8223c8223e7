"""`trader export`: records, the network, or the curves, as files of other programs."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.answer import answer
from journal import console
from journal.asked.choices import check_kinds
from journal.errors import UsageError
from journal.summaries import CurvesExported, Exported, ModelExported, RecordsExported


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
        str, typer.Option("--from", "-o", metavar="OFFSET", help="The first offset.")
    ] = "beginning",
    to: Annotated[
        str, typer.Option("--to", metavar="OFFSET", help="The offset before which to stop.")
    ] = "end",
    as_: Annotated[
        str,
        typer.Option("--as", metavar="FORM", help="With -: jsonl, csv, csv.gz, parquet, ..."),
    ] = "jsonl",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    name: options.Journal = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Write records, the network or its learning curves; the suffix of FILE decides which.

    .parquet, .csv, .jsonl: records between two offsets. .keras: the Keras model as of --to,
    computed again and compared with the log. A directory: learning curves for TensorBoard. With
    .gz or .zst the file is compressed. - is stdout; the summary then goes to stderr.
    """
    from analysis.export import exporting, forms
    from cli import holes
    from engine.checkpoint import Checkpoints
    from journal import layout, outputs
    from journal.asked.offsets import span_of

    check_kinds(kind)
    to_stdout = str(out) == "-"
    form = forms.chosen(out, f"-.{as_}" if to_stdout else out.name)
    place = layout.find(home, name)
    target = forms.target_of(out, place.name)
    if not to_stdout:
        outputs.check(target, force=force)
    log = holes.opened(place.log)
    start, end = span_of(from_, to, log, Checkpoints(place.checkpoints))
    made: Exported
    if form is not None and to_stdout:
        if not forms.is_text(form) and sys.stdout.isatty():
            raise UsageError("what is not text does not go to a terminal")
        made = exporting.put(console.binary(), log, start, end, form=form, kinds=kind)
    else:
        made = exporting.write(target, place, log, start, end, form=form, kinds=kind, force=force)
    answer(made, [_text(made)], as_json=as_json, err=to_stdout)


def _text(made: Exported) -> str:
    """Return what a person reads of what was written."""
    match made:
        case RecordsExported(bytes=None):
            return f"{made.records:,} records"
        case RecordsExported():
            return f"{made.records:,} records, {made.bytes:,} bytes: {made.file}"
        case ModelExported():
            weights = f"{made.weights:,} weights"
            return f"the network after offset {made.offset:,}, {weights}: {made.file}"
        case CurvesExported():
            return f"{made.points:,} points for TensorBoard: {made.file}"
