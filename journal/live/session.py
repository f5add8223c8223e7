"""A live session of one market: it resumes the journal, records the stream, and ends."""

import json
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import replace

import numpy as np
import pyarrow as pa

from engine import self_check
from engine.checkpoint import Restored
from engine.engine import Engine
from engine.executor.selection import executor_of
from engine.parameters import Parameters, parameters_from
from engine.venue_rules import BTC_MARKETS, rules_at
from eventlog.gaps import missed
from eventlog.log import Log
from eventlog.printable import printable
from eventlog.records import (
    E8,
    Gap,
    Health,
    Input,
    SessionEnded,
    SessionStarted,
    Tick,
    Trade,
)
from feeds import clock
from feeds.venue import Feed
from journal import compile_cache, console
from journal.asked.settings import Settings, check_kept
from journal.errors import JournalDiverged
from journal.header import JournalHeader, header_of, session_detail
from journal.layout import JournalPath
from journal.live.counters import Board, Watcher
from journal.live.latency import STAGES
from journal.live.sealer import Sealer
from journal.progress import stage
from journal.reading import prices, scan, sessions
from journal.reading.scan import Predecessor
from journal.reading.score import Score, gain_of, words_of
from journal.reading.totals import carried, since_beginning
from journal.recorder import Recorder
from journal.sidecar import SESSIONS, note
from journal.summaries import SessionSaid, SessionSummary

TAKE_S = 0.2
"""How long the loop waits for a tick before it looks whether it should stop."""

QUIET_MS = 1.0
"""How long decisions wait for the next tick's write before they are made durable by a write of
their own. Decisions follow from the ticks, so this only bounds how long they are not shown."""

STATE_KEPT_S = 1.0
"""How old the newest checkpoint gets, at most, while ticks arrive. It bounds what a start after a
kill or a power cut derives again, and nothing else: the state follows from the log."""

SHOW_S = 0.2
"""How long durable effects wait to be counted while more arrive: counting takes longer than
writing, and the view is not drawn more often."""

_LATENCIES_MAX = 16_384
"""How many batches' latencies are remembered between two health samples."""


