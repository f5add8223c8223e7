"""Features that the learner generates: several on trial at a time, kept where they reduce the loss.

A generated feature is the product of two of `engine.learner.features`. Sixteen are on trial at any
time, drawn by (seed, number of draws before).

* **Trial.** Each candidate learns a slope on top of the prediction without it. An e-value over
  blocks of one horizon bets that the prediction with it has the lower loss, as for a new block of
  the network (`engine.learner.monitor`).
* **Adoption.** At an e-value of `EVIDENCE` it takes one of eight places, with a slope of zero, so
  the prediction does not change at that moment. A candidate whose evidence does not grow within
  some hundreds of blocks is replaced by a new draw.
* **Removal.** Adopted features are bet against in the same way. That capital never falls below one,
  so it can respond at once when the market changes (an e-detector: Shin, Ramdas & Rinaldo 2024,
  arXiv 2203.03532). A feature that is found to harm is faded out: its slope halves with every
  block until it is zero.

A slope must be scored on labels that it has not learned from, and labels overlap. So the slopes of
two blocks ago are scored. A slope is learned by a diagonal extended Kalman filter, like the weights
of the experts (`engine.learner.experts`).
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine import randomness
from engine.arithmetic import Tensor, tf
from engine.learner.experts import losses
from engine.learner.features import CLIP, NAMES
from engine.settings import Settings

PLACES = 8
"""Adopted features, at most."""

TRIALS = 16
"""Generated features on trial."""

SLOTS = PLACES + TRIALS

EVIDENCE = 20.0
"""The e-value at which a feature is adopted."""

HARM = 1000.0
"""The capital at which an adopted feature is found to harm. A harmless one reaches it after as many
blocks or more, on average."""

PATIENCE = 500.0
"""Blocks that a trial lasts at an e-value of one; the e-value must grow as fast as its age."""

BET, GAIN_MAX = 0.5, 0.25
"""Share of the capital that is bet; the largest gain of a block that counts, in nats."""

_REFUSED = 0.02
"""The e-value below which a trial ends at once."""

_VARIANCE, _WANDER = 0.002, 1e-8
_NOTHING = 1e-30
"""A slope below this does not change a logit's last bit."""

_IS_TRIAL: npt.NDArray[np.bool_] = np.arange(SLOTS) >= PLACES


class CandidateState(NamedTuple):
    """`PLACES` adopted features, then `TRIALS`. A place without variance is empty or fading."""

    pairs: Tensor  # int32[SLOTS, 2]: which features are multiplied
    slopes: Tensor  # float32[SLOTS]
    variances: Tensor  # float32[SLOTS]
    lagged: Tensor  # float32[2, SLOTS]: slopes one and two closed blocks ago
    sums: Tensor  # float32[SLOTS + 1]: gains in the running block, and their weight
    wealth: Tensor  # float32[2, SLOTS]: log-capital of even and odd blocks
    ages: Tensor  # float32[SLOTS]: closed blocks since it was drawn or adopted
    blocks: Tensor  # int64[]: closed blocks
    draws: Tensor  # int64[]: times that pairs were drawn


class Exchange(NamedTuple):
    """The changes by a closed block: 0, or 1 + the number of the pair (`pair_name`)."""

    adopted: Tensor  # int32[]
    dropped: Tensor  # int32[]


def initial_state() -> dict[str, npt.NDArray[Any]]:
    """Return the state before the first label: all places empty, all trials of age 0.

    The initial pairs are placeholders with an e-value near zero, so the first block redraws them.
    """
    return {
        "pairs": np.zeros((SLOTS, 2), np.int32),
        "slopes": np.zeros(SLOTS, np.float32),
        "variances": np.zeros(SLOTS, np.float32),
        "lagged": np.zeros((2, SLOTS), np.float32),
        "sums": np.zeros(SLOTS + 1, np.float32),
        "wealth": np.where(_IS_TRIAL, np.float32(-30.0), np.zeros((2, SLOTS), np.float32)),
        "ages": np.zeros(SLOTS, np.float32),
        "blocks": np.zeros((), np.int64),
        "draws": np.zeros((), np.int64),
    }


def pair_number(pair: Any) -> Any:
    """Return the number of a pair, int32[2]; `Exchange` holds it plus one."""
    return pair[0] * len(NAMES) + pair[1]


def pair_name(number: int) -> str:
    """Return the name of a pair by its number."""
    first, second = divmod(number, len(NAMES))
    return f"{NAMES[first]} * {NAMES[second]}"


def products(pairs: Tensor, features: Tensor) -> Tensor:
    """Return float32[SLOTS], the generated features of float32[COUNT]."""
    factors = tf.gather(features, pairs)
    return tf.clip_by_value(factors[:, 0] * factors[:, 1], -CLIP, CLIP)


def contribution(state: CandidateState, features: Tensor) -> Tensor:
    """Return the adopted features' contribution to the logit, float32[]."""
    return tf.reduce_sum((state.slopes * products(state.pairs, features))[:PLACES])


