"""Closed segments are sealed beside the stream, by a child that may be lost."""

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from eventlog.errors import WriteFailed
from eventlog.integrity import check
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import Gap, Record
from journal.live import sealer as sealer_
from journal.live.sealer import Sealer

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


def killed(sealer: Sealer) -> None:
    """Kill the child and wait until it is gone."""
    assert sealer._child is not None
    process = sealer._child.process
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()


@pytest.mark.parametrize("is_idle", [False, True])
def test_a_child_that_is_killed_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_idle: bool
) -> None:
    """While it prepares or while it waits for more: the segment is prepared by another."""
    monkeypatch.setattr(sealer_, "PAUSE_S", 0.0)
    with Log.open(tmp_path / "log", segment_bytes=SEGMENT_BYTES) as log, Sealer(log) as sealer:
        filled(log)
        if is_idle:
            tended(sealer, lambda: len(log.sealable()) == 1)
        else:
            sealer.tend()
        killed(sealer)
        tended(sealer, lambda: not log.sealable())

        assert len(list((tmp_path / "log").glob("*.parquet"))) == 2


def test_a_child_that_cannot_be_started_is_tried_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No process, no descriptor: records are appended, and sealing is done when there is one."""

    class Refused:
        def __init__(self) -> None:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    with Log.open(tmp_path / "log", segment_bytes=SEGMENT_BYTES) as log, Sealer(log) as sealer:
        appended = filled(log)
        with monkeypatch.context() as patch:
            patch.setattr(sealer_, "_Child", Refused)
            sealer.tend()
            sealer.tend()  # within the pause: nothing is tried
        log.append(appended[:1])
        said = capsys.readouterr().err
        assert len(log.sealable()) == 2
        sealer._not_before_s = 0.0
        tended(sealer, lambda: not log.sealable())

    assert said.count("event=unsealed") == 1
    assert "Resource temporarily unavailable" in said
    assert check(tmp_path / "log") == []


def test_what_fails_in_the_child_for_another_reason_is_put_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk for the new file is no damage of the log: the segment is prepared later."""
    with Log.open(tmp_path / "log", segment_bytes=SEGMENT_BYTES) as log, Sealer(log) as sealer:
        filled(log)

        class Full:
            process = None

            def prepared(self) -> Exception:
                return WriteFailed("the device refused: No space left on device", path=tmp_path)

            def end(self) -> None:
                return

        sealer._child, sealer._is_preparing = Full(), True  # type: ignore[assignment]
        sealer.tend()

        assert "event=unsealed" in capsys.readouterr().err
        assert len(log.sealable()) == 2
        sealer._not_before_s = 0.0
        tended(sealer, lambda: not log.sealable())


@pytest.mark.parametrize("segments", [0, 1])
def test_nothing_closed_is_nothing_to_do(tmp_path: Path, segments: int) -> None:
    """An open segment is left alone, and no child is started for it."""
    with Log.open(tmp_path / "log") as log, Sealer(log) as sealer:
        log.append(records(segments * 5))
        sealer.tend()

        assert sealer._child is None


def test_a_child_that_is_stopped_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """It never answers; leaving the context ends it all the same."""
    with Log.open(tmp_path / "log", segment_bytes=SEGMENT_BYTES) as log:
        with Sealer(log) as sealer:
            filled(log)
            sealer.tend()
            assert sealer._child is not None
            process = sealer._child.process
            os.kill(process.pid or 0, signal.SIGSTOP)
            sealer.tend()

        assert process.exitcode == -signal.SIGKILL
        assert len(log.sealable()) == 2
