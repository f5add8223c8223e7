"""From frame received to decision made, both durable: the live path over a loopback socket.

    uv run --group test pytest tests/benchmarks/test_latency.py

Every batch goes through what `trader live` does with it, in its order, and the clock is read
between the stages. Beside the time that passed stands the processor time of the thread: what a
stage costs where others want the same cores. The difference is waiting, for the disk or for a core.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter_ns, thread_time_ns

import numpy as np
import pyarrow as pa
import pytest

from engine.checkpoint import Checkpoints
from engine.engine import Engine
from engine.loop import run
from engine.parameters import Parameters
from eventlog.log import Log
from eventlog.records import SessionStarted
from eventlog.storage import Disk, File
from feeds import clock
from feeds.btcmarkets.connection import Feed
from fixtures.record import exchange
from journal.sinks import RecordingSink

TICKS = 3_000
MANY_TICKS = 60_000
SPEED = 5.6
"""The calm market sends about 21 frames in a market second."""

STAGES = (
    "taken from the inbox",
    "in the log",
    "as rows",
    "decided",
    "decision in the log",
    "state kept",
)


class Watched:
    """A file of the real disk, and how long its writes and syncs took."""

    def __init__(self, file: File, waited_ns: list[int]) -> None:
        self._file = file
        self._waited_ns = waited_ns
        self.close = file.close

    def pwrite(self, data: bytes, position: int) -> None:
        self._timed(lambda: self._file.pwrite(data, position))

    def fdatasync(self) -> None:
        self._timed(self._file.fdatasync)

    def is_named(self, path: Path) -> bool:
        return self._file.is_named(path)

    def fsync(self) -> None:
        self._timed(self._file.fsync)

    def _timed(self, call: Callable[[], None]) -> None:
        began_ns = perf_counter_ns()
        call()
        self._waited_ns[0] += perf_counter_ns() - began_ns


class WatchedDisk(Disk):
    """The real disk, whose calls are timed; ``waited_ns`` is their sum."""

    def __init__(self) -> None:
        self.waited_ns = [0]

    def create(self, path: Path) -> File:
        return Watched(super().create(path), self.waited_ns)

    def open(self, path: Path) -> File:
        return Watched(super().open(path), self.waited_ns)

    def open_synced(self, path: Path) -> File:
        return Watched(super().open_synced(path), self.waited_ns)


class Course:
    """What became of every record: nanoseconds from its reception to the end of each stage."""

    def __init__(self) -> None:
        self.since_ns: dict[str, list[int]] = {stage: [] for stage in STAGES}
        self.share_ns: dict[str, list[int]] = {stage: [] for stage in STAGES}
        self.cpu_ns: dict[str, list[int]] = {stage: [] for stage in STAGES}
        self._received_ns: list[int] = []
        self._at_ns = self._cpu_ns = 0

    def begin(self, received_ns: list[int]) -> None:
        """Begin a batch, which was taken just now."""
        self._received_ns, self._at_ns = received_ns, min(received_ns)
        self._cpu_ns = thread_time_ns()
        self.end("taken from the inbox")

    def end(self, stage: str) -> None:
        """Note that a stage ends now for the batch."""
        now_ns, cpu_ns = clock.now_ns(), thread_time_ns()
        self.since_ns[stage] += [now_ns - each for each in self._received_ns]
        self.share_ns[stage].append(now_ns - self._at_ns)
        self.cpu_ns[stage].append(cpu_ns - self._cpu_ns)
        self._at_ns, self._cpu_ns = now_ns, cpu_ns


class Timed(RecordingSink):
    """A keeper that looks at the clock behind every stage, and at how long the disk took."""

    def __init__(self, log: Log, checkpoints: Checkpoints, course: Course, disk: WatchedDisk):
        super().__init__(log, checkpoints, after=0, show=lambda effects: None)
        self.waits_ns: list[int] = []
        self._course = course
        self._disk = disk

    def accept(self, effects: pa.RecordBatch) -> None:
        self._course.end("decided")
        super().accept(effects)
        self._course.end("decision in the log")

    def checkpoint(self, engine: Engine) -> None:
        super().checkpoint(engine)
        self._course.end("state kept")
        self.waits_ns.append(self._disk.waited_ns[0])


def carried(place: Path, speed: str, ticks: int) -> tuple[Course, Timed, float]:
    """Carry so many frames at a multiple of the market's speed; return the seconds as well."""
    engine, course, disk = Engine.initial(Parameters()), Course(), WatchedDisk()
    with (
        exchange("--seed", "1", "--speed", speed) as url,
        Log.open(place / "log", storage=disk) as log,
        ThreadPoolExecutor(1) as beside,
    ):
        log.append([SessionStarted(received_ns=clock.now_ns(), session=1, detail="{}")])
        checkpoints = Checkpoints(place / "checkpoints", storage=disk, in_background=beside.submit)
        checkpoints.keep_whole(engine, offset=0, chain=log.chain)
        keep = Timed(log, checkpoints, course, disk)
        engine.advance(log.append([]).batch())  # compiles
        with Feed(url, ["BTC-AUD"]) as feed:
            started_s = clock.monotonic_s()

            def source() -> Iterator[pa.RecordBatch]:
                seen = 0
                while seen < ticks:
                    records = feed.take(1.0)
                    if not records:
                        continue
                    disk.waited_ns[0] = 0
                    course.begin([record.received_ns for record in records])
                    seen += len(records)
                    commit = log.append(records)
                    course.end("in the log")
                    batch = commit.batch()
                    course.end("as rows")
                    yield batch

            run(engine, source(), keep)
            seconds = clock.monotonic_s() - started_s
        checkpoints.close()
    return course, keep, seconds


