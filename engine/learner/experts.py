"""Who foresees the direction: simple rules, a linear exit, the network's exits, and their mixture.

Every expert says one logit of "the mid will be higher, if it moves". The mixture weighs them by
what they said before: exponential weights on the log-loss with a fixed share (Herbster & Warmuth
1998, doi 10.1023/A:1007424614876), so over any stretch its loss exceeds that of the best expert by
ln(experts) and the price of the share, and no more. Labels that overlap say the same thing many
times, so each counts by its uniqueness, one by the number of predictions that wait beside it (López
de Prado 2018, "Advances in Financial Machine Learning", chapter 4).

| expert | what it says |
|---|---|
| prior | the share of rises |
| persistence | as the last label that ripened, as often as that held |
| imbalance | the queue imbalance, times a learned slope that is never negative |
| linear | a linear function of all features, from a prior that trusts the imbalance |
| generated | the linear exit and the features that were made up (`engine.learner.candidates`) |
| recalled | the linear exit as it was before an earlier change of regime, frozen |
| network | the exits of `engine.learner.network`, each on top of the one before |
| stack | a linear function of the others' logits |

The linear ones are recursive Bayesian logistic regressions: an extended Kalman filter on the
weights (Penny & Roberts 1999, "Dynamic logistic regression", doi 10.1109/IJCNN.1999.832603).
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.arithmetic import Tensor, tf
from engine.learner.features import COUNT, IMBALANCE, SIGNED

RECALLED = 2
EXITS = 3
NAMES = (
    "prior",
    "persistence",
    "imbalance",
    "linear",
    "generated",
    *(f"recalled_{index}" for index in range(1, RECALLED + 1)),
    *(f"network_{index}" for index in range(1, EXITS + 1)),
    "stack",
)
EXPERTS = len(NAMES)
PRIOR, PERSISTENCE, RULE, LINEAR, GENERATED, FIRST_RECALLED = range(6)
FIRST_EXIT = FIRST_RECALLED + RECALLED
STACK = EXPERTS - 1

LOGIT_MAX = 6.0
"""No expert is surer than this: 0.25 % or 99.75 %."""

RATE = 1.0
"""Of the exponential weights: log-loss is mixable at one."""

SHARE = 1e-3
"""Of the weight that is spread evenly over the experts with each unique label."""

_RULE_SLOPE, _RULE_SLOPE_MIN = 2.0, 0.05
_SIGNED_VARIANCE, _UNSIGNED_VARIANCE, _STACK_VARIANCE, _RULE_VARIANCE = 0.005, 1e-4, 0.01, 1.0
_WANDER = 1e-8
"""What a label adds to the variance of each weight: how much the market may wander."""

_ALIKE, _CHANGED_VARIANCE = 0.8, 0.05
_FADE = 1.0 - 1e-4
"""What a unique label leaves of the counts of rises and repeats."""


_FIRST_SHARES = np.zeros(EXPERTS, np.float32)
_FIRST_SHARES[[PRIOR, PERSISTENCE, RULE, LINEAR, FIRST_EXIT, STACK]] = [
    0.05, 0.05, 0.35, 0.35, 0.1, 0.1,
]  # fmt: skip


class Bayes(NamedTuple):
    """A recursive logistic regression: its weights, and how uncertain they are."""

    weights: Tensor  # float32[inputs]
    covariance: Tensor  # float32[inputs, inputs]


class ExpertState(NamedTuple):
    """What the experts know."""

    shares: Tensor  # float32[EXPERTS]: weights of the mixture, summing to one
    counts: Tensor  # float32[4]: rises, moves, repeats, pairs
    last: Tensor  # float32[]: 1 or -1 as the last label that ripened rose or fell, 0 before any
    rule: Tensor  # float32[2]: slope and its variance
    linear_weights: Tensor
    linear_covariance: Tensor
    stack_weights: Tensor
    stack_covariance: Tensor
    move_weights: Tensor
    move_covariance: Tensor
    recalled: Tensor  # float32[RECALLED, COUNT]: linear weights before earlier changes
    active: Tensor  # float32[EXPERTS]: 1 for those that take part in the mixture


def initial_state() -> dict[str, npt.NDArray[Any]]:
    """Return the experts before the first label: the rule and the linear exit are trusted most."""
    variance = np.where(SIGNED, _SIGNED_VARIANCE, _UNSIGNED_VARIANCE).astype(np.float32)
    linear = np.zeros(COUNT, np.float32)
    linear[IMBALANCE] = _RULE_SLOPE
    stack = np.zeros(EXPERTS - 1, np.float32)
    stack[LINEAR] = 1.0
    active = np.ones(EXPERTS, np.float32)
    active[GENERATED:STACK] = 0.0
    active[FIRST_EXIT] = 1.0
    return {
        "shares": _FIRST_SHARES.copy(),
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
    """What was foreseen at one tick."""

    logits: Tensor  # float32[EXPERTS]
    p_up: Tensor  # float32[]: of the mixture
    p_move: Tensor  # float32[]


def predict(state: ExpertState, features: Tensor, generated: Tensor, exits: Tensor) -> Forecast:
    """Return every expert's logit and the mixture.

    ``features`` is float32[COUNT], ``generated`` float32[] by how much those that were made up move
    the linear exit's logit, ``exits`` float32[EXITS] the logits of the network's exits.
    """
    rises, moves, repeats, pairs = tf.unstack(state.counts)
    prior = tf.math.log(rises / (moves - rises))
    persistence = state.last * tf.math.log(repeats / (pairs - repeats))
    rule = state.rule[0] * features[IMBALANCE]
    linear = tf.reduce_sum(state.linear_weights * features)
    recalled = tf.linalg.matvec(state.recalled, features)
    named = tf.stack([prior, persistence, rule, linear, linear + generated])
    bases = tf.concat([named, recalled, exits], 0)
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
    """Learn from one label that ripened.

    ``logits`` are what the experts said when the prediction was made. ``known`` says that there is
    a label, ``scored`` that the mid moved, ``weight`` how unique the label is.
    """
    outcome = tf.cast(rose, tf.float32)
    unique = tf.where(scored, weight, 0.0)
    shares = state.shares * tf.exp(-RATE * unique * losses(logits, rose))
    shares = shares * state.active
    shares = shares / tf.maximum(tf.reduce_sum(shares), 1e-30)
    share = SHARE * unique
    shares = (1.0 - share) * shares + share * state.active / tf.reduce_sum(state.active)
    # What is not scored changes not even the last bits.
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
    """Return the regression after one outcome (0 or 1) of so much weight; with none, unchanged."""
    said = tf.sigmoid(tf.reduce_sum(state.weights * inputs))
    information = weight * (said * (1.0 - said) + 1e-4)
    spread = tf.linalg.matvec(state.covariance, inputs)
    surprise = tf.reduce_sum(inputs * spread)
    share = 1.0 / (1.0 + information * surprise)
    gain = spread * share
    weights = state.weights + gain * (weight * (outcome - said))
    # The product of the spreads comes first: it is the same both ways, so symmetry is exact.
    product = spread[:, None] * spread[None, :]
    covariance = state.covariance - (information * share) * product
    count = inputs.shape[0]
    covariance = covariance + tf.eye(count) * (wander * weight)
    return Bayes(weights, covariance)


def join(state: ExpertState, expert: Tensor) -> ExpertState:
    """Let one more expert take part, with no weight yet: what is foreseen now does not change."""
    return state._replace(active=tf.maximum(state.active, tf.one_hot(expert, EXPERTS)))


def _update_rule(rule: Tensor, imbalance: Tensor, outcome: Tensor, weight: Tensor) -> Tensor:
    slope, variance = rule[0], rule[1]
    said = tf.sigmoid(slope * imbalance)
    information = weight * said * (1.0 - said) * imbalance * imbalance
    variance = variance / (1.0 + information * variance)
    slope = slope + variance * weight * (outcome - said) * imbalance
    return tf.stack([tf.maximum(slope, _RULE_SLOPE_MIN), variance + _WANDER * weight])


def _unsigned(features: Tensor) -> Tensor:
    """Return what says whether, not where to: sizes of the signed features, and a one."""
    sizes = tf.where(tf.constant(SIGNED), tf.abs(features), features)
    return tf.concat([sizes[:-1], tf.ones(1)], 0)


def change(state: ExpertState) -> ExpertState:
    """After a change of regime: keep the linear exit as it was, and let it learn anew.

    It is kept in the place of what is most like it, else of who foresees least. What it knows stays
    its starting point, but it becomes uncertain of it.
    """
    weights = state.linear_weights
    norms = tf.sqrt(tf.reduce_sum(state.recalled * state.recalled, 1)) + 1e-9
    norm = tf.sqrt(tf.reduce_sum(weights * weights)) + 1e-9
    likeness = tf.reduce_sum(state.recalled * weights, 1) / (norms * norm)
    shares = state.shares[FIRST_RECALLED:FIRST_EXIT]
    # Of two places; an empty one has no share, so it is the lesser.
    alike = tf.reduce_max(likeness) > _ALIKE
    first = tf.where(alike, likeness[0] >= likeness[1], shares[0] <= shares[1])
    place = tf.stack([first, ~first])
    taken = tf.concat(
        [tf.zeros(FIRST_RECALLED), tf.cast(place, tf.float32), tf.zeros(EXPERTS - FIRST_EXIT)], 0
    )
    uncertain = _CHANGED_VARIANCE * np.diag(SIGNED.astype(np.float32))
    return state._replace(
        recalled=tf.where(place[:, None], weights, state.recalled),
        active=tf.maximum(state.active, taken),
        linear_covariance=state.linear_covariance + uncertain,
    )
