"""The queue between the feed's thread and its caller."""

import os
import threading
from pathlib import Path

import pytest

from eventlog.log import Log
from eventlog.records import E8_MAX, BookUpdate, Input, Level, Undecodable
from feeds.btcmarkets import protocol
from feeds.inbox import Inbox
from feeds.undecodable import RAW_BYTES_KEPT_MAX, undecodable


def arrival(number: int) -> Input:
    return Undecodable(received_ns=number, raw=b"", why="")


def inbox(*, records_max: int = 100, bytes_max: int = 10_000) -> tuple[Inbox, list[str]]:
    calls: list[str] = []
    made = Inbox(records_max=records_max, bytes_max=bytes_max, on_room=lambda: calls.append("room"))
    return made, calls


def test_first_in_first_out_and_no_more_than_asked() -> None:
    """Arrivals are taken in order, in portions."""
    box, _ = inbox()
    for number in range(5):
        box.put([arrival(number)])

    assert box.take(0, most=3) == [arrival(0), arrival(1), arrival(2)]
    assert box.take(0, most=3) == [arrival(3), arrival(4)]
    assert box.take(0, most=3) == []


@pytest.mark.parametrize(("size_bytes", "fits"), [(0, 4), (2_500, 2)])
def test_it_is_full_in_records_or_in_bytes(size_bytes: int, fits: int) -> None:
    """What is put is kept even then; the answer is whether to go on."""
    box, calls = inbox(records_max=5)
    arrivals: list[Input] = [
        Undecodable(received_ns=number, raw=b"x" * size_bytes, why="") for number in range(6)
    ]
    answers = [box.put([each]) for each in arrivals]

    assert answers == [True] * fits + [False] * (6 - fits)
    assert calls == []
    assert len(box) == 6
    assert box.take(0, most=100) == arrivals
    assert calls == ["room"]


def test_what_is_taken_at_once_fits_into_one_frame(tmp_path: Path) -> None:
    """Eleven hundred undecodable frames of 64 KiB, and the largest books that are read."""
    level = Level(E8_MAX, E8_MAX, 8, 8, 2**31 - 1)
    book = BookUpdate(
        exchange_ns=2**63 - 1, received_ns=2**63 - 1, bids=(level,) * protocol.LEVELS_A_SIDE_MAX,
        asks=(level,) * protocol.LEVELS_A_SIDE_MAX, snapshot=True, checksum=2**32 - 1,
        snapshot_id=2**63 - 1,
    )  # fmt: skip
    raw = os.urandom(RAW_BYTES_KEPT_MAX)
    garbage = [undecodable(raw + b"x", number, "\U0010ffff" * 10**6) for number in range(1_100)]
    box, _ = inbox(records_max=10**6, bytes_max=1 << 40)
    arrivals: list[Input] = [*garbage, *[book] * 30, *garbage[:3]]
    box.put(arrivals)

    taken: list[Input] = []
    with Log.open(tmp_path / "log") as log:
        while part := box.take(0, most=1_024):
            log.append(part)
            taken += part
        assert log.end == len(arrivals)

    assert taken == arrivals


def test_room_is_said_once() -> None:
    """Taking from an inbox that was not full calls nobody."""
    box, calls = inbox(records_max=2)
    box.put([arrival(0), arrival(1), arrival(2)])

    box.take(0, most=1)
    assert calls == []
    box.take(0, most=1)
    assert calls == ["room"]
    box.take(0, most=1)
    assert calls == ["room"]


def test_taking_waits_for_the_first() -> None:
    """A taker that waits gets what another thread puts."""
    box, _ = inbox()
    taken: list[list[Input]] = []
    taker = threading.Thread(target=lambda: taken.append(box.take(20, most=10)))
    taker.start()
    box.put([arrival(1)])
    taker.join(20)

    assert taken == [[arrival(1)]]


def test_closing_wakes_the_taker_and_leaves_what_is_there() -> None:
    """After closing the rest can be taken, and then it is finished."""
    box, _ = inbox()
    box.put([arrival(1)])
    box.close()
    finished = [box.finished]

    assert box.take(20, most=10) == [arrival(1)]
    finished.append(box.finished)
    assert finished == [False, True]
    assert box.take(20, most=10) == []


def test_a_failure_comes_after_everything_else_and_once() -> None:
    """Nothing that arrived is lost to what went wrong later."""
    box, _ = inbox()
    box.put([arrival(1)])
    box.close(RuntimeError("broken"))

    assert box.take(0, most=10) == [arrival(1)]
    finished = [box.finished]
    with pytest.raises(RuntimeError, match="broken"):
        box.take(0, most=10)
    finished.append(box.finished)
    assert finished == [False, True]
    assert box.take(0, most=10) == []


def test_discarded_it_keeps_nothing_and_stops_nobody() -> None:
    """Who took is gone: what was not taken is dropped, and there is always room."""
    box, calls = inbox(records_max=1)
    box.put([arrival(1), arrival(2)])

    box.discard()

    assert calls == ["room"]
    assert box.put([arrival(3)])
    assert (len(box), box.is_full) == (0, False)
    assert box.take(0, most=10) == []
