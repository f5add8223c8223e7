"""What was seen and said, in two rings: predictions that wait or are remembered, and an archive.

The first ring is queue and memory in one: a prediction waits there for its label
(`engine.learner.labels`), then it is remembered for replay until its place is needed. Of what was
labelled, every so many goes to the archive, which reaches much further back. A training step takes
labels that have just ripened, remembered ones and archived ones, so old regimes are rehearsed
beside the new.

Both have a stated size (I10). If every place waits for a label, a new prediction is not remembered,
and counts as void.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine import randomness
from engine.arithmetic import Tensor, replace_row, tf
from engine.learner.experts import EXPERTS, Forecast
from engine.learner.features import COUNT, SIGNED
from engine.parameters import Parameters
from engine.row import Row
from engine.state import ARCHIVE_STRIDE

VOID, FLAT, FELL, ROSE = 0, 1, 2, 3

WIDTH = 64
LOGITS = COUNT
P_UP, P_MIXTURE, NETWORK, UNIQUENESS = range(COUNT + EXPERTS, COUNT + EXPERTS + 4)
"""Columns of a sample behind the features: the experts' logits, then what was said and known."""

TIME_NS, SUM_E8 = 0, 1
_OUTCOME = COUNT
"""Column of an archived sample that says 1 if the mid rose, 0 if it fell; then its uniqueness."""


class MemoryState(NamedTuple):
    """The rings. Positions only grow; a place is position % rows."""

    samples: Tensor  # float32[rows, WIDTH]
    facts: Tensor  # int64[rows, 2]: event time, bid + ask
    outcomes: Tensor  # int32[rows]
    archive: Tensor  # float32[archive_rows, WIDTH]
    head: Tensor  # int64[]: the next position to write
    ripe: Tensor  # int64[]: the oldest position that waits for its label
    trained: Tensor  # int64[]: the oldest position that no step has had as fresh
    sum_e8: Tensor  # int64[]: bid + ask in force; 0 where it is not known


class Batch(NamedTuple):
    """Labelled samples. ``weight`` 0 leaves a row out."""

    features: Tensor  # float32[rows, COUNT]
    rose: Tensor  # float32[rows]: 1 if the mid rose
    weight: Tensor  # float32[rows]
    mirrored: Tensor  # float32[rows]: 1 if buyers and sellers were exchanged


def initial_state(parameters: Parameters) -> dict[str, npt.NDArray[Any]]:
    """Return the empty rings."""
    rows = parameters.memory_rows
    state: dict[str, npt.NDArray[Any]] = {
        "samples": np.zeros((rows, WIDTH), np.float32),
        "facts": np.zeros((rows, 2), np.int64),
        "outcomes": np.zeros(rows, np.int32),
        "archive": np.zeros((parameters.archive_rows, WIDTH), np.float32),
    }
    for name in ("head", "ripe", "trained", "sum_e8"):
        state[name] = np.zeros((), np.int64)
    return state


def waiting(state: MemoryState) -> Tensor:
    """Return how many predictions wait for their label, int64[]."""
    return state.head - state.ripe


def samples(
    state: MemoryState, offset: Tensor, parameters: Parameters
) -> tuple[MemoryState, Batch]:
    """Return a training batch: the oldest ripe predictions not trained on yet, then remembered
    ones, then archived ones, each drawn uniformly.

    Half of those that are drawn are mirrored, buyers for sellers, for whom takes a market to do
    the one as likely as the other.
    """
    rows = parameters.memory_rows
    oldest = tf.maximum(state.head - rows, 0)
    first = tf.maximum(state.trained, oldest)
    fresh = first + tf.range(parameters.fresh_rows, dtype=tf.int64)
    ripe_count = state.ripe - oldest
    archived = tf.minimum(
        (state.ripe + ARCHIVE_STRIDE - 1) // ARCHIVE_STRIDE, parameters.archive_rows
    )
    counts = (parameters.recent_rows, parameters.archived_rows)
    drawn = randomness.integers(
        2 * sum(counts),
        tf.constant(2**30, tf.int64),
        seed=parameters.seed,
        stream=randomness.REPLAY,
        offset=offset,
    )
    recent = oldest + tf.math.floormod(drawn[: counts[0]], tf.maximum(ripe_count, 1))
    old = tf.math.floormod(drawn[counts[0] : sum(counts)], tf.maximum(archived, 1))
    mirrored = tf.cast(drawn[sum(counts) :] % 2 == 1, tf.float32)

    places = tf.concat([fresh, recent], 0) % rows
    outcomes = tf.gather(state.outcomes, places)
    near, kept = tf.gather(state.samples, places), tf.gather(state.archive, old)
    usable = tf.concat([fresh < state.ripe, tf.fill([counts[0]], ripe_count > 0)], 0)
    usable = usable & (outcomes >= FELL)
    features = tf.concat([near[:, :COUNT], kept[:, :COUNT]], 0)
    rose = tf.concat([tf.cast(outcomes == ROSE, tf.float32), kept[:, _OUTCOME]], 0)
    weight = tf.concat([tf.where(usable, near[:, UNIQUENESS], 0.0), kept[:, _OUTCOME + 1]], 0)
    flips = tf.concat([tf.zeros(parameters.fresh_rows), mirrored], 0)
    signs = 1.0 - 2.0 * flips[:, None] * tf.cast(tf.constant(SIGNED), tf.float32)
    batch = Batch(
        features=features * signs,
        rose=tf.abs(rose - flips),
        weight=weight,
        mirrored=flips,
    )
    trained = tf.minimum(first + parameters.fresh_rows, state.ripe)
    return state._replace(trained=trained), batch


def resolved(state: MemoryState, outcome: Tensor, parameters: Parameters) -> MemoryState:
    """Note the outcome of the oldest prediction that waits, int32[]."""
    place = state.ripe % parameters.memory_rows
    return state._replace(outcomes=replace_row(state.outcomes, outcome, place), ripe=state.ripe + 1)


def archive(
    state: MemoryState, position: Tensor, sample: Tensor, outcome: Tensor, parameters: Parameters
) -> MemoryState:
    """Put a sample that has just been labelled into the archive, if it is its turn."""
    place = position // ARCHIVE_STRIDE % parameters.archive_rows
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
    """Return what is remembered of a prediction, float32[WIDTH].

    ``p_up`` is calibrated, ``network`` the logit of the network alone.
    """
    beside = tf.cast(tf.maximum(waiting(state), 1), tf.float32)
    said = tf.stack([p_up, forecast.p_up, network, 1.0 / beside])
    padding = tf.zeros(WIDTH - COUNT - EXPERTS - 4)
    return tf.concat([features, forecast.logits, said, padding], 0)


def remember(
    state: MemoryState, row: Row, sample: Tensor, parameters: Parameters
) -> tuple[MemoryState, Tensor]:
    """Put a prediction into the ring, to be labelled later; return how many were not (0 or 1).

    A tick without a valid mid makes no prediction, and ends what is known of the mid.
    """
    rows = parameters.memory_rows
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
