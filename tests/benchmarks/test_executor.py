"""The step as machine code alone beside TensorFlow: a start, its memory, a tick.

    uv run --group test pytest -s tests/benchmarks/test_executor.py

A start is `trader live --simulated --max-ticks 20`, from shell to shell: with the step's artefact
there, run by TensorFlow from what that has kept, and compiled anew. TRADER_BENCH_WHEEL names a
``trader`` that was installed from the wheel; it is started with an empty cache.
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from engine.executor.executor import Executor
from engine.executor.golden import probe_rows
from engine.executor.selection import executor_of
from engine.executor.tensorflow import CompiledStep
from engine.parameters import Parameters
from engine.settings import settings_of
from engine.step import CHUNK_TICKS, initial_state
from feeds import clock

ROUNDS = int(os.environ.get("TRADER_BENCH_ROUNDS", "3"))
TICKS = 300
LOOK_S = 0.02
"""How often a session's memory is looked at; its end is noticed as much later."""

APART_S = (0.0, 0.008, 0.02)


def started(trader: str, path: Path, cache: Path, executor: str) -> str:
    """Return seconds, resident memory at most, and the executor of a short session."""
    words = ["live", "--simulated", "--max-ticks", "20", "--json", "--home", str(path)]
    before_s = clock.monotonic_s()
    most_kib, said = 0, path.with_suffix(".json")
    with (
        said.open("w") as out,
        subprocess.Popen(
            [trader, *words, *(("--executor", executor) if executor else ())],
            stdout=out,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "XDG_CACHE_HOME": str(cache), "TF_XLA_FLAGS": ""},
        ) as child,
    ):
        while child.poll() is None:
            most_kib = max(most_kib, resident_kib(child.pid))
            time.sleep(LOOK_S)
    seconds = clock.monotonic_s() - before_s
    ran = json.loads(said.read_text().splitlines()[-1])["executor"]
    return f"{seconds:6.2f} s {most_kib / 1024:7.0f} MiB  {ran}"


def resident_kib(process: int) -> int:
    """Return the most memory that a process has had since its program began; 0 once it has ended.

    What the system tells of a child that has ended includes what its parent had when it forked.
    """
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    return int(found[1]) if found else 0


def test_a_start(tmp_path: Path) -> None:
    """Prints each start, in turns."""
    trader = str(Path(sys.executable).with_name("trader"))
    kept = tmp_path / "kept"
    print()
    for turn in range(ROUNDS):
        anew = started(trader, tmp_path / f"anew-{turn}", tmp_path / f"cache-{turn}", "auto")
        print(f"compiled anew      {anew}")
        for executor in ("auto", "tensorflow") if turn else ("auto", "auto", "tensorflow"):
            home = tmp_path / f"{executor}-{turn}-{time.monotonic_ns()}"
            print(f"kept, {executor:12} {started(trader, home, kept, executor)}")
        if wheel := os.environ.get("TRADER_BENCH_WHEEL"):
            cache = tmp_path / f"wheel-cache-{turn}"
            print(f"from the wheel     {started(wheel, tmp_path / f'wheel-{turn}', cache, '')}")


def test_a_tick() -> None:
    """Prints milliseconds of a call for one tick, in turns, and microseconds a tick of many."""
    parameters = Parameters()
    rows = probe_rows(CHUNK_TICKS)
    executors: tuple[Executor, ...] = (
        executor_of(parameters.shape),
        CompiledStep(parameters.shape),
    )
    held = [each.hold(initial_state(parameters), settings_of(parameters)) for each in executors]
    for each, state in zip(executors, held, strict=True):
        each.run(state, rows)
    print()
    for apart_s in APART_S:
        taken: list[list[float]] = [[], []]
        for _ in range(TICKS):
            for each, state, found in zip(executors, held, taken, strict=True):
                time.sleep(apart_s)
                before_s = clock.monotonic_s()
                each.run(state, rows[:1])
                found.append(clock.monotonic_s() - before_s)
        for each, found in zip(executors, taken, strict=True):
            middle, tail = np.percentile(found, [50, 99]) * 1e3
            print(f"{each.name:10} {apart_s * 1e3:3.0f} ms apart: {middle:.3f}, p99 {tail:.3f} ms")
    for _ in range(ROUNDS):
        for each, state in zip(executors, held, strict=True):
            before_s = clock.monotonic_s()
            each.run(state, rows)
            taken_us = (clock.monotonic_s() - before_s) / CHUNK_TICKS * 1e6
            print(f"{each.name:10} a chunk of {CHUNK_TICKS:,}: {taken_us:.1f} us a tick")
