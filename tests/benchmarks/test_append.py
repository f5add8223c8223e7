"""What a durable append costs, beside SQLite on the same disk, commit by commit in turn.

SQLite is set up to promise the same: ``journal_mode=WAL, synchronous=FULL``. It stores the columns
that a quote has; the log stores records of every kind. Turns are taken so that whatever else the
machine and the disk do at the moment is done to both, in an order that is drawn. Beside them is
what nobody can be below: the bare system call, one synchronous write of as many bytes into a file
that was written before; and what a mark would cost that is as durable as each commit, a second such
call. The log takes records as objects, or as rows; SQLite takes tuples of their values.
"""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlog.log import Log
from eventlog.schema import encode
from eventlog.storage import DISK
from eventlog.watermark import NAME as WATERMARK
from tests.benchmarks.turns import in_turns
from tests.support.strategies import quote

ROUNDS = {1: 3000, 8: 1500, 1000: 300}
COLUMNS = (
    "exchange_ns, received_ns, bid_e8, ask_e8, last_e8, bid_decimals, ask_decimals, last_decimals, "
    "snapshot_id"
)
INSERT = f"INSERT INTO quotes (kind, {COLUMNS}) VALUES ({', '.join('?' * 10)})"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    """An empty log, with its default segment."""
    with Log.open(tmp_path / "log") as log:
        yield log


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """An empty SQLite database with a table of quotes, as durable as the log."""
    connection = sqlite3.connect(tmp_path / "log.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"CREATE TABLE quotes (offset INTEGER PRIMARY KEY, kind, {COLUMNS})")
    yield connection
    connection.close()


class Bare:
    """The system call of a commit, and nothing else."""

    def __init__(self, directory: Path, frame_bytes: int, commits: int) -> None:
        directory.mkdir()
        for name, size in (("bare", frame_bytes * commits * 2), (WATERMARK, 4096)):
            file = DISK.create(directory / name)
            for position in range(0, size, 4096):
                file.pwrite(bytes(4096), position)
            file.fsync()
            file.close()
        self._file, self._mark = (
            DISK.open_synced(directory / name) for name in ("bare", WATERMARK)
        )
        self._data, self._position = os.urandom(frame_bytes), 0

    def commit(self) -> None:
        """Write and sync a commit."""
        self._file.pwrite(self._data, self._position)
        self._position += len(self._data)

    def commit_and_mark(self) -> None:
        """Write and sync a commit, then write and sync a mark."""
        self.commit()
        self._mark.pwrite(self._data[:96], 0)


@pytest.mark.parametrize("rows", ROUNDS)
def test_append_beside_sqlite(
    log: Log, database: sqlite3.Connection, rows: int, tmp_path: Path
) -> None:
    """Print p50, p99 and rows per second of the log and of SQLite, for commits of so many rows."""
    records = [quote(number) for number in range(rows)]
    batch = encode(records, first_offset=0)
    cells = [
        (
            "quote",
            record.exchange_ns,
            record.received_ns,
            record.bid_e8,
            record.ask_e8,
            record.last_e8,
            record.bid_decimals,
            record.ask_decimals,
            record.last_decimals,
            record.snapshot_id,
        )
        for record in records
    ]

    def sqlite_commit() -> None:
        database.execute("BEGIN")
        database.executemany(INSERT, cells)
        database.execute("COMMIT")

    before = log._last.position
    log.append(records)
    frame_bytes = log._last.position - before
    bare = Bare(tmp_path / "bare", frame_bytes, ROUNDS[rows])
    spent = in_turns(
        {
            "append(records)": lambda: log.append(records),
            "append_batch(batch)": lambda: log.append_batch(batch),
            "SQLite WAL FULL": sqlite_commit,
            "the bare write": bare.commit,
            "the same, and a mark": bare.commit_and_mark,
        },
        ROUNDS[rows],
    )

    print(f"\n{rows} rows a commit, {ROUNDS[rows]} commits each, frames of {frame_bytes} bytes")
    for name, nanoseconds in spent.items():
        ordered = sorted(nanoseconds)
        p10 = ordered[len(ordered) // 10]
        p50, p99 = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
        rate = rows * len(ordered) / sum(ordered) * 1e9
        at_p50 = rows / p50 * 1e9
        print(
            f"  {name:<20} p10 {p10 / 1e3:8.0f} us   p50 {p50 / 1e3:8.0f} us"
            f"   p99 {p99 / 1e3:8.0f} us"
            f"   {rate:11,.0f} rows/s, {at_p50:11,.0f} at p50"
        )
    assert log.end == rows * (2 * ROUNDS[rows] + 1)
