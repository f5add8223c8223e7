"""Rows → dimensionless numbers about the present, normalised with what was known before them.

Running quantities decay in event time with the half-lives of `HALF_LIVES_S`. Nothing looks ahead
(I5): a feature of tick n is a function of ticks 0 … n. Each feature has a validity of its own; one
whose source is missing (no book yet, no trade yet) is 0 and teaches the statistics nothing.

Half of the features have a direction: mirror the market, buyers for sellers, and they change their
sign (`SIGNED`). These are scaled but never centred, so a quiet market reads as no direction.

| features | formula | source |
|---|---|---|
| queue_imbalance, size_ratio | (q_b - q_a) / (q_b + q_a); ln(q_b / q_a) | Gould & Bonart 2016, arXiv 1512.03492 |
| depth_imbalance | the same over the levels, each weighted by exp(-rank / 2) | Cao, Hansch & Wang 2009, doi 10.1002/fut.20334 |
| microprice_gap | (P - m) / mean spread, P = (a q_b + b q_a) / (q_a + q_b) | Stoikov 2018, doi 10.1080/14697688.2018.1489139 |
| order_flow, deep_flow | decayed order-flow imbalance by decayed depth, at the touch and behind it | Cont, Kukanov & Stoikov 2014, doi 10.1093/jjfinec/nbt003; Kolm et al. 2023, doi 10.1111/mafi.12413 |
| trade_flow | decayed signed volume by decayed volume | Silantyev 2019, doi 10.1007/s42521-019-00007-w |
| return | decayed sum of mid returns (the mid over its moving average) by its deviation | |
| volatility ratios, atr_ratio | ln of decayed squared (absolute) moves over a short and a long half-life | Wilder 1978 (ATR) |
| jump_share | 1 - pi/2 · EW|r_i r_i-1| / EW r² | Barndorff-Nielsen & Shephard 2004, doi 10.1093/jjfinec/nbh001 |
| roll | EW r_i r_i-1 / EW r² | Roll 1984, doi 10.1111/j.1540-6261.1984.tb03897.x |
| rsi | (U - D) / (U + D) of decayed rises and falls | Wilder 1978 |
| macd, macd_signal | difference of two moving averages by the deviation; that over its own average | Appel 1979 |
| percent_b | the mid over its average, by twice the deviation about it | Bollinger 1992 |
| rates | ln of arrivals over a short and a long half-life | |
| day_sin, day_cos | time of day, sine by Bhaskara's formula | exact arithmetic on any processor |
"""  # noqa: E501  a table

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.arithmetic import Tensor, tf
from engine.row import Row

HALF_LIVES_S = (0.5, 2.0, 10.0, 60.0, 300.0)
_SHORT, _BRIEF, _MIDDLE, _LONG, _LONGEST = range(5)
_DEEP = (_BRIEF, _MIDDLE, _LONG)

SIGNED_NAMES = (
    "queue_imbalance",
    "size_ratio",
    "depth_imbalance",
    "microprice_gap",
    "last_gap",
    *(f"order_flow_{life:g}s" for life in HALF_LIVES_S),
    *(f"deep_flow_{HALF_LIVES_S[life]:g}s" for life in _DEEP),
    *(f"trade_flow_{life:g}s" for life in HALF_LIVES_S),
    *(f"return_{life:g}s" for life in HALF_LIVES_S),
    "rsi_10s",
    "rsi_60s",
    "macd",
    "macd_signal",
    "percent_b",
    "last_move",
)
UNSIGNED_NAMES = (
    "spread",
    "spread_ratio",
    "log_wait",
    "book_valid",
    "depth_ratio",
    "volatility_ratio_short",
    "volatility_ratio_long",
    "atr_ratio",
    "jump_share",
    "roll",
    "tick_rate_ratio",
    "trade_rate_ratio",
    "was_trade",
    "since_move",
    "day_sin",
    "day_cos",
)
NAMES = (*SIGNED_NAMES, *UNSIGNED_NAMES, "imbalance")
COUNT = 48
"""Width of the feature vector: `NAMES`, then zeros up to a multiple of eight."""

IMBALANCE = NAMES.index("imbalance")
"""The queue imbalance once more, as it is: what the rule of thumb looks at."""

SIGNED: npt.NDArray[np.bool_] = np.isin(np.arange(COUNT), [*range(len(SIGNED_NAMES)), IMBALANCE])
"""Which places of the vector change their sign when the market is mirrored."""

_AS_IS: npt.NDArray[np.bool_] = np.arange(COUNT) >= IMBALANCE

