"""The state: an identity in which every bit counts, and which places a stretch of ticks touched."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.state import ARCHIVE_STRIDE, RINGS, cursors, digest, touched
from tests.support.walker import ARCHIVED, ROWS, Walker

ROOT = Path(__file__).parents[2]


def test_the_order_of_names_does_not_count() -> None:
    """A state is a mapping."""
    state = Walker().walk(9).state()

    assert digest(dict(reversed(state.items()))) == digest(state)
    assert len(digest(state)) == 32


@given(st.data())
def test_every_bit_counts(data: st.DataObject) -> None:
    """A flipped bit anywhere makes another state."""
    state = Walker().walk(9).state()
    name = data.draw(st.sampled_from(sorted(set(state) - {"features.seen"})))
    bit = data.draw(st.integers(0, state[name].nbytes * 8 - 1))
    before = digest(state)

    state[name].reshape(-1).view(np.uint8)[bit // 8] ^= np.uint8(1 << bit % 8)

    assert digest(state) != before


@pytest.mark.parametrize("change", ["shape", "type", "name", "missing"])
def test_shapes_types_and_names_count(change: str) -> None:
    """The same bytes under another description are another state."""
    state = Walker().walk(9).state()
    before, weights = digest(state), state.pop("learner.weights")
    if change == "shape":
        state["learner.weights"] = weights.reshape(5, 1)
    elif change == "type":
        state["learner.weights"] = weights.view(np.int32)
    elif change == "name":
        state["learner.weight"] = weights

    assert digest(state) != before


def test_how_an_array_lies_in_memory_does_not_count() -> None:
    """A view with strides has the values that it shows."""
    state = Walker().walk(9).state()
    before = digest(state)

    state["memory.samples"] = np.asfortranarray(state["memory.samples"])

    assert digest(state) == before


@given(st.integers(0, 10**6), st.integers(1, 90))
def test_what_is_not_touched_has_not_changed(seed: int, ticks: int) -> None:
    """Every place of the rings that differs is among those named, also around their ends."""
    walker = Walker(seed=seed).walk(seed % 90)
    before = walker.state()
    after = walker.walk(ticks).state()

    places = touched(cursors(before), cursors(after), (ROWS, ARCHIVED))

    for name in RINGS:
        differs = (before[name] != after[name]).reshape(len(before[name]), -1).any(axis=1)
        assert set(np.flatnonzero(differs)) <= set(places[name].tolist())
        assert len(set(places[name].tolist())) == len(places[name])


@given(st.integers(0, 400), st.integers(0, 400), st.integers(1, 9))
def test_the_archive_s_places_are_those_of_what_was_labelled(
    ripe: int, labels: int, archived: int
) -> None:
    """Of every so many labelled positions one, by a plain loop; never one place twice."""
    wanted = {
        position // ARCHIVE_STRIDE % archived
        for position in range(ripe, ripe + labels)
        if position % ARCHIVE_STRIDE == 0
    }
    head = ripe + labels

    places = touched((head, ripe), (head, ripe + labels), (10**6, archived))["memory.archive"]

    assert len(places) == len(wanted)
    assert set(places.tolist()) == wanted


def test_a_tick_that_labels_little_touches_no_archive() -> None:
    """Only the first of every stretch goes there, when it is labelled and not when it is said."""
    rows = (64, 4)

    def archived(before: tuple[int, int], after: tuple[int, int]) -> list[int]:
        places: list[int] = touched(before, after, rows)["memory.archive"].tolist()
        return places

    assert archived((20, 0), (21, 0)) == []
    assert archived((20, 0), (20, 1)) == [0]
    assert archived((20, 1), (20, ARCHIVE_STRIDE)) == []
    assert archived((20, 1), (20, ARCHIVE_STRIDE + 1)) == [1]


def test_reading_a_state_needs_no_tensorflow() -> None:
    """A listing of checkpoints is instant."""
    code = (
        "import sys, engine.state, engine.delta, engine.snapshot, engine.checkpoint\n"
        "sys.exit('tensorflow' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ, check=False)

    assert done.returncode == 0
