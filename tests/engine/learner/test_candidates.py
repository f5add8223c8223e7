"""Features that the learner makes for itself: who is adopted, who is not, and what that changes."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from engine.arithmetic import Tensor, replace_row, tf
from engine.learner import candidates, experts
from engine.learner.candidates import EVIDENCE, PLACES, SLOTS, TRIALS, CandidateState, Exchange
from engine.learner.experts import EXPERTS, GENERATED
from engine.learner.features import COUNT, NAMES
from engine.parameters import Parameters
from engine.settings import settings_of

Floats = npt.NDArray[np.float32]
DEFAULT = Parameters()
BLOCKS = 3_000
FIRST, SECOND = NAMES.index("queue_imbalance"), NAMES.index("spread")
PAIR = FIRST * len(NAMES) + SECOND


def initial_state() -> CandidateState:
    """Return the state before the first label, as tensors."""
    return CandidateState(
        **{name: tf.constant(array) for name, array in candidates.initial_state().items()}
    )


def _carried(
    state: CandidateState, features: Tensor, rises: Tensor, blocks: Tensor, generated_max: int
) -> tuple[CandidateState, Tensor]:
    """Carry a state over blocks of one label each, the first of float32[BLOCKS, COUNT], on top of a
    linear expert that says nothing; return also what was exchanged, int32[BLOCKS, 2]."""
    parameters = replace(DEFAULT, generated_max=generated_max)

    def body(index: Tensor, state: CandidateState, found: Tensor) -> tuple[Any, ...]:
        said, zero = candidates.contribution(state, features[index]), tf.constant(0.0)
        state = candidates.observe(
            state, features[index], said, zero, rises[index], tf.constant(1.0)
        )
        state, exchange = candidates.close(state, settings_of(parameters))
        return index + 1, state, replace_row(found, tf.stack(list(exchange)), index)

    _, state, found = tf.while_loop(
        lambda index, *_: index < blocks,
        body,
        (tf.constant(0), state, tf.zeros((BLOCKS, 2), tf.int32)),
    )
    return state, found


_carry = tf.function(_carried, jit_compile=True, autograph=False)


def carry(
    state: CandidateState, features: Floats, rises: npt.NDArray[np.bool_], generated_max: int = 8
) -> tuple[CandidateState, npt.NDArray[np.int32]]:
    """Return the state behind these blocks, and what was adopted and dropped in each."""
    blocks = len(features)
    padded = np.zeros((BLOCKS, COUNT), np.float32), np.zeros(BLOCKS, np.bool_)
    padded[0][:blocks], padded[1][:blocks] = features, rises
    after, found = _carry(state, *map(tf.constant, padded), tf.constant(blocks), generated_max)
    return after, found.numpy()[:blocks]


def market(blocks: int, strength: float, seed: int = 1) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return features that are noise, and whether the mid rose: as the product of two says."""
    draws = np.random.default_rng(seed)
    features = draws.normal(size=(blocks, COUNT)).astype(np.float32)
    logits = strength * features[:, FIRST] * features[:, SECOND]
    return features, draws.random(blocks) < 1 / (1 + np.exp(-logits))


def trying(state: CandidateState) -> CandidateState:
    """Return a state behind its first draw, with the pair that says something on trial."""
    state, _ = candidates.close(state, settings_of(DEFAULT))
    pairs = state.pairs.numpy()
    pairs[PLACES] = FIRST, SECOND
    return state._replace(pairs=tf.constant(pairs))


def test_a_product_that_says_something_is_adopted() -> None:
    """Once, by its name, and with the sign that it has."""
    state, found = carry(trying(initial_state()), *market(BLOCKS, 1.0))

    adopted = found[found[:, 0] > 0, 0] - 1
    assert adopted[0] == PAIR
    assert candidates.pair_name(PAIR) == "queue_imbalance * spread"
    assert state.pairs.numpy()[0].tolist() == [FIRST, SECOND]
    assert state.slopes.numpy()[0] > 0.3
    assert (adopted == PAIR).sum() == 1


def test_at_most_as_many_as_allowed_take_part() -> None:
    """With none allowed nothing is ever adopted, however well it does."""
    state, found = carry(trying(initial_state()), *market(BLOCKS, 1.0), generated_max=0)

    assert not found.any()
    assert not state.slopes.numpy()[:PLACES].any()
    evidence = np.exp(state.wealth.numpy()).mean(0)
    assert evidence[PLACES] > EVIDENCE


def test_of_nothing_little_is_adopted() -> None:
    """Hundreds of pairs are tried where there is nothing to know; hardly one is believed."""
    adopted = tried = 0
    for seed in range(5):
        state, found = carry(trying(initial_state()), *market(BLOCKS, 0.0, seed))
        adopted += int((found[:, 0] > 0).sum())
        tried += int(state.draws.numpy())

    assert tried > 100
    assert adopted <= tried // 40


