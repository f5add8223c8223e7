"""Hindsight: what it says of earlier decisions, beside a plain account of every one of them."""

import math
import random
from typing import Any

import numpy as np
import pytest

from engine.account import decision_feedback
from engine.account.decision_feedback import (
    SLOTS_A_HORIZON,
    DecisionFeedback,
    DecisionFeedbackState,
)
from engine.arithmetic import tf
from engine.parameters import Parameters
from engine.settings import settings_of
from tests.support.markets import row

MS = 10**6
PARAMETERS = Parameters(horizon_ms=320)
SLOT_NS = 10 * MS
START_NS = 10**18 // (320 * MS) * 320 * MS
BID_E8, ASK_E8 = 99_990 * 10**8, 100_010 * 10**8


def begun() -> DecisionFeedbackState:
    """Return the state before the first tick."""
    return DecisionFeedbackState(
        **{name: tf.constant(array) for name, array in decision_feedback.initial_state().items()}
    )


@tf.function(autograph=False)  # type: ignore[untyped-decorator]
def _tick(state: Any, tick: Any, edge_ppm: Any, saved: Any, scored: Any) -> Any:
    state, said = decision_feedback.update(state, tick, saved, scored, settings_of(PARAMETERS))
    return decision_feedback.ask(state, tick, edge_ppm), said


def tick(
    state: DecisionFeedbackState,
    at_ms: float,
    *,
    edge_ppm: float = 0.0,
    bid_e8: int = BID_E8,
    ask_e8: int = ASK_E8,
    saved: float = 0.0,
    scored: int = 0,
    valid: bool = True,
    breaks: bool = False,
) -> tuple[DecisionFeedbackState, DecisionFeedback]:
    """Return the state after a tick, and what was believed at it."""
    market = row(
        time_ns=START_NS + int(at_ms * MS), bid_e8=bid_e8, ask_e8=ask_e8, valid=valid, breaks=breaks
    )
    after: tuple[DecisionFeedbackState, DecisionFeedback] = _tick(
        state, market, tf.constant(edge_ppm), tf.constant(saved), tf.constant(scored)
    )
    return after


def judged(state: DecisionFeedbackState) -> tuple[float, float]:
    """Return Σx and Σz of gains of the block under way."""
    block = np.array(state.block)
    return float(block[1, 0]), float(block[2, 0])


def test_a_decision_is_judged_a_horizon_after_its_slot() -> None:
    """Bought at the next tick's ask, sold at the bid at the first tick that is late enough."""
    state, _ = tick(begun(), 0, edge_ppm=50.0)
    state, _ = tick(state, 3, ask_e8=100_020 * 10**8)
    early, _ = tick(state, 329, bid_e8=1)
    late, _ = tick(early, 330, bid_e8=100_070 * 10**8)

    spread = 20 / 100_000
    came = 100_070 / 100_020 - 1 + spread
    assert judged(early) == (0.0, 0.0)
    assert judged(late) == pytest.approx((50e-6**2, 50e-6 * came))
    again, _ = tick(late, 331)
    assert judged(again) == judged(late)


