"""From frame received to decision made, and to everything durable: a session over loopback.

    uv run --group test pytest -s tests/benchmarks/test_latency.py

Sessions are those of `trader live`, with the stand-in exchange in a process of its own. Three ways
take turns in one run: as it is; *three waits*, where effects are made durable and the state is kept
after every batch, and the decision counts only then; and as it is with TensorFlow running the step.
Whenever a session has nothing to do it
also makes a bare durable write of as many bytes as the newest tick's frame into a file that was
written before, on the same disk: nobody who records before deciding can be faster than that.
"""

import gc
import os
import resource
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from time import perf_counter_ns, process_time, thread_time_ns
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from engine import engine as engines
from engine.executor import tensorflow
from engine.executor.selection import executor_of
from engine.parameters import Parameters
from eventlog.log import Log
from eventlog.storage import DISK
from feeds import clock
from feeds.btcmarkets.connection import Feed
from fixtures.record import exchange
from journal.asked.settings import settings
from journal.layout import JournalPath
from journal.live.latency import STAGES
from journal.live.session import TAKE_S, Session
from journal.recorder import Recorder

TURNS = int(os.environ.get("TRADER_BENCH_ROUNDS", "3"))
TICKS = 1_000
"""In each turn of each way; of these the first fifth is not counted."""

MANY_TICKS = 60_000
SPEED = 5.6
"""The calm market sends about 21 frames in a market second."""

BARE_BYTES = 32 << 20


class Bare:
    """Durable writes and nothing else, each with the number of bytes that is asked for."""

    def __init__(self, path: Path) -> None:
        file = DISK.create(path)
        for position in range(0, BARE_BYTES, 1 << 16):
            file.pwrite(bytes(1 << 16), position)
        file.fsync()
        file.close()
        self._file, self._position = DISK.open_synced(path), 0
        self.took_ns: list[int] = []

    def write(self, size_bytes: int) -> None:
        """Write and sync."""
        data = bytes([1]) * size_bytes
        began_ns = perf_counter_ns()
        self._file.pwrite(data, self._position)
        self.took_ns.append(perf_counter_ns() - began_ns)
        self._position = (self._position + size_bytes) % (BARE_BYTES - (1 << 20)) & -64


class Turned:
    """A feed; before a session waits for it with nothing to do, a bare write is made."""

    def __init__(self, feed: Feed, bare: Bare) -> None:
        self._feed, self._bare = feed, bare
        self.frame_bytes: int | None = None

    def take(self, timeout_s: float, market: str | None = None) -> Any:
        if timeout_s == TAKE_S and self.frame_bytes is not None:
            self._bare.write(self.frame_bytes)
            self.frame_bytes = None
        return self._feed.take(timeout_s, market)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._feed, name)


class Watched(Session):
    """A session that remembers when each batch reached which stage, and the processor's part."""

    def __init__(self, *given: Any, turned: Turned, **named: Any) -> None:
        super().__init__(*given, **named)
        self.turned = turned
        self.took_ms: dict[str, list[float]] = {stage: [] for stage in STAGES}
        self.began_s = self.ended_s = self.cpu_s = 0.0

    def _reached(self, stage: str, received_ns: int) -> None:
        self.took_ms[stage].append((clock.now_ns() - received_ns) / 1e6)
        if stage == "recorded":
            segment = self.log._last
            self.turned.frame_bytes = segment.position - segment._before[1]

    def _record(self, max_ticks: int | None) -> Iterator[Any]:
        self.began_s, cpu_ns = clock.monotonic_s(), thread_time_ns()
        yield from super()._record(max_ticks)
        self.ended_s, self.cpu_s = clock.monotonic_s(), (thread_time_ns() - cpu_ns) / 1e9


class Traced(Watched):
    """One whose step TensorFlow runs."""


class Waiting(Watched):
    """One that makes all that follows from a batch durable before it counts as decided."""

    def _look_for_first_price(self, batch: pa.RecordBatch) -> None:
        super()._look_for_first_price(batch)  # called once a batch, after its decisions
        self._keep()
        self.took_ms["decided"][-1] = self.took_ms["latency"][-1]


