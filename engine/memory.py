"""One ring of predictions: first they wait for their label, then they are remembered for replay.

A prediction made at event time t is labelled with the mid in force at t + horizon, which is known
at the first tick *after* that moment (I5). The label compares whole prices: the sum of bid and ask
then against the sum now. Across a break nothing is labelled: what waits is void, and counted.

The ring has a stated size (I10). If every place waits for a label, a new prediction is not
remembered, and counts as void.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine import calibration, randomness
from engine.arithmetic import Tensor, replace_row, tf
from engine.calibration import CalibrationState
from engine.features import COUNT
from engine.learning import Batch
from engine.parameters import Parameters
from engine.row import Row

VOID, FLAT, FELL, ROSE = 0, 1, 2, 3
_P_UP, _LOGIT, _PRIOR = COUNT, COUNT + 1, COUNT + 2
_WIDTH = COUNT + 8
_TIME_NS, _SUM_E8 = 0, 1
_P_MIN = 1e-6


class MemoryState(NamedTuple):
    """The ring and what is counted over it. Positions only grow; a place is position % rows."""

    samples: Tensor  # float32[rows, _WIDTH]: features, calibrated p_up, its logit, the prior
    facts: Tensor  # int64[rows, 2]: event time, bid + ask
    outcomes: Tensor  # int32[rows]
    head: Tensor  # int64[]: the next position to write
    ripe: Tensor  # int64[]: the oldest position that waits for its label
    trained: Tensor  # int64[]: the oldest position that no step has had as fresh
    sum_e8: Tensor  # int64[]: bid + ask in force; 0 where it is not known
    ups: Tensor  # float32[]: labels that rose
    moves: Tensor  # float32[]: labels that moved
    return_ppm: Tensor  # float32[]: decayed mean size of a move over the horizon
    scored: Tensor  # int64[]: labels that moved, since genesis
    hits: Tensor  # int64[]: of these, predicted rightly
    loss: Tensor  # float64[]: their log-loss, summed
    baseline_loss: Tensor  # float64[]: the same of the running share of rises


class Ripened(NamedTuple):
    """What ripened at one tick: counts and sums."""

    ripened: Tensor  # int32[]
    scored: Tensor  # int32[]
    hits: Tensor  # int32[]
    loss: Tensor  # float32[]
    baseline_loss: Tensor  # float32[]
    voided: Tensor  # int32[]


def genesis(parameters: Parameters) -> dict[str, npt.NDArray[Any]]:
    """Return the empty ring."""
    rows = parameters.memory_rows
    state: dict[str, npt.NDArray[Any]] = {
        "samples": np.zeros((rows, _WIDTH), np.float32),
        "facts": np.zeros((rows, 2), np.int64),
        "outcomes": np.zeros(rows, np.int32),
    }
    for name in ("head", "ripe", "trained", "sum_e8"):
        state[name] = np.zeros((), np.int64)
    for name in ("ups", "moves", "return_ppm"):
        state[name] = np.zeros((), np.float32)
    for name in ("scored", "hits"):
        state[name] = np.zeros((), np.int64)
    for name in ("loss", "baseline_loss"):
        state[name] = np.zeros((), np.float64)
    return state


def ripen(
    state: MemoryState, scaling: CalibrationState, row: Row, parameters: Parameters
) -> tuple[MemoryState, CalibrationState, Ripened]:
    """Label every prediction whose horizon ended before this tick, scoring what it said then."""
    waiting = tf.cast(state.head - state.ripe, tf.int32)
    voided = tf.where(row.breaks, waiting, 0)
    state = state._replace(
        ripe=tf.where(row.breaks, state.head, state.ripe),
        sum_e8=tf.where(row.breaks, tf.zeros_like(state.sum_e8), state.sum_e8),
    )
    rows = parameters.memory_rows
    horizon_ns = parameters.horizon_ms * 1_000_000

    def is_due(state: MemoryState, *_: object) -> Tensor:
        time_ns = state.facts[state.ripe % rows, _TIME_NS]
        return (state.ripe < state.head) & (row.time_ns - time_ns > horizon_ns)

    def label(
        state: MemoryState, scaling: CalibrationState, out: Ripened
    ) -> tuple[MemoryState, CalibrationState, Ripened]:
        place = state.ripe % rows
        sample = state.samples[place]
        before_e8 = state.facts[place, _SUM_E8]
        known = state.sum_e8 > 0
        gain_e8 = state.sum_e8 - before_e8
        rose, scored = gain_e8 > 0, known & (gain_e8 != 0)
        outcome = tf.where(rose, ROSE, tf.where(gain_e8 < 0, FELL, FLAT))
        outcome = tf.where(known, outcome, VOID)
        counted = tf.cast(scored, tf.float32)
        loss = counted * _log_loss(sample[_P_UP], rose)
        baseline = counted * _log_loss(sample[_PRIOR], rose)
        hit = tf.cast(scored & ((sample[_P_UP] >= 0.5) == rose), tf.int32)
        size_ppm = tf.cast(tf.abs(gain_e8) / tf.maximum(before_e8, 1), tf.float32) * 1e6
        weight = tf.where(scored, tf.maximum(0.01, 1.0 / (state.moves + 1.0)), 0.0)
        return (
            state._replace(
                outcomes=replace_row(state.outcomes, outcome, place),
                ripe=state.ripe + 1,
                ups=state.ups + counted * tf.cast(rose, tf.float32),
                moves=state.moves + counted,
                return_ppm=state.return_ppm + weight * (size_ppm - state.return_ppm),
                scored=state.scored + tf.cast(scored, tf.int64),
                hits=state.hits + tf.cast(hit, tf.int64),
                loss=state.loss + tf.cast(loss, tf.float64),
                baseline_loss=state.baseline_loss + tf.cast(baseline, tf.float64),
            ),
            calibration.correct(scaling, sample[_LOGIT], tf.cast(rose, tf.float32), scored),
            Ripened(
                ripened=out.ripened + tf.cast(known, tf.int32),
                scored=out.scored + tf.cast(scored, tf.int32),
                hits=out.hits + hit,
                loss=out.loss + loss,
                baseline_loss=out.baseline_loss + baseline,
                voided=out.voided + tf.cast(~known, tf.int32),
            ),
        )

    none, nothing = tf.constant(0), tf.constant(0.0)
    start = Ripened(none, none, none, nothing, nothing, voided)
    done: tuple[MemoryState, CalibrationState, Ripened] = tf.while_loop(
        is_due, label, (state, scaling, start), parallel_iterations=1
    )
    return done


def samples(
    state: MemoryState, offset: Tensor, parameters: Parameters
) -> tuple[MemoryState, Batch]:
    """Return a training batch: the oldest ripe predictions not trained on yet, then replayed ones.

    Replayed ones are drawn uniformly from all that are ripe and still in the ring.
    """
    rows = parameters.memory_rows
    oldest = tf.maximum(state.head - rows, 0)
    first = tf.maximum(state.trained, oldest)
    fresh = first + tf.range(parameters.fresh_rows, dtype=tf.int64)
    ripe_count = state.ripe - oldest
    drawn = randomness.integers(
        parameters.replayed_rows,
        tf.maximum(ripe_count, 1),
        seed=parameters.seed,
        stream=randomness.REPLAY,
        offset=offset,
    )
    usable = tf.concat([fresh < state.ripe, tf.fill([parameters.replayed_rows], ripe_count > 0)], 0)
    places = tf.concat([fresh, oldest + drawn], 0) % rows
    outcomes = tf.gather(state.outcomes, places)
    batch = Batch(
        features=tf.gather(state.samples, places)[:, :COUNT],
        moved=tf.cast(outcomes >= FELL, tf.float32),
        rose=tf.cast(outcomes == ROSE, tf.float32),
        weight=tf.cast(usable & (outcomes != VOID), tf.float32),
    )
    return state._replace(trained=tf.minimum(first + parameters.fresh_rows, state.ripe)), batch


def remember(
    state: MemoryState,
    row: Row,
    features: Tensor,
    p_up: Tensor,
    logit: Tensor,
    parameters: Parameters,
) -> tuple[MemoryState, Tensor]:
    """Put a prediction into the ring, to be labelled later; return how many were not (0 or 1).

    A tick without a valid mid makes no prediction, and ends what is known of the mid.
    """
    rows = parameters.memory_rows
    full = state.head - state.ripe >= rows
    kept = row.valid & ~full
    place = state.head % rows
    sum_e8 = row.bid_e8 + row.ask_e8
    prior = (state.ups + 1.0) / (state.moves + 2.0)
    tail = tf.stack([p_up, logit, prior] + [tf.constant(0.0)] * (_WIDTH - COUNT - 3))
    sample = tf.where(kept, tf.concat([features, tail], 0), state.samples[place])
    facts = tf.where(kept, tf.stack([row.time_ns, sum_e8]), state.facts[place])
    outcome = tf.where(kept, VOID, state.outcomes[place])
    return state._replace(
        samples=replace_row(state.samples, sample, place),
        facts=replace_row(state.facts, facts, place),
        outcomes=replace_row(state.outcomes, outcome, place),
        head=state.head + tf.cast(kept, tf.int64),
        sum_e8=tf.where(row.valid, sum_e8, tf.zeros_like(sum_e8)),
    ), tf.cast(row.valid & full, tf.int32)


def _log_loss(p_up: Tensor, rose: Tensor) -> Tensor:
    said = tf.where(rose, p_up, 1.0 - p_up)
    return -tf.math.log(tf.clip_by_value(said, _P_MIN, 1.0))
