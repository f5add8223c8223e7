"""One process lifetime of `trader live`: resume, stream, end."""

import json
import signal
import sys
from collections.abc import Iterator
from types import FrameType

import pyarrow as pa

from cli import journal
from cli.board import Board
from cli.exits import CommandError, Exit
from cli.journal import Genesis, Place, Predecessor
from cli.keep import Keep
from cli.sealer import Sealer
from cli.settings import Settings
from engine import engine as engines
from engine import rehearsal
from engine.checkpoint import Checkpoints, Restored
from engine.chunks import chunks
from engine.engine import Engine
from engine.errors import ParameterError
from engine.loop import run
from engine.market import is_tick
from engine.parameters import Parameters, parameters_from
from engine.policy import REASONS
from engine.step import CHUNK_TICKS
from eventlog.log import Log
from eventlog.records import (
    Gap,
    Input,
    SessionEnded,
    SessionStarted,
    Tick,
    format_e8,
)
from eventlog.storage import DISK
from feeds import clock
from feeds.btcmarkets.connection import Feed

_STOPPING = (signal.SIGINT, signal.SIGTERM)

DISK_S = 5.0
"""How often the room on the disk is looked at."""

DISK_FULL = "disk"

TAKE_S = 0.2
"""How long the loop waits for a tick before it looks whether it should stop."""


