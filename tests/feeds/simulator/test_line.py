"""What becomes of frames on a faulty line."""

import json
from itertools import chain, pairwise

import pytest

from feeds.simulator.faults import LINE_FAULTS, Fault
from feeds.simulator.line import Action, Close, FaultyLine, Forget, Maintain, Send, Stall

DELTA = '{"messageType":"orderbookUpdate","checksum":"844822657"}'


def carried(*faults: Fault, seed: int = 1, number: int = 0, frames: int = 300) -> list[Action]:
    line = FaultyLine(faults, seed=seed, number=number)
    return list(chain.from_iterable(line.carry(DELTA, "BTC-AUD") for _ in range(frames)))


def test_a_line_without_faults_carries_every_frame() -> None:
    """Nothing is added, changed or lost."""
    assert carried() == [Send(DELTA)] * 300


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("close", Close(abruptly=False)),
        ("drop", Close(abruptly=True)),
        ("cut", Close(abruptly=True, within=DELTA)),
        ("stall", Stall()),
        ("maintenance", Maintain()),
    ],
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
    faults = [Fault(name, 20) for name in LINE_FAULTS]

    assert carried(*faults) == carried(*faults)
    assert carried(*faults) != carried(*faults, seed=2)
    assert carried(*faults) != carried(*faults, number=1)


def numbered(*faults: Fault, frames: int = 300) -> list[int]:
    """Return the numbers of the frames that come out of a line, in order."""
    line = FaultyLine(faults, seed=1, number=0)
    texts = [json.dumps({"number": number, "checksum": "1"}) for number in range(frames)]
    actions = chain.from_iterable(line.carry(text, "BTC-AUD") for text in texts)
    return [json.loads(action.payload)["number"] for action in actions if isinstance(action, Send)]


def test_a_frame_twice() -> None:
    """One after the other, and nothing else changes."""
    numbers = numbered(Fault("duplicate", 10))

    assert sorted(set(numbers)) == list(range(300))
    assert numbers == sorted(numbers)
    assert 315 <= len(numbers) <= 350


def test_a_frame_that_never_comes() -> None:
    """The others do, in their order."""
    numbers = numbered(Fault("lose", 10))

    assert numbers == sorted(set(numbers))
    assert 250 <= len(numbers) <= 285


def test_a_frame_after_the_next_one() -> None:
    """Nothing is lost, but for the last one perhaps, and some frames change places."""
    numbers = numbered(Fault("reorder", 10))

    assert set(range(299)) <= set(numbers)
    assert len(numbers) == len(set(numbers))
    assert 10 <= sum(a > b for a, b in pairwise(numbers)) <= 50


def test_a_stale_delta_behind_a_snapshot() -> None:
    """The one before the last that was sent."""
    line = FaultyLine([Fault("stale", 1)], seed=1, number=0)
    for number in range(3):
        list(line.carry(json.dumps({"number": number, "checksum": "1"}), "BTC-AUD"))

    snapshot = '{"snapshot":true}'
    sent = list(line.carry(snapshot, "BTC-AUD"))

    assert sent == [Send(snapshot), Send(json.dumps({"number": 1, "checksum": "1"}))]


def test_a_clock_that_is_off_and_on_again() -> None:
    """The stamps of a line are an hour off from here on, until it happens again."""
    line = FaultyLine([Fault("clock", 30)], seed=1, number=0)
    text = '{"timestamp":"2026-09-23T04:31:09.259Z"}'
    stamps = [
        json.loads(action.payload)["timestamp"]
        for action in chain.from_iterable(line.carry(text, "BTC-AUD") for _ in range(300))
        if isinstance(action, Send)
    ]

    assert set(stamps) == {"2026-09-23T04:31:09.259Z", "2026-09-23T05:32:49.259Z"}
    assert sum(a != b for a, b in pairwise(stamps)) < 30


def test_a_forgotten_subscription() -> None:
    """Said to whoever holds it; the frame itself still comes."""
    actions = carried(Fault("forget", 10))

    assert set(actions) == {Send(DELTA), Forget("BTC-AUD")}
    assert actions.count(Send(DELTA)) == 300
