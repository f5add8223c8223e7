"""Runs a recorded journal's inputs through an engine with other parameters, into a new journal."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from engine.chunks import chunks
from engine.engine import Engine
from engine.parameters import Parameters
from engine.step import CHUNK_TICKS
from engine.venue_rules import rules_at
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import EFFECT_KINDS, SessionEnded, SessionStarted
from feeds import clock
from journal import compile_cache
from journal.header import JournalHeader, session_detail
from journal.layout import JournalPath
from journal.progress import Advance, progress
from journal.reading import scan
from journal.reading.score import COLUMNS, Score
from journal.recorder import Recorder
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
) -> Forked:
    """Make the new journal, after `preflight.check_fork`; return the outcomes of both journals.

    Args:
        log: the recorded journal's log.
        target: where the new journal is made.
        place: where the recorded journal lies.
        end: the offset before which the inputs end.
        parameters: the new journal's parameters.
        venue: the recorded journal's venue, whose rules the new one has too.
        chosen: the parameters that were set for the new journal, by name.
    """
    arithmetic = compile_cache.compiled(parameters, rules_at(venue))
    engine = Engine.initial(parameters, rules_at(venue))
    forked, recorded = Score(), Score()
    with Log.open(target.log) as copy:
        detail = session_detail(
            JournalHeader(parameters=parameters, initial_state=engine.digest, venue=venue),
            arithmetic=arithmetic,
            executor=engine.executor,
            url=str(place.log),
            resumed_from=None,
            predecessor=None,
            log=copy,
        )
        started = SessionStarted(received_ns=clock.now_ns(), session=1, detail=detail)
        recorder = Recorder.begin(target, copy, engine, started, show=forked.add)
        with progress("forking", end) as advance:
            recorder.record(recorder.appended(_inputs(log, end, advance)))
        # The origin's last session may have been killed, or may still run; the fork has ended.
        newest = scan.predecessor_of(copy)
        if newest is not None and not newest.ended:
            recorder.record([recorder.append([_ended(newest.session)])])
        recorder.close()
        copy.seal()
    for batch in log.read(1, end, columns=COLUMNS):
        recorded.add(batch)
    return Forked(chosen=chosen, recorded=_side(place, recorded), forked=_side(target, forked))


def _inputs(log: Reader, end: int, advance: Advance) -> Iterator[pa.RecordBatch]:
    """Yield the recorded inputs after the first record: the new journal has its own first one."""
    for chunk in chunks(log.read(1, end), CHUNK_TICKS):
        effects = pc.is_in(chunk.column("kind"), pa.array(EFFECT_KINDS))
        taken = chunk.filter(pc.invert(effects))
        if taken.num_rows:
            yield taken
        advance(chunk.num_rows)


def _ended(session: int) -> SessionEnded:
    return SessionEnded(received_ns=clock.now_ns(), session=session, why="forked", detail="{}")


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
