"""Decision feedback: how far expected gains have come true, measured on all earlier decisions.

For *every* decision the return of a buy is computed afterwards: bought at the next tick's ask, held
for the horizon, sold at the bid. This is known for decisions to hold as well, since fills on paper
do not move the market. Let e be the expected gain, and y the realised gain plus the spread at the
decision: an exact forecast has e = y.

* ``edge_realisation`` is a cautious estimate of the slope of y on e through the origin: the share
  of the expected gain that is realised. The policy trades on edge_realisation * e.
* ``skill_confidence`` is the share of the predictor's recent skill that is statistically certain.
  Skill is the log-loss saved compared with the running share of rises. The policy shrinks its
  confidence by it.

Both are ratios of sums, Σz / Σx, minus one standard error: of gains, x = e² and z = e y; of skill,
x is the number of labels and z the log-loss saved. The sums run over blocks of one horizon of event
time, because events within a horizon are not independent. The error is that of a ratio estimator
over those blocks (Cochran, *Sampling Techniques*, 3rd edition, chapter 6). Old blocks decay.

Nothing here changes a label or a sample. Decisions are summed up in slots of a thirty-second of the
horizon. A slot is settled at the first valid tick that is at least a horizon after its end, so the
holding time is between one horizon and one horizon plus a slot. A break voids open slots.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.arithmetic import Tensor, tf
from engine.row import Row
from engine.settings import Settings

SLOTS_A_HORIZON = 32
SLOTS = 40
"""Places for slots; the oldest is always settled before its place is needed again."""

KEPT = (1.0 - 1.0 / 1_000, 1.0 - 1.0 / 200)
"""The decay of a block's weight per horizon: of gains, of skill."""

REALISED_MAX = 2.0
_GAIN, _SKILL = range(2)
_SLOT, _OVER_ASK, _REST, _SQUARE = range(4)


class DecisionFeedbackState(NamedTuple):
    """Decisions that wait for their outcome, and sums over the outcomes of earlier ones."""

    slots: Tensor  # float64[4, SLOTS]: number of the slot, Σ e/ask, Σ e(spread - 1), Σ e²
    filling: Tensor  # float64[4]: the same for the slot in progress
    asked: Tensor  # float64[2]: e and spread of the last decision, bought at the next tick
    block: Tensor  # float64[3, 2]: the block's number, Σx, Σz; for gains and for skill
    sums: Tensor  # float64[4, 2]: decayed number of closed blocks, Σx, Σz, Σ(z - ratio x)²


class DecisionFeedback(NamedTuple):
    """The feedback at a tick, float32[] each."""

    edge_realisation: Tensor  # share of the expected gain that is realised: 0 … REALISED_MAX
    skill_confidence: Tensor  # share of the skill that is certain: 0 … 1


def initial_state() -> dict[str, npt.NDArray[Any]]:
    """Return the state before the first tick."""
    return {
        "slots": np.zeros((4, SLOTS), np.float64),
        "filling": np.zeros(4, np.float64),
        "asked": np.zeros(2, np.float64),
        "block": np.zeros((3, 2), np.float64),
        "sums": np.zeros((4, 2), np.float64),
    }


