"""The experts that predict the direction: rules, a linear one, the network's heads; their mixture.

Every expert predicts one logit of "the mid will be higher, if it moves". The mixture weighs the
experts by their past losses: exponential weights on the log-loss with a fixed share (Herbster &
Warmuth 1998, doi 10.1023/A:1007424614876). Over any interval its loss exceeds that of the best
expert by at most ln(experts) plus the cost of the share. Labels overlap and so repeat each other.
Each is therefore weighted by its uniqueness: one over the number of predictions that wait for a
label at the same time (López de Prado 2018, "Advances in Financial Machine Learning", chapter 4).

| expert | prediction |
|---|---|
| prior | the share of rises |
| persistence | the direction of the last resolved label, with the frequency at which it repeated |
| imbalance | the queue imbalance times a learned slope, which is never negative |
| linear | a linear function of all features; its prior weight is on the imbalance |
| generated | the linear expert plus the adopted features of `engine.learner.candidates` |
| recalled | the linear expert as it was before an earlier change of regime, frozen |
| network | the heads of `engine.learner.network`, each built on the one before |
| stack | a linear function of the other experts' logits |

The linear ones are recursive Bayesian logistic regressions: an extended Kalman filter on the
weights (Penny & Roberts 1999, "Dynamic logistic regression", doi 10.1109/IJCNN.1999.832603).
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.arithmetic import Tensor, tf
from engine.learner.features import COUNT, IMBALANCE, SIGNED

RECALLED = 2
HEADS = 3
NAMES = (
    "prior",
    "persistence",
    "imbalance",
    "linear",
    "generated",
    *(f"recalled_{index}" for index in range(1, RECALLED + 1)),
    *(f"network_{index}" for index in range(1, HEADS + 1)),
    "stack",
)
EXPERTS = len(NAMES)
PRIOR, PERSISTENCE, RULE, LINEAR, GENERATED, FIRST_RECALLED = range(6)
FIRST_HEAD = FIRST_RECALLED + RECALLED
STACK = EXPERTS - 1

LOGIT_MAX = 6.0
"""Bound of every expert's logit: probabilities of 0.25 % and 99.75 %."""

RATE = 1.0
"""Learning rate of the exponential weights: the log-loss is mixable at 1."""

SHARE = 1e-3
"""Fixed share: the part of the weight that each unique label spreads evenly over the experts."""

_RULE_SLOPE, _RULE_SLOPE_MIN = 2.0, 0.05
_SIGNED_VARIANCE, _UNSIGNED_VARIANCE, _STACK_VARIANCE, _RULE_VARIANCE = 0.005, 1e-4, 0.01, 1.0
_WANDER = 1e-8
"""Process noise: what a label adds to the variance of each weight, because the market changes."""

_ALIKE, _CHANGED_VARIANCE = 0.8, 0.05
_FADE = 1.0 - 1e-4
"""The factor by which a unique label decays the counts of rises and repeats."""


_FIRST_MIXTURE_WEIGHTS = np.zeros(EXPERTS, np.float32)
_FIRST_MIXTURE_WEIGHTS[[PRIOR, PERSISTENCE, RULE, LINEAR, FIRST_HEAD, STACK]] = [
    0.05, 0.05, 0.35, 0.35, 0.1, 0.1,
]  # fmt: skip


class Bayes(NamedTuple):
    """A recursive logistic regression: its weights and their covariance."""

    weights: Tensor  # float32[inputs]
    covariance: Tensor  # float32[inputs, inputs]


class ExpertState(NamedTuple):
    """The learned state of the experts."""

    shares: Tensor  # float32[EXPERTS]: mixture weights, which sum to one
    counts: Tensor  # float32[4]: rises, moves, repeats, pairs
    last: Tensor  # float32[]: 1 if the last resolved label rose, -1 if it fell, 0 before
    rule: Tensor  # float32[2]: slope and its variance
    linear_weights: Tensor  # float32[COUNT]
    linear_covariance: Tensor  # float32[COUNT, COUNT]
    stack_weights: Tensor  # float32[EXPERTS - 1]
    stack_covariance: Tensor  # float32[EXPERTS - 1, EXPERTS - 1]
    move_weights: Tensor  # float32[COUNT]: of the probability that the mid moves at all
    move_covariance: Tensor  # float32[COUNT, COUNT]
    recalled: Tensor  # float32[RECALLED, COUNT]: linear weights before changes of regime
    active: Tensor  # float32[EXPERTS]: 1 for the experts in the mixture, else 0


