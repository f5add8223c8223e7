"""The step processes one tick in stages; it is compiled once and run over a chunk in one call.

    market row → fills of earlier orders → resolved labels: scores, experts, calibration, monitor
               → training step (fresh, recent and archived) → features → prediction → calibration
               → decision feedback → decision → accounts → fingerprint

The whole state is a flat mapping from names to arrays of fixed shape and type. `engine.executor`
holds it, and runs the step over a chunk.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.account import decision_feedback, performance, policy, portfolio
from engine.arithmetic import Tensor, tf
from engine.learner import (
    calibration,
    candidates,
    experts,
    features,
    labels,
    memory,
    monitor,
    network,
    training,
)
from engine.market import LEVELS
from engine.parameters import Parameters, Shape
from engine.row import row_of
from engine.settings import Settings
from engine.state import RINGS, Arrays
from engine.venue_rules import DEFAULT_RULES, VenueRules

CHUNK_TICKS = 1024
"""Rows of the compiled loop: the longest chunk, in ticks."""


class State(NamedTuple):
    """Everything that the step carries from one tick to the next."""

    features: features.FeatureState
    memory: memory.MemoryState
    experts: experts.ExpertState
    candidates: candidates.CandidateState
    calibration: calibration.CalibrationState
    monitor: monitor.MonitorState
    tally: labels.TallyState
    learner: training.LearnerState
    hindsight: decision_feedback.DecisionFeedbackState
    portfolio: portfolio.PortfolioState
    performance: performance.PerformanceState


class Counts(NamedTuple):
    """The integer results of one tick, int64[] each."""

    action: Tensor
    reason: Tensor
    phase: Tensor
    trained: Tensor
    skipped: Tensor
    drifted: Tensor
    grew: Tensor
    adopted: Tensor
    dropped: Tensor
    heads: Tensor
    resolved: Tensor
    scored: Tensor
    scored_hits: Tensor
    scored_rises: Tensor
    scored_said_rises: Tensor
    scored_network_hits: Tensor
    scored_rule_hits: Tensor
    scored_persistence_hits: Tensor
    voided: Tensor
    equity_e8: Tensor
    cash_e8: Tensor
    position_e8: Tensor
    gross_equity_e8: Tensor
    spread_cost_e8: Tensor
    buy_hold_equity_e8: Tensor
    random_equity_e8: Tensor
    drawdown_e8: Tensor
    turnover_e8: Tensor
    round_trips: Tensor
    winning_trips: Tensor
    fingerprint: Tensor
    fill_side: Tensor
    fill_price_e8: Tensor
    fill_volume_e8: Tensor
    fill_value_e8: Tensor
    fill_fee_e8: Tensor
    fill_slippage_e8: Tensor
    fill_levels: Tensor
    fill_ordered_at: Tensor


class Measures(NamedTuple):
    """The fractional results of one tick, float32[] each."""

    p_move: Tensor
    p_up_raw: Tensor
    p_up_network: Tensor
    p_up: Tensor
    confidence: Tensor
    edge_ppm: Tensor
    cost_ppm: Tensor
    edge_realisation: Tensor
    skill_confidence: Tensor
    sharpe: Tensor
    loss: Tensor
    learning_rate: Tensor
    scored_loss: Tensor
    scored_baseline_loss: Tensor
    scored_network_loss: Tensor
    scored_rule_loss: Tensor
    scored_brier: Tensor


def step(
    state: State, cells: Tensor, shape: Shape, settings: Settings
) -> tuple[State, Counts, Measures]:
    """Carry the state over one tick, int64[WIDTH]."""
    row = row_of(cells)
    accounts, execution = portfolio.fill(state.portfolio, row, settings)
    learners, resolved = labels.resolve_labels(
        labels.Learners(
            state.memory,
            state.experts,
            state.candidates,
            state.calibration,
            state.monitor,
            state.tally,
        ),
        row,
        settings,
    )
    ring, knowing, trials, scaling, watch, tally = learners
    rate = training.rate(ring, watch, state.features, settings)
    ring, batch = memory.samples(ring, row.offset, shape, settings)
    learner, trained = training.train(
        state.learner,
        batch,
        knowing.linear_weights,
        monitor.learning_blocks(knowing.active),
        rate,
        shape,
    )

    seen, vector = features.observe(state.features, row)
    heads = network.heads(learner.weights, vector, knowing.linear_weights, shape)
    forecast = experts.predict(knowing, vector, candidates.contribution(trials, vector), heads)
    p_up = calibration.calibrate(scaling, forecast.p_up)
    network_logit = monitor.network_head(knowing.active, heads)
    sample = memory.sample(ring, vector, forecast, p_up, network_logit)
    ring, dropped = memory.remember(ring, row, sample)

    saved = resolved.baseline_loss - resolved.loss
    waiting, feedback = decision_feedback.update(
        state.hindsight, row, saved, resolved.scored, settings
    )
    choice = policy.choose(row, forecast.p_move, p_up, tally, feedback, accounts, settings)
    waiting = decision_feedback.ask(waiting, row, choice.edge_ppm)
    accounts = portfolio.order(accounts, choice.action, row, settings)
    ours = portfolio.ledger_of(accounts)
    measured, result = performance.measure(state.performance, accounts, row)
    counts = Counts(
        action=choice.action,
        reason=choice.reason,
        phase=monitor.phase(watch),
        trained=trained.trained,
        skipped=trained.skipped,
        drifted=resolved.drifted,
        grew=resolved.grew,
        adopted=resolved.adopted,
        dropped=resolved.dropped,
        heads=monitor.size(knowing.active),
        resolved=resolved.resolved,
        scored=resolved.scored,
        scored_hits=resolved.hits,
        scored_rises=resolved.rises,
        scored_said_rises=resolved.said_rises,
        scored_network_hits=resolved.network_hits,
        scored_rule_hits=resolved.rule_hits,
        scored_persistence_hits=resolved.persistence_hits,
        voided=resolved.voided + dropped,
        equity_e8=result.equity_e8,
        cash_e8=ours.cash_e8[portfolio.OURS],
        position_e8=ours.position_e8[portfolio.OURS],
        gross_equity_e8=result.gross_equity_e8,
        spread_cost_e8=ours.spread_cost_e8[portfolio.OURS],
        buy_hold_equity_e8=result.buy_hold_equity_e8,
        random_equity_e8=result.random_equity_e8,
        drawdown_e8=result.drawdown_e8,
        turnover_e8=ours.turnover_e8[portfolio.OURS],
        round_trips=ours.round_trips[portfolio.OURS],
        winning_trips=ours.winning_trips[portfolio.OURS],
        fingerprint=network.fingerprint(
            learner.weights, knowing.linear_weights, knowing.shares, trials.slopes
        ),
        fill_side=execution.side,
        fill_price_e8=execution.price_e8,
        fill_volume_e8=execution.volume_e8,
        fill_value_e8=execution.value_e8,
        fill_fee_e8=execution.fee_e8,
        fill_slippage_e8=execution.slippage_e8,
        fill_levels=execution.levels,
        fill_ordered_at=execution.ordered_at,
    )
    measures = Measures(
        p_move=forecast.p_move,
        p_up_raw=forecast.p_up,
        p_up_network=tf.sigmoid(network_logit),
        p_up=p_up,
        confidence=choice.confidence,
        edge_ppm=choice.edge_ppm,
        cost_ppm=choice.cost_ppm,
        edge_realisation=feedback.edge_realisation,
        skill_confidence=feedback.skill_confidence,
        sharpe=result.sharpe,
        loss=trained.loss,
        learning_rate=trained.learning_rate,
        scored_loss=resolved.loss,
        scored_baseline_loss=resolved.baseline_loss,
        scored_network_loss=resolved.network_loss,
        scored_rule_loss=resolved.rule_loss,
        scored_brier=resolved.brier,
    )
    after = State(
        seen, ring, knowing, trials, scaling, watch, tally, learner, waiting, accounts, measured
    )
    return after, counts, measures


def initial_state(parameters: Parameters, rules: VenueRules = DEFAULT_RULES) -> Arrays:
    """Return the state before the first tick, by flat names; the weights follow from the seed."""
    return arrays(network.initial_weights(parameters), parameters, rules)


def arrays(
    weights: npt.NDArray[np.float32], parameters: Parameters, rules: VenueRules = DEFAULT_RULES
) -> Arrays:
    """Return the state before the first tick, with these weights."""
    parts = {
        "features": features.initial_state(LEVELS),
        "memory": memory.initial_state(parameters.shape),
        "experts": experts.initial_state(),
        "candidates": candidates.initial_state(),
        "calibration": calibration.initial_state(),
        "monitor": monitor.initial_state(),
        "tally": labels.initial_state(),
        "learner": training.initial_state(weights),
        "hindsight": decision_feedback.initial_state(),
        "portfolio": portfolio.initial_state(parameters, rules),
        "performance": performance.initial_state(parameters),
    }
    return {
        f"{part}.{name}": array for part, arrays in parts.items() for name, array in arrays.items()
    }


PARTS: dict[str, Any] = {
    "features": features.FeatureState,
    "memory": memory.MemoryState,
    "experts": experts.ExpertState,
    "candidates": candidates.CandidateState,
    "calibration": calibration.CalibrationState,
    "monitor": monitor.MonitorState,
    "tally": labels.TallyState,
    "learner": training.LearnerState,
    "hindsight": decision_feedback.DecisionFeedbackState,
    "portfolio": portfolio.PortfolioState,
    "performance": performance.PerformanceState,
}
NAMES = tuple(f"{part}.{name}" for part, kind in PARTS.items() for name in kind._fields)
"""The names of the state's arrays, in the order of the variables."""


