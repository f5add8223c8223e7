"""Tests on the losses: is the learner learning, has the market changed, should the network grow?

Labels overlap, so the tests do not use single labels: losses are averaged over blocks of one
horizon, and the tests run on the sequence of blocks. They use resolved labels only.

* **Drift**: a Page-Hinkley test (Page 1954, doi 10.1093/biomet/41.1-2.100) on the standardised loss
  of the linear expert. If the losses of blocks are autocorrelated, a sum of them deviates more than
  independent ones would, by the factor sqrt((1 + r) / (1 - r)), with r the correlation with the
  block before. The test's slack absorbs part of that, so the deviation is multiplied by
  ((1 + r) / (1 - r)) ** 0.3 only.
* **Growth**: the challenger, the network's next block, must beat the network by an e-value: a bet
  on the bounded difference of the two losses (Choe & Ramdas 2024, arXiv 2110.00115; Waudby-Smith &
  Ramdas 2024, arXiv 2010.09686). Labels of neighbouring blocks overlap by a horizon, so even and
  odd blocks bet on separate accounts; the mean of e-values is an e-value. It may be tested after
  every block.
* **Phase**: warming up, learning, converged, stalled without skill, relearning after a drift.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.arithmetic import Tensor, tf
from engine.learner import experts
from engine.learner.experts import EXPERTS, FIRST_HEAD, HEADS, LINEAR, PRIOR

PHASES = ("warming up", "learning", "converged", "stalled", "relearning")
WARMING, LEARNING, CONVERGED, STALLED, RELEARNING = range(5)

BETS = (0.05, 0.2, 0.6)
"""The shares of capital that are bet on the challenger, each from a separate account."""

EVIDENCE = 20.0
"""The e-value at which the network grows; it doubles with every refusal of the challenger."""

DRIFT_SLACK, DRIFT_ALARM = 0.5, 12.0
"""In deviations of a block's loss: the excess that is ignored, and the sum that raises an alarm."""

DEVIATION_MIN = 0.2
"""Least deviation of a block's loss, in nats, so that a small change after a steady time raises no
alarm."""

ALIKE_MAX = 0.8
"""Bound of the correlation of neighbouring blocks that is corrected for."""

WARM_BLOCKS = 100.0
_FAST, _SLOW = 1.0 / 50.0, 1.0 / 1000.0
_MIXTURE = EXPERTS
_WATCHED = EXPERTS + 1
_REFUSED = 0.02
"""The e-value below which a challenger is refused, and its bets start again."""


class MonitorState(NamedTuple):
    """The running block, and statistics of the closed blocks."""

    block: Tensor  # int64[]: number of the running block (event time // horizon)
    sums: Tensor  # float32[_WATCHED + 1]: losses in it, and their weight
    blocks: Tensor  # float32[]: closed blocks
    means: Tensor  # float32[6]: linear loss: fast, slow mean, variance; skill: the same
    runs: Tensor  # float32[2]: last gap of the linear loss to its mean; mean product of two
    alarm: Tensor  # float32[]: the Page-Hinkley sum
    since_drift: Tensor  # float32[]: blocks since the last alarm
    wealth: Tensor  # float32[2, BETS]: log-capital of even and odd blocks
    refusals: Tensor  # float32[]


class Verdict(NamedTuple):
    """The test results after a label."""

    drifted: Tensor  # bool[]
    grew: Tensor  # bool[]
    closes: Tensor  # bool[]: the label is the first of a block, so the block before is closed


def initial_state() -> dict[str, npt.NDArray[Any]]:
    """Return the monitor before the first label."""
    return {
        "block": np.zeros((), np.int64),
        "sums": np.zeros(_WATCHED + 1, np.float32),
        "blocks": np.zeros((), np.float32),
        "means": np.array([0.7, 0.7, 0.1, 0.0, 0.0, 0.1], np.float32),
        "runs": np.zeros(2, np.float32),
        "alarm": np.zeros((), np.float32),
        "since_drift": np.full((), 1e6, np.float32),
        "wealth": np.zeros((2, len(BETS)), np.float32),
        "refusals": np.zeros((), np.float32),
    }


def observe(
    state: MonitorState,
    losses: Tensor,
    mixture_loss: Tensor,
    weight: Tensor,
    block: Tensor,
    active: Tensor,
    exits_max: Tensor,
) -> tuple[MonitorState, Verdict]:
    """Add the losses of one label; where it starts a new block, close the block before.

    Args:
        state: the monitor.
        losses: each expert's loss in nats, float32[EXPERTS].
        mixture_loss: the calibrated mixture's, float32[].
        weight: the uniqueness of the label, float32[]; 0 where it is not scored.
        block: the number of the prediction's block, int64[].
        active: the experts in the mixture, float32[EXPERTS].
        exits_max: the most blocks that the network may use, int32[].
    """
    closes = (block != state.block) & (state.sums[-1] > 0.0)
    closed = _close(state, active, exits_max)
    state = MonitorState(
        *(tf.where(closes, new, old) for new, old in zip(closed[0], state, strict=True))
    )
    news = tf.concat([losses, mixture_loss[None], tf.ones(1)], 0) * weight
    return (
        state._replace(block=tf.where(weight > 0.0, block, state.block), sums=state.sums + news),
        Verdict(*(closes & each for each in closed[1])),
    )