def test_frame_to_durable_decision(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Print when each stage is over, and what it took of the time and of the processor."""
    course, keep, seconds = carried(tmp_path, str(SPEED), TICKS)

    with capsys.disabled():
        print(f"\n{TICKS / seconds:,.0f} frames/s over loopback, {len(keep.waits_ns):,} batches")
        print(
            "milliseconds             since received           the stage    of that the processor"
        )
        print("                        p10    p50    p99      p50    p99      p50")
        for stage in STAGES:
            since = _quantiles(course.since_ns[stage], 0.1, 0.5, 0.99)
            share = _quantiles(course.share_ns[stage], 0.5, 0.99)
            cpu = _quantiles(course.cpu_ns[stage], 0.5)
            print(f"  {stage:20}", *(f"{each:6.2f}" for each in since), " ", end="")
            print(*(f"{each:6.2f}" for each in (*share, *cpu)))
        p50, p99 = _quantiles(keep.waits_ns, 0.5, 0.99)
        print(f"  of a batch waiting for the disk: p50 {p50:.2f}, p99 {p99:.2f}")
    assert all(len(values) >= TICKS for values in course.since_ns.values())


def test_the_highest_rate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Print how many frames a second go all the way while the exchange sends what is read."""
    course, keep, seconds = carried(tmp_path, "max", MANY_TICKS)

    frames = len(course.since_ns["state kept"])
    with capsys.disabled():
        print(
            f"\n{frames / seconds:,.0f} frames/s at most, {len(keep.waits_ns):,} batches;", end=""
        )
        print(" the processor, us a frame:")
        for stage in STAGES[1:]:
            print(f"  {stage:20} {sum(course.cpu_ns[stage]) / frames / 1e3:6.1f}")
    assert frames >= MANY_TICKS


def _quantiles(values_ns: list[int], *shares: float) -> list[float]:
    """Return quantiles in milliseconds, behind the first third: there, caches are cold."""
    steady = values_ns[len(values_ns) // 3 :]
    return [float(each) for each in np.quantile(steady, shares) / 1e6]
