"""The rings: what is remembered of a prediction, and what a training step is given of it."""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from engine.arithmetic import Tensor, tf
from engine.engine import Engine
from engine.learner import memory
from engine.learner.experts import EXPERTS
from engine.learner.features import COUNT, SIGNED
from engine.learner.memory import FELL, FLAT, ROSE, VOID, Batch, MemoryState
from engine.parameters import Parameters
from engine.settings import settings_of
from engine.state import ARCHIVE_STRIDE
from tests.support.markets import SMALL, START_NS, decisions, stream

ROWS = SMALL.memory_rows
FRESH, RECENT, ARCHIVED = 4, 200, 100
PARAMETERS = replace(SMALL, fresh_rows=FRESH, recent_rows=RECENT, archived_rows=ARCHIVED)
ID = int(np.flatnonzero(~SIGNED)[0])
"""A place without direction, where a test writes a sample's position."""


def label_of(position: int) -> int:
    """Return the label that a position has here."""
    return (FLAT, FELL, ROSE)[position % 3]


def uniqueness_of(position: int) -> float:
    """Return how unique a position's label is here."""
    return 1 / (1 + position % 4)


def ring(*, head: int, ripe: int, trained: int, parameters: Parameters = PARAMETERS) -> MemoryState:
    """Return rings whose samples are ones and carry their position."""
    arrays = memory.initial_state(parameters.shape)
    rows, archived = parameters.memory_rows, parameters.archive_rows
    for position in range(max(head - rows, 0), head):
        sample = arrays["samples"][position % rows]
        sample[:COUNT] = 1
        sample[ID] = position
        sample[memory.UNIQUENESS] = uniqueness_of(position)
        label = label_of(position) if position < ripe else VOID
        arrays["outcomes"][position % rows] = label
    for position in range(0, ripe, ARCHIVE_STRIDE):
        row = arrays["archive"][position // ARCHIVE_STRIDE % archived]
        row[:COUNT] = 1
        row[ID] = position
        row[COUNT] = label_of(position) == ROSE
        row[COUNT + 1] = uniqueness_of(position) * (label_of(position) != FLAT)
    state = MemoryState(**{name: tf.constant(array) for name, array in arrays.items()})
    return state._replace(
        head=tf.constant(head, tf.int64),
        ripe=tf.constant(ripe, tf.int64),
        trained=tf.constant(trained, tf.int64),
    )


def drawn(
    state: MemoryState, *, offset: int = 0, parameters: Parameters = PARAMETERS
) -> tuple[MemoryState, Batch]:
    """Return the batch at an offset, as arrays."""
    after, batch = _drawn(state, tf.constant(offset, tf.int64), parameters)
    return after, Batch(*(each.numpy() for each in batch))


@tf.function(autograph=False, jit_compile=True)  # type: ignore[untyped-decorator]
def _drawn(state: MemoryState, offset: Tensor, parameters: Parameters) -> tuple[MemoryState, Batch]:
    """Return the batch, compiled as in the engine."""
    return memory.samples(state, offset, parameters.shape, settings_of(parameters))


def positions(batch: Batch) -> npt.NDArray[np.int64]:
    """Return the position that each row of a batch carries."""
    found: npt.NDArray[np.int64] = batch.features[:, ID].astype(np.int64)
    return found


class TestSamples:
    """What a training step is given: fresh, recent and archived samples, in this order."""

    def test_fresh_ones_come_first_and_once(self) -> None:
        """The oldest ripe predictions that no step has had; flat ones say nothing."""
        state, batch = drawn(ring(head=20, ripe=15, trained=9))

        assert positions(batch)[:FRESH].tolist() == [9, 10, 11, 12]
        assert batch.rose[1:3].tolist() == [0, 1]
        weights = [0, uniqueness_of(10), uniqueness_of(11), 0]
        assert batch.weight[:FRESH] == pytest.approx(weights)
        assert int(state.trained) == 13

    def test_what_waits_for_its_label_has_no_weight(self) -> None:
        """With three that are ripe, one of the four fresh places is empty."""
        state, batch = drawn(ring(head=20, ripe=12, trained=9))

        assert (batch.weight[:FRESH] > 0).tolist() == [False, True, True, False]
        assert int(state.trained) == 12

    def test_what_was_overwritten_is_no_longer_fresh(self) -> None:
        """A step that fell behind goes on with the oldest that is still there."""
        state, batch = drawn(ring(head=1_000, ripe=950, trained=3))

        assert positions(batch)[:FRESH].tolist() == [1_000 - ROWS + n for n in range(FRESH)]
        assert int(state.trained) == 1_000 - ROWS + FRESH

    @pytest.mark.parametrize(("head", "ripe"), [(20, 15), (1_000, 950), (1_000, 1_000)])
    def test_recent_ones_are_ripe_and_still_there(self, head: int, ripe: int) -> None:
        """They are drawn from all of those, also when the ring has wrapped around."""
        _, batch = drawn(ring(head=head, ripe=ripe, trained=ripe), offset=5)
        places = slice(FRESH, FRESH + RECENT)
        found, oldest = positions(batch)[places], max(head - ROWS, 0)

        weights = [uniqueness_of(p) * (label_of(p) != FLAT) for p in found.tolist()]
        assert batch.weight[places] == pytest.approx(weights)
        assert found.min() >= oldest
        assert found.max() < ripe
        assert len(np.unique(found)) > min(ripe - oldest, 100) // 2

    @pytest.mark.parametrize("ripe", [1, 16, 17, 950])
    def test_archived_ones_reach_back_to_the_beginning(self, ripe: int) -> None:
        """Of all that is there, each as likely."""
        _, batch = drawn(ring(head=ripe + 9, ripe=ripe, trained=ripe), offset=5)
        found = positions(batch)[FRESH + RECENT :]
        wanted = set(range(0, ripe, ARCHIVE_STRIDE))

        weights = [uniqueness_of(p) * (label_of(p) != FLAT) for p in found.tolist()]
        assert batch.weight[FRESH + RECENT :] == pytest.approx(weights)
        assert set(found.tolist()) <= wanted
        assert len(set(found.tolist())) > len(wanted) // 2

    def test_a_full_archive_holds_its_newest(self) -> None:
        """It has wrapped around: all its places are drawn from, and no others."""
        ripe = ARCHIVE_STRIDE * (SMALL.archive_rows + 40)
        parameters = replace(PARAMETERS, archived_rows=256)

        _, batch = drawn(
            ring(head=ripe, ripe=ripe, trained=ripe, parameters=parameters), parameters=parameters
        )
        found = positions(batch)[FRESH + RECENT :]

        assert found.min() >= 40 * ARCHIVE_STRIDE
        assert found.max() < ripe
        assert len(np.unique(found)) > 120

    def test_half_of_what_is_drawn_is_mirrored(self) -> None:
        """Buyers for sellers: what has a direction changes its sign, and so does the label."""
        _, batch = drawn(ring(head=1_000, ripe=1_000, trained=990), offset=3)
        signed = batch.features[:, SIGNED]
        mirrored = signed[:, 0] < 0

        assert not mirrored[:FRESH].any()
        for part in (slice(FRESH, FRESH + RECENT), slice(FRESH + RECENT, None)):
            assert 0.35 < mirrored[part].mean() < 0.65
        assert (signed == np.where(mirrored, -1, 1)[:, None]).all()
        unsigned = np.delete(batch.features, [*np.flatnonzero(SIGNED), ID], axis=1)
        assert (unsigned == 1).all()
        rose = np.array([label_of(position) == ROSE for position in positions(batch).tolist()])
        weighty = batch.weight > 0
        assert (batch.rose == (rose != mirrored))[weighty].all()

    def test_empty_rings_give_nothing(self) -> None:
        """No row has weight."""
        state, batch = drawn(ring(head=3, ripe=0, trained=0))

        assert not batch.weight.any()
        assert int(state.trained) == 0

    def test_a_void_label_has_no_weight(self) -> None:
        """Nothing is known of it, so nothing is learned from it."""
        state = ring(head=20, ripe=20, trained=0)
        state = state._replace(
            outcomes=tf.zeros_like(state.outcomes), archive=tf.zeros_like(state.archive)
        )

        _, batch = drawn(state)

        assert not batch.weight.any()

    def test_draws_follow_from_the_offset(self) -> None:
        """I9: the same offset draws the same samples, another one others, of either ring."""
        state = ring(head=1_000, ripe=1_000, trained=1_000)

        first, again, other = (positions(drawn(state, offset=n)[1]) for n in (7, 7, 8))

        assert (first == again).all()
        for part in (slice(FRESH, FRESH + RECENT), slice(FRESH + RECENT, None)):
            assert (first[part] != other[part]).any()

    @pytest.mark.parametrize("name", ["recent_rows", "archived_rows"])
    def test_either_ring_may_be_left_out(self, name: str) -> None:
        """Then the batch is so much shorter."""
        parameters = replace(PARAMETERS, **{name: 0})

        _, batch = drawn(ring(head=100, ripe=90, trained=80), parameters=parameters)

        rows = FRESH + parameters.recent_rows + parameters.archived_rows
        assert batch.features.shape == (rows, COUNT)
        assert batch.weight.shape == batch.rose.shape == (rows,)


@tf.function(autograph=False, jit_compile=True)  # type: ignore[untyped-decorator]
def _archived(archive: tf.Tensor, position: tf.Tensor, outcome: tf.Tensor) -> tf.Tensor:
    empty = {name: tf.constant(array) for name, array in memory.initial_state(SMALL.shape).items()}
    state = MemoryState(**{**empty, "archive": archive})
    sample = tf.range(memory.WIDTH, dtype=tf.float32)
    return memory.archive(state, position, sample, outcome).archive


@pytest.mark.parametrize("turn", [0, 5, SMALL.archive_rows, SMALL.archive_rows + 3])
@pytest.mark.parametrize("outcome", [VOID, FLAT, FELL, ROSE])
def test_of_every_so_many_one_is_archived(turn: int, outcome: int) -> None:
    """In its place, over what has been there longest; the others leave the archive as it is."""
    before = np.full((SMALL.archive_rows, memory.WIDTH), -1, np.float32)

    def archived(position: int) -> npt.NDArray[np.float32]:
        found: npt.NDArray[np.float32] = _archived(
            tf.constant(before), tf.constant(position, tf.int64), tf.constant(outcome)
        ).numpy()
        return found

    found, place = archived(turn * ARCHIVE_STRIDE), turn % SMALL.archive_rows

    assert (np.delete(found, place, axis=0) == -1).all()
    assert found[place, :COUNT].tolist() == list(range(COUNT))
    assert found[place, COUNT] == (outcome == ROSE)
    assert found[place, COUNT + 1] == (memory.UNIQUENESS if outcome in (FELL, ROSE) else 0)
    assert not found[place, COUNT + 2 :].any()
    for beside in (1, ARCHIVE_STRIDE - 1):
        assert (archived(turn * ARCHIVE_STRIDE + beside) == -1).all()


def test_a_sample_holds_what_was_seen_and_said() -> None:
    """Features, every expert's logit, the probabilities, and how many waited beside it."""
    engine = Engine.initial(SMALL)
    said = decisions(engine, stream(200))[-1]
    state = engine.state()
    place = (int(state["memory.head"]) - 1) % ROWS
    sample = state["memory.samples"][place]
    logits = sample[memory.LOGITS : memory.LOGITS + EXPERTS]

    assert sample.shape == (memory.WIDTH,)
    assert sample[memory.P_UP] == np.float32(said.p_up)
    assert sample[memory.P_MIXTURE] == np.float32(said.p_up_raw)
    mixture = (state["experts.shares"] / (1 + np.exp(-logits))).sum()
    assert mixture == pytest.approx(said.p_up_raw, rel=1e-5)
    network = 1 / (1 + math.exp(-sample[memory.NETWORK]))
    assert network == pytest.approx(said.p_up_network, rel=1e-5)
    beside = int(state["memory.head"]) - 1 - int(state["memory.ripe"])
    assert sample[memory.UNIQUENESS] == pytest.approx(1 / max(beside, 1))
    assert beside > 1
    assert not sample[memory.UNIQUENESS + 1 :].any()
    assert state["memory.facts"][place, memory.TIME_NS] >= START_NS