def observe(
    state: CandidateState,
    features: Tensor,
    said: Tensor,
    base: Tensor,
    rose: Tensor,
    weight: Tensor,
) -> CandidateState:
    """Learn from one label, and add up each feature's gain.

    Args:
        state: the state before the label.
        features: the features of the prediction, float32[COUNT].
        said: the logit that was predicted with the adopted features, float32[].
        base: the linear expert's present logit for the same features, float32[].
        rose: whether the mid rose.
        weight: how unique the label is; 0 where nothing is to be learned.
    """
    values = products(state.pairs, features)
    outcome = tf.cast(rose, tf.float32)
    # A trial is added to the prediction, an adopted feature is taken out of it. So a gain speaks
    # for the adoption of the one, and for the removal of the other.
    sign = tf.constant(np.where(_IS_TRIAL, 1.0, -1.0).astype(np.float32))
    other = said + sign * state.lagged[1] * values
    gains = losses(said, rose) - losses(other, rose)

    moves = state.slopes * values
    now = base + tf.reduce_sum(moves[:PLACES])
    with_it = tf.sigmoid(now + tf.where(tf.constant(_IS_TRIAL), moves, 0.0))
    information = weight * (with_it * (1.0 - with_it) + 1e-4) * values * values
    variances = state.variances / (1.0 + information * state.variances)
    slopes = state.slopes + variances * weight * (outcome - with_it) * values
    learns = state.variances > 0.0
    return state._replace(
        slopes=slopes,
        variances=tf.where(learns, variances + _WANDER * weight, 0.0),
        sums=state.sums + tf.concat([gains, tf.ones(1)], 0) * weight,
    )


def close(state: CandidateState, settings: Settings) -> tuple[CandidateState, Exchange]:
    """End a block: settle the bets, then adopt, remove and redraw features."""
    gains = state.sums[:-1] / tf.maximum(state.sums[-1], 1e-9)
    bet = tf.math.log(1.0 + BET * tf.clip_by_value(gains / GAIN_MAX, -1.0, 1.0))
    # Labels of neighbouring blocks overlap, so even and odd blocks bet on separate accounts.
    parity = tf.cast(state.blocks % 2, tf.int32)
    wealth = state.wealth + tf.one_hot(parity, 2)[:, None] * bet[None, :]
    trial = tf.constant(_IS_TRIAL)
    wealth = tf.where(trial, wealth, tf.maximum(wealth, 0.0))
    evidence = tf.reduce_mean(tf.exp(tf.minimum(wealth, 30.0)), 0)
    ages = state.ages + 1.0

    rank = tf.range(SLOTS)
    worst = tf.argmax(evidence[:PLACES], output_type=tf.int32)
    harms = (state.variances[worst] > 0.0) & (evidence[worst] > HARM)
    harmful = harms & (rank == worst)
    variances = tf.where(harmful, 0.0, state.variances)
    fading = ~trial & (variances == 0.0)
    halved = tf.where(tf.abs(state.slopes) < _NOTHING, 0.0, 0.5 * state.slopes)
    slopes = tf.where(fading, halved, state.slopes)

    best = PLACES + tf.argmax(evidence[PLACES:], output_type=tf.int32)
    empty = fading & (slopes == 0.0) & (rank < tf.cast(settings.generated_max, tf.int32))
    place = tf.argmax(tf.cast(empty, tf.int32), output_type=tf.int32)
    adopts = (evidence[best] > EVIDENCE) & tf.reduce_any(empty)
    taken = adopts & (rank == place)

    tired = evidence < tf.maximum(ages / PATIENCE, _REFUSED)
    redrawn = trial & (tired | (adopts & (rank == best)))
    drawn = _draw(state.draws, settings.seed)
    winner = state.pairs[best]
    pairs = tf.where(redrawn[:, None], drawn, state.pairs)
    pairs = tf.where(taken[:, None], winner, pairs)
    new = redrawn | taken
    lagged = tf.stack([slopes, state.lagged[0]])
    after = CandidateState(
        pairs=pairs,
        slopes=tf.where(new, 0.0, slopes),
        variances=tf.where(new, _VARIANCE, variances),
        lagged=tf.where(new, 0.0, lagged),
        sums=tf.zeros_like(state.sums),
        wealth=tf.where(new | harmful, 0.0, wealth),
        ages=tf.where(new, 0.0, ages),
        blocks=state.blocks + 1,
        draws=state.draws + tf.cast(tf.reduce_any(redrawn), tf.int64),
    )
    return after, Exchange(
        adopted=tf.where(adopts, 1 + pair_number(winner), 0),
        dropped=tf.where(harms, 1 + pair_number(state.pairs[worst]), 0),
    )


def _draw(draws: Tensor, seed: Tensor) -> Tensor:
    """Return a pair for every slot, int32[SLOTS, 2]."""
    below = tf.constant(len(NAMES), tf.int64)
    drawn = randomness.integers(
        2 * SLOTS, below, seed=seed, stream=randomness.CANDIDATES, offset=draws
    )
    return tf.reshape(tf.cast(drawn, tf.int32), (SLOTS, 2))
