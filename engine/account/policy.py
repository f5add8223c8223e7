"""Prediction → action: buy, sell or hold, with the reason.

Long or flat, with a fixed amount of cash. The expected gain over the horizon, as far as expected
gains have come true (`engine.account.decision_feedback`), must exceed what it costs to go in and
out again; where it does not, holding is the right answer and says so. In position it costs nothing
to stay, so it is held for as long as any gain is expected. What earlier decisions brought counts to
the power of ``feedback``: as it is, or not at all.

A tick that was taken up later than ``late_ms`` after it was received is old news: it is learned
from, and not acted on, neither to go in nor to go out. That comes before every other reason, so
that as many decisions say so as there were late ticks. Nor is anything ordered while the exchange
says that it takes no market orders. The conditions are tried in the order of `PRIORITY`; the first
that holds is the reason.
"""

from typing import NamedTuple

from engine.account.decision_feedback import DecisionFeedback
from engine.account.portfolio import OURS, PortfolioState, ledger_of, orders_of
from engine.account.reasons import HALTED, LATE
from engine.arithmetic import Tensor, tf
from engine.learner.labels import TallyState
from engine.parameters import Parameters
from engine.row import Row, is_late

ACTIONS = ("hold", "buy", "sell")
HOLD, BUY, SELL = range(3)

REASONS = (
    "market not valid",
    "order pending",
    "warming up",
    "exit: edge gone",
    "in position",
    "no skill to trust",
    "confidence too low",
    "edge below cost",
    "past edges did not pay",
    "not enough cash",
    "entry: edge above cost",
    LATE,
    HALTED,
)
"""In the order in which they came to be, since a decision is known by the number of its reason."""

PRIORITY = (LATE, HALTED, *REASONS[:-2])
"""In the order in which they are tried."""

_ENTER, _EXIT = REASONS.index("entry: edge above cost"), REASONS.index("exit: edge gone")


class Choice(NamedTuple):
    """An action and why, with the figures it rests on."""

    action: Tensor  # int32[]: index into ACTIONS
    reason: Tensor  # int32[]: index into REASONS
    confidence: Tensor  # float32[]: calibrated probability of the likelier direction
    edge_ppm: Tensor  # float32[]: expected return over the horizon
    cost_ppm: Tensor  # float32[]: of going in and out: two fees and the spread


def choose(
    row: Row,
    p_move: Tensor,
    p_up: Tensor,
    tally: TallyState,
    hindsight: DecisionFeedback,
    accounts: PortfolioState,
    parameters: Parameters,
) -> Choice:
    """Return the action for this tick. It fills at a later tick, if at all (I6)."""
    edge_ppm = (2.0 * p_up - 1.0) * p_move * tally.return_ppm
    centre = tf.maximum(tf.cast(row.bid_e8 + row.ask_e8, tf.float32) * 0.5, 1.0)
    spread_ppm = tf.cast(row.ask_e8 - row.bid_e8, tf.float32) / centre * 1e6
    cost_ppm = 2.0 * tf.cast(accounts.fee_ppm[OURS], tf.float32) + spread_ppm
    confidence = tf.maximum(p_up, 1.0 - p_up)

    edge_realisation = tf.pow(hindsight.edge_realisation, parameters.feedback)
    skill_confidence = tf.pow(hindsight.skill_confidence, parameters.feedback)

    ledger, orders = ledger_of(accounts), orders_of(accounts)
    # Said so that figures that are no numbers lead to holding and to leaving, never to an entry.
    gains = edge_ppm > 0.0
    sure = 0.5 + skill_confidence * (confidence - 0.5) >= parameters.confidence_floor
    conditions = [
        is_late(row, parameters),
        row.halted,
        ~row.valid,
        orders.side[OURS] != HOLD,
        tally.counts[0] < parameters.warm_up_labels,
        (ledger.position_e8[OURS] > 0) & ~gains,
        ledger.position_e8[OURS] > 0,
        ~(skill_confidence > 0.0),
        ~(sure & gains),
        ~(edge_ppm > cost_ppm),
        ~(edge_realisation * edge_ppm > cost_ppm),
        ledger.cash_e8[OURS] < parameters.order_cash * 10**8,
    ]
    reason = tf.constant(_ENTER)
    for condition, name in zip(reversed(conditions), reversed(PRIORITY[:-1]), strict=True):
        reason = tf.where(condition, REASONS.index(name), reason)
    action = tf.where(reason == _ENTER, BUY, tf.where(reason == _EXIT, SELL, HOLD))
    return Choice(action, reason, confidence, edge_ppm, cost_ppm)