PACKED = tuple(name for name in NAMES if name not in RINGS)
"""The names of the small arrays, which every call returns packed into one vector."""


class Outcome(NamedTuple):
    """The results of a call for its ticks."""

    counts: npt.NDArray[np.int64]  # [ticks, fields of Counts]
    measures: npt.NDArray[np.float32]  # [ticks, fields of Measures]
    packed: npt.NDArray[np.int32]  # the arrays of PACKED after the call (`pack`)


def pack(state: Arrays) -> npt.NDArray[np.int32]:
    """Return the bits of the arrays of `PACKED` in order, int32[n]; a flag takes one int32."""
    return np.concatenate([words(state[name]) for name in PACKED])


def unpack(words: npt.NDArray[np.int32], like: Arrays) -> Arrays:
    """Return the arrays of `PACKED`, shaped as in ``like``; they share the memory of ``words``."""
    cells = words.view(np.uint8)
    return {
        name: cells[span].view(like[name].dtype).reshape(like[name].shape)
        for name, span in spans(like).items()
    }


def spans(like: Arrays) -> dict[str, slice]:
    """Return the position of each array of `PACKED` in the bytes of a packed vector."""
    found: dict[str, slice] = {}
    start = 0
    for name in PACKED:
        # A flag is packed into four bytes; its array has only the lowest.
        step = 4 if like[name].dtype == np.bool_ else 1
        end = start + like[name].nbytes * step
        found[name] = slice(start, end, step)
        start = end
    return found


def words(array: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """Return the bits of an array as a packed vector has them; a flag takes one int32."""
    if array.dtype == np.bool_:
        return array.astype(np.int32).ravel()
    return np.ascontiguousarray(array).reshape(-1).view(np.int32)
