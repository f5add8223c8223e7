"""The queue between the feed's thread and its caller."""

import threading

import pytest

from eventlog.records import Input, Undecodable
from feeds.btcmarkets.inbox import Inbox


def arrival(number: int) -> Input:
    return Undecodable(received_ns=number, raw=b"", why="test")


def inbox(*, records_max: int = 100, bytes_max: int = 10_000) -> tuple[Inbox, list[str]]:
    calls: list[str] = []
    made = Inbox(records_max=records_max, bytes_max=bytes_max, on_room=lambda: calls.append("room"))
    return made, calls


def test_first_in_first_out_and_no_more_than_asked() -> None:
    """Arrivals are taken in order, in portions."""
    box, _ = inbox()
    for number in range(5):
        box.put([arrival(number)], 1)

    assert box.take(0, most=3) == [arrival(0), arrival(1), arrival(2)]
    assert box.take(0, most=3) == [arrival(3), arrival(4)]
    assert box.take(0, most=3) == []


@pytest.mark.parametrize(("size_bytes", "fits"), [(1, 4), (2_500, 3)])
def test_it_is_full_in_records_or_in_bytes(size_bytes: int, fits: int) -> None:
    """What is put is kept even then; the answer is whether to go on."""
    box, calls = inbox(records_max=5)
    answers = [box.put([arrival(number)], size_bytes) for number in range(6)]

    assert answers == [True] * fits + [False] * (6 - fits)
    assert calls == []
    assert len(box) == 6
    assert box.take(0, most=100) == [arrival(number) for number in range(6)]
    assert calls == ["room"]


def test_room_is_said_once() -> None:
    """Taking from an inbox that was not full calls nobody."""
    box, calls = inbox(records_max=2)
    box.put([arrival(0), arrival(1), arrival(2)], 1)

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
    box.put([arrival(1)], 1)
    taker.join(20)

    assert taken == [[arrival(1)]]


def test_closing_wakes_the_taker_and_leaves_what_is_there() -> None:
    """After closing the rest can be taken, and then it is finished."""
    box, _ = inbox()
    box.put([arrival(1)], 1)
    box.close()
    finished = [box.finished]

    assert box.take(20, most=10) == [arrival(1)]
    finished.append(box.finished)
    assert finished == [False, True]
    assert box.take(20, most=10) == []


def test_a_failure_comes_after_everything_else_and_once() -> None:
    """Nothing that arrived is lost to what went wrong later."""
    box, _ = inbox()
    box.put([arrival(1)], 1)
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
    box.put([arrival(1), arrival(2)], 1)

    box.discard()

    assert calls == ["room"]
    assert box.put([arrival(3)], 1)
    assert (len(box), box.is_full) == (0, False)
    assert box.take(0, most=10) == []
