"""Rows → dimensionless numbers about the present, normalised with the statistics before them.

`FEATURES` declares every feature: name, formula, source, what it needs, and whether it has a
direction. `_raw` computes them in that order.

Running quantities decay in event time with the half-lives of `HALF_LIVES_S`. Nothing looks ahead
(I5): a feature of tick n is a function of ticks 0 … n. Each feature has its own validity: while its
source is missing (no book yet, no trade yet) it is 0, and its statistics do not change.

About half of the features have a direction: if the market is mirrored, buyers for sellers, they
change their sign (`SIGNED`). These are scaled but never centred, so that a market without a
direction gives 0.

In the formulas m is the mid, b and a are the best prices, q_b and q_a their volumes, r the moves of
the mid; EW is a sum that decays with the half-life.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.arithmetic import Tensor, tf
from engine.row import Row

HALF_LIVES_S = (0.5, 2.0, 10.0, 60.0, 300.0)
_SHORT, _BRIEF, _MIDDLE, _LONG, _LONGEST = range(5)
_DEEP = (_BRIEF, _MIDDLE, _LONG)

_ALWAYS, _BOOK, _LAST, _TRADE = "", "a book", "a last price", "a trade"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """The declaration of a feature; `_raw` computes its value."""

    name: str
    formula: str
    source: str = ""
    needs: str = _ALWAYS
    """Without it the feature is 0; empty if it is always valid."""
    signed: bool
    """Whether it changes its sign when the market is mirrored."""


def _signed(name: str, formula: str, source: str = "", needs: str = _ALWAYS) -> Feature:
    return Feature(name=name, formula=formula, source=source, needs=needs, signed=True)


def _unsigned(name: str, formula: str, source: str = "", needs: str = _ALWAYS) -> Feature:
    return Feature(name=name, formula=formula, source=source, needs=needs, signed=False)


_GOULD = "Gould & Bonart 2016, arXiv 1512.03492"
_CAO = "Cao, Hansch & Wang 2009, doi 10.1002/fut.20334"
_STOIKOV = "Stoikov 2018, doi 10.1080/14697688.2018.1489139"
_CONT = "Cont, Kukanov & Stoikov 2014, doi 10.1093/jjfinec/nbt003"
_KOLM = "Kolm, Turiel & Westray 2023, doi 10.1111/mafi.12413"
_SILANTYEV = "Silantyev 2019, doi 10.1007/s42521-019-00007-w"
_BIPOWER = "Barndorff-Nielsen & Shephard 2004, doi 10.1093/jjfinec/nbh001"
_ROLL = "Roll 1984, doi 10.1111/j.1540-6261.1984.tb03897.x"
_WILDER, _APPEL, _BOLLINGER = "Wilder 1978", "Appel 1979", "Bollinger 1992"
_BHASKARA = "Bhaskara's approximation of the sine: exact arithmetic on any processor"

FEATURES = (
    _signed("queue_imbalance", "(q_b - q_a) / (q_b + q_a)", _GOULD, _BOOK),
    _signed("size_ratio", "ln(q_b / q_a)", _GOULD, _BOOK),
    _signed("depth_imbalance", "imbalance of the levels, weighted by exp(-rank / 2)", _CAO, _BOOK),
    _signed(
        "microprice_gap",
        "(P - m) / mean spread, P = (a q_b + b q_a) / (q_a + q_b)",
        _STOIKOV,
        _BOOK,
    ),
    _signed("last_gap", "(last price - m) / spread", needs=_LAST),
    *(
        _signed(
            f"order_flow_{life:g}s", "EW order-flow imbalance / EW depth, best level", _CONT, _BOOK
        )
        for life in HALF_LIVES_S
    ),
    *(
        _signed(
            f"deep_flow_{HALF_LIVES_S[life]:g}s",
            "EW order-flow imbalance / EW depth, further levels",
            _KOLM,
            _BOOK,
        )
        for life in _DEEP
    ),
    *(
        _signed(f"trade_flow_{life:g}s", "EW signed volume / EW volume", _SILANTYEV, _TRADE)
        for life in HALF_LIVES_S
    ),
    *(_signed(f"return_{life:g}s", "EW r / sqrt(EW r²)") for life in HALF_LIVES_S),
    _signed("rsi_10s", "(U - D) / (U + D), EW of rises U and of falls D", _WILDER),
    _signed("rsi_60s", "(U - D) / (U + D), EW of rises U and of falls D", _WILDER),
    _signed("macd", "(EW r over 60 s - EW r over 10 s) / sqrt(EW r²)", _APPEL),
    _signed("macd_signal", "macd - its moving average", _APPEL),
    _signed("percent_b", "EW r / (2 · deviation of the mid from its average)", _BOLLINGER),
    _signed("last_move", "sign of the last move / (1 + seconds since)"),
    _unsigned("spread", "ln(1 + spread in bp of the mid)"),
    _unsigned("spread_ratio", "spread / mean spread"),
    _unsigned("log_wait", "ln(1 + ms since the tick before)"),
    _unsigned("book_valid", "1 if there is a valid book, else 0"),
    _unsigned("depth_ratio", "ln(depth / mean depth), best level", needs=_BOOK),
    _unsigned("volatility_ratio_short", "ln of the rates of r²: 0.5 s over 10 s"),
    _unsigned("volatility_ratio_long", "ln of the rates of r²: 10 s over 300 s"),
    _unsigned("atr_ratio", "ln of the rates of |r|: 10 s over 300 s", _WILDER),
    _unsigned("jump_share", "1 - pi/2 · EW |r_i r_i-1| / EW r²", _BIPOWER),
    _unsigned("roll", "EW r_i r_i-1 / EW r²", _ROLL),
    _unsigned("tick_rate_ratio", "ln of the rates of ticks: 0.5 s over 60 s"),
    _unsigned("trade_rate_ratio", "ln of the rates of trades: 2 s over 60 s"),
    _unsigned("was_trade", "1 if the tick is a trade, else 0"),
    _unsigned("since_move", "ln(1 + ms since the last move of the mid)"),
    _unsigned("day_sin", "sine of the time of day in UTC", _BHASKARA),
    _unsigned("day_cos", "cosine of the time of day in UTC", _BHASKARA),
    _signed("imbalance", "queue_imbalance, not normalised: the input of the rule", _GOULD, _BOOK),
)
"""Every feature, in the order of the vector."""

NAMES = tuple(each.name for each in FEATURES)
COUNT = 48
"""Width of the feature vector: `NAMES`, then zeros up to a multiple of eight."""

IMBALANCE = NAMES.index("imbalance")
"""Place of the queue imbalance as it is, without normalisation; the rule uses it."""

SIGNED_NAMES = tuple(each.name for each in FEATURES if each.signed)
SIGNED: npt.NDArray[np.bool_] = np.isin(
    np.arange(COUNT), [NAMES.index(name) for name in SIGNED_NAMES]
)
"""Which places of the vector change their sign when the market is mirrored, bool[COUNT]."""

_AS_IS: npt.NDArray[np.bool_] = np.arange(COUNT) >= IMBALANCE

CLIP = 5.0
_STATISTICS_SPAN = 20_000.0
"""Events after which the weight of an observation in mean and variance no longer falls."""

# Rows of `running`.
(
    _FLOW, _DEEP_FLOW, _DEPTH, _DEEP_DEPTH, _SIGNED_VOLUME, _VOLUME, _RETURN, _SQUARES, _SIZES,
    _RISES, _PRODUCTS, _COPRODUCTS, _TICKS, _TRADES,
) = range(14)  # fmt: skip
_RUNNING = 14


class FeatureState(NamedTuple):
    """The history that the features depend on."""

    time_ns: Tensor  # int64[]: event time of the tick before
    moved_ns: Tensor  # int64[]: event time of the last move of the mid
    seen: Tensor  # bool[]: whether the tick before had a valid mid
    mid: Tensor  # float64[]: log of the mid
    sides_e8: Tensor  # int64[4, LEVELS]: last book: bid prices, volumes, ask prices, volumes
    running: Tensor  # float32[_RUNNING, half-lives]: decayed sums
    spread_of: Tensor  # float32[half-lives]: decayed squared distance of mid and average
    scalars: Tensor  # float32[3]: mean spread / mid; last move in bp; average of the MACD
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
    # An invalid market teaches the statistics nothing; a crossed one would even give NaN.
    valid = valid & row.valid
    raw = tf.where(valid, raw, state.mean)
    deviation = tf.sqrt(state.variance) + 1e-4
    vector = tf.clip_by_value((raw - state.mean) / deviation, -CLIP, CLIP)
    vector = tf.where(tf.constant(_AS_IS), raw, vector)
    vector = tf.where(valid, vector, tf.zeros_like(vector))
    return _learn_statistics(state, raw, deviation, valid), vector


def _raw(state: FeatureState, row: Row) -> tuple[FeatureState, Tensor, Tensor]:
    """Return the new state, the raw features float32[COUNT], and their validity bool[COUNT]."""
    # A break restarts event time, so nothing decays over it. Within one, `engine.market` keeps the
    # wait within 0 … 1 h.
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
    sources = {_ALWAYS: always, _BOOK: book, _LAST: row.last_e8 > 0, _TRADE: traded_before}
    valid = [sources[each.needs] for each in FEATURES]
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
    """Return the order-flow imbalance of one book change by level (Cont et al. 2014, equation 4).

    ``before_e8`` and ``now_e8`` are int64[4, LEVELS]; ``volumes`` is ``now_e8`` in units, float32.
    """
    before = tf.cast(before_e8, tf.float32) * 1e-8
    zero = tf.zeros_like(volumes[1])
    # A missing level must compare as the worst price. Its price of 0 is the worst bid already.
    ask_before = tf.where(before_e8[2] > 0, before_e8[2], tf.int64.max)
    ask_now = tf.where(now_e8[2] > 0, now_e8[2], tf.int64.max)
    return (
        tf.where(now_e8[0] >= before_e8[0], volumes[1], zero)
        - tf.where(now_e8[0] <= before_e8[0], before[1], zero)
        - tf.where(ask_now <= ask_before, volumes[3], zero)
        + tf.where(ask_now >= ask_before, before[3], zero)
    )


def _depth_imbalance(volumes: Tensor) -> Tensor:
    """Return the imbalance over the levels, each weighted by exp(-rank / 2), float32[]."""
    levels = volumes.shape[1]
    weights = tf.constant([math.exp(-rank / 2) for rank in range(levels)])
    bids, asks = tf.reduce_sum(volumes[1] * weights), tf.reduce_sum(volumes[3] * weights)
    return _ratio(bids - asks, bids + asks)


def _strength(running: Tensor) -> Tensor:
    """Return the relative strength, -1 … 1, of one half-life's column of `running`."""
    rises, sizes = running[_RISES], running[_SIZES]
    return _ratio(2.0 * rises - sizes, sizes)


def _time_of_day(time_ns: Tensor) -> tuple[Tensor, Tensor]:
    """Return sine and cosine of the time of day in UTC, float32[] each."""
    day_ns = 86_400 * 10**9
    turn = tf.cast(tf.math.floormod(time_ns, day_ns), tf.float32) * np.float32(1.0 / day_ns)
    shifted = turn + 0.25
    return _sine(turn), _sine(shifted - tf.floor(shifted))


def _sine(turn: Tensor) -> Tensor:
    """Return the sine of a part of a turn, 0 … 1, by Bhaskara's formula, within 0.002.

    It needs no library function, whose bits differ between processors.
    """
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
    # The first 100 events are not winsorised, because there is no scale yet.
    bound = tf.where(state.count < 100.0, 1e6, CLIP) * deviation
    gap = tf.clip_by_value(raw - state.mean, -bound, bound)
    centred = tf.where(tf.constant(SIGNED), 0.0, weight)
    return state._replace(
        mean=state.mean + centred * gap,
        variance=state.variance + weight * (gap * gap - state.variance),
        count=tf.minimum(state.count + tf.cast(valid, tf.float32), _STATISTICS_SPAN),
    )
