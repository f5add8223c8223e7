"""Closed segments are sealed beside the stream, by a child that may be lost."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.sealer import Sealer
from eventlog.integrity import check
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import Gap, Record

SEGMENT_BYTES = 1 << 15


def records(count: int) -> list[Record]:
    """Return records that do not compress well enough to stay in one segment."""
    draws = [(index * 2654435761) % 2**61 for index in range(count)]
    return [Gap(received_ns=draw, from_ns=draw >> 1, to_ns=draw >> 2, why="x") for draw in draws]


def filled(log: Log) -> list[Record]:
    """Append until two segments are closed."""
    appended: list[Record] = []
    for record in records(4_000):
        log.append([record])
        appended.append(record)
        if len(log.sealable()) == 2:
            break
    return appended


def tended(sealer: Sealer, until: Callable[[], bool]) -> None:
    """Tend until something is the case."""
    while not until():
        sealer.tend()


def test_segments_are_sealed_while_records_are_appended(tmp_path: Path) -> None:
    """Every closed segment becomes Parquet, appends go on, and every record is there once."""
    with Log.open(tmp_path / "log", segment_bytes=SEGMENT_BYTES) as log, Sealer(log) as sealer:
        appended = filled(log)
        sealer.tend()  # begins to prepare; the log goes on meanwhile
        log.append(appended[:3])
        tended(sealer, lambda: not log.sealable())

        assert len(list((tmp_path / "log").glob("*.parquet"))) == 2
        assert log.end == len(appended) + 3
    assert check(tmp_path / "log") == []
    assert Reader.open(tmp_path / "log").end == len(appended) + 3


def test_a_child_that_is_killed_is_replaced(tmp_path: Path) -> None:
    """The segment it worked on is prepared again by another."""
    with Log.open(tmp_path / "log", segment_bytes=SEGMENT_BYTES) as log, Sealer(log) as sealer:
        filled(log)
        sealer.tend()
        assert sealer._pool is not None
        tended(sealer, lambda: bool(sealer._pool and sealer._pool._processes))
        for child in list(sealer._pool._processes):
            os.kill(child, signal.SIGKILL)
        tended(sealer, lambda: not log.sealable())

        assert len(list((tmp_path / "log").glob("*.parquet"))) == 2


@pytest.mark.parametrize("segments", [0, 1])
def test_nothing_closed_is_nothing_to_do(tmp_path: Path, segments: int) -> None:
    """An open segment is left alone, and no child is started for it."""
    with Log.open(tmp_path / "log") as log, Sealer(log) as sealer:
        log.append(records(segments * 5))
        sealer.tend()

        assert sealer._pool is None
