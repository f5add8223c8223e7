"""Draws keyed by (seed, stream, step)."""

import math

import pytest

from feeds.simulator.draws import Draws, normal_pair


def test_a_row_does_not_depend_on_what_was_read_before() -> None:
    """Rows read in any order, across blocks, are the same rows (I9)."""
    forwards = Draws(seed=3, stream="a", width=5)
    backwards = Draws(seed=3, stream="a", width=5)
    steps = [0, 1, 255, 256, 257, 1000]

    read = {step: forwards.row(step) for step in steps}

    assert {step: backwards.row(step) for step in reversed(steps)} == read


@pytest.mark.parametrize(("seed", "stream"), [(4, "a"), (3, "b"), (3, "")])
def test_seed_and_stream_are_the_key(seed: int, stream: str) -> None:
    """Another seed or another stream gives other draws."""
    assert Draws(seed=seed, stream=stream, width=5).row(0) != Draws(
        seed=3, stream="a", width=5
    ).row(0)


def test_no_row_is_repeated() -> None:
    """Blocks do not overlap."""
    draws = Draws(seed=3, stream="a", width=5)

    rows = {tuple(draws.row(step)) for step in range(2000)}

    assert len(rows) == 2000


def test_the_first_draws_of_a_seed_are_these() -> None:
    """The bits of a seed do not change with a version of anything."""
    expected = [0.9505950407261912, 0.35405042369849843, 0.79213525960496]

    assert Draws(seed=1, stream="BTC-AUD", width=3).row(0) == expected


def test_uniform_and_normal() -> None:
    """Draws fill (0, 1) evenly; pairs of them make standard normal values."""
    draws = Draws(seed=5, stream="a", width=2)
    rows = [draws.row(step) for step in range(20_000)]
    uniform = [value for row in rows for value in row]
    normal = [value for first, second in rows for value in normal_pair(first, second)]
    count = len(uniform)

    assert all(0 < value < 1 for value in uniform)
    assert abs(sum(uniform) / count - 0.5) < 4 * math.sqrt(1 / 12 / count)
    assert abs(sum(normal) / count) < 4 / math.sqrt(count)
    assert abs(sum(value**2 for value in normal) / count - 1) < 4 * math.sqrt(2 / count)
