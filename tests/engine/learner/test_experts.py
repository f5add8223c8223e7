"""Experts: the regression beside plain Python, and what the mixture promises of any sequence."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from engine.arithmetic import Tensor, tf
from engine.learner import experts, monitor
from engine.learner.experts import (
    EXPERTS,
    FIRST_HEAD,
    FIRST_RECALLED,
    GENERATED,
    HEADS,
    LINEAR,
    LOGIT_MAX,
    PERSISTENCE,
    PRIOR,
    RECALLED,
    RULE,
    SHARE,
    STACK,
    Bayes,
    ExpertState,
)
from engine.learner.features import CLIP, COUNT, IMBALANCE, SIGNED

WANDER = 1e-8
Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]


def initial_state() -> ExpertState:
    """Return the experts before the first label, as tensors."""
    return ExpertState(
        **{name: tf.constant(array) for name, array in experts.initial_state().items()}
    )


def bits(state: Any) -> list[bytes]:
    """Return every bit of a state."""
    return [part.numpy().tobytes() for part in state]


def foreseen(
    state: ExpertState, features: Floats, heads: Floats, generated: float = 0.0
) -> tuple[Floats, float, float]:
    """Return the logits, and the probabilities of a rise and of a move."""
    said = experts.predict(state, tf.constant(features), tf.constant(generated), tf.constant(heads))
    return said.logits.numpy(), float(said.p_up), float(said.p_move)


def _learned(
    state: ExpertState,
    logits: Tensor,
    features: Tensor,
    rose: Tensor,
    scored: Tensor,
    weight: Tensor,
) -> ExpertState:
    """Return the experts after a label, compiled as in the step."""
    return experts.learn(
        state,
        logits,
        features,
        rose,
        scored=scored,
        known=tf.constant(True),
        weight=weight,
    )


learned = tf.function(_learned, jit_compile=True, autograph=False)


def after(
    state: ExpertState, logits: Floats, features: Floats, *, rose: bool, moved: bool, weight: float
) -> ExpertState:
    """Return the experts after a label from plain values."""
    result: ExpertState = learned(
        state,
        tf.constant(logits),
        tf.constant(features),
        tf.constant(rose),
        tf.constant(moved),
        tf.constant(weight, tf.float32),
    )
    return result


def taught(count: int, seed: int = 3) -> ExpertState:
    """Return experts who have seen some labels that follow the features."""
    draws, state = np.random.default_rng(seed), initial_state()
    truth = draws.normal(size=COUNT) * SIGNED
    for _ in range(count):
        features = draws.normal(size=COUNT).astype(np.float32)
        logits, _, _ = foreseen(state, features, draws.normal(size=HEADS).astype(np.float32))
        rose = bool(features @ truth > 0)
        state = after(state, logits, features, rose=rose, moved=True, weight=1.0)
    return state


def kalman(
    weights: Doubles, covariance: Doubles, inputs: Doubles, outcome: float, weight: float
) -> tuple[Doubles, Doubles]:
    """One step of the extended Kalman filter, by the inverse of the precision it adds to."""
    said = 1 / (1 + math.exp(-float(weights @ inputs)))
    information = weight * (said * (1 - said) + 1e-4)
    posterior = np.linalg.inv(np.linalg.inv(covariance) + information * np.outer(inputs, inputs))
    return (
        weights + posterior @ inputs * weight * (outcome - said),
        posterior + np.eye(len(inputs)) * WANDER * weight,
    )


def test_the_regression_is_a_kalman_filter() -> None:
    """Beside one in double precision that inverts matrices, over labels of different weight."""
    draws, count = np.random.default_rng(1), 6
    weights, covariance = np.zeros(count), np.eye(count) * 0.1
    mine = Bayes(tf.zeros(count), tf.eye(count) * 0.1)
    for _ in range(60):
        inputs, weight = draws.normal(size=count) * 2, draws.uniform(0, 1)
        outcome = float(draws.random() < 1 / (1 + math.exp(-inputs[0])))
        weights, covariance = kalman(weights, covariance, inputs, outcome, weight)
        mine = experts.update(
            mine,
            tf.constant(inputs, tf.float32),
            tf.constant(outcome, tf.float32),
            tf.constant(weight, tf.float32),
            WANDER,
        )

        np.testing.assert_allclose(mine.weights, weights, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(mine.covariance, covariance, rtol=1e-3, atol=1e-5)
    assert weights[0] > 0.5


def test_a_regression_moves_towards_the_outcome_and_grows_surer() -> None:
    """What it says of the same inputs comes nearer to the outcome; its uncertainty shrinks."""
    draws = np.random.default_rng(2)
    for _ in range(30):
        half = draws.normal(size=(5, 5)) * 0.3
        covariance = (half @ half.T + np.eye(5) * 0.01).astype(np.float32)
        state = Bayes(tf.constant(draws.normal(size=5), tf.float32), tf.constant(covariance))
        inputs = tf.constant(draws.normal(size=5), tf.float32)
        outcome = float(draws.integers(0, 2))
        less, more = (
            experts.update(state, inputs, tf.constant(outcome), tf.constant(w), 0.0)
            for w in (0.25, 1.0)
        )

        said = [float(tf.reduce_sum(part.weights * inputs)) for part in (state, less, more)]
        spread = [
            float(tf.reduce_sum(inputs * tf.linalg.matvec(part.covariance, inputs)))
            for part in (state, less, more)
        ]
        assert said == sorted(said, reverse=outcome == 0.0)
        assert len(set(said)) == 3
        assert spread[0] > spread[1] > spread[2] > 0
        assert (np.diag(more.covariance.numpy()) <= np.diag(covariance) + 1e-7).all()


def test_an_outcome_without_weight_teaches_nothing() -> None:
    """No bit of the weights or their uncertainty changes."""
    draws = np.random.default_rng(4)
    half = draws.normal(size=(COUNT, COUNT)).astype(np.float32)
    state = Bayes(tf.constant(half[0]), tf.constant(half @ half.T))

    for outcome in (0.0, 1.0):
        same = experts.update(
            state, tf.constant(half[1] * 5), tf.constant(outcome), tf.constant(0.0), WANDER
        )

        assert bits(same) == bits(state)


def _many(state: Bayes, rows: Tensor, outcomes: Tensor, weights: Tensor) -> Bayes:
    """Carry a regression over many outcomes in one compiled loop."""

    def body(index: Tensor, weight: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        new = experts.update(
            Bayes(weight, covariance), rows[index], outcomes[index], weights[index], WANDER
        )
        return index + 1, new.weights, new.covariance

    _, weight, covariance = tf.while_loop(
        lambda index, *_: index < rows.shape[0], body, (tf.constant(0), *state)
    )
    return Bayes(weight, covariance)


many = tf.function(_many, jit_compile=True, autograph=False)


@pytest.mark.parametrize("kind", ["normal", "extreme", "constant", "few"])
def test_the_uncertainty_stays_one(kind: str) -> None:
    """Symmetric in every bit and positive after 20 000 outcomes, whatever the features are."""
    draws, count = np.random.default_rng(5), 20_000
    kinds: dict[str, Callable[[], Doubles]] = {
        "normal": lambda: np.clip(draws.normal(size=(count, COUNT)), -CLIP, CLIP),
        "extreme": lambda: draws.choice([-CLIP, CLIP], size=(count, COUNT)),
        "constant": lambda: np.full((count, COUNT), CLIP),
        "few": lambda: draws.normal(size=(count, COUNT)) * (np.arange(COUNT) < 5) * CLIP,
    }
    rows = kinds[kind]()
    start = experts.initial_state()
    state = Bayes(
        tf.constant(start["linear_weights"]), tf.constant(start["linear_covariance"] + 0.05)
    )

    state = many(
        state,
        tf.constant(rows, tf.float32),
        tf.constant(draws.integers(0, 2, count), tf.float32),
        tf.constant(draws.choice([0.0, 0.01, 1.0], count), tf.float32),
    )

    covariance = state.covariance.numpy()
    assert np.isfinite(state.weights.numpy()).all()
    assert covariance.tobytes() == covariance.T.tobytes()
    assert np.linalg.eigvalsh(covariance.astype(np.float64)).min() > 0


def test_before_the_first_label_the_rule_is_believed() -> None:
    """Prior and persistence know nothing; rule and linear expert say twice the imbalance."""
    features = np.zeros(COUNT, np.float32)
    features[IMBALANCE] = 0.5

    logits, p_up, p_move = foreseen(initial_state(), features, np.zeros(HEADS, np.float32))

    expected = np.zeros(EXPERTS)
    expected[[RULE, LINEAR, GENERATED, STACK]] = 1.0
    assert logits.tolist() == expected.tolist()
    shares = experts.initial_state()["shares"]
    said = float(shares @ (1 / (1 + np.exp(-expected))))
    assert p_up == pytest.approx(said, rel=1e-6)
    assert 0.5 < p_up < 1 / (1 + math.exp(-1.0))
    assert p_move == 0.5


def test_every_expert_by_hand() -> None:
    """From counts, weights and the last label that was known."""
    draws = np.random.default_rng(6)
    features, heads = (draws.normal(size=n).astype(np.float32) for n in (COUNT, HEADS))
    recalled = draws.normal(size=(RECALLED, COUNT)).astype(np.float32) * np.float32(0.2)
    linear, move = (draws.normal(size=COUNT).astype(np.float32) * np.float32(0.2) for _ in "ab")
    stack = draws.normal(size=EXPERTS - 1).astype(np.float32)
    active = np.array([1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 1], np.float32)
    state = initial_state()._replace(
        counts=tf.constant([3.0, 4.0, 2.0, 10.0]),
        last=tf.constant(-1.0),
        rule=tf.constant([1.5, 1.0]),
        linear_weights=tf.constant(linear),
        recalled=tf.constant(recalled),
        stack_weights=tf.constant(stack),
        move_weights=tf.constant(move),
        active=tf.constant(active),
    )

    logits, p_up, p_move = foreseen(state, features, heads, 0.3)

    bases = [
        math.log(3 / 1),
        -math.log(2 / 8),
        1.5 * features[IMBALANCE],
        linear @ features,
        linear @ features + 0.3,
        *(recalled @ features),
        *heads,
    ]
    clipped = np.clip(bases, -LOGIT_MAX, LOGIT_MAX)
    expected = [*clipped, np.clip(np.sum(stack * clipped * active[:-1]), -LOGIT_MAX, LOGIT_MAX)]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    shares = experts.initial_state()["shares"]
    assert p_up == pytest.approx(float(shares @ (1 / (1 + np.exp(-logits)))), rel=1e-5)
    whether = np.append(np.where(SIGNED, np.abs(features), features)[:-1], 1.0)
    assert p_move == pytest.approx(1 / (1 + math.exp(-float(whether @ move))), rel=1e-5)


def test_no_expert_is_too_sure() -> None:
    """However large the features, the logits stay within their bound and p within 0 … 1."""
    state = taught(20)
    for sign in (-1, 1):
        features = np.full(COUNT, sign * 1e6, np.float32)
        logits, p_up, _ = foreseen(state, features, np.full(HEADS, sign * 1e30, np.float32))

        assert np.abs(logits).max() <= LOGIT_MAX
        assert 0 < p_up < 1


def test_a_label_that_is_not_scored_moves_only_what_says_whether() -> None:
    """A mid that stood still says nothing about direction."""
    before = taught(10)
    draws = np.random.default_rng(7)
    features = draws.normal(size=COUNT).astype(np.float32)
    logits, _, _ = foreseen(before, features, np.zeros(HEADS, np.float32))

    flat = after(before, logits, features, rose=False, moved=False, weight=1.0)
    void = after(before, logits, features, rose=False, moved=False, weight=0.0)

    # The shares are brought to a sum of one again, which may round.
    for label, changes in ((flat, {"move_weights", "move_covariance"}), (void, set())):
        np.testing.assert_allclose(label.shares, before.shares, rtol=1e-6)
        kept = label._replace(shares=before.shares)
        pairs = zip(ExpertState._fields, bits(kept), bits(before), strict=True)
        assert {name for name, now, was in pairs if now != was} == changes
    inputs = np.append(np.where(SIGNED, np.abs(features), features)[:-1], 1.0)
    assert inputs @ flat.move_weights.numpy() < inputs @ before.move_weights.numpy()


def test_shares_sum_to_one_and_those_who_rest_have_none() -> None:
    """After any labels, of any uniqueness."""
    state, draws = initial_state(), np.random.default_rng(8)
    for _ in range(40):
        logits = draws.uniform(-LOGIT_MAX, LOGIT_MAX, EXPERTS).astype(np.float32)
        features = draws.normal(size=COUNT).astype(np.float32)
        rose, weight = bool(draws.integers(0, 2)), float(draws.choice([0.0, 0.01, 1.0]))
        state = after(state, logits, features, rose=rose, moved=True, weight=weight)

        shares, active = state.shares.numpy(), state.active.numpy()
        assert shares.sum() == pytest.approx(1.0, abs=1e-6)
        assert shares[active == 0].tolist() == [0.0] * int((active == 0).sum())
        assert (shares[active == 1] > 0).all()


@pytest.mark.parametrize("kind", ["one is best", "the best changes", "nobody knows", "all err"])
def test_the_mixture_s_loss_is_near_that_of_the_best(kind: str) -> None:
    """For each expert: loss + ln(1 / its first share) + the price of the share, on any sequence.

    With the log-loss mixable at one, the bound holds for each sequence and not only on average:
    an expert keeps at least 1 - SHARE of its weight with each label.
    """
    draws, count = np.random.default_rng(9), 400
    rises = draws.integers(0, 2, count)
    logits = draws.normal(size=(count, EXPERTS)) * 2
    towards = 2.0 * rises - 1.0
    if kind == "one is best":
        logits[:, PERSISTENCE] = towards * 1.5
    elif kind == "the best changes":
        logits[: count // 2, RULE] = towards[: count // 2] * 2
        logits[count // 2 :, PRIOR] = towards[count // 2 :] * 2
    elif kind == "all err":
        logits = -np.abs(logits) * towards[:, None]
    logits = np.clip(logits, -LOGIT_MAX, LOGIT_MAX).astype(np.float32)
    state = initial_state()
    active, first = state.active.numpy() > 0, state.shares.numpy()
    features = np.zeros(COUNT, np.float32)
    said = 1 / (1 + np.exp(-logits.astype(np.float64)))
    mixture = np.zeros(count)
    for row in range(count):
        p_up = float(state.shares.numpy() @ said[row])
        mixture[row] = -math.log(p_up if rises[row] else 1 - p_up)
        state = after(state, logits[row], features, rose=bool(rises[row]), moved=True, weight=1.0)

    losses = -np.log(np.where(rises[:, None] == 1, said, 1 - said)).sum(0)
    bounds = losses + np.log(1 / np.maximum(first, 1e-30)) - count * math.log(1 - SHARE)
    assert (mixture.sum() <= bounds[active] + 1e-2).all()
    if kind == "the best changes":
        half = count // 2
        own = -np.log(np.where(rises[:, None] == 1, said, 1 - said))
        best = own[:half, RULE].sum() + own[half:, PRIOR].sum()
        change = math.log(1 / first[RULE]) + math.log(active.sum() / SHARE)
        assert mixture.sum() <= best + change - count * math.log(1 - SHARE) + 1e-2
        assert mixture.sum() < losses[active].min()


def test_it_learns_the_share_of_rises_and_of_repeats() -> None:
    """Prior and persistence come to say how often it rises, and how often it goes on."""
    state = initial_state()
    zeros, features = np.zeros(EXPERTS, np.float32), np.zeros(COUNT, np.float32)
    for number in range(300):
        rose = number % 4 < 3
        state = after(state, zeros, features, rose=rose, moved=True, weight=1.0)

    logits, _, _ = foreseen(state, features, np.zeros(HEADS, np.float32))
    assert 1 / (1 + math.exp(-logits[PRIOR])) == pytest.approx(0.75, abs=0.01)
    assert 1 / (1 + math.exp(logits[PERSISTENCE])) == pytest.approx(0.5, abs=0.01)
    assert float(state.last) == -1.0


def test_the_rule_never_turns_around() -> None:
    """Though the market does the opposite of the imbalance, its slope stays positive."""
    state = initial_state()
    features = np.zeros(COUNT, np.float32)
    features[IMBALANCE] = 0.9
    for _ in range(200):
        logits, _, _ = foreseen(state, features, np.zeros(HEADS, np.float32))
        state = after(state, logits, features, rose=False, moved=True, weight=1.0)

    slope, variance = state.rule.numpy().tolist()
    assert 0 < slope < 0.1
    assert variance > 0
    assert state.linear_weights.numpy()[IMBALANCE] < 1.5


def test_growth_changes_no_prediction() -> None:
    """In no bit, at that moment; then the new expert takes part."""
    state, draws = taught(30), np.random.default_rng(10)
    features, heads = (draws.normal(size=n).astype(np.float32) for n in (COUNT, HEADS))
    for grown in range(2, HEADS + 1):
        before, bigger = foreseen(state, features, heads), monitor.grow(state)

        said = foreseen(bigger, features, heads)

        assert said[0].tobytes() == before[0].tobytes()
        assert said[1:] == before[1:]
        active = bigger.active.numpy()
        assert active[FIRST_HEAD:STACK].tolist() == [1.0] * grown + [0.0] * (HEADS - grown)
        assert float(bigger.shares[FIRST_HEAD + grown - 1]) == 0.0
        state = after(bigger, said[0], features, rose=True, moved=True, weight=1.0)
        assert float(state.shares[FIRST_HEAD + grown - 1]) > 0.0
    assert bits(monitor.grow(state)) == bits(state)


def test_a_change_of_regime_keeps_the_linear_expert() -> None:
    """As it was, beside the one that learns on, which becomes uncertain; nothing said changes."""
    state, draws = taught(30), np.random.default_rng(11)
    features, heads = (draws.normal(size=n).astype(np.float32) for n in (COUNT, HEADS))
    before = foreseen(state, features, heads)

    changed = experts.change(state)

    said = foreseen(changed, features, heads)
    assert changed.recalled.numpy()[0].tobytes() == state.linear_weights.numpy().tobytes()
    assert changed.linear_weights.numpy().tobytes() == state.linear_weights.numpy().tobytes()
    assert changed.active.numpy()[FIRST_RECALLED:FIRST_HEAD].tolist() == [1.0, 0.0]
    wider = changed.linear_covariance.numpy() - state.linear_covariance.numpy()
    np.testing.assert_allclose(wider, np.diag(SIGNED * 0.05), atol=1e-6)
    assert said[1:] == before[1:]
    assert said[0][FIRST_RECALLED] == pytest.approx(said[0][LINEAR], abs=1e-5)
    for _ in range(20):
        changed = after(changed, said[0], features, rose=True, moved=True, weight=1.0)
    assert changed.recalled.numpy()[0].tobytes() == state.linear_weights.numpy().tobytes()
    assert changed.linear_weights.numpy().tobytes() != state.linear_weights.numpy().tobytes()
    assert float(changed.shares[FIRST_RECALLED]) > 0.0


def test_two_regimes_have_two_places() -> None:
    """Another regime takes the empty place, one that is alike its own, a third the lesser's."""
    draws = np.random.default_rng(12)
    one, two, three = (draws.normal(size=COUNT).astype(np.float32) for _ in range(3))
    state = initial_state()
    flat = np.zeros(EXPERTS, np.float32)
    for weights in (one, two):
        state = experts.change(state._replace(linear_weights=tf.constant(weights)))
        state = after(state, flat, np.zeros(COUNT, np.float32), rose=True, moved=True, weight=1.0)
    assert state.recalled.numpy().tolist() == [one.tolist(), two.tolist()]
    assert state.active.numpy()[FIRST_RECALLED:FIRST_HEAD].tolist() == [1.0, 1.0]

    again = experts.change(state._replace(linear_weights=tf.constant(two * 1.5)))
    assert again.recalled.numpy().tolist() == [one.tolist(), (two * 1.5).tolist()]

    shares = state.shares.numpy().copy()
    shares[FIRST_RECALLED : FIRST_RECALLED + 2] = [0.2, 0.1]
    third = experts.change(
        state._replace(linear_weights=tf.constant(three), shares=tf.constant(shares))
    )
    assert third.recalled.numpy().tolist() == [one.tolist(), three.tolist()]