def initial_state() -> dict[str, npt.NDArray[Any]]:
    """Return the experts before the first label; the rule and the linear expert weigh most."""
    variance = np.where(SIGNED, _SIGNED_VARIANCE, _UNSIGNED_VARIANCE).astype(np.float32)
    linear = np.zeros(COUNT, np.float32)
    linear[IMBALANCE] = _RULE_SLOPE
    stack = np.zeros(EXPERTS - 1, np.float32)
    stack[LINEAR] = 1.0
    active = np.ones(EXPERTS, np.float32)
    active[GENERATED:STACK] = 0.0
    active[FIRST_HEAD] = 1.0
    return {
        "shares": _FIRST_MIXTURE_WEIGHTS.copy(),
        "counts": np.array([1.0, 2.0, 1.0, 2.0], np.float32),
        "last": np.zeros((), np.float32),
        "rule": np.array([_RULE_SLOPE, _RULE_VARIANCE], np.float32),
        "linear_weights": linear,
        "linear_covariance": np.diag(variance),
        "stack_weights": stack,
        "stack_covariance": np.eye(EXPERTS - 1, dtype=np.float32) * np.float32(_STACK_VARIANCE),
        "move_weights": np.zeros(COUNT, np.float32),
        "move_covariance": np.eye(COUNT, dtype=np.float32) * np.float32(_SIGNED_VARIANCE),
        "recalled": np.zeros((RECALLED, COUNT), np.float32),
        "active": active,
    }


class Forecast(NamedTuple):
    """The predictions at one tick."""

    logits: Tensor  # float32[EXPERTS]
    p_up: Tensor  # float32[]: the mixture's probability of a rise, if the mid moves
    p_move: Tensor  # float32[]: the probability that the mid moves within the horizon


def predict(state: ExpertState, features: Tensor, generated: Tensor, heads: Tensor) -> Forecast:
    """Return every expert's logit and the mixture.

    Args:
        state: the experts.
        features: the normalised features, float32[COUNT].
        generated: the adopted features' contribution to the logit, float32[].
        heads: the logits of the network's heads, float32[HEADS].
    """
    rises, moves, repeats, pairs = tf.unstack(state.counts)
    prior = tf.math.log(rises / (moves - rises))
    persistence = state.last * tf.math.log(repeats / (pairs - repeats))
    rule = state.rule[0] * features[IMBALANCE]
    linear = tf.reduce_sum(state.linear_weights * features)
    recalled = tf.linalg.matvec(state.recalled, features)
    named = tf.stack([prior, persistence, rule, linear, linear + generated])
    bases = tf.concat([named, recalled, heads], 0)
    bases = tf.clip_by_value(bases, -LOGIT_MAX, LOGIT_MAX)
    stack = tf.reduce_sum(state.stack_weights * bases * state.active[:STACK])
    logits = tf.concat([bases, tf.clip_by_value(stack, -LOGIT_MAX, LOGIT_MAX)[None]], 0)
    p_up = tf.reduce_sum(state.shares * tf.sigmoid(logits))
    p_move = tf.sigmoid(tf.reduce_sum(state.move_weights * _unsigned(features)))
    return Forecast(logits, p_up, p_move)


def losses(logits: Tensor, rose: Tensor) -> Tensor:
    """Return the log-loss of each logit when the mid ``rose`` (bool[])."""
    return tf.math.softplus(tf.where(rose, -logits, logits))


def learn(
    state: ExpertState,
    logits: Tensor,
    features: Tensor,
    rose: Tensor,
    *,
    scored: Tensor,
    known: Tensor,
    weight: Tensor,
) -> ExpertState:
    """Learn from one resolved label.

    Args:
        state: the experts.
        logits: the experts' logits when the prediction was made, float32[EXPERTS].
        features: the features of the prediction, float32[COUNT].
        rose: whether the mid rose, bool[].
        scored: whether the mid moved, bool[].
        known: whether there is a label, bool[].
        weight: the uniqueness of the label, float32[].
    """
    outcome = tf.cast(rose, tf.float32)
    unique = tf.where(scored, weight, 0.0)
    shares = state.shares * tf.exp(-RATE * unique * losses(logits, rose))
    shares = shares * state.active
    shares = shares / tf.maximum(tf.reduce_sum(shares), 1e-30)
    share = SHARE * unique
    shares = (1.0 - share) * shares + share * state.active / tf.reduce_sum(state.active)
    # Without this, a label that is not scored would change the last bits by renormalisation.
    shares = tf.where(scored, shares, state.shares)

    direction = tf.where(rose, 1.0, -1.0)
    repeated = tf.cast(state.last == direction, tf.float32)
    pair = tf.where(state.last != 0.0, unique, 0.0)
    news = tf.stack([unique * outcome, unique, pair * repeated, pair])
    neutral = tf.constant([1.0, 2.0, 1.0, 2.0])
    counts = neutral + (state.counts - neutral) * (1.0 - (1.0 - _FADE) * unique) + news

    linear = update(
        Bayes(state.linear_weights, state.linear_covariance), features, outcome, unique, _WANDER
    )
    bases = logits[:STACK] * state.active[:STACK]
    stack = update(
        Bayes(state.stack_weights, state.stack_covariance), bases, outcome, unique, _WANDER
    )
    moved = tf.where(known, weight, 0.0)
    move = update(
        Bayes(state.move_weights, state.move_covariance),
        _unsigned(features),
        tf.cast(scored, tf.float32),
        moved,
        _WANDER,
    )
    return state._replace(
        shares=shares,
        counts=counts,
        last=tf.where(scored, direction, state.last),
        rule=_update_rule(state.rule, features[IMBALANCE], outcome, unique),
        linear_weights=linear.weights,
        linear_covariance=linear.covariance,
        stack_weights=stack.weights,
        stack_covariance=stack.covariance,
        move_weights=move.weights,
        move_covariance=move.covariance,
    )


