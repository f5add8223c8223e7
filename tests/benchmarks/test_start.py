"""How long a command takes that only looks, beside loading what it is built on."""

import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from feeds import clock
from tests.benchmarks.journals import invent

TICKS = int(os.environ.get("TRADER_BENCH_TICKS", "100000"))
ROUNDS = 11
BARE = (sys.executable, "-c", "import pyarrow, numpy, typer")
COMMANDS = (["--help"], ["status"], ["why"], ["log", "-o", "-5"], ["checkpoints"])


def test_a_command_that_only_looks(tmp_path: Path) -> None:
    """Prints seconds of wall time, in turns; TRADER_BENCH_HOME for a journal that is there."""
    home = Path(os.environ.get("TRADER_BENCH_HOME", tmp_path))
    if home == tmp_path:
        invent(home, TICKS)
    trader = str(Path(sys.executable).with_name("trader"))
    lines = [list(BARE)]
    lines += [
        [trader, *words, *(() if words == ["--help"] else ("--home", str(home)))]
        for words in COMMANDS
    ]
    taken: list[list[float]] = [[] for _ in lines]
    for _ in range(ROUNDS):
        for line, seconds in zip(lines, taken, strict=True):
            started_s = clock.monotonic_s()
            subprocess.run(line, stdout=subprocess.DEVNULL, check=True)
            seconds.append(clock.monotonic_s() - started_s)
    print()
    for line, seconds in zip(lines, taken, strict=True):
        words = "bare imports" if line == list(BARE) else "trader " + " ".join(line[1:2])
        ratio = median(mine / bare for mine, bare in zip(seconds, taken[0], strict=True))
        print(
            f"{words:18} least {min(seconds):.2f} s, p50 {median(seconds):.2f} s, ratio {ratio:.2f}"
        )