def _close(state: MonitorState, active: Tensor, exits_max: Tensor) -> tuple[MonitorState, Verdict]:
    means = state.sums[:-1] / tf.maximum(state.sums[-1], 1e-9)
    loss = means[LINEAR]
    skill = means[PRIOR] - means[_MIXTURE]
    blocks = state.blocks + 1.0
    fast = tf.maximum(_FAST, 1.0 / blocks)
    slow = tf.maximum(_SLOW, 1.0 / blocks)
    old = state.means
    alike = tf.clip_by_value(state.runs[1] / tf.maximum(old[2], 1e-9), 0.0, ALIKE_MAX)
    longer = tf.pow((1.0 + alike) / (1.0 - alike), 0.3)
    deviation = tf.maximum(tf.sqrt(old[2]) * longer, DEVIATION_MIN)
    excess = tf.clip_by_value((loss - old[1]) / deviation, -4.0, 4.0)
    alarm = tf.maximum(0.0, state.alarm + excess - DRIFT_SLACK)
    drifted = (alarm > DRIFT_ALARM) & (blocks > WARM_BLOCKS)
    gap, skill_gap = loss - old[1], skill - old[4]
    most = 4.0 * tf.sqrt(old[2]) + 1e-2
    bounded = tf.clip_by_value(gap, -most, most)
    new = tf.stack(
        [
            old[0] + fast * (loss - old[0]),
            old[1] + slow * gap,
            old[2] + slow * (bounded * bounded - old[2]),
            old[3] + fast * (skill - old[3]),
            old[4] + slow * skill_gap,
            old[5] + slow * (skill_gap * skill_gap - old[5]),
        ]
    )
    heads = means[FIRST_HEAD : FIRST_HEAD + HEADS]
    grown = size(active)
    challenger = tf.minimum(grown, HEADS - 1)
    gain = tf.clip_by_value(heads[tf.maximum(grown - 1, 0)] - heads[challenger], -1.0, 1.0)
    bet = tf.math.log(1.0 + tf.constant(BETS) * gain)
    parity = tf.cast(tf.math.floormod(state.block, 2), tf.int32)
    wealth = state.wealth + tf.one_hot(parity, 2)[:, None] * bet[None, :]
    evidence = tf.reduce_mean(tf.exp(tf.minimum(wealth, 30.0)))
    grew = (grown < exits_max) & (evidence > EVIDENCE * tf.pow(2.0, state.refusals))
    refused = evidence < _REFUSED
    wealth = tf.where(grew | refused, tf.zeros_like(wealth), wealth)
    refusals = tf.where(grew, 0.0, state.refusals + tf.where(refused, 1.0, 0.0))
    return MonitorState(
        block=state.block,
        sums=tf.zeros_like(state.sums),
        blocks=blocks,
        means=new,
        runs=tf.stack([bounded, state.runs[1] + slow * (bounded * state.runs[0] - state.runs[1])]),
        alarm=tf.where(drifted, 0.0, alarm),
        since_drift=tf.where(drifted, 0.0, state.since_drift + 1.0),
        wealth=wealth,
        refusals=tf.minimum(refusals, 20.0),
    ), Verdict(drifted=drifted, grew=grew, closes=tf.constant(True))


def phase(state: MonitorState) -> Tensor:
    """Return the phase, an index into `PHASES`, int32[]."""
    deviation = tf.sqrt(state.means[5])
    error = deviation * tf.sqrt(_FAST * 0.5) + 1e-6
    steady = tf.abs(state.means[3] - state.means[4]) < 2.0 * error
    skilled = state.means[4] > 2.0 * deviation * tf.sqrt(_SLOW * 0.5)
    settled = tf.where(skilled, CONVERGED, STALLED)
    later = tf.where(steady & (state.blocks > 5.0 * WARM_BLOCKS), settled, LEARNING)
    recent = tf.where(state.since_drift < WARM_BLOCKS, RELEARNING, later)
    return tf.where(state.blocks < WARM_BLOCKS, WARMING, recent)


def learning_rate_factor(state: MonitorState, volatility_ratio: Tensor) -> Tensor:
    """Return the factor on the step size by performance, volatility and drift, float32[], 1/16 … 8.

    ``volatility_ratio`` is the recent rate of squared moves over the long-term one, float32[].
    """
    error = tf.sqrt(state.means[2] * (_FAST * 0.5)) + 1e-6
    surprise = (state.means[0] - state.means[1]) / error
    performance = tf.clip_by_value(tf.exp(0.25 * surprise), 0.5, 4.0)
    damped = tf.clip_by_value(1.0 / (tf.sqrt(tf.sqrt(volatility_ratio)) + 1e-3), 0.25, 1.0)
    drift = 1.0 + 3.0 * tf.pow(0.5, state.since_drift / 500.0)
    aged = 1.0 + tf.minimum(state.since_drift, state.blocks) / 5_000.0
    # Not 1 / sqrt(x), which is compiled to an approximation that differs between processors.
    anneal = 1.0 / (tf.sqrt(aged) + 1e-6)
    damped = tf.where(state.since_drift < WARM_BLOCKS, 1.0, damped)
    return tf.clip_by_value(performance * damped * drift * anneal, 1.0 / 16.0, 8.0)


def size(active: Tensor) -> Tensor:
    """Return how many of the network's heads are in use, int32[]."""
    return tf.cast(tf.reduce_sum(active[FIRST_HEAD : FIRST_HEAD + HEADS]), tf.int32)


def learning_blocks(active: Tensor) -> Tensor:
    """Return 1 for blocks that learn (in use, or the challenger), else 0; float32[HEADS]."""
    return tf.cast(tf.range(HEADS) <= size(active), tf.float32)


def network_head(active: Tensor, heads: Tensor) -> Tensor:
    """Return the logit of the network at its present size: of its last head in use, float32[]."""
    return heads[tf.maximum(size(active) - 1, 0)]


def grow(state: experts.ExpertState) -> experts.ExpertState:
    """Add the challenger to the mixture with weight 0, so the prediction does not change yet."""
    return experts.join(state, FIRST_HEAD + tf.minimum(size(state.active), HEADS - 1))
