"""`trader export`: records, the network, or the curves, as files of other programs."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import console, options
from cli.exits import CommandError, Exit
from eventlog.printable import printable

if TYPE_CHECKING:
    from cli.curves import Curves

MODEL = ".keras"
_POINTS = 1_000


def export(
    out: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="records.parquet, .csv or .jsonl; model.keras; or a directory."
        ),
    ],
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Only this kind; may be repeated.")
    ] = None,
    from_: Annotated[
        str, typer.Option("--from", "-o", metavar="OFFSET", help="Where to begin.")
    ] = "beginning",
    to: Annotated[str, typer.Option("--to", metavar="OFFSET", help="Where to stop.")] = "end",
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    name: options.Journal = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Write records, the network or its learning curves; what the name ends in says which.

    .parquet, .csv, .jsonl: records between two offsets. .keras: the Keras model as it stood before
    --to, derived again and compared on the way. A directory: learning curves for TensorBoard.
    """
    from cli import exporting, journal, outputs
    from cli.offsets import check_order, resolve
    from cli.progress import progress
    from engine.checkpoint import Checkpoints
    from eventlog.reader import Reader

    options.check_kinds(kind)
    known = (*exporting.SUFFIXES, MODEL)
    if out.suffix and out.suffix not in known:
        hint = f"Known: {', '.join(known)}, or a directory."
        raise CommandError(Exit.USAGE, f"{out}: no form ends in {out.suffix}", hint=hint)
    place = journal.find(home, name)
    target = out if out.suffix else out / f"events.out.tfevents.{place.name}"
    outputs.check(target, force=force)
    log, checkpoints = Reader.open(place.log), Checkpoints(place.checkpoints)
    start, end = resolve(from_, log, checkpoints), resolve(to, log, checkpoints)
    check_order(from_, start, to, end)
    summary: dict[str, Any] = {"file": str(out)}
    shown = printable(str(out))
    if out.suffix in exporting.SUFFIXES:
        with progress("exporting", end - start) as advance:
            rows = exporting.batches(log, start, end, kinds=kind, advance=advance)
            count, size = exporting.write(out, rows, kinds=kind, force=force)
        summary |= {"records": count, "bytes": size}
        said = f"{count:,} records, {size:,} bytes: {shown}"
    elif out.suffix == MODEL:
        summary |= _model(out, place, log, end - 1, force=force)
        said = f"the network after offset {summary['offset']:,}, {summary['weights']:,} weights:"
        said = f"{said} {shown}"
    else:
        from cli import curves, prices, tensorboard

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


def _model(out: Path, place: Any, log: Any, offset: int, *, force: bool) -> dict[str, Any]:
    """Save the network as it stood after an offset.

    Raises:
        CommandError: (6) if what is derived on the way is not what was recorded.
    """
    from cli import journal, outputs
    from cli.rederive import state_after
    from engine import network

    genesis = journal.genesis_of(log, place)
    derived = state_after(place, log, genesis, offset)
    if derived.divergence is not None:
        problem = f"what is derived on the way is not what was recorded {derived.divergence}"
        raise CommandError(Exit.DIVERGED, problem, hint="trader verify --deep looks further.")
    model = network.model_at(derived.engine.state(), genesis.parameters)
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