CLIP = 5.0
_STATISTICS_SPAN = 20_000.0
"""Events over which mean and variance forget."""

# Rows of `running`.
(
    _FLOW, _DEEP_FLOW, _DEPTH, _DEEP_DEPTH, _SIGNED_VOLUME, _VOLUME, _RETURN, _SQUARES, _SIZES,
    _RISES, _PRODUCTS, _COPRODUCTS, _TICKS, _TRADES,
) = range(14)  # fmt: skip
_RUNNING = 14


class FeatureState(NamedTuple):
    """What the features remember."""

    time_ns: Tensor  # int64[]: of the tick before
    moved_ns: Tensor  # int64[]: of the last move of the mid
    seen: Tensor  # bool[]: whether there was a valid mid since the last break
    mid: Tensor  # float64[]: log of the mid
    sides_e8: Tensor  # int64[4, LEVELS]: bid prices, volumes, ask prices, volumes before
    running: Tensor  # float32[_RUNNING, half-lives]: decayed sums
    spread_of: Tensor  # float32[half-lives]: decayed squared distance of the mid from its average
    scalars: Tensor  # float32[3]: mean spread as a share of the mid; last move, bp; MACD's average
    mean: Tensor  # float32[COUNT]
    variance: Tensor  # float32[COUNT]
    count: Tensor  # float32[COUNT]: events in the statistics, saturating


def initial_state(levels: int) -> dict[str, npt.NDArray[Any]]:
    """Return the state before the first tick."""
    lives = len(HALF_LIVES_S)
    return {
        "time_ns": np.zeros((), np.int64),
        "moved_ns": np.zeros((), np.int64),
        "seen": np.zeros((), np.bool_),
        "mid": np.zeros((), np.float64),
        "sides_e8": np.zeros((4, levels), np.int64),
        "running": np.zeros((_RUNNING, lives), np.float32),
        "spread_of": np.zeros(lives, np.float32),
        "scalars": np.zeros(3, np.float32),
        "mean": np.zeros(COUNT, np.float32),
        "variance": np.ones(COUNT, np.float32),
        "count": np.zeros(COUNT, np.float32),
    }


def volatility_ratio(state: FeatureState) -> Tensor:
    """Return the recent rate of squared moves over that of the longest half-life, float32[]."""
    rates = state.running[_SQUARES] / tf.constant(HALF_LIVES_S)
    return (rates[_MIDDLE] + 1e-6) / (rates[_LONGEST] + 1e-6)


def observe(state: FeatureState, row: Row) -> tuple[FeatureState, Tensor]:
    """Fold one tick in; return the new state and the normalised features, float32[COUNT].

    The features are made with the statistics from before this tick, clipped at ±`CLIP` deviations.
    """
    state, raw, valid = _raw(state, row)
    # Of a market that is not valid nothing is learned, and of a crossed one some is no number.
    valid = valid & row.valid
    raw = tf.where(valid, raw, state.mean)
    deviation = tf.sqrt(state.variance) + 1e-4
    vector = tf.clip_by_value((raw - state.mean) / deviation, -CLIP, CLIP)
    vector = tf.where(tf.constant(_AS_IS), raw, vector)
    vector = tf.where(valid, vector, tf.zeros_like(vector))
    return _learn_statistics(state, raw, deviation, valid), vector


