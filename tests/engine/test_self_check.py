"""A kept state is asked again what it was asked, and answers the same bits, or is found out."""

import numpy as np
import pytest

from engine.engine import Engine
from engine.learner.experts import HEADS
from engine.learner.memory import VOID
from engine.self_check import SAMPLES, answers, is_repeated, self_check
from tests.support.markets import SMALL, carry, cut, journal


def learned() -> Engine:
    """Return an engine that has learned for a while."""
    engine = Engine.initial(SMALL)
    carry(engine, cut(journal(900, seed=5), 300))
    return engine


def test_the_same_state_gives_the_same_answers() -> None:
    """What was kept with a state is repeated bit for bit."""
    engine = learned()
    kept = engine.self_check(engine.state())

    assert 0 < len(kept["outcomes"]) <= SAMPLES
    assert kept["logits"].shape == (len(kept["outcomes"]), HEADS)
    assert not np.any(kept["outcomes"] == VOID)
    assert is_repeated(engine.state(), kept, SMALL)


@pytest.mark.parametrize("name", ["learner.weights", "experts.linear_weights"])
def test_one_bit_of_one_weight_is_found_out(name: str) -> None:
    """Weights that are not the kept ones answer otherwise: the blocks', and what they build on."""
    engine = learned()
    state = engine.state()
    kept = engine.self_check(state)
    state[name].view(np.int32)[0] ^= 1 << 20

    assert not is_repeated(state, kept, SMALL)


def test_a_state_without_labels_has_an_empty_rehearsal() -> None:
    """Before the first label there is nothing to ask, and nothing is repeated truly."""
    engine = Engine.initial(SMALL)
    kept = self_check(engine.state(), SMALL)

    assert len(kept["outcomes"]) == 0
    assert is_repeated(engine.state(), kept, SMALL)


def test_fewer_rows_answer_as_they_do_among_many() -> None:
    """How many samples are asked does not change what is said to one."""
    state = learned().state()
    features = self_check(state, SMALL)["features"]

    together = answers(state, features, SMALL)
    alone = answers(state, features[3:4], SMALL)

    assert together[3:4].tobytes() == alone.tobytes()
