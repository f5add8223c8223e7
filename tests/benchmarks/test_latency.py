"""From frame received to decision made, both durable: the live path over a loopback socket.

uv run pytest tests/benchmarks/test_latency.py
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cli.keep import Keep
from engine.checkpoint import Checkpoints
from engine.engine import Engine
from engine.loop import run
from engine.parameters import Parameters
from eventlog.log import Log
from eventlog.records import SessionStarted
from feeds import clock
from feeds.btcmarkets.connection import Feed
from fixtures.record import exchange

TICKS = 3_000
SPEED = 4
"""The calm market sends about 30 frames in a market second."""


def test_frame_to_durable_decision(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Print p50 and p99 of received → log, → decision in the log, → state kept."""
    engine = Engine.genesis(Parameters())
    stages: dict[str, list[float]] = {"in the log": [], "decision in the log": [], "state kept": []}
    arrived_ns: list[int] = []

    def note(stage: str) -> None:
        now_ns = clock.now_ns()
        stages[stage] += [(now_ns - received_ns) / 1e6 for received_ns in arrived_ns]

    class Timed(Keep):
        """A keeper that looks at the clock behind every stage."""

        def accept(self, effects: pa.RecordBatch) -> None:
            super().accept(effects)
            note("decision in the log")

        def checkpoint(self, engine: Engine) -> None:
            super().checkpoint(engine)
            note("state kept")

    with (
        exchange("--seed", "1", "--speed", str(SPEED)) as url,
        Log.open(tmp_path / "log") as log,
        Feed(url, ["BTC-AUD"]) as feed,
    ):
        log.append([SessionStarted(received_ns=clock.now_ns(), session=1, detail="{}")])
        checkpoints = Checkpoints(tmp_path / "checkpoints")
        checkpoints.keep_whole(engine, offset=0, chain=log.chain)
        keep = Timed(log, checkpoints, after=0, show=lambda effects: None)
        engine.advance(log.append([]))  # compiles
        started_s = clock.monotonic_s()

        def source() -> Iterator[pa.RecordBatch]:
            seen = 0
            while seen < TICKS:
                records = feed.take(1.0)
                arrived_ns[:] = [record.received_ns for record in records]
                seen += len(records)
                batch = log.append(records).batch()
                note("in the log")
                yield batch

        run(engine, source(), keep)
        seconds = clock.monotonic_s() - started_s

    with capsys.disabled():
        print(f"\n{TICKS / seconds:,.0f} frames/s over loopback, milliseconds since received:")
        for stage, values in stages.items():
            # The first seconds hold what queued while the step was compiled.
            p50, p99 = np.quantile(values[TICKS // 3 :], [0.5, 0.99])
            print(f"  {stage:20} p50 {p50:6.2f}  p99 {p99:6.2f}")
    assert all(len(values) >= TICKS for values in stages.values())
