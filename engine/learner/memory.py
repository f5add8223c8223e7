"""Samples for training, in two rings: recent predictions, and an archive of older ones.

The first ring is both a queue and a memory: a prediction waits there for its label
(`engine.learner.labels`), then it is kept for replay until its place is needed. One in so many
labelled samples goes to the archive, which reaches much further back. A training step takes newly
resolved labels, remembered ones and archived ones, so that the network keeps training on old
regimes.

Both rings have a fixed size (I10). If every place of the first waits for a label, a new prediction
is not stored, and counts as void.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine import randomness
from engine.arithmetic import Tensor, joined, replace_row, row_at, tf
from engine.learner.experts import EXPERTS, Forecast
from engine.learner.features import COUNT, SIGNED
from engine.parameters import Shape
from engine.row import Row
from engine.settings import Settings
from engine.state import ARCHIVE_STRIDE

VOID, FLAT, FELL, ROSE = 0, 1, 2, 3

WIDTH = 64
ROWS_MAX = 32
"""Rows of a training batch, at most, that are copied as wholes."""

LOGITS = COUNT
P_UP, P_MIXTURE, NETWORK, UNIQUENESS = range(COUNT + EXPERTS, COUNT + EXPERTS + 4)
"""Columns of a sample after the features and the experts' logits: the calibrated probability, the
mixture's, the network's logit, and the uniqueness of the label."""

TIME_NS, SUM_E8 = 0, 1
_OUTCOME = COUNT
"""Column of an archived sample that is 1 if the mid rose, 0 if it fell; uniqueness follows it."""


class MemoryState(NamedTuple):
    """The rings. A position only grows; its place in the ring is position % rows."""

    samples: Tensor  # float32[rows, WIDTH]
    facts: Tensor  # int64[rows, 2]: event time, bid + ask
    outcomes: Tensor  # int32[rows]
    archive: Tensor  # float32[archive_rows, WIDTH]
    head: Tensor  # int64[]: the next position to write
    ripe: Tensor  # int64[]: the oldest position without a label
    trained: Tensor  # int64[]: the oldest position not yet trained on as fresh
    sum_e8: Tensor  # int64[]: bid + ask in force, in 1e-8; 0 if unknown


class Batch(NamedTuple):
    """Labelled samples; a row of ``weight`` 0 does not count."""

    features: Tensor  # float32[rows, COUNT]
    rose: Tensor  # float32[rows]: 1 if the mid rose
    weight: Tensor  # float32[rows]
    mirrored: Tensor  # float32[rows]: 1 if buyers and sellers were exchanged


def initial_state(shape: Shape) -> dict[str, npt.NDArray[Any]]:
    """Return the empty rings."""
    rows = shape.memory_rows
    state: dict[str, npt.NDArray[Any]] = {
        "samples": np.zeros((rows, WIDTH), np.float32),
        "facts": np.zeros((rows, 2), np.int64),
        "outcomes": np.zeros(rows, np.int32),
        "archive": np.zeros((shape.archive_rows, WIDTH), np.float32),
    }
    for name in ("head", "ripe", "trained", "sum_e8"):
        state[name] = np.zeros((), np.int64)
    return state


def waiting(state: MemoryState) -> Tensor:
    """Return how many predictions wait for their label, int64[]."""
    return state.head - state.ripe


def samples(
    state: MemoryState, offset: Tensor, shape: Shape, settings: Settings
) -> tuple[MemoryState, Batch]:
    """Return a training batch: the oldest labelled predictions not trained on yet, then remembered
    ones, then archived ones; the last two are drawn uniformly.

    Half of the drawn samples are mirrored, buyers for sellers: the block of the network that
    learns from them assumes a symmetric market (`engine.learner.training`).
    """
    rows = shape.memory_rows
    oldest = tf.maximum(state.head - rows, 0)
    first = tf.maximum(state.trained, oldest)
    fresh = first + tf.range(shape.fresh_rows, dtype=tf.int64)
    ripe_count = state.ripe - oldest
    archived = tf.minimum((state.ripe + ARCHIVE_STRIDE - 1) // ARCHIVE_STRIDE, shape.archive_rows)
    counts = (shape.recent_rows, shape.archived_rows)
    drawn = randomness.integers(
        2 * sum(counts),
        tf.constant(2**30, tf.int64),
        seed=settings.seed,
        stream=randomness.REPLAY,
        offset=offset,
    )
    recent = oldest + tf.math.floormod(drawn[: counts[0]], tf.maximum(ripe_count, 1))
    old = tf.math.floormod(drawn[counts[0] : sum(counts)], tf.maximum(archived, 1))
    mirrored = tf.cast(drawn[sum(counts) :] % 2 == 1, tf.float32)

    places = tf.concat([fresh, recent], 0) % rows
    outcomes = tf.gather(state.outcomes, places)
    taken = _rows([(state.samples, places), (state.archive, old)], state.samples)
    near, kept = taken[: shape.fresh_rows + counts[0]], taken[shape.fresh_rows + counts[0] :]
    usable = tf.concat([fresh < state.ripe, tf.fill([counts[0]], ripe_count > 0)], 0)
    usable = usable & (outcomes >= FELL)
    rose = tf.concat([tf.cast(outcomes == ROSE, tf.float32), kept[:, _OUTCOME]], 0)
    weight = tf.concat([tf.where(usable, near[:, UNIQUENESS], 0.0), kept[:, _OUTCOME + 1]], 0)
    flips = tf.concat([tf.zeros(shape.fresh_rows), mirrored], 0)
    signs = 1.0 - 2.0 * flips[:, None] * tf.cast(tf.constant(SIGNED), tf.float32)
    batch = Batch(
        features=taken[:, :COUNT] * signs,
        rose=tf.abs(rose - flips),
        weight=weight,
        mirrored=flips,
    )
    trained = tf.minimum(first + shape.fresh_rows, state.ripe)
    return state._replace(trained=trained), batch


def _rows(wanted: Sequence[tuple[Tensor, Tensor]], onto: Tensor) -> Tensor:
    """Return rows of tables, each a table and places in it, [places, columns].

    Up to `ROWS_MAX` rows are copied one by one, which `tf.gather` does number by number. ``onto``
    is a table of at least as many rows.
    """
    count = sum(places.shape[0] for _, places in wanted)
    if count > ROWS_MAX:
        return tf.concat([tf.gather(table, places) for table, places in wanted], 0)
    rows = [row_at(table, place) for table, places in wanted for place in tf.unstack(places)]
    return joined(rows, onto[:count])


def resolved(state: MemoryState, outcome: Tensor) -> MemoryState:
    """Store the outcome, int32[], of the oldest prediction that waits."""
    place = state.ripe % state.outcomes.shape[0]
    return state._replace(outcomes=replace_row(state.outcomes, outcome, place), ripe=state.ripe + 1)


def archive(state: MemoryState, position: Tensor, sample: Tensor, outcome: Tensor) -> MemoryState:
    """Put a newly labelled sample into the archive if its position is a multiple of the stride."""
    place = position // ARCHIVE_STRIDE % state.archive.shape[0]
    tail = tf.stack(
        [
            tf.cast(outcome == ROSE, tf.float32),
            tf.where(outcome >= FELL, sample[UNIQUENESS], 0.0),
        ]
    )
    row = tf.concat([sample[:COUNT], tail, tf.zeros(WIDTH - COUNT - 2)], 0)
    kept = tf.where(position % ARCHIVE_STRIDE == 0, row, state.archive[place])
    return state._replace(archive=replace_row(state.archive, kept, place))


def sample(
    state: MemoryState,
    features: Tensor,
    forecast: Forecast,
    p_up: Tensor,
    network: Tensor,
) -> Tensor:
    """Return the sample of a prediction, float32[WIDTH].

    ``p_up`` is the calibrated probability, ``network`` the network's own logit, float32[] each.
    """
    overlapping = tf.cast(tf.maximum(waiting(state), 1), tf.float32)
    predicted = tf.stack([p_up, forecast.p_up, network, 1.0 / overlapping])
    padding = tf.zeros(WIDTH - COUNT - EXPERTS - 4)
    return tf.concat([features, forecast.logits, predicted, padding], 0)


def remember(state: MemoryState, row: Row, sample: Tensor) -> tuple[MemoryState, Tensor]:
    """Put a prediction into the ring, to be labelled later; return how many did not fit (0 or 1).

    A tick without a valid mid makes no prediction, and makes the mid in force unknown.
    """
    rows = state.samples.shape[0]
    full = waiting(state) >= rows
    kept = row.valid & ~full
    place = state.head % rows
    sum_e8 = row.bid_e8 + row.ask_e8
    sample = tf.where(kept, sample, state.samples[place])
    facts = tf.where(kept, tf.stack([row.time_ns, sum_e8]), state.facts[place])
    outcome = tf.where(kept, VOID, state.outcomes[place])
    return state._replace(
        samples=replace_row(state.samples, sample, place),
        facts=replace_row(state.facts, facts, place),
        outcomes=replace_row(state.outcomes, outcome, place),
        head=state.head + tf.cast(kept, tf.int64),
        sum_e8=tf.where(row.valid, sum_e8, tf.zeros_like(sum_e8)),
    ), tf.cast(row.valid & full, tf.int32)
