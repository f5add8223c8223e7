"""Rows → dimensionless numbers about the present, normalised with what was known before them.

Running quantities decay in event time with the half-lives of `HALF_LIVES_S`. Nothing looks ahead
(I5): a feature of tick n is a function of ticks 0 … n. Where its source is missing (no book yet, no
trade yet) a feature is 0.

Formulae: queue imbalance, Gould & Bonart 2016 (arXiv 1512.03492); order-flow imbalance, Cont,
Kukanov & Stoikov 2014 (doi 10.1093/jjfinec/nbt003); microprice as the size-weighted mid.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.arithmetic import Tensor, tf
from engine.row import Row

HALF_LIVES_S = (0.5, 2.0, 10.0, 60.0, 300.0)

NAMES = (
    "queue_imbalance",
    "depth_imbalance",
    "microprice_gap",
    "spread",
    "spread_ratio",
    "last_gap",
    "log_wait",
    "book_valid",
    *(f"order_flow_{half_life:g}s" for half_life in HALF_LIVES_S),
    *(f"trade_flow_{half_life:g}s" for half_life in HALF_LIVES_S),
    *(f"return_{half_life:g}s" for half_life in HALF_LIVES_S),
    "volatility_ratio_short",
    "volatility_ratio_long",
    "tick_rate_ratio",
    "was_trade",
)
COUNT = 32
"""Width of the feature vector: `NAMES`, then zeros up to a multiple of eight."""

CLIP = 5.0
_STATISTICS_SPAN = 20_000.0
"""Events over which mean and variance forget."""

_FLOWS = 6  # rows of `running`: order flow, depth, signed trades, trades, return, squared return


class FeatureState(NamedTuple):
    """What the features remember."""

    time_ns: Tensor  # int64[]: of the tick before
    seen: Tensor  # bool[]: whether there was a valid mid since the last break
    mid: Tensor  # float64[]: log of the mid
    touch_e8: Tensor  # int64[4]: best bid, its volume, best ask, its volume, of the book before
    running: Tensor  # float32[_FLOWS, half-lives]
    tick_rate: Tensor  # float32[half-lives]: decayed count of ticks
    spread: Tensor  # float32[]: decayed mean spread, as a share of the mid
    mean: Tensor  # float32[COUNT]
    variance: Tensor  # float32[COUNT]
    count: Tensor  # float32[]: events in the statistics, saturating


def genesis() -> dict[str, npt.NDArray[Any]]:
    """Return the state before the first tick."""
    lives = len(HALF_LIVES_S)
    return {
        "time_ns": np.zeros((), np.int64),
        "seen": np.zeros((), np.bool_),
        "mid": np.zeros((), np.float64),
        "touch_e8": np.zeros(4, np.int64),
        "running": np.zeros((_FLOWS, lives), np.float32),
        "tick_rate": np.zeros(lives, np.float32),
        "spread": np.zeros((), np.float32),
        "mean": np.zeros(COUNT, np.float32),
        "variance": np.ones(COUNT, np.float32),
        "count": np.zeros((), np.float32),
    }


def observe(state: FeatureState, row: Row) -> tuple[FeatureState, Tensor]:
    """Fold one tick in; return the new state and the normalised features, float32[COUNT].

    The features are made with the statistics from before this tick, clipped at ±`CLIP` deviations.
    """
    state, raw = _raw(state, row)
    # Of a market that is not valid nothing is learned, and of a crossed one some is no number.
    raw = tf.where(row.valid, raw, state.mean)
    deviation = tf.sqrt(state.variance) + 1e-4
    features = tf.clip_by_value((raw - state.mean) / deviation, -CLIP, CLIP)
    features = tf.where(row.valid, features, tf.zeros_like(features))
    return _learn_statistics(state, raw, deviation, row.valid), features


def _raw(state: FeatureState, row: Row) -> tuple[FeatureState, Tensor]:
    # A break starts a new time; a clock that stands still or jumps is held within [0, 1 h] before.
    waited_ns = tf.where(row.breaks, tf.zeros_like(row.time_ns), row.time_ns - state.time_ns)
    waited_s = tf.cast(waited_ns, tf.float32) * 1e-9
    decay = tf.exp(-waited_s * tf.constant([math.log(2.0) / life for life in HALF_LIVES_S]))

    bid, ask = tf.cast(row.bid_e8, tf.float64), tf.cast(row.ask_e8, tf.float64)
    centre = tf.maximum(0.5 * (bid + ask), 1.0)
    mid = tf.math.log(centre)
    spread = tf.cast((ask - bid) / centre, tf.float32)
    follows = state.seen & row.valid & ~row.breaks
    moved = tf.where(follows, tf.cast((mid - state.mid) * 1e4, tf.float32), 0.0)

    touch_e8 = tf.stack(
        [row.bid_prices_e8[0], row.bid_volumes_e8[0], row.ask_prices_e8[0], row.ask_volumes_e8[0]]
    )
    book = row.book_valid & (touch_e8[0] > 0) & (touch_e8[2] > 0)
    flow = tf.where(book & follows & (state.touch_e8[0] > 0), _flow(state.touch_e8, touch_e8), 0.0)
    bid_volume = tf.cast(touch_e8[1], tf.float32) * 1e-8
    ask_volume = tf.cast(touch_e8[3], tf.float32) * 1e-8
    depth = tf.where(book, 0.5 * (bid_volume + ask_volume), 0.0)
    traded = tf.cast(row.traded_e8, tf.float32) * 1e-8

    news = tf.stack([flow, depth, traded, tf.abs(traded), moved, moved * moved])
    running = state.running * decay + news[:, None]
    tick_rate = state.tick_rate * decay + 1.0
    mean_spread = state.spread + 0.01 * tf.where(row.valid, spread - state.spread, 0.0)

    imbalance = _ratio(bid_volume - ask_volume, bid_volume + ask_volume)
    last = tf.cast(row.last_e8, tf.float64)
    last_gap = tf.cast((last - centre) / tf.maximum(ask - bid, 1.0), tf.float32)
    deviations = tf.sqrt(running[5]) + 1e-3
    lives = tf.constant(HALF_LIVES_S)
    volatility = running[5] / lives
    rate = tick_rate / lives
    names = [
        imbalance,
        _depth_imbalance(row),
        0.5 * imbalance * tf.minimum(_ratio(spread, mean_spread), 4.0),
        tf.math.log(1.0 + spread * 1e4),
        _ratio(spread, mean_spread),
        tf.where(row.last_e8 > 0, tf.clip_by_value(last_gap, -10.0, 10.0), 0.0),
        tf.math.log(1.0 + waited_s * 1e3),
        tf.cast(book, tf.float32),
    ]
    vectors = [
        _ratio(running[0], running[1]),
        _ratio(running[2], running[3]),
        running[4] / deviations,
    ]
    ratios = [
        tf.math.log((volatility[0] + 1e-6) / (volatility[2] + 1e-6)),
        tf.math.log((volatility[2] + 1e-6) / (volatility[4] + 1e-6)),
        tf.math.log((rate[0] + 1e-3) / (rate[3] + 1e-3)),
        tf.cast(row.kind == 1, tf.float32),
    ]
    padding = tf.zeros(COUNT - len(NAMES))
    raw = tf.concat([tf.stack(names), *vectors, tf.stack(ratios), padding], 0)
    return state._replace(
        time_ns=row.time_ns,
        seen=row.valid,
        mid=tf.where(row.valid, mid, state.mid),
        touch_e8=tf.where(book, touch_e8, state.touch_e8),
        running=running,
        tick_rate=tick_rate,
        spread=tf.where(state.spread == 0.0, tf.where(row.valid, spread, 0.0), mean_spread),
    ), raw


def _flow(before_e8: Tensor, now_e8: Tensor) -> Tensor:
    """Order-flow imbalance of one book change at the touch (Cont et al. 2014, equation 4)."""
    before, now = (tf.cast(touch, tf.float32) * 1e-8 for touch in (before_e8, now_e8))
    zero = tf.zeros_like(now[0])
    return (
        tf.where(now_e8[0] >= before_e8[0], now[1], zero)
        - tf.where(now_e8[0] <= before_e8[0], before[1], zero)
        - tf.where(now_e8[2] <= before_e8[2], now[3], zero)
        + tf.where(now_e8[2] >= before_e8[2], before[3], zero)
    )


def _depth_imbalance(row: Row) -> Tensor:
    """Imbalance over the levels, each weighted by exp(-rank / 2)."""
    levels = row.bid_volumes_e8.shape[0]
    weights = tf.constant([math.exp(-rank / 2) for rank in range(levels)])
    bids = tf.reduce_sum(tf.cast(row.bid_volumes_e8, tf.float32) * 1e-8 * weights)
    asks = tf.reduce_sum(tf.cast(row.ask_volumes_e8, tf.float32) * 1e-8 * weights)
    return _ratio(bids - asks, bids + asks)


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    return tf.where(whole > 0, part / tf.maximum(whole, 1e-20), tf.zeros_like(part))


def _learn_statistics(
    state: FeatureState, raw: Tensor, deviation: Tensor, valid: Tensor
) -> FeatureState:
    """Move mean and variance towards a winsorised observation (weight 1/n, floored)."""
    weight = tf.where(valid, 1.0 / tf.minimum(state.count + 2.0, _STATISTICS_SPAN), 0.0)
    # The first events know no scale, so nothing is winsorised before there is one.
    bound = tf.where(state.count < 100.0, 1e6, CLIP) * deviation
    gap = tf.clip_by_value(raw - state.mean, -bound, bound)
    return state._replace(
        mean=state.mean + weight * gap,
        variance=state.variance + weight * (gap * gap - state.variance),
        count=tf.minimum(state.count + tf.cast(valid, tf.float32), _STATISTICS_SPAN),
    )
