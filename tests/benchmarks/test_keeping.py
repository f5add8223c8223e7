"""What keeping the engine's state costs the stream: a change after every chunk, a whole one rarely.

With the parameters of a new journal, whose state is as large as it gets but for the book.
"""

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter_ns

import pytest

from engine import checkpoint
from engine.checkpoint import Checkpoints, InBackground
from engine.engine import Engine
from engine.parameters import Parameters
from eventlog.schema import encode
from tests.benchmarks.quotes import walked

CHUNKS = 600
RECORDS = 3
"""Records between two states, as a live stream brings them: a tick or two, a decision each."""


@pytest.fixture(scope="module")
def engine() -> Engine:
    """An engine that has seen enough for all its memory to be filled."""
    engine, draws = Engine.initial(Parameters()), random.Random(3)
    for start in range(0, 20 * 1024, 1024):
        ticks = [walked(draws, start + row) for row in range(1024)]
        engine.advance(encode(ticks, first_offset=start))
    return engine


@pytest.mark.parametrize(
    "beside", [None, ThreadPoolExecutor(1).submit], ids=["waiting for it", "beside"]
)
def test_keeping_a_state(
    engine: Engine, beside: InBackground | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long the stream stands still, for a change and for a whole state."""
    monkeypatch.setattr(checkpoint, "SNAPSHOT_RECORDS_MAX", 50 * RECORDS)
    checkpoints, draws = Checkpoints(tmp_path, in_background=beside), random.Random(4)
    start, offset = engine.position + 1, 0
    checkpoints.keep_whole(engine, offset=0, chain=bytes(32))
    spent: dict[str, list[int]] = {"a change": [], "a whole state": []}
    for number in range(start, start + CHUNKS):
        engine.advance(encode([walked(draws, number)], first_offset=number))
        offset += RECORDS
        before = len(checkpoints.offsets()), checkpoints._preparing
        began = perf_counter_ns()
        checkpoints.keep(engine, offset=offset, chain=bytes(32))
        took = perf_counter_ns() - began
        whole = before != (len(checkpoints.offsets()), checkpoints._preparing)
        spent["a whole state" if whole else "a change"].append(took)
    checkpoints.close()
    for what, nanoseconds in spent.items():
        ordered = sorted(nanoseconds)
        p50, p99 = (ordered[len(ordered) * part // 100] / 1e6 for part in (50, 99))
        print(f"\n{what}, {len(ordered)} times: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
