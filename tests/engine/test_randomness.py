"""Draws: they follow from (seed, stream, offset) and from nothing else (I9)."""

import numpy as np
import pytest

from engine.arithmetic import tf
from engine.randomness import ENTRIES, REPLAY, fractions, integers


def draw(
    *, seed: int = 1, stream: int = REPLAY, offset: int = 5, below: int = 10**6, count: int = 8
) -> list[int]:
    """Return some draws."""
    found: list[int] = (
        integers(
            count,
            tf.constant(below, tf.int64),
            seed=seed,
            stream=stream,
            offset=tf.constant(offset, tf.int64),
        )
        .numpy()
        .tolist()
    )
    return found


def test_draws_do_not_depend_on_draws_before() -> None:
    """The same place draws the same numbers, first or after others."""
    first = draw()
    for offset in range(20):
        draw(offset=offset)

    assert draw() == first


@pytest.mark.parametrize("other", [{"seed": 2}, {"stream": 2}, {"offset": 6}])
def test_another_place_draws_other_numbers(other: dict[str, int]) -> None:
    """Each of the three counts."""
    assert draw(**other) != draw()


def test_seed_and_stream_do_not_run_into_each_other() -> None:
    """Streams of neighbouring seeds are different streams, up to the largest seed."""
    places = [(seed, stream) for seed in (0, 1, 2, 2**31 - 1) for stream in (1, 2, 3)]

    assert len({tuple(draw(seed=seed, stream=stream)) for seed, stream in places}) == len(places)


def test_the_numbers_are_these() -> None:
    """Philox is a published function: another build draws the same numbers."""
    compiled = tf.function(
        lambda offset: integers(4, tf.constant(1000, tf.int64), seed=1, stream=1, offset=offset),
        jit_compile=True,
    )

    assert (
        draw(count=4, below=1000, offset=5) == compiled(tf.constant(5, tf.int64)).numpy().tolist()
    )


@pytest.mark.parametrize("below", [1, 7, 1 << 20])
def test_draws_are_within_their_range_and_uniform(below: int) -> None:
    """0 … below - 1, each about as often."""
    found = np.array(draw(count=20_000, below=below))

    assert found.min() >= 0
    assert found.max() < below
    shares = np.bincount(found * min(below, 7) // below) / found.size
    np.testing.assert_allclose(shares, 1 / min(below, 7), atol=0.015)


def drawn(*, seed: int = 1, stream: int = ENTRIES, offset: int = 5, count: int = 6) -> list[float]:
    """Return some fractions."""
    place = tf.constant(offset, tf.int64)
    found: list[float] = fractions(count, seed=seed, stream=stream, offset=place).numpy().tolist()
    return found


def test_fractions_are_splitmix() -> None:
    """Beside Python's whole numbers."""

    def mixed(bits: int) -> int:
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            bits = (bits ^ bits >> shift) * factor % 2**64
        return bits ^ bits >> 31

    golden = 0x9E3779B97F4A7C15
    key = mixed(((2**31 - 1) * 2**16 + 2) * golden + 12 & 2**64 - 1)
    expected = [(mixed((key + rank * golden) % 2**64) >> 11) / 2**53 for rank in range(1, 7)]

    assert drawn(seed=2**31 - 1, stream=2, offset=12) == expected


@pytest.mark.parametrize("other", [{"seed": 2}, {"stream": 3}, {"offset": 6}])
def test_another_place_draws_other_fractions(other: dict[str, int]) -> None:
    """Each of the three counts."""
    assert drawn(**other) != drawn()


def test_fractions_are_uniform_and_independent() -> None:
    """Mean, variance and the correlation of neighbours in both directions, within 5 deviations."""
    table = np.array([drawn(offset=offset) for offset in range(2_000)])

    assert 0.0 <= table.min() < table.max() < 1.0
    assert table.mean() == pytest.approx(0.5, abs=5 * 0.289 / np.sqrt(table.size))
    assert table.var() == pytest.approx(1 / 12, rel=0.05)
    centred = table - 0.5
    for left, right in ((centred[1:], centred[:-1]), (centred[:, 1:], centred[:, :-1])):
        assert abs((left * right).mean()) < 5 / 12 / np.sqrt(left.size)