def update(
    state: DecisionFeedbackState,
    row: Row,
    saved: Tensor,
    scored: Tensor,
    settings: Settings,
) -> tuple[DecisionFeedbackState, DecisionFeedback]:
    """Settle the decisions whose horizon has passed, and add the resolved labels.

    Args:
        state: the state before the tick.
        row: this tick.
        saved: the baseline's log-loss minus ours, summed over the resolved labels, float32[].
        scored: the number of those labels, int32[].
        settings: the horizon, and the horizons before the feedback is used.
    """
    slot = row.time_ns // (settings.horizon_ns // SLOTS_A_HORIZON)
    block = tf.cast(slot // SLOTS_A_HORIZON, tf.float64)
    slot = tf.cast(slot, tf.float64)
    bid, ask = tf.cast(row.bid_e8, tf.float64), tf.cast(row.ask_e8, tf.float64)
    slots = tf.where(row.breaks, tf.zeros_like(state.slots), state.slots)
    filling = tf.where(row.breaks, tf.zeros_like(state.filling), state.filling)
    asked = tf.where(row.breaks, tf.zeros_like(state.asked), state.asked)

    # A finished slot is stored in its place; the decision of the tick before is bought now.
    full = filling[_SLOT] != slot
    mine = tf.range(SLOTS, dtype=tf.int64) == tf.cast(filling[_SLOT], tf.int64) % SLOTS
    slots = tf.where(full & mine & (filling[_SQUARE] > 0.0), filling[:, None], slots)
    expected, spread = asked[0], asked[1]
    bought = tf.stack(
        [slot, expected / tf.maximum(ask, 1.0), expected * (spread - 1.0), expected * expected]
    )
    bought = tf.where(row.valid, bought, slot * _FIRST)
    filling = tf.where(full, bought, filling * _OTHERS + bought)
    due = (slots[_SQUARE] > 0.0) & (slots[_SLOT] + SLOTS_A_HORIZON < slot) & row.valid
    came = tf.where(due, bid * slots[_OVER_ASK] + slots[_REST], 0.0)
    squares = tf.where(due, slots[_SQUARE], 0.0)
    slots = tf.where(due, tf.zeros_like(slots), slots)

    news = tf.stack(
        [
            tf.stack([tf.reduce_sum(squares), tf.cast(scored, tf.float64)]),
            tf.stack([tf.reduce_sum(came), tf.cast(saved, tf.float64)]),
        ]
    )
    ended = state.block[0, 0] != block
    sums = tf.where(ended, _with_block(state.sums, state.block), state.sums)
    within = tf.where(ended, news, state.block[1:] + news)
    ratio, error = _ratios(sums)
    low = tf.where(sums[0] >= tf.cast(settings.warm_up_horizons, tf.float64), ratio - error, 0.0)
    return DecisionFeedbackState(
        slots=slots,
        filling=filling,
        asked=tf.zeros_like(asked),
        block=tf.concat([tf.fill([1, 2], block), within], 0),
        sums=sums,
    ), DecisionFeedback(
        edge_realisation=tf.cast(tf.clip_by_value(low[_GAIN], 0.0, REALISED_MAX), tf.float32),
        skill_confidence=tf.cast(
            tf.clip_by_value(low[_SKILL] / tf.maximum(ratio[_SKILL], 1e-12), 0.0, 1.0), tf.float32
        ),
    )


def ask(state: DecisionFeedbackState, row: Row, edge_ppm: Tensor) -> DecisionFeedbackState:
    """Register this tick's decision, to be bought at the next tick and settled later.

    ``edge_ppm`` is the expected return of the mid over the horizon, float32[]. Without a valid tick
    or a finite expectation, nothing is registered.
    """
    bid, ask = tf.cast(row.bid_e8, tf.float64), tf.cast(row.ask_e8, tf.float64)
    spread = 2.0 * (ask - bid) / tf.maximum(ask + bid, 1.0)
    expected = tf.cast(edge_ppm, tf.float64) * 1e-6
    usable = row.valid & tf.math.is_finite(expected)
    return state._replace(asked=tf.where(usable, tf.stack([expected, spread]), 0.0))


_FIRST = np.array([1.0, 0.0, 0.0, 0.0])
_OTHERS = 1.0 - _FIRST


def _ratios(sums: Tensor) -> tuple[Tensor, Tensor]:
    """Return Σz / Σx and its standard error, float64[2] each; 0 before the first block."""
    total = tf.maximum(sums[1], 1e-30)
    return sums[2] / total, tf.sqrt(sums[3]) / total


def _with_block(sums: Tensor, block: Tensor) -> Tensor:
    """Return the sums after the end of a block; an empty block changes nothing."""
    counts = block[1] > 0.0
    x, z = block[1], block[2]
    kept = tf.constant(KEPT, tf.float64) * sums
    total = tf.maximum(kept[1] + x, 1e-30)
    left = z - (kept[2] + z) / total * x
    news = tf.stack([tf.ones_like(x), x, z, left * left])
    return tf.where(counts, kept + news, sums)
