"""What does not grow with a log: the cost of an append, and the memory that a scan takes. And what
does, but may: the manifest.

And how small recorded markets become. The recordings stand beside the repository, where there are
any.
"""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from eventlog import manifest
from eventlog.log import Log
from eventlog.manifest import Manifest, Sealed
from eventlog.schema import encode
from eventlog.storage import DISK
from feeds.files.layout import Layout
from feeds.files.recordings import is_recording, readings
from tests.benchmarks.disks import FastDisk
from tests.benchmarks.turns import in_turns
from tests.support.strategies import quote

ROWS = 1_000
LENGTHS = {"ten thousand": 10_000, "ten million": 10_000_000}
ROUNDS = 1_500
RECORDINGS = Path(__file__).parents[3] / "shared" / "recordings"
SCAN = """
import sys
from pathlib import Path
from eventlog.reader import Reader

def peak_kib():
    # Not what getrusage says: that begins with the parent's.
    (line,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM:")]
    return int(line.split()[1])

reader = Reader.open(Path(sys.argv[1]))
opened = peak_kib()
rows = sum(batch.num_rows for batch in reader.read())
print(rows, opened, peak_kib())
"""


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A short log and a long one, each with what was closed sealed."""
    made = {}
    batch = encode([quote(number) for number in range(ROWS)], first_offset=0)
    for name, records in LENGTHS.items():
        made[name] = tmp_path_factory.mktemp("length") / "log"
        with Log.open(made[name], storage=FastDisk()) as log:
            while log.end < records:
                log.append_batch(batch)
                log.seal()
    return made


def test_an_append_costs_the_same_in_a_long_log(places: dict[str, Path]) -> None:
    """In turns, a record a commit, durable."""
    record = [quote(1)]
    logs = {name: Log.open(path) for name, path in places.items()}
    try:
        spent = in_turns(
            {name: lambda log=log: log.append(record) for name, log in logs.items()},  # type: ignore[misc]
            ROUNDS,
        )
    finally:
        for log in logs.values():
            log.close()
    for name, nanoseconds in spent.items():
        ordered = sorted(nanoseconds)
        p10, p50 = ordered[ROUNDS // 10] / 1e3, ordered[ROUNDS // 2] / 1e3
        print(f"\nappend behind {name} records: p10 {p10:.0f} us, p50 {p50:.0f} us")


@pytest.mark.parametrize("segments", [10, 1_000, 10_000])
def test_a_seal_in_a_log_of_many_segments(segments: int, tmp_path: Path) -> None:
    """The manifest is written whole at each seal, and read whole when a log is opened."""
    noise, kept = random.Random(1), Manifest.empty(bytes(16))
    while len(kept.sealed) < segments:
        kept = kept.with_sealed(one_more(kept, noise))
    entry = one_more(kept, noise)
    spent = in_turns(
        {
            "written": lambda: manifest.write(DISK, tmp_path, kept.with_sealed(entry)),
            "read": lambda: (tmp_path / manifest.NAME).exists() and manifest.read(DISK, tmp_path),
        },
        15,
    )
    size_bytes = (tmp_path / manifest.NAME).stat().st_size
    written, read = (sorted(spent[name])[7] / 1e6 for name in ("written", "read"))
    print(
        f"\na manifest of {segments:,} sealed segments: {size_bytes:,} bytes,"
        f" durably written in {written:.1f} ms, read in {read:.1f} ms"
    )


def one_more(kept: Manifest, noise: random.Random) -> Sealed:
    """Return a segment that follows those of a manifest."""
    digests = noise.randbytes(32), kept.chain, noise.randbytes(32)
    return Sealed(kept.end, kept.end + 100_000, 6_000_000, *digests)


@pytest.mark.parametrize("name", LENGTHS)
def test_memory_of_a_scan(places: dict[str, Path], name: str) -> None:
    """The peak of a process that reads all columns of all records."""
    command = [sys.executable, "-c", SCAN, str(places[name])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    rows, opened, peak = map(int, done.stdout.split())
    print(f"\n{rows:,} records: {opened >> 10} MiB once opened, {peak >> 10} MiB at most")


@pytest.mark.parametrize("market", ["BTC-USDT", "ETH-USDT"])
def test_size_of_a_recorded_market(market: str, tmp_path: Path) -> None:
    """Sealed, beside the same records as Arrow in memory, and as the frames that were received."""
    word = market.replace("-", "").lower()
    found = [path for path in RECORDINGS.glob(f"*{word}*") if is_recording(path)]
    if not found:
        pytest.skip(f"no recordings in {RECORDINGS}")
    arrow_bytes = held_bytes = 0
    with Log.open(tmp_path / "log", storage=FastDisk()) as log:
        for batch, *_ in readings(found[0], market, Layout()):
            log.append_batch(batch)
            arrow_bytes += batch.nbytes
            held = [
                name for name in batch.schema.names if batch.column(name).null_count < len(batch)
            ]
            held_bytes += batch.select(held).nbytes
        log._roll(0)
        entries = log.seal()
    size_bytes = sum(entry.size_bytes for entry in entries)
    print(
        f"\n{market}: {log.end:,} records in {size_bytes:,} bytes, {size_bytes / log.end:.1f} each;"
        f" {arrow_bytes / size_bytes:.1f} times smaller than Arrow with all columns,"
        f" {held_bytes / size_bytes:.1f} times than with those that hold anything"
    )