def update(state: Bayes, inputs: Tensor, outcome: Tensor, weight: Tensor, wander: float) -> Bayes:
    """Return the regression after an outcome (0 or 1) of a weight; weight 0 changes nothing.

    ``wander`` is the process noise: it is added to the variances, times the weight.
    """
    p = tf.sigmoid(tf.reduce_sum(state.weights * inputs))
    # The small constant keeps the update well-behaved where the sigmoid saturates.
    information = weight * (p * (1.0 - p) + 1e-4)
    spread = tf.linalg.matvec(state.covariance, inputs)
    surprise = tf.reduce_sum(inputs * spread)
    share = 1.0 / (1.0 + information * surprise)
    gain = spread * share
    weights = state.weights + gain * (weight * (outcome - p))
    # Multiplying the spreads first keeps the covariance exactly symmetric.
    product = spread[:, None] * spread[None, :]
    covariance = state.covariance - (information * share) * product
    count = inputs.shape[0]
    covariance = covariance + tf.eye(count) * (wander * weight)
    return Bayes(weights, covariance)


def join(state: ExpertState, expert: Tensor) -> ExpertState:
    """Add an expert, int32[], to the mixture at weight 0, so that no prediction changes yet."""
    return state._replace(active=tf.maximum(state.active, tf.one_hot(expert, EXPERTS)))


def _update_rule(rule: Tensor, imbalance: Tensor, outcome: Tensor, weight: Tensor) -> Tensor:
    slope, variance = rule[0], rule[1]
    said = tf.sigmoid(slope * imbalance)
    information = weight * said * (1.0 - said) * imbalance * imbalance
    variance = variance / (1.0 + information * variance)
    slope = slope + variance * weight * (outcome - said) * imbalance
    return tf.stack([tf.maximum(slope, _RULE_SLOPE_MIN), variance + _WANDER * weight])


def _unsigned(features: Tensor) -> Tensor:
    """Return the inputs of ``p_move``, float32[COUNT]: the features without signs, and a one."""
    sizes = tf.where(tf.constant(SIGNED), tf.abs(features), features)
    return tf.concat([sizes[:-1], tf.ones(1)], 0)


def change(state: ExpertState) -> ExpertState:
    """After a change of regime, recall a copy of the linear expert and let the expert learn anew.

    The copy replaces the recalled one that is most like it, or else the one of the smaller mixture
    weight. The linear expert keeps its weights, but their variance is increased.
    """
    weights = state.linear_weights
    norms = tf.sqrt(tf.reduce_sum(state.recalled * state.recalled, 1)) + 1e-9
    norm = tf.sqrt(tf.reduce_sum(weights * weights)) + 1e-9
    likeness = tf.reduce_sum(state.recalled * weights, 1) / (norms * norm)
    shares = state.shares[FIRST_RECALLED:FIRST_HEAD]
    # Of the two places an empty one has no weight, so it is taken first.
    alike = tf.reduce_max(likeness) > _ALIKE
    first = tf.where(alike, likeness[0] >= likeness[1], shares[0] <= shares[1])
    place = tf.stack([first, ~first])
    taken = tf.concat(
        [tf.zeros(FIRST_RECALLED), tf.cast(place, tf.float32), tf.zeros(EXPERTS - FIRST_HEAD)], 0
    )
    uncertain = _CHANGED_VARIANCE * np.diag(SIGNED.astype(np.float32))
    return state._replace(
        recalled=tf.where(place[:, None], weights, state.recalled),
        active=tf.maximum(state.active, taken),
        linear_covariance=state.linear_covariance + uncertain,
    )
