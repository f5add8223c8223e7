"""What becomes of frames on a faulty line."""

import json
from itertools import chain

import pytest

from feeds.exchange.faults import FAULTS, Fault
from feeds.exchange.line import Action, Close, FaultyLine, Send, Stall

DELTA = '{"messageType":"orderbookUpdate","checksum":"844822657"}'


def carried(*faults: Fault, seed: int = 1, number: int = 0, frames: int = 300) -> list[Action]:
    line = FaultyLine(faults, seed=seed, number=number)
    return list(chain.from_iterable(line.carry(DELTA, "BTC-AUD") for _ in range(frames)))


def test_a_line_without_faults_carries_every_frame() -> None:
    """Nothing is added, changed or lost."""
    assert carried() == [Send(DELTA)] * 300


@pytest.mark.parametrize(
    ("name", "expected"),
    [("close", Close(abruptly=False)), ("drop", Close(abruptly=True)), ("stall", Stall())],
)
def test_faults_that_end_a_line(name: str, expected: Action) -> None:
    """The frame at which a line ends is not sent; the chance is the one stated."""
    actions = carried(Fault(name, 10))

    assert set(actions) == {Send(DELTA), expected}
    assert len(actions) == 300
    assert 15 <= actions.count(expected) <= 50


def test_garbage_comes_between_frames() -> None:
    """Every frame arrives, with something else before some of them."""
    actions = carried(Fault("garbage", 10))

    assert actions.count(Send(DELTA)) == 300
    assert 315 <= len(actions) <= 350
    assert not any("MARKET" in str(action) for action in actions)


def test_a_bad_checksum_is_another_number() -> None:
    """The frame stays what it is but for the checksum."""
    frames = [
        json.loads(action.payload)
        for action in carried(Fault("bad-checksum", 2))
        if isinstance(action, Send)
    ]

    assert len(frames) == 300
    assert {frame["checksum"] for frame in frames} == {"844822657", "844822656"}
    assert {frame["messageType"] for frame in frames} == {"orderbookUpdate"}


def test_faults_are_drawn_from_seed_and_line() -> None:
    """The same line of the same seed fails alike; another line, or seed, otherwise."""
    faults = [Fault(name, 20) for name in FAULTS]

    assert carried(*faults) == carried(*faults)
    assert carried(*faults) != carried(*faults, seed=2)
    assert carried(*faults) != carried(*faults, number=1)