def _raw(state: FeatureState, row: Row) -> tuple[FeatureState, Tensor, Tensor]:
    """Return the new state, the raw features, and where they are valid."""
    # A break starts a new time; a clock that stands still or jumps is held within [0, 1 h] before.
    waited_ns = tf.where(row.breaks, tf.zeros_like(row.time_ns), row.time_ns - state.time_ns)
    waited_s = tf.cast(waited_ns, tf.float32) * 1e-9
    lives = tf.constant(HALF_LIVES_S)
    decay = tf.exp(-waited_s * (math.log(2.0) / lives))

    bid, ask = tf.cast(row.bid_e8, tf.float64), tf.cast(row.ask_e8, tf.float64)
    centre = tf.maximum(0.5 * (bid + ask), 1.0)
    mid = tf.math.log(centre)
    spread = tf.cast((ask - bid) / centre, tf.float32)
    follows = state.seen & row.valid & ~row.breaks
    moved = tf.where(follows, tf.cast((mid - state.mid) * 1e4, tf.float32), 0.0)
    moves = moved != 0.0
    spread_mean, last_move, macd_mean = tf.unstack(state.scalars)
    last_move = tf.where(row.breaks, 0.0, last_move)

    sides_e8 = tf.stack(
        [row.bid_prices_e8, row.bid_volumes_e8, row.ask_prices_e8, row.ask_volumes_e8]
    )
    book = row.book_valid & (sides_e8[0, 0] > 0) & (sides_e8[2, 0] > 0)
    volumes = tf.cast(sides_e8, tf.float32) * 1e-8
    flows = _flow(state.sides_e8, sides_e8, volumes)
    flows = tf.where(book & follows & (state.sides_e8[0, 0] > 0), flows, tf.zeros_like(flows))
    depths = 0.5 * (volumes[1] + volumes[3])
    depths = tf.where(book, depths, tf.zeros_like(depths))
    traded = tf.cast(row.traded_e8, tf.float32) * 1e-8
    is_trade = tf.cast(row.kind == 1, tf.float32)
    product = moved * last_move

    news = tf.stack(
        [
            flows[0], tf.reduce_sum(flows[1:]), depths[0], tf.reduce_sum(depths[1:]),
            traded, tf.abs(traded), moved, moved * moved, tf.abs(moved),
            tf.maximum(moved, 0.0), tf.abs(product), product, tf.ones_like(moved), is_trade,
        ]
    )  # fmt: skip
    running = state.running * decay + news[:, None]
    spread_of = state.spread_of * decay + (1.0 - decay) * running[_RETURN] * running[_RETURN]
    scale = tf.sqrt(running[_SQUARES]) + 1e-3
    macd = (running[_RETURN, _LONG] - running[_RETURN, _MIDDLE]) / scale[_LONG]
    macd_mean = macd_mean * decay[_MIDDLE] + (1.0 - decay[_MIDDLE]) * macd
    mean_spread = tf.where(spread_mean == 0.0, spread, spread_mean + 0.01 * (spread - spread_mean))
    mean_spread = tf.where(row.valid, mean_spread, spread_mean)
    last_move = tf.where(moves, moved, last_move)
    moved_ns = tf.where(moves | row.breaks, row.time_ns, state.moved_ns)
    since_move_s = tf.cast(row.time_ns - moved_ns, tf.float32) * 1e-9

    imbalance = _ratio(volumes[1, 0] - volumes[3, 0], volumes[1, 0] + volumes[3, 0])
    last = tf.cast(row.last_e8, tf.float64)
    last_gap = tf.cast((last - centre) / tf.maximum(ask - bid, 1.0), tf.float32)
    rates = running[_SQUARES] / lives
    arrivals = running[_TICKS] / lives
    sine, cosine = _time_of_day(row.time_ns)

    named = [
        imbalance,
        tf.math.log((volumes[1, 0] + 1e-8) / (volumes[3, 0] + 1e-8)),
        _depth_imbalance(volumes),
        0.5 * imbalance * tf.minimum(_ratio(spread, mean_spread), 4.0),
        tf.clip_by_value(last_gap, -10.0, 10.0),
        *tf.unstack(_ratio(running[_FLOW], running[_DEPTH])),
        *tf.unstack(_ratio(running[_DEEP_FLOW], running[_DEEP_DEPTH]))[_BRIEF:_LONGEST],
        *tf.unstack(_ratio(running[_SIGNED_VOLUME], running[_VOLUME])),
        *tf.unstack(running[_RETURN] / scale),
        _strength(running[:, _MIDDLE]),
        _strength(running[:, _LONG]),
        macd,
        macd - macd_mean,
        running[_RETURN, _LONG] / (2.0 * tf.sqrt(spread_of[_LONG]) + 1e-3),
        tf.sign(last_move) / (1.0 + since_move_s),
        tf.math.log(1.0 + spread * 1e4),
        _ratio(spread, mean_spread),
        tf.math.log(1.0 + waited_s * 1e3),
        tf.cast(book, tf.float32),
        tf.math.log((depths[0] + 1e-8) / (_ratio(running[_DEPTH], running[_TICKS])[_LONG] + 1e-8)),
        tf.math.log((rates[_SHORT] + 1e-6) / (rates[_MIDDLE] + 1e-6)),
        tf.math.log((rates[_MIDDLE] + 1e-6) / (rates[_LONGEST] + 1e-6)),
        tf.math.log(
            (running[_SIZES, _MIDDLE] / lives[_MIDDLE] + 1e-4)
            / (running[_SIZES, _LONGEST] / lives[_LONGEST] + 1e-4)
        ),
        tf.clip_by_value(
            1.0 - 0.5 * math.pi * _ratio(running[_PRODUCTS], running[_SQUARES])[_LONG], 0.0, 1.0
        ),
        _ratio(running[_COPRODUCTS], running[_SQUARES])[_LONG],
        tf.math.log((arrivals[_SHORT] + 1e-3) / (arrivals[_LONG] + 1e-3)),
        tf.math.log(
            (running[_TRADES, _BRIEF] / lives[_BRIEF] + 1e-3)
            / (running[_TRADES, _LONG] / lives[_LONG] + 1e-3)
        ),
        is_trade,
        tf.math.log(1.0 + since_move_s * 1e3),
        sine,
        cosine,
        imbalance,
    ]
    traded_before = running[_VOLUME, _LONGEST] > 0.0
    always = tf.constant(True)
    valid = [
        *[book] * 4,
        row.last_e8 > 0,
        *[book] * (len(HALF_LIVES_S) + len(_DEEP)),
        *[traded_before] * len(HALF_LIVES_S),
        *[always] * (len(HALF_LIVES_S) + 6),
        *[always] * 4,
        book,
        *[always] * 11,
        book,
    ]
    padding = COUNT - len(NAMES)
    state = state._replace(
        time_ns=row.time_ns,
        moved_ns=moved_ns,
        seen=row.valid,
        mid=tf.where(row.valid, mid, state.mid),
        sides_e8=tf.where(book, sides_e8, state.sides_e8),
        running=running,
        spread_of=spread_of,
        scalars=tf.stack([mean_spread, last_move, macd_mean]),
    )
    raw = tf.stack([*named, *[tf.constant(0.0)] * padding])
    return state, raw, tf.stack([*valid, *[always] * padding])