class Session:
    """A session over an open log and an open feed."""

    def __init__(
        self,
        place: Place,
        log: Log,
        feed: Feed,
        *,
        market: str,
        url: str,
        settings: Settings,
    ) -> None:
        self._place = place
        self._log = log
        self._feed = feed
        self._market = market
        self._url = url
        self._chosen = settings.engine
        self._min_free_bytes = settings.min_free_bytes
        self._looked_s = 0.0
        self._checkpoints = Checkpoints(place.checkpoints)
        self._board = Board(place.name)
        self._stop_why = ""
        self._number = 1
        self._started_at = 0
        self._rederived = 0
        self._arithmetic = ""
        self._rehearsed: dict[str, object] | None = None
        self._keep: Keep
        self._sealer: Sealer

    def run(self, *, for_s: float | None, max_ticks: int | None) -> dict[str, object]:
        """Run until stopped; return the summary.

        Raises:
            Diverged: if the log's tail, re-derived, is not what it says.
            ParameterError: if parameters were chosen that are not the journal's.
        """
        before = {number: signal.signal(number, self._on_signal) for number in _STOPPING}
        try:
            return self._run(for_s, max_ticks)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _run(self, for_s: float | None, max_ticks: int | None) -> dict[str, object]:
        found = self._log.recovery
        if found.cut_bytes:
            self._say(
                f"the last write was interrupted, nothing acknowledged is lost:"
                f" {found.cut_bytes} bytes cut, kept in {found.quarantine}"
            )
        genesis = self._genesis()
        self._arithmetic = engines.arithmetic_digest(genesis.parameters)
        if not self._log.end:
            started = self._started(genesis, resumed_from=None, predecessor=None)
            self._log.append([started])
        engine, resumed_from = self._resume(genesis)
        self._keep = Keep(self._log, self._checkpoints, after=resumed_from, show=self._board.show)
        with Sealer(self._log) as self._sealer:
            source = self._source(genesis, resumed_from, for_s, max_ticks)
            run(engine, source, self._keep)
        self._checkpoints.keep_whole(engine, offset=self._log.end - 1, chain=self._log.chain)
        self._checkpoints.close()
        self._board.finish(durable=self._log.end, checkpoint=self._keep.checkpoint_offset)
        if self._stop_why == DISK_FULL:
            raise CommandError(
                Exit.HALT,
                f"less than {self._min_free_bytes >> 20} MiB are free: stopped recording cleanly"
                f" at offset {self._log.end - 1}, nothing was lost",
                hint="Make room, then start again. The floor is --set log.min_free_mib=N.",
            )
        return self._summary(resumed_from)

    def _genesis(self) -> Genesis:
        """Return what this journal began with, or begins with now."""
        if self._log.end:
            genesis = journal.genesis_of(self._log, self._place)
            self._check_chosen(genesis.parameters)
            return genesis
        parameters = parameters_from(self._chosen)
        initial_state = Engine.genesis(parameters).digest
        return Genesis(parameters=parameters, initial_state=initial_state)

    def _resume(self, genesis: Genesis) -> tuple[Engine, int]:
        """Return the engine at its last kept state, or at its first, and the offset there."""
        restored = self._checkpoints.restore(self._log)
        if restored is not None:
            for error in restored.damaged:
                self._say(f"passed over a damaged checkpoint: {error}")
            self._rehearsed = self._rehearse(restored, genesis.parameters)
            return Engine(genesis.parameters, restored.state), restored.offset
        # A journal that was killed before its first state was kept: the seed says what it was.
        engine, chain = Engine.genesis(genesis.parameters), self._log.chain_after(0)
        if chain is None or engine.digest != genesis.initial_state:
            problem = f"{self._place.checkpoints}: the first state is missing and not repeatable"
            raise CommandError(Exit.CORRUPT, problem)
        self._checkpoints.keep_whole(engine, offset=0, chain=chain)
        return engine, 0

    def _rehearse(self, restored: Restored, parameters: Parameters) -> dict[str, object]:
        """Ask the kept network again what it was asked when it was kept, before learning goes on.

        Raises:
            CommandError: (6) if it answers otherwise, on the arithmetic that it was kept on.
        """
        samples = len(restored.rehearsal["outcomes"])
        repeated = rehearsal.is_repeated(restored.snapshot, restored.rehearsal, parameters)
        recorded = journal.arithmetics(self._log)
        if not repeated and recorded[max(recorded)] == self._arithmetic:
            raise CommandError(
                Exit.DIVERGED,
                f"the network kept with {self._place.checkpoints} no longer answers as it did",
                hint="Nothing was written. trader verify --deep looks further.",
            )
        return {"samples": samples, "identical": repeated}

    def _check_chosen(self, parameters: Parameters) -> None:
        for name, value in self._chosen.items():
            if getattr(parameters_from({name: value}), name) != getattr(parameters, name):
                raise ParameterError(
                    name,
                    f"is {getattr(parameters, name)} in this journal, for ever; chosen was {value}",
                    hint="Record into another home, or fork: trader replay --set … --out DIR",
                )

    def _source(
        self,
        genesis: Genesis,
        resumed_from: int,
        for_s: float | None,
        max_ticks: int | None,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the log's tail, then what the feed brings, each batch durable and numbered."""
        for chunk in chunks(self._log.read(resumed_from + 1), CHUNK_TICKS):
            self._rederived += is_tick(chunk).true_count
            yield chunk
        if self._log.end > 1:
            yield self._begin(genesis, resumed_from)
        self._say(
            f"PAPER {self._place.name}: session {self._number}, {self._log.end:,} records durable"
            + (f", {self._rederived} ticks re-derived" if self._number > 1 else "")
            + (", the network answers as it did" if self._rehearsed else "")
        )
        yield from self._record(for_s, max_ticks)
        ended = SessionEnded(
            received_ns=clock.now_ns(),
            session=self._number,
            why=self._stop_why,
            detail=json.dumps({"ticks": self._board.ticks}),
        )
        yield self._log.append([ended]).batch()

    def _begin(self, genesis: Genesis, resumed_from: int) -> pa.RecordBatch:
        """Append the start of a session that follows another, and the gap between them."""
        predecessor = journal.predecessor_of(self._log)
        assert predecessor is not None
        self._number, self._started_at = predecessor.session + 1, self._log.end
        started = self._started(genesis, resumed_from=resumed_from, predecessor=predecessor)
        since_ns, now_ns = predecessor.last_received_ns, started.received_ns
        gap = Gap(received_ns=now_ns, from_ns=since_ns, to_ns=now_ns, why="not running")
        return self._log.append([started, gap]).batch()

    def _record(self, for_s: float | None, max_ticks: int | None) -> Iterator[pa.RecordBatch]:
        """Make durable what has arrived, as one batch, and only then yield it (I2)."""
        ends_s = None if for_s is None else clock.monotonic_s() + for_s
        left = max_ticks
        while not self._feed.finished():
            arrived = self._feed.take(TAKE_S)
            if left is not None:
                arrived = _up_to(arrived, left)
                left -= sum(isinstance(record, Tick) for record in arrived)
            if arrived:
                yield self._log.append(arrived).batch()
                if self._board.score.reason == REASONS[0]:
                    self._feed.resync()
            self._sealer.tend()
            self._show()
            self._look_at_disk()
            if left == 0:
                self._stop_why = "--max-ticks"
                self._feed.stop()
                return
            if ends_s is not None and clock.monotonic_s() >= ends_s and not self._stop_why:
                self._stop_why = "--for"
                self._feed.stop()

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self._stop_why:
            raise KeyboardInterrupt
        self._stop_why = signal.Signals(number).name
        self._feed.stop()

    def _show(self) -> None:
        state = self._feed.state
        feed = "ok" if state.connected else f"reconnecting ({state.why})"
        self._board.update(
            durable=self._log.end, checkpoint=self._keep.checkpoint_offset, feed=feed
        )

    def _look_at_disk(self) -> None:
        """End the session while there is still room to end it cleanly."""
        now_s = clock.monotonic_s()
        if self._stop_why or now_s - self._looked_s < DISK_S:
            return
        self._looked_s = now_s
        if DISK.free_bytes(self._place.log) < self._min_free_bytes:
            self._stop_why = DISK_FULL
            self._feed.stop()

    def _say(self, sentence: str) -> None:
        print(sentence, file=sys.stderr, flush=True)

    def _started(
        self, genesis: Genesis, *, resumed_from: int | None, predecessor: Predecessor | None
    ) -> SessionStarted:
        detail = journal.session_detail(
            genesis,
            arithmetic=self._arithmetic,
            url=self._url,
            resumed_from=resumed_from,
            predecessor=predecessor,
            rehearsed=self._rehearsed,
        )
        return SessionStarted(received_ns=clock.now_ns(), session=self._number, detail=detail)

    def _summary(self, resumed_from: int) -> dict[str, object]:
        score = self._board.score
        return {
            "session": self._number,
            "ticks": score.decisions,
            "decisions": score.decisions,
            "fills": score.fills,
            "first_offset": self._started_at,
            "last_offset": self._log.end - 1,
            "checkpoint_offset": self._keep.checkpoint_offset,
            "log_loss": score.log_loss,
            "baseline_log_loss": score.baseline_log_loss,
            "accuracy": score.accuracy,
            "labels": score.scored,
            "equity": None if score.equity_e8 is None else format_e8(score.equity_e8),
            "resumed_from": None if self._number == 1 else resumed_from,
            "rederived": self._rederived,
            "fingerprint": None if score.fingerprint is None else f"{score.fingerprint:016x}",
            "stopped_by": self._stop_why,
        }


def _up_to(records: list[Input], ticks: int) -> list[Input]:
    """Return the records up to and with the last of so many ticks."""
    for index, record in enumerate(records):
        ticks -= isinstance(record, Tick)
        if ticks == 0:
            return records[: index + 1]
    return records
