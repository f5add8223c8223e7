"""`trader export`: records, the network, or the curves, as files of other programs."""

import difflib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import options
from eventlog.printable import printable, to_json
from journal import console
from journal.asked.choices import check_kinds
from journal.errors import JournalDiverged, UsageError

if TYPE_CHECKING:
    from pyarrow import RecordBatch

    from analysis.curves import Curves
    from analysis.export.tables import Form

MODEL = ".keras"
_POINTS = 1_000


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
    from analysis.export import tables
    from cli import holes
    from engine.checkpoint import Checkpoints
    from journal import layout, outputs
    from journal.asked.offsets import check_order, resolve
    from journal.progress import progress

    check_kinds(kind)
    to_stdout = str(out) == "-"
    form = _form(out, f"-.{as_}" if to_stdout else out.name)
    place = layout.find(home, name)
    target = out if out.suffix else out / f"events.out.tfevents.{place.name}"
    if not to_stdout:
        outputs.check(target, force=force)
    log, checkpoints = holes.opened(place.log), Checkpoints(place.checkpoints)
    start, end = resolve(from_, log, checkpoints), resolve(to, log, checkpoints)
    check_order(from_, start, to, end)
    summary: dict[str, Any] = {"file": str(out)}
    shown = printable(str(out))
    if form is not None:
        with progress("exporting", end - start) as advance:
            rows = tables.batches(log, start, end, kinds=kind, advance=advance)
            if to_stdout:
                _put(rows, form, kind, as_json=as_json)
                return
            count, size = tables.write(out, rows, form=form, kinds=kind, force=force)
        summary |= {"records": count, "bytes": size}
        said = f"{count:,} records, {size:,} bytes: {shown}"
    elif out.suffix == MODEL:
        summary |= _model(out, place, log, end - 1, force=force)
        said = f"the network after offset {summary['offset']:,}, {summary['weights']:,} weights:"
        said = f"{said} {shown}"
    else:
        from analysis import curves
        from analysis.export import tensorboard
        from journal.reading import prices

        market, since = prices.before(place, log, start)
        for batch in log.read(since, start, columns=prices.NEEDS):
            market.add(batch)
        with progress("reading", end - start) as advance:
            drawn = curves.read(
                log, stretches=_POINTS, start=start, end=end, advance=advance, prices=market
            )
        with outputs.replacing(target, force=force) as temporary:
            count = tensorboard.write(temporary, _points(drawn))
        summary |= {"file": str(target), "points": count}
        said = f"{count:,} points for TensorBoard: {printable(str(target))}"
    if as_json:
        console.put({"message_type": "summary", **summary})
    else:
        console.echo(said)


def _form(out: Path, name: str) -> "Form | None":
    """Return the form of records that a name ends in; ``None`` for a model or a directory.

    Raises:
        UsageError: if it ends in anything else.
    """
    from analysis.export import tables

    form = tables.form_of(name)
    if form is not None or (name == out.name and out.suffix in ("", MODEL)):
        return form
    known = [*tables.SUFFIXES, MODEL]
    near = difflib.get_close_matches(Path(name).suffix, known, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    hint += f"Known: {', '.join(known)}, .csv and .jsonl also with .gz or .zst, or a directory."
    suffix = printable("".join(Path(name).suffixes[-2:]), 40)
    raise UsageError(f"{printable(str(out), 200)}: no form ends in {suffix}", hint=hint)


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


def _model(out: Path, place: Any, log: Any, offset: int, *, force: bool) -> dict[str, Any]:
    """Save the network as it stood after an offset.

    Raises:
        JournalDiverged: if what is derived on the way is not what was recorded.
    """
    from engine.learner import network
    from journal import outputs
    from journal.header import header_of
    from journal.rederive import state_after

    header = header_of(log, place)
    derived = state_after(place, log, header, offset)
    if derived.divergence is not None:
        problem = f"what is derived on the way is not what was recorded {derived.divergence}"
        raise JournalDiverged(problem, hint="trader verify --deep looks further.")
    model = network.model_at(derived.engine.state(), header.parameters)
    with outputs.replacing(out, force=force) as temporary:
        model.save(temporary)
    return {
        "offset": offset,
        "weights": int(model.count_params()),
        "from_checkpoint": derived.after,
        "compared": derived.compared,
        "bytes": out.stat().st_size,
    }


def _points(curves: "Curves") -> Iterator[tuple[float, int, dict[str, float]]]:
    """Yield (time in s, ticks so far, values by tag) for each stretch with any."""
    import numpy as np

    ticks = 0
    for place in range(curves.count):
        ticks += int(curves.decisions[place])
        scored = curves.sums["scored"][place] or np.nan
        values = {
            "learning/log_loss": curves.sums["scored_loss"][place] / scored,
            "learning/baseline_log_loss": curves.sums["scored_baseline_loss"][place] / scored,
            "learning/accuracy": curves.sums["scored_hits"][place] / scored,
            "learning/learning_rate": curves.lasts["learning_rate"][place],
            "account/equity": curves.lasts["equity"][place],
            "market/price": curves.price_last[place],
        }
        kept = {tag: float(value) for tag, value in values.items() if np.isfinite(value)}
        if kept:
            yield curves.time_ns[place] / 1e9, ticks, kept
