"""A recorded journal's inputs through an engine of other parameters, into a new journal."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from engine.checkpoint import Checkpoints
from engine.chunks import chunks
from engine.engine import Engine, arithmetic_digest
from engine.loop import run
from engine.parameters import Parameters
from engine.step import CHUNK_TICKS
from engine.venue_rules import rules_at
from eventlog.log import Log
from eventlog.printable import printable
from eventlog.reader import Reader
from eventlog.records import EFFECT_KINDS, SessionEnded, SessionStarted
from feeds import clock
from journal import compile_cache, console
from journal.header import JournalHeader, session_detail
from journal.layout import JournalPath
from journal.messages import summary_of
from journal.progress import progress, stage
from journal.reading import scan
from journal.reading.score import COLUMNS, Score, fraction, money
from journal.sidecar import SESSIONS, note
from journal.sinks import RecordingSink
from journal.summaries import Forked, ForkSide


def fork(
    log: Reader,
    target: JournalPath,
    place: JournalPath,
    *,
    end: int,
    parameters: Parameters,
    venue: str,
    chosen: dict[str, object],
    as_json: bool,
) -> None:
    """Make the new journal, which `preflight.check_fork` let pass; print both outcomes."""
    with stage("compile") as compiling:
        arithmetic = arithmetic_digest(parameters, rules_at(venue))
        engine = Engine.initial(parameters, rules_at(venue))
        compiling.note = compile_cache.origin()
    score = Score()
    with Log.open(target.log) as copy:
        detail = session_detail(
            JournalHeader(parameters=parameters, initial_state=engine.digest, venue=venue),
            arithmetic=arithmetic,
            url=str(place.log),
            resumed_from=None,
            predecessor=None,
            log=copy,
        )
        copy.append([SessionStarted(received_ns=clock.now_ns(), session=1, detail=detail)])
        note(target, SESSIONS, {"session": 1, "offset": 0})
        checkpoints = Checkpoints(target.checkpoints, check_owner=copy.check_owner)
        checkpoints.keep_whole(engine, offset=0, chain=copy.chain)
        keep = RecordingSink(copy, checkpoints, after=0, show=score.add)
        with progress("forking", end) as advance:

            def inputs() -> Iterator[pa.RecordBatch]:
                for chunk in chunks(log.read(1, end), CHUNK_TICKS):
                    effects = pc.is_in(chunk.column("kind"), pa.array(EFFECT_KINDS))
                    taken = chunk.filter(pc.invert(effects))
                    if taken.num_rows:
                        yield copy.append_batch(taken)
                    advance(chunk.num_rows)

                # The origin's last session may have been killed, or run on; this one is at its end.
                newest = scan.predecessor_of(copy)
                if newest is not None and not newest.ended:
                    now_ns = clock.now_ns()
                    yield copy.append(
                        [
                            SessionEnded(
                                received_ns=now_ns,
                                session=newest.session,
                                why="forked",
                                detail="{}",
                            )
                        ]
                    ).batch()

            run(engine, inputs(), keep)
        checkpoints.keep_whole(engine, offset=copy.end - 1, chain=copy.chain)
        checkpoints.close()
        copy.seal()
    recorded = Score()
    for batch in log.read(1, end, columns=COLUMNS):
        recorded.add(batch)
    _print(place, target, recorded, score, chosen, as_json=as_json)


def _print(
    place: JournalPath,
    target: JournalPath,
    recorded: Score,
    forked: Score,
    chosen: dict[str, object],
    *,
    as_json: bool,
) -> None:
    if as_json:
        said = Forked(chosen=chosen, recorded=_side(place, recorded), forked=_side(target, forked))
        console.put(summary_of(said))
        return
    outcomes = {"recorded": (place, recorded), "forked": (target, forked)}
    for name, (where, score) in outcomes.items():
        console.echo(
            f"{name:9} {printable(str(where.home / where.name))}\n"
            f"          {score.decisions:,} ticks, {score.fills:,} fills,"
            f" log-loss {fraction(score.log_loss)}, accuracy {fraction(score.accuracy, 3)},"
            f" equity {money(score.equity_e8) or '-'}"
        )
    homes = printable(f"{place.home} {target.home}", 2_000)
    console.echo(f"What differs, and what of it is no chance:\n  trader compare {homes}")


def _side(place: JournalPath, score: Score) -> ForkSide:
    return ForkSide(
        journal=str(place.home / place.name),
        ticks=score.decisions,
        fills=score.fills,
        log_loss=score.log_loss,
        baseline_log_loss=score.baseline_log_loss,
        accuracy=score.accuracy,
        equity=score.equity,
        account=None if score.account is None else score.account.said(),
    )