def test_every_decision_is_judged() -> None:
    """Over bursts and pauses: the sums beside those of a plain list of decisions."""
    draws = random.Random(1)
    state, at_ms = begun(), 0.0
    waiting: list[tuple[int, float, float, int]] = []
    last: tuple[float, float] | None = None
    blocks: dict[int, list[float]] = {}
    for _ in range(600):
        at_ms += draws.choice([0, 0, 1, 2, 3, 5, 40, 400 * (draws.random() < 0.05)])
        middle = 100_000 + draws.uniform(-50, 50)
        bid_e8, ask_e8 = int((middle - 10) * 10**8), int((middle + 10) * 10**8)
        slot = int(at_ms // 10)
        due = [entry for entry in waiting if entry[0] + SLOTS_A_HORIZON < slot]
        waiting = [entry for entry in waiting if entry[0] + SLOTS_A_HORIZON >= slot]
        sums = blocks.setdefault(slot // SLOTS_A_HORIZON, [0.0, 0.0])
        for _, edge, spread, paid_e8 in due:
            sums[0] += edge * edge
            sums[1] += edge * (bid_e8 / paid_e8 - 1 + spread)
        if last is not None:
            waiting.append((slot, *last, ask_e8))
        edge_ppm = float(np.float32(draws.uniform(-60, 60)))
        last = (edge_ppm * 1e-6, 2 * (ask_e8 - bid_e8) / (ask_e8 + bid_e8))
        state, _ = tick(state, at_ms, edge_ppm=edge_ppm, bid_e8=bid_e8, ask_e8=ask_e8)
        assert judged(state) == pytest.approx(tuple(sums), rel=1e-6, abs=1e-15)
    assert sum(sums[0] > 0 for sums in blocks.values()) > 10


def feedback(
    slope: float, noise_ppm: float, *, blocks: int, skill: float = 0.1
) -> DecisionFeedback:
    """Return what is believed after so many horizons in which gains came true by a share."""
    draws = random.Random(2)
    state = begun()
    said = DecisionFeedback(tf.constant(0.0), tf.constant(0.0))
    for block in range(blocks + 3):
        at_ms = block * 640
        edge_ppm = draws.choice([-40.0, 40.0])
        gain_ppm = slope * edge_ppm + draws.gauss(0, noise_ppm)
        saved = skill + draws.gauss(0, 0.2)
        state, said = tick(state, at_ms, edge_ppm=edge_ppm, saved=saved, scored=1)
        state, _ = tick(state, at_ms + 1)
        later = 1 + gain_ppm * 1e-6
        state, said = tick(
            state, at_ms + 400, bid_e8=int(BID_E8 * later), ask_e8=int(ASK_E8 * later)
        )
    return said


def test_gains_that_came_true_are_believed() -> None:
    """By the share that did, a little less for what is uncertain, and at most twice."""
    edge_realisation = [
        float(feedback(slope, 10.0, blocks=100).edge_realisation) for slope in (0.4, 1.0, 5.0)
    ]

    assert 0.25 < edge_realisation[0] < 0.45
    assert 0.85 < edge_realisation[1] < 1.05
    assert edge_realisation[2] == decision_feedback.REALISED_MAX


def test_what_did_not_come_true_is_not_believed() -> None:
    """Nor what is too noisy to say, nor what has hardly been tried."""
    assert float(feedback(-0.5, 10.0, blocks=100).edge_realisation) == 0.0
    assert float(feedback(0.05, 200.0, blocks=60).edge_realisation) < 0.5
    assert float(feedback(1.0, 1.0, blocks=20).edge_realisation) == 0.0


def test_trust_is_the_share_of_skill_that_is_certain() -> None:
    """More labels, more trust; no skill, none."""
    few, many = (float(feedback(1.0, 1.0, blocks=blocks).skill_confidence) for blocks in (60, 300))

    assert 0.0 < few < many < 1.0
    assert float(feedback(1.0, 1.0, blocks=100, skill=-0.1).skill_confidence) == 0.0


def test_a_break_voids_what_waits() -> None:
    """What was decided before it is never judged; what is believed stays."""
    state, _ = tick(begun(), 0, edge_ppm=50.0)
    state, _ = tick(state, 3, edge_ppm=50.0)
    state, _ = tick(state, 14, edge_ppm=50.0)
    state, _ = tick(state, 20, breaks=True)
    state, _ = tick(state, 700)

    assert judged(state) == (0.0, 0.0)


def test_an_invalid_market_neither_buys_nor_sells() -> None:
    """A decision that could not be bought is not judged; a sale waits for a valid market."""
    state, _ = tick(begun(), 0, edge_ppm=50.0)
    skipped, _ = tick(state, 3, valid=False)
    skipped, _ = tick(skipped, 400)
    bought, _ = tick(state, 3)
    waited, _ = tick(bought, 400, valid=False, bid_e8=0)
    sold, _ = tick(waited, 410)

    assert judged(skipped) == judged(waited) == (0.0, 0.0)
    assert judged(sold)[0] == pytest.approx(50e-6**2)


@pytest.mark.parametrize("edge_ppm", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_not_asked(edge_ppm: float) -> None:
    """It would stay in the sums for ever."""
    state, _ = tick(begun(), 0, edge_ppm=edge_ppm)
    state, _ = tick(state, 3)
    state, said = tick(state, 400)

    assert judged(state) == (0.0, 0.0)
    assert float(said.edge_realisation) == 0.0
