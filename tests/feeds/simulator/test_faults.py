"""The faults by name, and garbage that is garbage."""

import pytest

from eventlog.records import Undecodable
from feeds.btcmarkets.protocol import decode
from feeds.errors import FaultUnknown
from feeds.simulator.faults import (
    DRAWN,
    FAULTS,
    GARBAGE,
    Fault,
    described,
    parse_fault,
    parse_faults,
    random_faults,
)


def test_a_fault_by_name() -> None:
    """A name alone is as seldom as it says, a number makes it otherwise."""
    assert parse_fault("close") == Fault("close", FAULTS["close"])
    assert parse_fault("close=7") == Fault("close", 7)


@pytest.mark.parametrize("text", ["", "fire", "close=", "close=0", "close=x", "close=-1", "=5"])
def test_an_unknown_fault(text: str) -> None:
    """What is no fault is refused, and the hint says which there are."""
    with pytest.raises(FaultUnknown) as caught:
        parse_fault(text)

    assert "bad-checksum" in caught.value.hint


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_means_nothing(garbage: str | bytes) -> None:
    """Every piece of garbage is undecodable, with a market put into it too."""
    if isinstance(garbage, str):
        garbage = garbage.replace("MARKET", "BTC-AUD")

    event = decode(garbage, 0)

    assert isinstance(event, tuple)
    assert isinstance(event[1], Undecodable)


def test_random_faults_are_a_seed_s() -> None:
    """The same seed, the same faults; over some seeds, all of them."""
    assert random_faults(7) == random_faults(7) != random_faults(8)
    assert {fault.name for seed in range(20) for fault in random_faults(seed)} == set(DRAWN)
    assert parse_faults(["close=9", "random"], seed=7) == [*random_faults(7), Fault("close", 9)]


def test_every_fault_is_described() -> None:
    """What --list-faults says."""
    assert [line.split()[0] for line in described().splitlines()] == list(FAULTS)
