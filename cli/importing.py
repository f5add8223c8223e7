"""Recorded files through the loop into a journal, which then stands as after a live session.

The inputs of an import follow from its files alone. So one that was interrupted needs no session
of its own to go on: the log says how many of the records are there, the kept state says what the
engine made of them, and the journal becomes the one that it would have become.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from blake3 import blake3

from cli import console, journal
from cli.exits import CommandError, Exit
from cli.journal import Genesis, Place
from cli.keep import Keep
from cli.notes import SESSIONS, note
from cli.progress import Advance, progress
from cli.score import Score
from cli.settings import Settings
from engine.checkpoint import Checkpoints
from engine.chunks import chunks
from engine.engine import Engine, arithmetic_digest
from engine.loop import run
from engine.parameters import parameters_from
from engine.step import CHUNK_TICKS
from eventlog.log import Log
from eventlog.records import EFFECT_KINDS, SessionEnded, SessionStarted
from feeds import clock
from feeds.files import merge
from feeds.files.tables import Layout


@dataclass(slots=True)
class Imported:
    """What came of an import. Reasons are counted over all rows, the score over what was added."""

    score: Score = field(default_factory=Score)
    records: int = 0
    resumed_at: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


class Importing:
    """One import of files into one journal."""

    def __init__(
        self,
        place: Place,
        paths: Sequence[Path],
        *,
        market: str,
        layout: Layout,
        settings: Settings,
    ) -> None:
        self._place = place
        self._paths = paths
        self._market = market
        self._layout = layout
        self._settings = settings
        self._outcome = Imported()

    def run(self) -> Imported:
        """Import what is not there yet; return what came of it.

        Raises:
            CommandError: (2) if the journal is finished, or is of other files or parameters.
            TableUnreadable: if a file cannot be read. Where it is damaged in the middle, the
                records before that are in the journal.
        """
        total = sum(merge.rows_of(path) for path in self._paths)
        source = self._batches()
        first = next(source, None)  # shows whether the files are what they should be
        if first is None:
            raise CommandError(Exit.USAGE, f"no row in {self._names}")
        open_log = partial(Log.open, self._place.log, segment_bytes=self._settings.segment_bytes)
        if self._place.log.exists():
            with open_log() as log:
                self._check_same(log)
        console.echo("loading TensorFlow and compiling the step takes some seconds", err=True)
        with open_log() as log, progress("importing", total) as advance:
            self._carry(log, chain([first], source), advance)
        return self._outcome

    @property
    def _names(self) -> str:
        return ", ".join(path.name for path in self._paths)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the records of the files, counting what is odd."""
        for reading in merge.readings(self._paths, self._market, self._layout):
            self._outcome.refused.update(reading.refused)
            self._outcome.noted.update(reading.noted)
            if reading.batch.num_rows:
                yield reading.batch

    def _source(self) -> dict[str, object]:
        """Return what the inputs follow from."""
        digests = {path.name: _digest(path) for path in self._paths}
        return {"files": digests, "layout": asdict(self._layout)}

    def _check_same(self, log: Log) -> None:
        """Refuse to go on where it would not become what it was begun as.

        Raises:
            CommandError: (2) if the journal is finished, or is of other files or parameters.
        """
        what = f"{self._place.home / self._place.name}"
        hint = "Import into another --home, or remove the journal first."
        if not log.end:
            return
        if journal.last(log, SessionEnded) is not None:
            raise CommandError(Exit.USAGE, f"{what} is a finished import already", hint=hint)
        first = next(record for _, record in journal.records(log, 0, 1))
        detail = json.loads(first.detail) if isinstance(first, SessionStarted) else {}
        if detail.get("source") != self._source():
            problem = f"{what} was begun from other files, or otherwise mapped"
            raise CommandError(Exit.USAGE, problem, hint=hint)
        begun = parameters_from(detail["parameters"])
        if self._settings.engine and parameters_from(self._settings.engine) != begun:
            raise CommandError(Exit.USAGE, f"{what} was begun with other parameters", hint=hint)

    def _carry(self, log: Log, source: Iterator[pa.RecordBatch], advance: Advance) -> None:
        """Carry the engine over what the log has and then over the rest."""
        genesis = self._genesis(log)
        checkpoints = Checkpoints(self._place.checkpoints, check_owner=log.check_owner)
        restored = checkpoints.restore(log)
        if restored is None:
            engine, after = Engine.genesis(genesis.parameters), 0
            chain_value = log.chain_after(0)
            assert chain_value is not None  # the start of the session is a commit of its own
            checkpoints.keep_whole(engine, offset=0, chain=chain_value)
        else:
            engine, after = Engine(genesis.parameters, restored.state), restored.offset
        there = _inputs_in(log)
        self._outcome.resumed_at = there
        keep = Keep(log, checkpoints, after=after, show=self._outcome.score.add)

        def inputs() -> Iterator[pa.RecordBatch]:
            yield from chunks(log.read(after + 1), CHUNK_TICKS)
            advance(there)
            for chunk in chunks(_behind(source, there), CHUNK_TICKS):
                yield log.append_batch(chunk)
                advance(chunk.num_rows)
                if log.sealable():
                    log.seal()
            yield log.append([self._ended()]).batch()

        started_s = clock.monotonic_s()
        run(engine, inputs(), keep)
        checkpoints.keep_whole(engine, offset=log.end - 1, chain=log.chain)
        checkpoints.close()
        log.seal()
        self._outcome.seconds = clock.monotonic_s() - started_s
        self._outcome.records = _inputs_in(log)

    def _genesis(self, log: Log) -> Genesis:
        """Return what the journal began with, or begins with now."""
        if log.end:
            return journal.genesis_of(log, self._place)
        parameters = parameters_from(self._settings.engine)
        genesis = Genesis(parameters=parameters, initial_state=Engine.genesis(parameters).digest)
        detail = journal.session_detail(
            genesis,
            arithmetic=arithmetic_digest(parameters),
            url=self._names,
            resumed_from=None,
            predecessor=None,
            source=self._source(),
        )
        log.append([SessionStarted(received_ns=clock.now_ns(), session=1, detail=detail)])
        note(self._place, SESSIONS, {"session": 1, "offset": 0})
        return genesis

    def _ended(self) -> SessionEnded:
        counts = {"refused": self._outcome.refused, "noted": self._outcome.noted}
        detail = json.dumps(counts, sort_keys=True)
        return SessionEnded(received_ns=clock.now_ns(), session=1, why="imported", detail=detail)


def _digest(path: Path) -> str:
    return blake3().update_mmap(path).hexdigest(16)


def _inputs_in(log: Log) -> int:
    """Return how many records of a log came from files."""
    others = pa.array([*EFFECT_KINDS, "session_started", "session_ended"])
    kinds = (batch.column("kind") for batch in log.read(columns=("kind",)))
    return sum(len(kind) - pc.sum(pc.is_in(kind, others)).as_py() for kind in kinds if len(kind))


def _behind(batches: Iterable[pa.RecordBatch], count: int) -> Iterator[pa.RecordBatch]:
    """Yield what follows the first records."""
    for batch in batches:
        rest = batch.slice(min(count, batch.num_rows))
        count -= batch.num_rows - rest.num_rows
        if rest.num_rows:
            yield rest
