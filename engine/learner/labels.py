"""Resolving labels: predictions get their label, are scored, and everything learns from them.

A prediction made at event time t is labelled with the mid in force at t + horizon, which is known
at the first tick *after* that moment (I5). The label compares integers: the sum of bid and ask at
that moment with the sum at the prediction. Nothing is labelled across a break: predictions that
wait there are void, and counted. The score is that of the prediction as it was made.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.arithmetic import Tensor, tf, when
from engine.learner import calibration, candidates, experts, memory, monitor
from engine.learner.calibration import CalibrationState
from engine.learner.candidates import CandidateState, Exchange
from engine.learner.experts import EXPERTS, GENERATED, PERSISTENCE, PRIOR, RULE, ExpertState
from engine.learner.features import COUNT
from engine.learner.memory import FELL, FLAT, ROSE, VOID, MemoryState
from engine.learner.monitor import MonitorState
from engine.row import Row
from engine.settings import Settings

BINS = 15
"""Bins of the reliability diagram, of equal width."""


class TallyState(NamedTuple):
    """Sums over all labels since the first: the last point of a learning curve."""

    counts: Tensor  # int64[4]: moved, predicted correctly, rose, predicted to rise
    sums: Tensor  # float64[3]: log-loss, the prior's log-loss, squared error
    bins: Tensor  # float64[3, BINS]: labels, sum of predicted probabilities, rises
    return_ppm: Tensor  # float32[]: decayed mean size of a move over the horizon


class LabelOutcomes(NamedTuple):
    """The labels resolved at one tick: counts, and sums over those that moved."""

    resolved: Tensor  # int32[]
    scored: Tensor  # int32[]
    hits: Tensor  # int32[]
    rises: Tensor  # int32[]
    said_rises: Tensor  # int32[]
    network_hits: Tensor  # int32[]
    rule_hits: Tensor  # int32[]
    persistence_hits: Tensor  # int32[]
    voided: Tensor  # int32[]
    drifted: Tensor  # int32[]
    grew: Tensor  # int32[]
    adopted: Tensor  # int32[]: 0, or 1 + the number of a pair (`engine.learner.candidates`)
    dropped: Tensor  # int32[]: as ``adopted``
    loss: Tensor  # float32[]
    baseline_loss: Tensor  # float32[]
    network_loss: Tensor  # float32[]
    rule_loss: Tensor  # float32[]
    brier: Tensor  # float32[]


_WHOLE = LabelOutcomes._fields.index("loss")


class Learners(NamedTuple):
    """The parts of the state that a label changes."""

    memory: MemoryState
    experts: ExpertState
    candidates: CandidateState
    calibration: CalibrationState
    monitor: MonitorState
    tally: TallyState


def initial_state() -> dict[str, npt.NDArray[Any]]:
    """Return the tally before the first label."""
    return {
        "counts": np.zeros(4, np.int64),
        "sums": np.zeros(3, np.float64),
        "bins": np.zeros((3, BINS), np.float64),
        "return_ppm": np.zeros((), np.float32),
    }


def resolve_labels(state: Learners, row: Row, settings: Settings) -> tuple[Learners, LabelOutcomes]:
    """Label, score and learn from every prediction whose horizon ended before this tick."""
    ring = state.memory
    left = tf.cast(memory.waiting(ring), tf.int32)
    voided = tf.where(row.breaks, left, 0)
    ring = ring._replace(
        ripe=tf.where(row.breaks, ring.head, ring.ripe),
        sum_e8=tf.where(row.breaks, tf.zeros_like(ring.sum_e8), ring.sum_e8),
    )
    rows = ring.samples.shape[0]

    def is_due(state: Learners, _: LabelOutcomes) -> Tensor:
        ring = state.memory
        time_ns = ring.facts[ring.ripe % rows, memory.TIME_NS]
        return (ring.ripe < ring.head) & (row.time_ns - time_ns > settings.horizon_ns)

    def label(state: Learners, out: LabelOutcomes) -> tuple[Learners, LabelOutcomes]:
        return _label(state, out, settings)

    whole, part = tf.constant(0), tf.constant(0.0)
    nothing = dict.fromkeys(LabelOutcomes._fields[:_WHOLE], whole)
    start = LabelOutcomes(
        **nothing, **dict.fromkeys(LabelOutcomes._fields[_WHOLE:], part)
    )._replace(voided=voided)
    done: tuple[Learners, LabelOutcomes] = tf.while_loop(
        is_due, label, (state._replace(memory=ring), start), parallel_iterations=1
    )
    return done


def _label(
    state: Learners, out: LabelOutcomes, settings: Settings
) -> tuple[Learners, LabelOutcomes]:
    ring, tally = state.memory, state.tally
    place = ring.ripe % ring.samples.shape[0]
    sample, facts = ring.samples[place], ring.facts[place]
    before_e8 = facts[memory.SUM_E8]
    known = ring.sum_e8 > 0
    gain_e8 = ring.sum_e8 - before_e8
    rose, scored = gain_e8 > 0, known & (gain_e8 != 0)
    outcome = tf.where(known, tf.where(rose, ROSE, tf.where(gain_e8 < 0, FELL, FLAT)), VOID)

    logits = sample[memory.LOGITS : memory.LOGITS + EXPERTS]
    p_up, network = sample[memory.P_UP], sample[memory.NETWORK]
    weight = sample[memory.UNIQUENESS] * settings.label_weight
    unique = tf.where(scored, weight, 0.0)
    counted, whole = tf.cast(scored, tf.float32), tf.cast(scored, tf.int32)
    losses = experts.losses(logits, rose)
    loss = _log_loss(p_up, rose)
    verdict_state, verdict = monitor.observe(
        state.monitor,
        losses,
        loss,
        unique,
        facts[memory.TIME_NS] // settings.horizon_ns,
        state.experts.active,
        tf.cast(settings.exits_max, tf.int32),
    )
    knowing = experts.learn(
        state.experts,
        logits,
        sample[:COUNT],
        rose,
        scored=scored,
        known=known,
        weight=weight,
    )
    trials, exchange = when(
        verdict.closes,
        lambda before: candidates.close(before[0], settings),
        (state.candidates, Exchange(tf.constant(0), tf.constant(0))),
    )
    trials = candidates.observe(
        trials,
        sample[:COUNT],
        logits[GENERATED],
        tf.reduce_sum(state.experts.linear_weights * sample[:COUNT]),
        rose,
        unique,
    )
    knowing = when(verdict.drifted, experts.change, knowing)
    knowing = when(verdict.grew, monitor.grow, knowing)
    knowing = when(
        exchange.adopted > 0, lambda before: experts.join(before, tf.constant(GENERATED)), knowing
    )
    scaling = calibration.correct(state.calibration, sample[memory.P_MIXTURE], rose, unique)

    def hit(said_rise: Tensor) -> Tensor:
        return whole * tf.cast(said_rise == rose, tf.int32)

    said_rise = p_up >= 0.5
    hits, rises = hit(said_rise), whole * tf.cast(rose, tf.int32)
    said_rises = whole * tf.cast(said_rise, tf.int32)
    error = p_up - tf.cast(rose, tf.float32)
    baseline_loss, brier = losses[PRIOR], error * error
    size_ppm = tf.cast(tf.abs(gain_e8) / tf.maximum(before_e8, 1), tf.float32) * 1e6
    moved = tf.cast(tally.counts[0], tf.float32)
    pace = tf.where(scored, tf.maximum(0.01, 1.0 / (moved + 1.0)), 0.0)
    bin_of = tf.clip_by_value(tf.cast(p_up * BINS, tf.int32), 0, BINS - 1)
    said = tf.stack([counted, counted * p_up, tf.cast(rises, tf.float32)])
    cell = said[:, None] * tf.one_hot(bin_of, BINS)[None, :]
    sums = counted * tf.stack([loss, baseline_loss, brier])
    tally = TallyState(
        counts=tally.counts + tf.cast(tf.stack([whole, hits, rises, said_rises]), tf.int64),
        sums=tally.sums + tf.cast(sums, tf.float64),
        bins=tally.bins + tf.cast(cell, tf.float64),
        return_ppm=tally.return_ppm + pace * (size_ppm - tally.return_ppm),
    )
    ring = memory.archive(ring, ring.ripe, sample, outcome)
    ring = memory.resolved(ring, outcome)
    return Learners(ring, knowing, trials, scaling, verdict_state, tally), LabelOutcomes(
        resolved=out.resolved + tf.cast(known, tf.int32),
        scored=out.scored + whole,
        hits=out.hits + hits,
        rises=out.rises + rises,
        said_rises=out.said_rises + said_rises,
        network_hits=out.network_hits + hit(network >= 0.0),
        rule_hits=out.rule_hits + hit(logits[RULE] >= 0.0),
        persistence_hits=out.persistence_hits + hit(logits[PERSISTENCE] >= 0.0),
        voided=out.voided + tf.cast(~known, tf.int32),
        drifted=out.drifted | tf.cast(verdict.drifted, tf.int32),
        grew=out.grew | tf.cast(verdict.grew, tf.int32),
        adopted=tf.where(exchange.adopted > 0, exchange.adopted, out.adopted),
        dropped=tf.where(exchange.dropped > 0, exchange.dropped, out.dropped),
        loss=out.loss + sums[0],
        baseline_loss=out.baseline_loss + sums[1],
        network_loss=out.network_loss + counted * experts.losses(network, rose),
        rule_loss=out.rule_loss + counted * losses[RULE],
        brier=out.brier + sums[2],
    )


def _log_loss(p_up: Tensor, rose: Tensor) -> Tensor:
    said = tf.where(rose, p_up, 1.0 - p_up)
    return -tf.math.log(tf.clip_by_value(said, 1e-6, 1.0))