def lived(kind: type[Watched], place: JournalPath, url: str, bare: Bare, ticks: int) -> Watched:
    """Let a session of a new journal take so many ticks."""
    feed = Feed(url, ["BTC-AUD"])
    turned = Turned(feed, bare)
    session = kind(
        place, None, turned, market="BTC-AUD", url=url, settings=settings(place.home, []),
        turn=nullcontext(), turned=turned,
    )  # fmt: skip
    session.resume()  # as in `trader live`, before anything is received
    gc.collect()
    gc.freeze()
    with feed, Log.open(place.log) as log:
        session.found(log)
        session.run(max_ticks=ticks)
    return session


def test_frame_to_decision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Print when a tick is recorded, decided on, and durable with all that follows from it."""
    ours = executor_of(Parameters().shape)
    ways: dict[str, type[Watched]] = {
        f"{ours.name}, one wait": Watched,
        f"{ours.name}, three waits": Waiting,
        "tensorflow, one wait": Traced,
    }
    traced = tensorflow.CompiledStep(Parameters().shape)
    bare = Bare(tmp_path / "bare")
    took = {way: {stage: list[float]() for stage in STAGES} for way in ways}
    frames, seconds = 0, 0.0
    with exchange("--seed", "1", "--speed", str(SPEED)) as url:
        for turn in range(TURNS):
            for way, kind in ways.items():
                step = traced if kind is Traced else ours
                monkeypatch.setattr(engines, "executor_of", lambda _, step=step: step)
                place = JournalPath(tmp_path / f"{way} {turn}", "BTC-AUD")
                session = lived(kind, place, url, bare, TICKS)
                frames, seconds = frames + TICKS, seconds + session.ended_s - session.began_s
                for stage in STAGES:
                    batches = session.took_ms[stage]
                    took[way][stage] += batches[len(batches) // 5 :]

    write_ms = _quantiles([each / 1e6 for each in bare.took_ns])
    print(f"\n{frames / seconds:,.0f} frames/s over loopback; milliseconds p10, p50, p99")
    print(f"  {'a bare durable write':38}" + "".join(f"{each:8.2f}" for each in write_ms))
    for way, stages in took.items():
        for stage, name in zip(STAGES, ("recorded", "decided", "all durable"), strict=True):
            values = _quantiles(stages[stage])
            ratios = ", ".join(f"{values[at] / write_ms[at]:.1f}" for at in (1, 2))
            print(
                f"  {way + ': ' + name:38}"
                + "".join(f"{each:8.2f}" for each in values)
                + f"   {ratios} bare writes"
            )
    assert all(len(stage) > 0 for way in took.values() for stage in way.values())


def test_the_highest_rate(tmp_path: Path) -> None:
    """Print how many frames a second go all the way while the exchange sends what is read."""
    bare = Bare(tmp_path / "bare")
    with exchange("--seed", "1", "--speed", "max") as url:
        ours_s, others_s = process_time(), _children_s()
        session = lived(Watched, JournalPath(tmp_path, "BTC-AUD"), url, bare, MANY_TICKS)
        ours_s = process_time() - ours_s
    others_s = _children_s() - others_s

    seconds = session.ended_s - session.began_s
    batches = len(session.took_ms["recorded"])
    ours_us, others_us, thread_us = (
        each / MANY_TICKS * 1e6 for each in (ours_s, others_s, session.cpu_s)
    )
    print(
        f"\n{MANY_TICKS / seconds:,.0f} frames/s held, {batches:,} batches; processor a frame, us:"
        f" the session's process {ours_us:.1f}, of which the session's thread {thread_us:.1f};"
        f" the stand-in exchange, its start included, {others_us:.1f}"
    )
    assert session.board.ticks >= MANY_TICKS
    assert isinstance(session._recorder, Recorder)


def _children_s() -> float:
    """Return the processor's time of child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _quantiles(values_ms: list[float]) -> list[float]:
    return [float(each) for each in np.quantile(values_ms, (0.1, 0.5, 0.99))]
