"""How soon it is back is counted from the mark, against what came before the harm."""

import numpy as np
import numpy.typing as npt

from analysis.adaptation import Adaptation, Return


def followed(saved: npt.NDArray[np.float64], marks: list[int], *, pieces: int = 1) -> list[Return]:
    """One label a decision, a decision at each offset."""
    adaptation = Adaptation()
    for part in np.array_split(np.arange(len(saved)), pieces):
        within = [mark for mark in marks if part[0] <= mark <= part[-1]]
        adaptation.add(part, np.ones(len(part)), saved[part], within)
    return adaptation.finish()


def fallen(at: int, *, back: int, length: int = 30_000) -> npt.NDArray[np.float64]:
    """Good, bad from a place on, and good again from another."""
    saved = np.full(length, 0.125)
    saved[at:back] = -0.125
    return saved


def test_it_is_back_when_its_mean_is_what_it_was() -> None:
    """Bad until 1,000 labels behind the mark: 500 good ones later the mean is as before."""
    (told,) = followed(fallen(9_800, back=11_000), [10_000])

    assert told == Return(10_000, 1_500.0)


def test_however_it_is_cut() -> None:
    """Pieces of a log make no difference."""
    saved = fallen(9_800, back=11_000) + np.random.default_rng(1).normal(0, 0.01, 30_000)
    marks = [10_000, 20_000, 20_500]

    assert followed(saved, marks) == followed(saved, marks, pieces=97)


def test_what_does_not_come_back_is_said() -> None:
    """Not before the next mark, nor before the end."""
    told = followed(fallen(9_800, back=30_000), [10_000, 14_000])

    assert told == [Return(10_000, None), Return(14_000, 500.0)]


def test_a_mark_without_a_before_is_passed_over() -> None:
    """In the first labels there is nothing to come back to."""
    assert followed(fallen(100, back=200), [150]) == []


def test_memory_is_bounded() -> None:
    """Behind a mark, no more is kept than is looked at."""
    adaptation = Adaptation()
    for start in range(0, 400_000, 1_000):
        part = np.arange(start, start + 1_000)
        adaptation.add(part, np.ones(1_000), np.zeros(1_000), [0] if start == 0 else [])
        assert len(adaptation._labels) < 30_000
