"""What reading a log costs: sealed and verified, opened with a full segment, checked whole."""

import gc
import random
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import pyarrow as pa
import pytest

from eventlog.integrity import check
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.schema import encode
from tests.benchmarks.disks import FastDisk
from tests.benchmarks.quotes import walked
from tests.support.strategies import quote

RECORDS = 1_000_000
ROWS = 1000


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A log of quotes, all sealed; one thread reads it."""
    directory = tmp_path_factory.mktemp("scan") / "log"
    threads = pa.cpu_count()
    pa.set_cpu_count(1)
    rng = random.Random(5)
    raw_bytes = 0
    with Log.open(directory, storage=FastDisk()) as log:
        for _ in range(RECORDS // ROWS):
            records = [walked(rng, log.end + row) for row in range(ROWS)]
            raw_bytes += log.append(records).batch().nbytes
        log._roll(0)
        start = perf_counter()
        entries = log.seal()
        seconds = perf_counter() - start
    size_bytes = sum(entry.size_bytes for entry in entries)
    print(
        f"\nsealed {RECORDS:,} quotes at {RECORDS / seconds:,.0f} a second: "
        f"{size_bytes / RECORDS:.1f} bytes each, {raw_bytes / size_bytes:.1f} times smaller"
    )
    yield directory
    pa.set_cpu_count(threads)


@pytest.mark.parametrize(
    "columns", [None, ("offset", "kind", "received_ns", "bid", "ask", "last")], ids=["all", "six"]
)
def test_scan_of_sealed_records(sealed: Path, columns: tuple[str, ...] | None) -> None:
    """Digest, page checksums and decoding, on one core."""
    reader = Reader.open(sealed)
    start = perf_counter()

    rows = sum(batch.num_rows for batch in reader.read(columns=columns))

    seconds = perf_counter() - start
    print(f"\nscan of {columns or 'all columns'}: {rows / seconds:,.0f} records/s, verified")
    assert rows == RECORDS


def test_check_of_sealed_records(sealed: Path) -> None:
    """Every byte, every row."""
    start = perf_counter()

    findings = check(sealed)

    print(f"\ncheck: {RECORDS / (perf_counter() - start):,.0f} records/s")
    assert findings == []


@pytest.mark.parametrize("rows", [1, 1000])
def test_opening_a_full_segment(tmp_path: Path, rows: int) -> None:
    """Every frame of the open segment is read, checked and chained."""
    batch = encode([quote(number) for number in range(rows)], first_offset=0)
    with Log.open(tmp_path / "log", storage=FastDisk()) as log:
        while log._last.takes(1 << 16):
            log.append_batch(batch)
        frames, end = len(log._last._ends), log.end
    gc.collect()
    start = perf_counter()

    with Log.open(tmp_path / "log") as log:
        seconds = perf_counter() - start
        assert log.end == end

    print(f"\nopened {frames:,} frames with {end:,} records in {seconds:.3f} s")
