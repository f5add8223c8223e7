"""`trader replay`: the recorded ticks through the same loop, compared decision by decision."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.exit_codes import Exit
from eventlog.printable import printable
from feeds import clock
from journal import console
from journal.errors import JournalCorrupt, UsageError

_DEFAULT_FROM = "checkpoint"


def replay(
    from_: Annotated[
        str, typer.Option("--from", metavar="OFFSET", help="Where to begin: see below.")
    ] = _DEFAULT_FROM,
    to: Annotated[
        str, typer.Option("--to", metavar="OFFSET", help="The offset before which to stop.")
    ] = "end",
    set_: options.Set = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Home of the new journal.")
    ] = None,
    name: options.Journal = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Replay recorded ticks and compare every decision, bit for bit.

    OFFSET is beginning, end, checkpoint, N, -N or s@TIME. The replay begins at the checkpoint
    before it, since a state has to come from somewhere. With --out the ticks go through an engine
    of the parameters that --set names into a new journal, and both outcomes are shown: so also of a
    journal that another version of the step recorded, which is not compared (12).
    """
    from engine.checkpoint import Checkpoints
    from eventlog.reader import Reader
    from journal import compile_cache, layout
    from journal.asked import preflight
    from journal.asked.offsets import check_order, resolve
    from journal.header import header_of
    from journal.messages import summary_of
    from journal.progress import progress, stage
    from journal.reading import sessions
    from journal.reading.score import fraction, money
    from journal.summaries import DifferenceSaid, Replayed

    place = layout.find(home, name)
    log, checkpoints = Reader.open(place.log), Checkpoints(place.checkpoints)
    header = header_of(log, place)
    start, end = resolve(from_, log, checkpoints), resolve(to, log, checkpoints)
    if set_ or out:
        if from_ not in (_DEFAULT_FROM, "beginning"):
            raise UsageError(f"--from {printable(from_, 80)}: a fork has every tick")
        target, parameters, chosen = preflight.check_fork(place, header.parameters, out, set_)
        compile_cache.reuse()
        with stage("load"):
            from cli.render.fork import as_lines
            from journal.fork import fork
        forked = fork(
            log,
            target,
            place,
            end=end,
            parameters=parameters,
            venue=header.venue,
            chosen=chosen,
        )
        if as_json:
            console.put(summary_of(forked))
        else:
            console.echo("\n".join(as_lines(forked)))
        return
    check_order(from_, start, to, end)
    after = max(
        (offset for offset in checkpoints.offsets() if offset < max(start, 1)), default=None
    )
    if after is None:
        raise JournalCorrupt(f"{place.checkpoints}: no checkpoint before {start}")
    sessions.check_between(log, place, after, end)
    compile_cache.reuse()
    with stage("load"):
        from engine.engine import arithmetic_digest
        from journal.replay import rerun
    with stage("compile") as compiling:  # which is not to count as replaying
        ours = arithmetic_digest(header.parameters, header.rules)
        compiling.note = compile_cache.origin()
    claimed = set(sessions.arithmetics(log, after, end).values()) == {ours}
    state = checkpoints.read(after).state
    started_s = clock.monotonic_s()
    with progress("replaying", end - after - 1) as advance:
        outcome = rerun(log, header, state, after=after, end=end, advance=advance)
    seconds = clock.monotonic_s() - started_s
    score, divergence = outcome.score, outcome.divergence
    rate = score.decisions / seconds if seconds else 0.0
    said = Replayed(
        start=after + 1,
        end=end,
        ticks=score.decisions,
        compared=outcome.comparison.compared,
        diverged_at=None if divergence is None else divergence.offset,
        seconds=round(seconds, 3),
        ticks_per_second=round(rate, 1),
        fingerprint=score.fingerprint_hex,
        state=outcome.engine.digest,
        log_loss=score.log_loss,
        baseline_log_loss=score.baseline_log_loss,
        accuracy=score.accuracy,
        equity=score.equity,
        account=None if score.account is None else score.account.said(),
        difference=None if divergence is None else DifferenceSaid(**asdict(divergence)),
    )
    if as_json:
        console.put(summary_of(said))
    else:
        console.echo(
            f"{place.name}: offsets {after + 1:,} to {end:,}, {score.decisions:,} ticks"
            f" in {seconds:.1f} s ({rate:,.0f}/s)\n"
            f"log-loss {fraction(score.log_loss)}, baseline {fraction(score.baseline_log_loss)},"
            f" accuracy {fraction(score.accuracy, 3)}, equity {money(score.equity_e8) or '-'}\n"
            + ("" if score.account is None else f"{score.account}\n")
            + f"fingerprint {said.fingerprint or '-'}, state {said.state}"
        )
        if divergence is None:
            console.echo(f"{outcome.comparison.compared:,} effects compared: all identical")
        else:
            console.echo(f"DIVERGED {divergence}")
    if divergence is not None:
        raise typer.Exit(Exit.DIVERGED if claimed else Exit.CANNOT_VERIFY)
