"""Prediction → action: buy, sell or hold, with the reason.

The policy is long or flat, with a fixed amount of cash. To enter, the expected gain over the
horizon, times the share of expected gains that is realised (`engine.account.decision_feedback`),
must exceed the cost of entry and exit. Otherwise the policy holds. It costs nothing to stay in a
position, so it is held as long as any gain is expected. The feedback of earlier decisions is raised
to the power ``feedback``: 1 uses it as it is, 0 ignores it.

A tick that was taken up later than ``late_ms`` after its receipt is learned from, but not traded
on, neither to enter nor to exit. This has priority over every other reason, so the decisions with
this reason count the late ticks. Nothing is ordered either while the exchange takes no market
orders. The conditions are tried in the order of `PRIORITY`; the first that holds is the reason.
"""

from typing import NamedTuple

from engine.account.decision_feedback import DecisionFeedback
from engine.account.portfolio import OURS, PortfolioState, ledger_of, orders_of
from engine.account.reasons import HALTED, LATE
from engine.arithmetic import Tensor, power, tf
from engine.learner.labels import TallyState
from engine.row import Row, is_late
from engine.settings import Settings

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
"""In order of their introduction, since a reason is identified by its number: append only."""

PRIORITY = (LATE, HALTED, *REASONS[:-2])
"""The reasons in the order in which their conditions are tried."""

_ENTER, _EXIT = REASONS.index("entry: edge above cost"), REASONS.index("exit: edge gone")


class Choice(NamedTuple):
    """An action with its reason and the figures that it is based on."""

    action: Tensor  # int32[]: index into ACTIONS
    reason: Tensor  # int32[]: index into REASONS
    confidence: Tensor  # float32[]: calibrated probability of the likelier direction
    edge_ppm: Tensor  # float32[]: expected return over the horizon
    cost_ppm: Tensor  # float32[]: cost of entry and exit: two fees and the spread


def choose(
    row: Row,
    p_move: Tensor,
    p_up: Tensor,
    tally: TallyState,
    feedback: DecisionFeedback,
    accounts: PortfolioState,
    settings: Settings,
) -> Choice:
    """Return the action for this tick. Its order fills at a later tick, if at all (I6).

    Args:
        row: this tick.
        p_move: the probability that the mid moves within the horizon, float32[].
        p_up: the calibrated probability of a rise, if it moves, float32[].
        tally: the labels so far, and the mean size of a move.
        feedback: how far expected gains have come true.
        accounts: cash, position, waiting orders and fee.
        settings: the thresholds.
    """
    edge_ppm = (2.0 * p_up - 1.0) * p_move * tally.return_ppm
    centre = tf.maximum(tf.cast(row.bid_e8 + row.ask_e8, tf.float32) * 0.5, 1.0)
    spread_ppm = tf.cast(row.ask_e8 - row.bid_e8, tf.float32) / centre * 1e6
    cost_ppm = 2.0 * tf.cast(accounts.fee_ppm[OURS], tf.float32) + spread_ppm
    confidence = tf.maximum(p_up, 1.0 - p_up)

    edge_realisation = power(feedback.edge_realisation, settings.feedback)
    skill_confidence = power(feedback.skill_confidence, settings.feedback)

    ledger, orders = ledger_of(accounts), orders_of(accounts)
    # Comparisons with NaN are false. The conditions are phrased so that NaN leads to holding and to
    # exits, never to an entry.
    gains = edge_ppm > 0.0
    confident = 0.5 + skill_confidence * (confidence - 0.5) >= settings.confidence_floor
    conditions = [
        is_late(row, settings),
        row.halted,
        ~row.valid,
        orders.side[OURS] != HOLD,
        tally.counts[0] < settings.warm_up_labels,
        (ledger.position_e8[OURS] > 0) & ~gains,
        ledger.position_e8[OURS] > 0,
        ~(skill_confidence > 0.0),
        ~(confident & gains),
        ~(edge_ppm > cost_ppm),
        ~(edge_realisation * edge_ppm > cost_ppm),
        ledger.cash_e8[OURS] < settings.order_cash_e8,
    ]
    reason = tf.constant(_ENTER)
    for condition, name in zip(reversed(conditions), reversed(PRIORITY[:-1]), strict=True):
        reason = tf.where(condition, REASONS.index(name), reason)
    action = tf.where(reason == _ENTER, BUY, tf.where(reason == _EXIT, SELL, HOLD))
    return Choice(action, reason, confidence, edge_ppm, cost_ppm)
