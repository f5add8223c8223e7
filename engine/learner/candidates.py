"""Features that the learner makes for itself: tried one beside the other, kept where they pay.

A generated feature is the product of two of `engine.learner.features`. Sixteen are on trial at any
time, drawn by (seed, how many were drawn before). Each learns a slope on top of what is foreseen
without it, and bets that it foresees better with it: an e-value over blocks of one horizon, as a
new block of the network does (`engine.learner.monitor`). At twenty it is adopted: it takes one of
eight places, with a slope of zero, so nothing that is foreseen changes at that moment. Who has not
earned its keep within some hundreds of blocks makes room for another draw. Those that were adopted
are bet against in the same way, by a capital that never falls below one, so that it is there when
the market turns (an e-detector: Shin, Ramdas & Rinaldo 2024, arXiv 2203.03532); who is found to
harm is faded out, by half a block, until not a bit is left of it.

What a label says may not be known to the slope that is judged by it, and labels overlap: so slopes
are judged as they were two blocks before. Theirs is a diagonal extended Kalman filter, as the
experts' (`engine.learner.experts`).
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine import randomness
from engine.arithmetic import Tensor, tf
from engine.learner.experts import losses
from engine.learner.features import CLIP, NAMES
from engine.parameters import Parameters

PLACES = 8
"""Generated features that take part, at most."""

TRIALS = 16
"""Generated features on trial."""

SLOTS = PLACES + TRIALS

EVIDENCE = 20.0
"""The e-value at which a feature is adopted."""

HARM = 1000.0
"""The capital at which one that was adopted is found to harm: if it does not, that takes as many
blocks at the least, on average."""

PATIENCE = 500.0
"""Blocks for which a trial goes on at an e-value of one; it has to grow as fast as they do."""

BET, GAIN_MAX = 0.5, 0.25
"""Share of the capital that is bet; nats by which a block's loss counts as better, at most."""

_REFUSED = 0.02
"""The e-value at which a trial ends at once."""

_VARIANCE, _WANDER = 0.002, 1e-8
_NOTHING = 1e-30
"""A slope below this does not change a logit's last bit."""

_IS_TRIAL: npt.NDArray[np.bool_] = np.arange(SLOTS) >= PLACES


class CandidateState(NamedTuple):
    """The places, then the trials. A place without variance is empty, or fading."""

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
    """What a closed block changed: 0, or 1 + the number of the pair (`pair_name`)."""

    adopted: Tensor  # int32[]
    dropped: Tensor  # int32[]


def initial_state() -> dict[str, npt.NDArray[Any]]:
    """Return the state before the first label: no place taken, and trials of no age.

    The first pairs are a feature with itself and no use; they are drawn anew with the first block.
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
    """Return the number of a pair, int32[2], as `Exchange` has it, less one."""
    return pair[0] * len(NAMES) + pair[1]


def pair_name(number: int) -> str:
    """Return what a pair is called, by its number."""
    first, second = divmod(number, len(NAMES))
    return f"{NAMES[first]} * {NAMES[second]}"


def products(pairs: Tensor, features: Tensor) -> Tensor:
    """Return float32[SLOTS], the generated features of float32[COUNT]."""
    factors = tf.gather(features, pairs)
    return tf.clip_by_value(factors[:, 0] * factors[:, 1], -CLIP, CLIP)


def pull(state: CandidateState, features: Tensor) -> Tensor:
    """Return by how much the adopted features move the linear exit's logit, float32[]."""
    return tf.reduce_sum((state.slopes * products(state.pairs, features))[:PLACES])


def observe(
    state: CandidateState,
    features: Tensor,
    said: Tensor,
    base: Tensor,
    rose: Tensor,
    weight: Tensor,
) -> CandidateState:
    """Learn from one label, and note how each feature did.

    Args:
        state: what is known.
        features: float32[COUNT] of the prediction.
        said: the logit that was said with the adopted features, float32[].
        base: the linear exit's logit for the same features now, float32[].
        rose: whether the mid rose.
        weight: how unique the label is; 0 where nothing is to be learned.
    """
    values = products(state.pairs, features)
    outcome = tf.cast(rose, tf.float32)
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


def close(state: CandidateState, parameters: Parameters) -> tuple[CandidateState, Exchange]:
    """End a block: settle the bets, adopt, drop, and draw anew."""
    gains = state.sums[:-1] / tf.maximum(state.sums[-1], 1e-9)
    bet = tf.math.log(1.0 + BET * tf.clip_by_value(gains / GAIN_MAX, -1.0, 1.0))
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
    empty = fading & (slopes == 0.0) & (rank < parameters.generated_max)
    place = tf.argmax(tf.cast(empty, tf.int32), output_type=tf.int32)
    adopts = (evidence[best] > EVIDENCE) & tf.reduce_any(empty)
    taken = adopts & (rank == place)

    tired = evidence < tf.maximum(ages / PATIENCE, _REFUSED)
    redrawn = trial & (tired | (adopts & (rank == best)))
    drawn = _draw(state.draws, parameters.seed)
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


def _draw(draws: Tensor, seed: int) -> Tensor:
    """Return a pair for every slot, int32[SLOTS, 2]."""
    below = tf.constant(len(NAMES), tf.int64)
    drawn = randomness.integers(
        2 * SLOTS, below, seed=seed, stream=randomness.CANDIDATES, offset=draws
    )
    return tf.reshape(tf.cast(drawn, tf.int32), (SLOTS, 2))