class Session:
    """A session of a journal: first `resume`, then, over an open feed, `run`.

    Several may run, each on a thread of its own. The one that computes holds ``turn``; it is
    released while waiting for the disk. ``log`` is that of an existing journal; a new journal gets
    its log through `found`, once the exchange is connected.
    """

    def __init__(
        self,
        place: JournalPath,
        log: Log | None,
        feed: Feed,
        *,
        market: str,
        url: str,
        venue: str = BTC_MARKETS,
        settings: Settings,
        turn: AbstractContextManager[object],
        watcher: Watcher | None = None,
    ) -> None:
        self.place = place
        self.market = market
        if log is not None:
            self.log = log
        self._is_new = log is None or not log.end
        self._feed = feed
        self._url = url
        self._venue = venue
        self._turn = turn
        self._chosen = settings.engine
        # Snapshots are prepared on a thread, which mostly runs without the interpreter's lock.
        self._in_background = ThreadPoolExecutor(1).submit
        self.loading_ns = self.ready_ns = clock.now_ns()
        """When loading began, and when every session of the process was ready to receive."""
        self._not_recorded_since_ns: int | None = None
        self._samples: deque[Health] = deque()
        self._latencies_ms = {stage: deque[float](maxlen=_LATENCIES_MAX) for stage in STAGES}
        # The receive times of the batches whose effects are not durable yet.
        self._underway_ns: list[int] = []
        # Durable effects that are not counted yet, each with the time at which they became durable.
        self._unseen: list[tuple[pa.RecordBatch, int]] = []
        self._counted_s = self._kept_s = clock.monotonic_s()
        self._opening = prices.Prices()  # follows a new journal up to its first price
        self.board = Board(place.name, watcher=watcher)
        self.stop_why = ""
        self.looped_s = clock.monotonic_s()
        """When the loop last came round, on the monotonic clock; if it is old, the loop hangs."""
        self._number = 1
        self._started_at = 0
        self._rederived = 0
        self._arithmetic = ""
        self._self_checked: dict[str, object] | None = None
        self._header: JournalHeader
        self._initial: Engine
        self._recorder: Recorder
        self._sealer: Sealer

    def resume(self) -> None:
        """Make ready: compile the step, restore the engine, catch up with the log's tail.

        Nothing is received yet, so that no record waits for it. Effects that the tail lacks are
        appended; for a new journal nothing is written.

        Raises:
            ParameterError: if a chosen parameter differs from the journal's.
            CommandError: if the checkpoints do not fit the log, or the journal is incompatible.
            Diverged: if effects derived again differ from those in the log's tail.
        """
        if self._is_new:
            rules = rules_at(self._venue)
            parameters = parameters_from({**rules.parameters, **self._chosen})
            self._arithmetic = compile_cache.compiled(parameters, rules)
            self._initial = Engine.initial(parameters, rules)
            self._header = JournalHeader(
                parameters=parameters, initial_state=self._initial.digest, venue=self._venue
            )
            self.board.begin(Score(), cash_e8=parameters.cash * E8, first_price=None)
            return
        recovery = self.log.recovery
        if recovery.cut_bytes:
            self._say(
                f"the last write was interrupted, nothing acknowledged is lost:"
                f" {recovery.cut_bytes} bytes cut, kept in {recovery.quarantine}"
            )
        header = self._header = header_of(self.log, self.place)
        check_kept(self._chosen, header.parameters)
        sessions.check_newest(self.log, self.place)
        self._arithmetic = compile_cache.compiled(header.parameters, header.rules)
        note(self.place, SESSIONS, {"records": self.log.end})
        with stage("restore") as restoring:
            self._recorder = Recorder.restore(
                self.place,
                self.log,
                header,
                show=self._show,
                examine=self._examine,
                in_background=self._in_background,
            )
            self.board.begin(
                since_beginning(self.log) or Score(),
                cash_e8=header.parameters.cash * E8,
                first_price=prices.first(self.log),
            )
            restoring.note = f"the state after offset {self._recorder.resumed_from:,}"
        with stage("catch up") as catching_up:
            self._rederived = self._recorder.catch_up()
            self._count()
            self.board.start()
            now = prices.price_of(self._recorder.engine.market)
            self.board.price(prices.newest(self.place, self.log) if now is None else now)
            catching_up.note = f"{self._rederived:,} ticks"

    def found(self, log: Log) -> None:
        """Give a new journal its log."""
        self.log = log

    def run(self, *, max_ticks: int | None) -> SessionSummary:
        """Run until stopped; return the summary."""
        self.looped_s = clock.monotonic_s()
        if self._is_new:
            self._begin()
        else:
            self._follow()
        with (
            Sealer(self.log) as self._sealer,
            # Closed at once when the loop fails: it may hold the turn.
            closing(self._source(max_ticks)) as source,
        ):
            self._recorder.carry(source)
        with self._turn:
            self._recorder.close()
        return self._summary()

    def stop(self, why: str) -> None:
        """Note why the session ends. It ends once the feed has ended and all records are taken."""
        self.stop_why = self.stop_why or why

    def note(self, sample: Health) -> None:
        """Have a sample recorded, at the next turn of the loop."""
        self._samples.append(sample)

    def latencies_ms(self) -> dict[str, list[float]]:
        """Return, by stage of `STAGES`, how long each batch since the last call took to reach it.

        In ms, from the time at which the batch was received.
        """
        return {
            stage: [taken.popleft() for _ in range(len(taken))]
            for stage, taken in self._latencies_ms.items()
        }

    def _reached(self, stage: str, received_ns: int) -> None:
        """Note how long a batch took to reach a stage."""
        # If the clock was set back meanwhile, the latency counts as zero, not as negative.
        self._latencies_ms[stage].append(max(0.0, (clock.now_ns() - received_ns) / 1e6))

    def _show(self, effects: pa.RecordBatch) -> None:
        """Note effects that have just become durable."""
        self._unseen.append((effects, clock.now_ns()))

    def _count(self) -> None:
        """Count all effects that are durable."""
        unseen, self._unseen = self._unseen, []
        self._counted_s = clock.monotonic_s()
        if unseen:
            batches, moments_ns = zip(*unseen, strict=True)
            since_ns = np.repeat(np.array(moments_ns), [batch.num_rows for batch in batches])
            self.board.show(pa.concat_batches(batches), durable_ns=since_ns)

    @property
    def checkpoint_offset(self) -> int:
        """The offset of the last record in the newest checkpoint."""
        return self._recorder.checkpoint_offset if hasattr(self, "_recorder") else 0

    def _examine(self, restored: Restored) -> None:
        """Report skipped checkpoints, and check the restored model before it learns on."""
        for error in restored.damaged:
            self._say(f"passed over a damaged checkpoint: {error}")
        self._self_checked = self._self_check(restored, self._header.parameters)

    def _self_check(self, restored: Restored, parameters: Parameters) -> dict[str, object]:
        """Check that the restored network repeats the predictions that were stored with it.

        Raises:
            JournalDiverged: if it does not, on the arithmetic that the newest session recorded.
        """
        samples = len(restored.self_check["outcomes"])
        repeated = self_check.is_repeated(restored.snapshot, restored.self_check, parameters)
        newest = sessions.newest(self.log)
        if not repeated and newest is not None and newest.arithmetic == self._arithmetic:
            raise JournalDiverged(
                f"the network kept with {self.place.checkpoints} no longer answers as it did",
                hint="Nothing was written. trader verify --deep looks further.",
            )
        return {"samples": samples, "identical": repeated}

    def _source(self, max_ticks: int | None) -> Generator[pa.RecordBatch]:
        """Yield the feed's records, then the session's end, in durable batches with offsets."""
        self._say(
            f"PAPER {self.place.name}: session {self._number},"
            f" {words_of(self.log.end, 'record')} durable"
            + (f", {words_of(self._rederived, 'tick')} re-derived" if self._number > 1 else "")
            + (", model self-check passed" if self._self_checked else "")
        )
        yield from self._record(max_ticks)
        self._settle()
        self._count()
        ended = SessionEnded(
            received_ns=clock.now_ns(),
            session=self._number,
            why=self.stop_why,
            detail=json.dumps(
                {
                    "ticks": self.board.session.decisions,
                    **self._so_far(),
                }
            ),
        )
        unrecorded = self._recording(ended.received_ns)
        batch = self._recorder.append([*self._taken_samples(), *unrecorded, ended])
        with self._turn:
            yield batch

    def _begin(self) -> None:
        """Begin a new journal."""
        self._recorder = Recorder.begin(
            self.place,
            self.log,
            self._initial,
            self._started(predecessor=None),
            show=self._show,
            in_background=self._in_background,
        )

    def _follow(self) -> None:
        """Record the start of a session that follows another.

        The gap between the two is recorded once it is over: with the first tick that is received,
        or with this session's end.
        """
        predecessor = scan.predecessor_of(self.log)
        assert predecessor is not None
        self._number, self._started_at = predecessor.session + 1, self.log.end
        self._not_recorded_since_ns = predecessor.last_received_ns
        with self._turn:
            self._recorder.start(self._started(predecessor=predecessor))

    def _record(self, max_ticks: int | None) -> Iterator[pa.RecordBatch]:
        """Make records that have arrived durable, as one batch, and only then yield it (I2).

        The effects of a batch become durable with the next batch, or alone if none arrives for
        `QUIET_MS`: by one synchronous write either way. The state is kept every `STATE_KEPT_S`, and
        when nothing arrives for `TAKE_S`.
        """
        left = max_ticks
        while not self._feed.finished(self.market) and left != 0:
            self.looped_s = clock.monotonic_s()
            arrived = self._feed.take(self._patience_s(), self.market)
            if left is not None:
                arrived = _up_to(arrived, left)
                left -= sum(_is_tick(record) for record in arrived)
            arrived += self._taken_samples()
            if arrived:
                received_ns = arrived[0].received_ns
                batch = self._recorder.append(self._taken_up(arrived))
                self._all_durable()
                self._reached("recorded", received_ns)
                with self._turn:
                    yield batch
                self._reached("decided", received_ns)
                self._underway_ns.append(received_ns)
                self.board.see(batch)
                self._look_for_first_price(batch)
                self.board.price(prices.price_of(self._recorder.engine.market))
            elif self._recorder.is_settled:
                self._keep()
                self.log.sync_watermark()
                self._count()
            else:
                self._settle()
            if self.looped_s - self._kept_s >= STATE_KEPT_S:
                self._keep()
            if self.looped_s - self._counted_s >= SHOW_S:
                self._count()
            if self._recorder.engine.market.needs_snapshot:
                self._feed.resync(self.market)
            self._sealer.tend()
        if left == 0:
            self.stop("--max-ticks")

    def _patience_s(self) -> float:
        """Return how long to wait for a tick, in seconds: briefly while effects wait."""
        return TAKE_S if self._recorder.is_settled else QUIET_MS / 1e3

    def _settle(self) -> None:
        """Make the waiting effects durable."""
        self._recorder.settle()
        self._all_durable()

    def _keep(self) -> None:
        """Keep the state after all that was appended."""
        self._settle()
        self._recorder.keep()
        self._kept_s = clock.monotonic_s()

    def _all_durable(self) -> None:
        """Note the latency of all batches, whose effects are durable now."""
        for received_ns in self._underway_ns:
            self._reached("latency", received_ns)
        self._underway_ns.clear()

    def _taken_up(self, arrived: list[Input]) -> list[Input]:
        """Return records, ticks with the present time as ``taken_ns``.

        The gap since the last session is put before the first tick.
        """
        taken_ns = clock.now_ns()
        taken: list[Input] = []
        for record in arrived:
            # An undecodable row of REST may come before the stream's first tick.
            if _is_tick(record):
                taken += self._recording(record.received_ns)
            taken.append(replace(record, taken_ns=taken_ns) if isinstance(record, Tick) else record)
        return taken

    def _recording(self, since_ns: int) -> list[Gap]:
        """Return the gap since the last session, once; it ends at ``since_ns``."""
        from_ns, self._not_recorded_since_ns = self._not_recorded_since_ns, None
        if from_ns is None:
            return []
        return [missed(at_ns=since_ns, from_ns=from_ns, to_ns=since_ns, why="not running")]

    def _look_for_first_price(self, batch: pa.RecordBatch) -> None:
        """Note the journal's first price, which may be far from the end of its batch.

        A journal that is new, or that holds only history, has none yet.
        """
        if self.board.figures.first_price is None:
            self.board.figures.first_price = self._opening.add(batch).first

    def _taken_samples(self) -> list[Health]:
        """Return the waiting samples, each with the totals over all decisions so far.

        The totals count durable effects, so all effects before the samples are made durable first.
        """
        if not self._samples:
            return []
        self._settle()
        self._count()
        so_far = self._so_far()
        return [
            replace(sample, detail=json.dumps({**json.loads(sample.detail), **so_far}))
            for sample in (self._samples.popleft() for _ in range(len(self._samples)))
        ]

    def _so_far(self) -> dict[str, object]:
        return carried(self.board.score, self.log, began=self._started_at)

    def _say(self, sentence: str) -> None:
        console.echo(printable(sentence), err=True)

    def _started(self, *, predecessor: Predecessor | None) -> SessionStarted:
        """Return the record of the start; its time is when the session was ready to receive."""
        detail = session_detail(
            self._header,
            arithmetic=self._arithmetic,
            executor=executor_of(self._header.parameters.shape).name,
            url=self._url,
            resumed_from=None if predecessor is None else self._recorder.resumed_from,
            predecessor=predecessor,
            log=self.log,
            self_checked=self._self_checked,
            loading_ns=self.loading_ns,
            ready_ns=self.ready_ns,
        )
        return SessionStarted(received_ns=self.ready_ns, session=self._number, detail=detail)

    def _summary(self) -> SessionSummary:
        self._count()
        score, session, figures = self.board.score, self.board.session, self.board.figures
        return SessionSummary(
            journal=self.place.name,
            session=self._number,
            ticks=score.decisions,
            decisions=score.decisions,
            fills=score.fills,
            late=score.late,
            first_offset=self._started_at,
            last_offset=self.log.end - 1,
            checkpoint_offset=self._recorder.checkpoint_offset,
            log_loss=score.log_loss,
            baseline_log_loss=score.baseline_log_loss,
            accuracy=score.accuracy,
            labels=score.scored,
            equity=score.equity,
            gain=gain_of(score.equity_e8, figures.cash_e8),
            market_gain=self.board.market_gain,
            hold_gain=self.board.hold_gain,
            this_session=SessionSaid(
                ticks=session.decisions,
                fills=session.fills,
                late=session.late,
                labels=session.scored,
                log_loss=session.log_loss,
                baseline_log_loss=session.baseline_log_loss,
                accuracy=session.accuracy,
                gain=gain_of(score.equity_e8, figures.session_equity_e8),
            ),
            resumed_from=None if self._number == 1 else self._recorder.resumed_from,
            rederived=self._rederived,
            fingerprint=score.fingerprint_hex,
            executor=self._recorder.engine.executor,
            stopped_by=self.stop_why,
        )


def _up_to(records: list[Input], ticks: int) -> list[Input]:
    """Return the records up to and including the given number of ticks."""
    for index, record in enumerate(records):
        ticks -= _is_tick(record)
        if ticks == 0:
            return records[: index + 1]
    return records


def _is_tick(record: Input) -> bool:
    """Return whether a record is decided on: a tick, but not a backfilled trade."""
    return isinstance(record, Tick) and not (isinstance(record, Trade) and record.backfilled)
