"""The soak: one `trader live` over the real websocket path for a long time, with faults.

    uv run --group test python -m tests.feeds.soak --frames 10000000
    uv run --group test python -m tests.feeds.soak --minutes 60

The stand-in exchange sends as fast as it is read, or at ``--speed``; the session is the real
process, its figures are the health samples that it records, and its memory and open files are what
the system says of it. A line a portion, then what changed between the first and the last; at the
end every byte of the journal is verified.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eventlog.reader import Reader
from eventlog.records import Health
from feeds.clock import monotonic_s, sleep_s
from fixtures.record import exchange, trader
from journal.reading.scan import records
from tests.support.sessions import durable_records

MARKET = "BTC-AUD"
FAULTS = (
    *("close=40000", "drop=60000", "cut=90000", "stall=300000", "maintenance=200000"),
    *("garbage=2000", "bad-checksum=5000", "duplicate=5000", "reorder=7000", "lose=9000"),
    *("forget=150000", "stale=2", "rest-429=6", "rest-500=5", "rest-cut=6", "away=50"),
)
PORTIONS = 12
BEGUN_RECORDS = 1_000
LOOK_S = 10.0


@dataclass(frozen=True, slots=True)
class Look:
    """The process at a moment, seconds since the first look, and how many records were durable."""

    at_s: float
    memory_mib: float
    files: int
    records: int


def watch(child: "subprocess.Popen[bytes]", place: Path) -> list[Look]:
    """Look at a process now and then until it ends."""
    looks: list[Look] = []
    began_s, of_process = monotonic_s(), Path(f"/proc/{child.pid}")
    while child.poll() is None:
        try:
            memory = int((of_process / "statm").read_text().split()[1]) * 4096 / 2**20
            files = len(list((of_process / "fd").iterdir()))
        except OSError:
            break  # it has just ended
        if not memory:
            break  # it is about to: what it had is given back
        looks.append(Look(monotonic_s() - began_s, memory, files, durable_records(place)))
        sleep_s(LOOK_S)
    return looks


def slope(looks: Sequence[Look]) -> tuple[float, float]:
    """Return MiB an hour behind the first third, which is warm-up, and the standard error.

    Neighbouring looks resemble each other, so the error is that of the means of `PORTIONS` parts.
    """
    steady = [look for look in looks if look.at_s > looks[-1].at_s / 3]
    parts = [part for part in np.array_split(np.array(steady, object), PORTIONS) if len(part)]
    x = np.array([np.mean([look.at_s for look in part]) / 3600 for part in parts])
    y = np.array([np.mean([look.memory_mib for look in part]) for part in parts])
    (rise, level), covariance = np.polyfit(x, y, 1, cov="unscaled")
    residual = y - (rise * x + level)
    return float(rise), float(np.sqrt(covariance[0, 0] * residual.var(ddof=2)))


def report(looks: Sequence[Look], samples: Sequence[dict[str, float]]) -> None:
    """Print what was seen, portion by portion, and the difference."""
    print("portion  minute  memory MiB  open files  records a second")
    portions = [
        portion for portion in np.array_split(np.array(looks, object), PORTIONS) if len(portion)
    ]
    before = looks[0]
    for number, portion in enumerate(portions):
        last = portion[-1]
        memory = np.median([look.memory_mib for look in portion])
        files = [look.files for look in portion]
        rate = (last.records - before.records) / max(1e-9, last.at_s - before.at_s)
        before = last
        span = f"{min(files)} to {max(files)}"
        print(f"{number + 1:7}  {last.at_s / 60:6.1f}  {memory:10.1f}  {span:>10}  {rate:16,.0f}")
    rise, error = slope(looks)
    print(f"memory behind the warm-up: {rise:+.2f} ± {error:.2f} MiB an hour")
    timed = [each for each in samples if "latency_p50_ms" in each]
    quarter = max(1, len(timed) // 4)
    for name, some in (("first", timed[1 : 1 + quarter]), ("last", timed[-quarter:])):
        p50 = np.median([each["latency_p50_ms"] for each in some]) if some else float("nan")
        p99 = np.median([each["latency_p99_ms"] for each in some]) if some else float("nan")
        print(f"received to kept, {name} quarter: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    if samples:
        last = samples[-1]
        counted = ("frames", "reconnects", "gaps", "backfilled", "repeated", "undecodable")
        print(", ".join(f"{name} {last[name]:,}" for name in counted))


def main() -> int:
    """Run for as many frames, or as long, as the arguments say; whichever is reached first."""
    parser = argparse.ArgumentParser(description="The soak.")
    parser.add_argument("--frames", type=int, default=10_000_000)
    parser.add_argument("--minutes", type=float, default=24 * 60.0)
    parser.add_argument("--speed", default="max", help="market time per time, or max")
    arguments = parser.parse_args()
    words = [word for fault in FAULTS for word in ("--fault", fault)]
    ends = ("--max-ticks", str(arguments.frames), "--for", f"{arguments.minutes:.2f}m")
    with (
        tempfile.TemporaryDirectory() as home,
        exchange("--seed", "1", "--speed", arguments.speed, *words) as url,
        subprocess.Popen(
            trader("live", "--url", url, "--home", home, *ends, "--json"),
            stdout=subprocess.PIPE,
        ) as child,
    ):
        place = Path(home) / MARKET
        # Loading and compiling is no part of it.
        while child.poll() is None and durable_records(place) < BEGUN_RECORDS:
            sleep_s(0.5)
        began_s = monotonic_s()
        looks = watch(child, place)
        seconds = monotonic_s() - began_s
        out, _ = child.communicate()
        if child.returncode:
            return child.returncode
        ticks = json.loads(out.splitlines()[-1])["ticks"]
        log = Reader.open(place / "log")
        kept = records(log, 0, log.end, kinds=("health",))
        samples = [json.loads(each.detail) for _, each in kept if isinstance(each, Health)]
        print(f"{ticks:,} ticks in {seconds / 60:.1f} minutes, {ticks / seconds:,.0f} a second")
        report(looks, samples)
        return subprocess.run(trader("verify", "--home", home), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
