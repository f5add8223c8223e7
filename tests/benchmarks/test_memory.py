"""The engine's memory over many ticks: it must not grow.

    uv run --group test pytest -s tests/benchmarks/test_memory.py

A made-up market of ten million ticks through the engine, a million a line.
"""

import numpy as np
import pytest

from engine.engine import initial_state
from engine.executor.golden import probe_rows
from engine.executor.selection import executor_of
from engine.market import Column
from engine.parameters import Parameters
from engine.settings import settings_of
from engine.step import CHUNK_TICKS
from journal.live.health import resident_bytes

TICKS = 10_000_000
LINE = 1_000_000
_PERIOD_NS = 50_000_000


@pytest.mark.skipif(resident_bytes() is None, reason="the system does not say")
def test_ten_million_ticks(capsys: pytest.CaptureFixture[str]) -> None:
    """Print the resident memory behind each million, and its slope behind the first two."""
    parameters = Parameters()
    step = executor_of(parameters.shape)
    variables = step.hold(initial_state(parameters), settings_of(parameters))
    rows = probe_rows(CHUNK_TICKS)
    seen: list[tuple[int, float]] = []

    for done in range(0, TICKS, CHUNK_TICKS):
        later = rows.copy()
        later[:, Column.OFFSET] += done
        later[:, Column.TIME_NS] += done * _PERIOD_NS
        later[:, Column.BREAK] = 0
        outcome = step.run(variables, later)
        if done // LINE != (done + CHUNK_TICKS) // LINE:
            seen.append((done + CHUNK_TICKS, (resident_bytes() or 0) / 2**20))
            with capsys.disabled():
                print(f"\n{seen[-1][0]:>12,} ticks  {seen[-1][1]:8.1f} MiB", end="")
    assert np.isfinite(outcome.measures).all()
    ticks, mib = np.array(seen[2:]).T
    with capsys.disabled():
        print(f"\nslope {np.polyfit(ticks / LINE, mib, 1)[0]:+.2f} MiB a million ticks")