def _flow(before_e8: Tensor, now_e8: Tensor, volumes: Tensor) -> Tensor:
    """Order-flow imbalance of one book change, by level (Cont et al. 2014, equation 4).

    ``before_e8`` and ``now_e8`` are int64[4, LEVELS]; ``volumes`` are those of now in units.
    """
    before = tf.cast(before_e8, tf.float32) * 1e-8
    zero = tf.zeros_like(volumes[1])
    # A level that a side lacks is worse than any: for a bid its price of 0 is, for an ask none is.
    ask_before = tf.where(before_e8[2] > 0, before_e8[2], tf.int64.max)
    ask_now = tf.where(now_e8[2] > 0, now_e8[2], tf.int64.max)
    return (
        tf.where(now_e8[0] >= before_e8[0], volumes[1], zero)
        - tf.where(now_e8[0] <= before_e8[0], before[1], zero)
        - tf.where(ask_now <= ask_before, volumes[3], zero)
        + tf.where(ask_now >= ask_before, before[3], zero)
    )


def _depth_imbalance(volumes: Tensor) -> Tensor:
    """Imbalance over the levels, each weighted by exp(-rank / 2)."""
    levels = volumes.shape[1]
    weights = tf.constant([math.exp(-rank / 2) for rank in range(levels)])
    bids, asks = tf.reduce_sum(volumes[1] * weights), tf.reduce_sum(volumes[3] * weights)
    return _ratio(bids - asks, bids + asks)


def _strength(running: Tensor) -> Tensor:
    """Relative strength, -1 … 1, of one half-life's column of `running`."""
    rises, sizes = running[_RISES], running[_SIZES]
    return _ratio(2.0 * rises - sizes, sizes)


def _time_of_day(time_ns: Tensor) -> tuple[Tensor, Tensor]:
    """Return sine and cosine of the time of day in UTC."""
    day_ns = 86_400 * 10**9
    turn = tf.cast(tf.math.floormod(time_ns, day_ns), tf.float32) * np.float32(1.0 / day_ns)
    shifted = turn + 0.25
    return _sine(turn), _sine(shifted - tf.floor(shifted))


def _sine(turn: Tensor) -> Tensor:
    """Sine of a part of a turn, 0 … 1, after Bhaskara: within 0.002 of the sine."""
    half = tf.where(turn < 0.5, turn, turn - 0.5) * 2.0
    bow = half * (1.0 - half)
    return tf.where(turn < 0.5, 1.0, -1.0) * 16.0 * bow / (5.0 - 4.0 * bow)


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
    centred = tf.where(tf.constant(SIGNED), 0.0, weight)
    return state._replace(
        mean=state.mean + centred * gap,
        variance=state.variance + weight * (gap * gap - state.variance),
        count=tf.minimum(state.count + tf.cast(valid, tf.float32), _STATISTICS_SPAN),
    )
