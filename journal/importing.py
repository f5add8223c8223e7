"""Runs recorded files through the loop into a journal like that of a live session.

The inputs of an import depend on its files alone. So an interrupted import continues without a new
session: the log shows how many records are there, the newest checkpoint has the engine's state, and
the finished journal is the same as without the interruption.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from engine.chunks import chunks
from engine.engine import Engine, arithmetic_digest
from engine.parameters import parameters_from
from engine.step import CHUNK_TICKS
from engine.venue_rules import BTC_MARKETS, rules_at
from eventlog.invariants import hold
from eventlog.log import Log
from eventlog.records import EFFECT_KINDS, SessionEnded, SessionStarted
from feeds import clock
from feeds.files import merge
from feeds.files.survey import Survey
from journal.asked.settings import Settings
from journal.errors import UsageError
from journal.header import JournalHeader, header_of, session_detail
from journal.import_source import described
from journal.layout import JournalPath
from journal.progress import Advance, progress
from journal.reading.score import Score
from journal.reading.sessions import check_newest
from journal.reading.totals import carried, since_beginning
from journal.recorder import Recorder


@dataclass(slots=True)
class Imported:
    """The result of an import, counted over all rows, also those that an earlier run imported."""

    score: Score = field(default_factory=Score)
    records: int = 0
    resumed_at: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    horizon_ms: int = 0
    seconds: float = 0.0
    executor: str = ""

    @property
    def undecodable(self) -> int:
        """How many rows could not be decoded, and were recorded as such."""
        return sum(self.refused.values())

    @property
    def duplicates(self) -> int:
        """How many trades were left out as duplicates."""
        return self.left_out[merge.DUPLICATES]


class Importing:
    """One import of files into one journal."""

    def __init__(
        self,
        place: JournalPath,
        surveys: Sequence[Survey],
        *,
        settings: Settings,
        venue: str = BTC_MARKETS,
    ) -> None:
        self._place = place
        self._surveys = surveys
        self._venue = venue
        self._settings = settings
        self._outcome = Imported()

    def run(self) -> Imported:
        """Import the records that the journal lacks; return the result.

        Raises:
            UsageError: if the journal holds other records than the files give.
            TableUnreadable: if a file was changed, or cannot be read any more; the records before
                that are in the journal.
        """
        total = sum(survey.records for survey in self._surveys)
        open_log = partial(Log.open, self._place.log, segment_bytes=self._settings.segment_bytes)
        with open_log() as log, progress("importing", total) as advance:
            self._carry(log, self._batches(), advance)
        rows = sum(survey.rows for survey in self._surveys)
        recorded, left_out = self._outcome.records, self._outcome.left_out.total()
        no_row_lost = rows == recorded + left_out
        hold("I10", no_row_lost, "every row is recorded or counted", rows=rows, recorded=recorded)
        return self._outcome

    def _batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the records of the files; count rows that were refused, noted or left out."""
        for reading in merge.readings(self._surveys):
            self._outcome.refused.update(reading.refused)
            self._outcome.noted.update(reading.noted)
            self._outcome.left_out.update(reading.left_out)
            if reading.batch.num_rows:
                yield reading.batch

    def _carry(self, log: Log, source: Iterator[pa.RecordBatch], advance: Advance) -> None:
        """Run the engine over the records in the log, then over the rest of the files."""
        outcome = self._outcome
        outcome.resumed_at = there = _inputs_in(log)
        outcome.score = since_beginning(log) or Score()
        recorder = self._recorder(log)
        outcome.horizon_ms = recorder.engine.parameters.horizon_ms
        outcome.executor = recorder.engine.executor
        rest = chunks(self._after(log, chunks(source, CHUNK_TICKS), there), CHUNK_TICKS)

        def watched() -> Iterator[pa.RecordBatch]:
            for chunk in recorder.appended(rest):
                yield chunk
                advance(chunk.num_rows)

        started_s = clock.monotonic_s()
        recorder.catch_up()
        advance(there)
        recorder.record(watched())
        recorder.record([recorder.append([self._ended(log)])])
        recorder.close()
        log.seal()
        outcome.seconds = clock.monotonic_s() - started_s
        outcome.records = _inputs_in(log)

    def _after(
        self, log: Log, source: Iterator[pa.RecordBatch], count: int
    ) -> Iterator[pa.RecordBatch]:
        """Compare the first ``count`` records with those of the log; yield the records after them.

        Raises:
            UsageError: if they differ: another version read the same files in another way.
        """
        recorded = chunks(_inputs_of(log), CHUNK_TICKS)
        done = 0
        while done < count:
            logged, given = next(recorded), next(source, None)
            same = min(logged.num_rows, count - done)
            if given is None or not _same(logged.slice(0, same), given.slice(0, same)):
                journal = f"{self._place.home / self._place.name}"
                problem = (
                    f"{journal} holds other records than these files give (of the first {count:,})"
                )
                hint = "It was begun by another version. Import into another --home."
                raise UsageError(problem, hint=hint)
            done += same
            if given.num_rows > same:
                yield given.slice(same)
        yield from source

    def _recorder(self, log: Log) -> Recorder:
        """Return the recorder of the journal, which begins now if its log is empty."""
        show = self._outcome.score.add
        if log.end:
            header = header_of(log, self._place)
            check_newest(log, self._place)
            return Recorder.restore(self._place, log, header, show=show)
        rules = rules_at(self._venue)
        parameters = parameters_from({**rules.parameters, **self._settings.engine})
        engine = Engine.initial(parameters, rules)
        detail = session_detail(
            JournalHeader(parameters=parameters, initial_state=engine.digest, venue=self._venue),
            arithmetic=arithmetic_digest(parameters, rules),
            executor=engine.executor,
            url=", ".join(survey.path.name for survey in self._surveys),
            resumed_from=None,
            predecessor=None,
            log=log,
            source=described(self._surveys),
        )
        started = SessionStarted(received_ns=clock.now_ns(), session=1, detail=detail)
        return Recorder.begin(self._place, log, engine, started, show=show)

    def _ended(self, log: Log) -> SessionEnded:
        outcome = self._outcome
        counts = {
            "refused": outcome.refused, "noted": outcome.noted, "left_out": outcome.left_out,
        }  # fmt: skip
        so_far = carried(outcome.score, log, began=0)
        detail = json.dumps({**counts, **so_far}, sort_keys=True)
        return SessionEnded(received_ns=clock.now_ns(), session=1, why="imported", detail=detail)


def _same(recorded: pa.RecordBatch, given: pa.RecordBatch) -> bool:
    """Return whether two batches hold the same records, whatever their offsets."""
    names = [name for name in given.schema.names if name != "offset"]
    return bool(recorded.select(names).equals(given.select(names)))


_NOT_FROM_FILES = pa.array([*EFFECT_KINDS, "session_started", "session_ended"])


def _inputs_in(log: Log) -> int:
    """Return how many records of a log came from files."""
    kinds = (batch.column("kind") for batch in log.read(columns=("kind",)))
    return sum(
        len(kind) - pc.sum(pc.is_in(kind, _NOT_FROM_FILES)).as_py() for kind in kinds if len(kind)
    )


def _inputs_of(log: Log) -> Iterator[pa.RecordBatch]:
    """Yield the records of a log that came from files."""
    for batch in log.read():
        others = pc.is_in(batch.column("kind"), _NOT_FROM_FILES)
        yield batch.filter(pc.invert(others))
