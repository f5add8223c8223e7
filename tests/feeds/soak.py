"""The soak: one `trader live` over the real websocket path for a long time, with faults.

    uv run python -m tests.feeds.soak --minutes 60

The stand-in exchange sends as fast as it is read, or at ``--speed``; the session is the real
process, its figures are the health samples that it records, and its memory and open files are what
the system says of it. A line a portion, then what changed between the first and the last.
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

from cli.journal import records
from eventlog.reader import Reader
from eventlog.records import Health
from feeds.clock import monotonic_s, sleep_s
from fixtures.record import exchange, trader
from tests.feeds.campaign import durable_records

MARKET = "BTC-AUD"
FAULTS = ("close=40000", "cut=90000", "garbage=2000", "bad-checksum=5000", "duplicate=5000")
PORTIONS = 12
BEGUN_RECORDS = 1_000


@dataclass(frozen=True, slots=True)
class Look:
    """The process at a moment, seconds since the first look."""

    at_s: float
    memory_mib: float
    files: int


def watch(child: "subprocess.Popen[bytes]", seconds: float, every_s: float = 5.0) -> list[Look]:
    """Look at a process every some seconds; the list is empty where the system does not say."""
    looks: list[Look] = []
    began_s = monotonic_s()
    while (at_s := monotonic_s() - began_s) < seconds and child.poll() is None:
        of_process = Path(f"/proc/{child.pid}")
        memory = int((of_process / "statm").read_text().split()[1]) * 4096 / 2**20
        looks.append(Look(at_s, memory, len(list((of_process / "fd").iterdir()))))
        sleep_s(every_s)
    return looks


def slope(looks: Sequence[Look]) -> tuple[float, float]:
    """Return MiB an hour behind the first third, which is warm-up, and the standard error."""
    steady = [look for look in looks if look.at_s > looks[-1].at_s / 3]
    x = np.array([look.at_s / 3600 for look in steady])
    y = np.array([look.memory_mib for look in steady])
    (rise, level), covariance = np.polyfit(x, y, 1, cov="unscaled")
    residual = y - (rise * x + level)
    return float(rise), float(np.sqrt(covariance[0, 0] * residual.var(ddof=2)))


def report(looks: Sequence[Look], samples: Sequence[dict[str, float]]) -> None:
    """Print what was seen, portion by portion, and the difference."""
    portions = [
        portion for portion in np.array_split(np.array(looks, object), PORTIONS) if len(portion)
    ]
    print("portion  memory MiB  open files")
    for number, portion in enumerate(portions):
        memory = np.median([look.memory_mib for look in portion])
        files = max(look.files for look in portion)
        print(f"{number + 1:7}  {memory:10.1f}  {files:10}")
    rise, error = slope(looks)
    print(f"memory behind the warm-up: {rise:+.1f} ± {error:.1f} MiB an hour")
    timed = [each for each in samples if "latency_p50_ms" in each]
    for name, some in (
        ("first", timed[1 : len(timed) // 4 + 2]),
        ("last", timed[-len(timed) // 4 :]),
    ):
        p50 = np.median([each["latency_p50_ms"] for each in some]) if some else float("nan")
        p99 = np.median([each["latency_p99_ms"] for each in some]) if some else float("nan")
        print(f"received to kept, {name} quarter: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    if samples:
        last = samples[-1]
        counted = ("frames", "reconnects", "gaps", "backfilled", "repeated", "undecodable")
        print(", ".join(f"{name} {last[name]:,}" for name in counted))


def main() -> int:
    """Run for as long as the arguments say."""
    parser = argparse.ArgumentParser(description="The soak.")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--speed", default="max", help="market time per time, or max")
    arguments = parser.parse_args()
    words = [word for fault in FAULTS for word in ("--fault", fault)]
    seconds = arguments.minutes * 60
    with (
        tempfile.TemporaryDirectory() as home,
        exchange("--seed", "1", "--speed", arguments.speed, *words) as url,
        subprocess.Popen(
            trader("live", "--url", url, "--home", home, "--for", f"{seconds:.0f}s", "--json"),
            stdout=subprocess.PIPE,
        ) as child,
    ):
        # Loading and compiling is no part of it.
        while child.poll() is None and durable_records(Path(home) / MARKET) < BEGUN_RECORDS:
            sleep_s(0.5)
        looks = watch(child, seconds + 600)
        out, _ = child.communicate()
        summary = json.loads(out.splitlines()[-1])
        log = Reader.open(Path(home) / MARKET / "log")
        samples = [
            json.loads(each.detail)
            for _, each in records(log, 0, log.end)
            if isinstance(each, Health)
        ]
    print(f"{summary['ticks']:,} ticks, {summary['ticks'] / seconds:,.0f} a second")
    report(looks, samples)
    return child.returncode


if __name__ == "__main__":
    sys.exit(main())