def test_adopting_changes_nothing_that_is_foreseen() -> None:
    """Not a bit, neither of the mixture nor of what the adopted ones add."""
    features, rises = market(BLOCKS, 1.0)
    _, found = carry(trying(initial_state()), features, rises)
    block = int(np.flatnonzero(found[:, 0])[0])
    # The block that closes last is the one that adopts.
    before, _ = carry(trying(initial_state()), features[:block], rises[:block])
    after, exchange = carry(before, features[block : block + 1], rises[block : block + 1])
    assert exchange[0, 0] == PAIR + 1
    knowing = experts.ExpertState(
        **{name: tf.constant(array) for name, array in experts.initial_state().items()}
    )
    joined = experts.join(knowing, tf.constant(GENERATED))

    for vector in tf.unstack(tf.constant(features[:50])):
        heads = tf.zeros(experts.HEADS)
        old = experts.predict(knowing, vector, candidates.contribution(before, vector), heads)
        new = experts.predict(joined, vector, candidates.contribution(after, vector), heads)
        assert (
            float(candidates.contribution(after, vector))
            == float(candidates.contribution(before, vector))
            == 0
        )
        assert new.p_up.numpy().tobytes() == old.p_up.numpy().tobytes()
        assert new.logits.numpy().tobytes() == old.logits.numpy().tobytes()
    assert joined.active.numpy()[GENERATED] == 1.0
    assert joined.active.shape == (EXPERTS,)


def test_what_turns_out_to_harm_fades_until_nothing_is_left() -> None:
    """The market turns round: what was adopted is dropped, halved, and its place is free."""
    state, _ = carry(trying(initial_state()), *market(2_000, 1.5))
    # A slope that no longer learns is a feature that has gone wrong.
    stuck = state._replace(
        slopes=tf.concat([[2.0], state.slopes[1:]], 0),
        lagged=tf.concat([tf.fill([2, 1], 2.0), state.lagged[:, 1:]], 1),
        variances=tf.concat([[1e-9], state.variances[1:]], 0),
    )
    features, rises = market(400, -2.0, seed=2)

    after, found = carry(stuck, features, rises)

    assert PAIR + 1 in found[:, 1].tolist()
    dropped = int(np.flatnonzero(found[:, 1] == PAIR + 1)[0])
    assert dropped < 200
    assert after.slopes.numpy()[0] == 0.0
    fading, _ = carry(stuck, features[: dropped + 3], rises[: dropped + 3])
    assert 0.0 < fading.slopes.numpy()[0] < 1.0


def test_draws_follow_from_the_seed_and_their_number() -> None:
    """The same trials whichever way they were reached; other ones for another seed."""
    one, _ = candidates.close(initial_state(), settings_of(DEFAULT))
    same, _ = candidates.close(initial_state(), settings_of(DEFAULT))
    other, _ = candidates.close(initial_state(), settings_of(replace(DEFAULT, seed=2)))

    assert one.pairs.numpy().tobytes() == same.pairs.numpy().tobytes()
    assert one.pairs.numpy().tobytes() != other.pairs.numpy().tobytes()
    assert int(one.draws) == 1
    trials = one.pairs.numpy()[PLACES:]
    assert trials.shape == (TRIALS, 2)
    assert (trials >= 0).all()
    assert (trials < len(NAMES)).all()
    assert len(np.unique(trials, axis=0)) > TRIALS // 2


def test_a_slope_is_judged_as_it_was_two_blocks_before() -> None:
    """What the running block taught counts for nothing in its own bet."""
    state = trying(initial_state())
    features, rises = market(2, 1.0)

    learned, _ = carry(state, features, rises)

    assert learned.slopes.numpy()[PLACES:].any()
    assert not learned.wealth.numpy()[:, PLACES:].any()


def test_without_a_label_not_a_bit_changes() -> None:
    """A weight of zero teaches nothing."""
    state, _ = carry(trying(initial_state()), *market(50, 1.0))
    features, _ = market(1, 1.0)

    after = candidates.observe(
        state,
        tf.constant(features[0]),
        tf.constant(0.3),
        tf.constant(0.1),
        tf.constant(True),
        tf.constant(0.0),
    )

    for name, before, now in zip(CandidateState._fields, state, after, strict=True):
        assert before.numpy().tobytes() == now.numpy().tobytes(), name


def test_shapes() -> None:
    """As `CandidateState` and `Exchange` say."""
    state, exchange = candidates.close(initial_state(), settings_of(DEFAULT))

    assert candidates.products(state.pairs, tf.zeros(COUNT)).shape == (SLOTS,)
    assert candidates.contribution(state, tf.zeros(COUNT)).shape == ()
    assert isinstance(exchange, Exchange)
    assert [int(each) for each in exchange] == [0, 0]


@pytest.mark.parametrize("number", [0, 1, len(NAMES), len(NAMES) ** 2 - 1])
def test_every_pair_has_a_name(number: int) -> None:
    """Two features' names, of which the second counts faster."""
    first, second = candidates.pair_name(number).split(" * ")

    assert NAMES.index(first) * len(NAMES) + NAMES.index(second) == number
