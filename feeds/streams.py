"""Synthetic markets with a known best possible forecast at every tick.

They measure a learner against an exact optimum. Every market is a sequence of order books, one a
step, in the log's schema, so it goes through the engine's own features. The *imbalance* of each
level carries the information about the future: (1 + imbalance) / 2 of the level's volume is on the
bid.

Steps are one horizon apart (`HORIZON_MS`, except in ``S2``), and the mid moves at every step. So
the label of a prediction is the next move. Labels do not overlap, and each is known two ticks
later, because the mid in force at the end of the horizon is known at the first tick after it.
``S2`` has ten steps a horizon, and overlapping labels.

=====  =============================================================================================
name   what happens
=====  =============================================================================================
S0     unpredictable: fair coins, in bursts (GARCH), with a noisy book
S1     logistic: the next move is up with probability sigmoid(2 z), z normal, at the touch
S2     the simulator's calm market: drift by an autoregressive signal, at the touch
S3     S1 whose sign flips at each step with probability 1/2000
S4     exclusive or: up if the signs of the first two levels agree, with probability 0.8
S5     gated: S1 while the imbalance of the second level is positive, else a fair coin
S6     S1 of a slowly rotating mixture of two levels; at half-time imbalances grow tenfold
S7     S1, alternately of the touch and of the second level: A-B-A-B …
S8     S1 with dirt: crossed books, repeated books, undecodable frames, gaps, a frozen feed
S9     S1 with moves four times the spread, each over before an order of ours arrives
=====  =============================================================================================

`Market.p_up` is the exact posterior of the label given all earlier and present books (for ``S3`` by
the two-state Bayes filter; for ``S6`` and ``S7`` given the regime). It is computed before values
are rounded to volumes of 1e-8, which makes no visible difference.

The processes follow Gama et al. 2013 (doi 10.1007/s10994-012-5320-9) in spirit: stationary, with
drift, recurring, and null.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from eventlog.schema import LEVELS, batch_of, decimals
from feeds.simulator.draws import normals, uniforms
from feeds.simulator.scenario import SCENARIOS, STEP_NS

HORIZON_MS = 1_000
"""The horizon at which a learner is compared with the optimum."""

BATCH_RECORDS = 4_096
START_NS = 1_767_225_600_000_000_000
"""2026-01-01 UTC."""

_START_E8 = 100_000 * 10**8
_CENT_E8 = 10**6
_SPREAD_E8 = 100 * _CENT_E8
_MOVE_E8 = 100 * _CENT_E8
_DEPTH_E8 = 2 * 10**8
"""Volume of a level, both sides together."""

_SCALE = 0.2
"""Imbalance of a signal of one standard deviation."""

_IMBALANCE_MAX = 0.98
STRENGTH = 2.0
FLIP_HAZARD = 1 / 2_000
XOR_TRUTH = 0.8
TURN_TICKS = 4_000
"""Ticks after which the regime of ``S7`` changes."""

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]


BOOK, CROSSED, UNDECODABLE, GAP = range(4)
_KINDS = pa.array(["book", "book", "undecodable", "gap"])


class Market(NamedTuple):
    """A synthetic market, record by record, with the best possible forecast at each."""

    time_ns: Int64s  # [records]
    mid_e8: Int64s  # [records]
    imbalance: Floats  # [records, levels], best first
    p_up: Floats  # [records]: that the mid is higher a horizon later, given that it moves
    kind: Int64s  # [records]: BOOK, except for faulty records

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the records in the log's schema, at dense offsets from 0."""
        for start in range(0, len(self.kind), BATCH_RECORDS):
            yield _batch(self.at(slice(start, start + BATCH_RECORDS)), first_offset=start)

    def at(self, rows: slice | Int64s) -> "Market":
        """Return some of the records."""
        return Market(
            self.time_ns[rows],
            self.mid_e8[rows],
            self.imbalance[rows],
            self.p_up[rows],
            self.kind[rows],
        )


class Stream(NamedTuple):
    """A generator of synthetic markets."""

    text: str
    make: Callable[[int, int], Market]
    """Returns a market of a seed and a number of ticks."""

    changes: Callable[[int], list[int]]
    """Returns the ticks at which the rule changes abruptly, given the number of ticks."""


def market(name: str, *, seed: int, ticks: int) -> Market:
    """Return a market of the stream of that name; a longer one of a seed begins the same.

    Except for ``S6``, whose rotation and growth depend on its length.

    Raises:
        KeyError: if there is no such stream.
    """
    return STREAMS[name].make(seed, ticks)


# --- the processes


def _null(seed: int, ticks: int) -> Market:
    """Fair coins; the size of a move has memory (GARCH(1, 1) of unit variance), its sign none."""
    noise = normals(seed=seed, stream="S0", rows=ticks, width=3)
    coin = uniforms(seed=seed, stream="S0 coin", rows=ticks, width=1)[:, 0]
    variance, sizes = 1.0, []
    for shock in noise[:, 2].tolist():
        sizes.append(math.sqrt(variance) * abs(shock))
        variance = 0.05 + 0.15 * variance * shock * shock + 0.8 * variance
    # Most moves are wider than the spread, so predicting them would pay.
    cents = np.maximum(np.rint(np.array(sizes) * 300), 1).astype(np.int64)
    steps_e8 = np.where(coin < 0.5, 1, -1) * cents * _CENT_E8
    return _walk(steps_e8, noise[:, :2], np.full(ticks, 0.5))


def _logistic(seed: int, ticks: int) -> Market:
    z = _seen(normals(seed=seed, stream="S1", rows=ticks, width=1))
    return _coins(seed, z, _sigmoid(STRENGTH * z[:, 0]))


def _autoregressive(seed: int, ticks: int) -> Market:
    """The scenario ``calm``: a horizon is ten of its steps, and x is seen exactly."""
    scenario = SCENARIOS["calm"]
    noise = normals(seed=seed, stream="S2", rows=ticks, width=2)
    renewal = math.sqrt(1 - scenario.phi**2)
    x, signal = 0.0, []
    for eta in noise[:, 0].tolist():
        x = scenario.phi * x + renewal * eta
        signal.append(x)
    seen = _seen(np.array(signal)[:, None])
    moves = scenario.beta * seen[:, 0] + scenario.sigma * noise[:, 1]
    log_mid = math.log(100_000) + np.concatenate([[0.0], np.cumsum(moves)[:-1]])
    steps = HORIZON_MS * 1_000_000 // STEP_NS
    predicted, rest = scenario.deviations(steps)
    ratio = predicted / rest / math.sqrt(2)
    p_up = [0.5 * (1 + math.erf(ratio * x)) for x in seen[:, 0].tolist()]
    mid_e8 = np.rint(np.exp(log_mid) * 100).astype(np.int64) * _CENT_E8
    return _market(mid_e8, seen, np.array(p_up), step_ns=STEP_NS)


def _flipping(seed: int, ticks: int) -> Market:
    z = _seen(normals(seed=seed, stream="S3", rows=ticks, width=1))
    draws = uniforms(seed=seed, stream="S3 flips", rows=ticks, width=1)[:, 0]
    sign = np.cumprod(np.where(draws < FLIP_HAZARD, -1.0, 1.0))
    made = _coins(seed, z, _sigmoid(STRENGTH * sign * z[:, 0]))
    went_up = np.diff(made.mid_e8) > 0
    return made._replace(p_up=_filtered(z[:, 0], went_up))


def _filtered(z: Floats, went_up: npt.NDArray[np.bool_]) -> Floats:
    """Return the posterior of a rise at each step, given all moves before it (two-state filter)."""
    right = 0.5  # that the sign is 1
    said = []
    p_if_right = _sigmoid(STRENGTH * z).tolist()
    for p, up in zip(p_if_right, [*went_up.tolist(), False], strict=True):
        right = right * (1 - FLIP_HAZARD) + (1 - right) * FLIP_HAZARD
        p_up = right * p + (1 - right) * (1 - p)
        said.append(p_up)
        likely = right * (p if up else 1 - p)
        right = likely / (p_up if up else 1 - p_up)
    return np.array(said)


def _exclusive(seed: int, ticks: int) -> Market:
    """Two signs, each shown by an imbalance whose size carries no information."""
    draws = uniforms(seed=seed, stream="S4", rows=ticks, width=4)
    signs = np.where(draws[:, :2] < 0.5, -1.0, 1.0)
    seen = signs * (0.5 + draws[:, 2:])
    agree = signs[:, 0] * signs[:, 1] > 0
    return _coins(seed, seen, np.where(agree, XOR_TRUTH, 1 - XOR_TRUTH))


def _gated(seed: int, ticks: int) -> Market:
    z = _seen(normals(seed=seed, stream="S5", rows=ticks, width=2))
    return _coins(seed, z, _sigmoid(STRENGTH * z[:, 0] * (z[:, 1] > 0)))


def _turning(seed: int, ticks: int) -> Market:
    z = _seen(normals(seed=seed, stream="S6", rows=ticks, width=2))
    angle = np.pi * np.arange(ticks) / ticks
    mixed = np.cos(angle) * z[:, 0] + np.sin(angle) * z[:, 1]
    scale = np.where(np.arange(ticks) < ticks // 2, 0.1, 1.0)
    return _coins(seed, z * scale[:, None], _sigmoid(STRENGTH * mixed))


def _recurring(seed: int, ticks: int) -> Market:
    z = _seen(normals(seed=seed, stream="S7", rows=ticks, width=2))
    regime = np.arange(ticks) // TURN_TICKS % 2
    return _coins(seed, z, _sigmoid(STRENGTH * z[np.arange(ticks), regime]))


def _dirty(seed: int, ticks: int) -> Market:
    """S1, with a faulty record or a long silence before some ticks."""
    clean = _logistic(seed, ticks)
    draws = uniforms(seed=seed, stream="S8", rows=ticks, width=5)
    frozen = np.cumsum(draws[:, 4] < 1 / 2_000) * 30 * 10**9
    clean = clean._replace(time_ns=clean.time_ns + frozen)
    places, kinds = [np.arange(ticks)], [np.full(ticks, BOOK)]
    chances = ((CROSSED, 1 / 400), (UNDECODABLE, 1 / 400), (BOOK, 1 / 400), (GAP, 1 / 4_000))
    for column, (kind, chance) in enumerate(chances):
        extra = np.flatnonzero(draws[:, column] < chance)
        places.insert(0, extra)
        kinds.insert(0, np.full(len(extra), kind))
    order = np.argsort(np.concatenate(places), kind="stable")
    rows = np.concatenate(places)[order]
    return clean.at(rows)._replace(kind=np.concatenate(kinds)[order].astype(np.int64))


def _late(seed: int, ticks: int) -> Market:
    """A predictable market that cannot be traded: an order fills only after the move."""
    z = _seen(normals(seed=seed, stream="S9", rows=ticks, width=1))
    return _coins(seed, z, _sigmoid(STRENGTH * z[:, 0]), move_e8=4 * _SPREAD_E8)


def _never(ticks: int) -> list[int]:  # noqa: ARG001  of a stream whose rule stays
    return []


def _half(ticks: int) -> list[int]:
    return [ticks // 2]


def _turns(ticks: int) -> list[int]:
    return list(range(TURN_TICKS, ticks, TURN_TICKS))


STREAMS = {
    "S0": Stream("nothing can be known", _null, _never),
    "S1": Stream("logistic in the queue imbalance", _logistic, _never),
    "S2": Stream("autoregressive signal, ten steps a horizon", _autoregressive, _never),
    "S3": Stream("logistic, the sign flips", _flipping, _never),
    "S4": Stream("exclusive or of two levels", _exclusive, _never),
    "S5": Stream("logistic, gated by the second level", _gated, _never),
    "S6": Stream("logistic, turning; tenfold scale at half-time", _turning, _half),
    "S7": Stream("logistic, two alternating regimes", _recurring, _turns),
    "S8": Stream("logistic, with dirt", _dirty, _never),
    "S9": Stream("logistic, over before an order is there", _late, _never),
}
"""All streams by name."""


def _sigmoid(x: Floats) -> Floats:
    value: Floats = 1.0 / (1.0 + np.exp(-x))
    return value


def _seen(z: Floats) -> Floats:
    """Return signals clipped to what imbalances can show."""
    most = _IMBALANCE_MAX / _SCALE
    return np.clip(z, -most, most)


def _coins(seed: int, seen: Floats, p_up: Floats, *, move_e8: int = _MOVE_E8) -> Market:
    """Return a market in which each move is up with a probability of its own."""
    draws = uniforms(seed=seed, stream="moves", rows=len(p_up), width=1)[:, 0]
    return _walk(np.where(draws < p_up, move_e8, -move_e8), seen, p_up)


def _walk(steps_e8: Int64s, seen: Floats, p_up: Floats) -> Market:
    """Return a market of these moves; each follows the step that it belongs to."""
    mid_e8 = _START_E8 + np.concatenate([[0], np.cumsum(steps_e8)[:-1]]).astype(np.int64)
    return _market(mid_e8, seen, p_up, step_ns=HORIZON_MS * 1_000_000)


def _market(mid_e8: Int64s, seen: Floats, p_up: Floats, *, step_ns: int) -> Market:
    ticks = len(mid_e8)
    time_ns = START_NS + np.arange(ticks, dtype=np.int64) * step_ns
    imbalance = np.clip(_SCALE * seen, -_IMBALANCE_MAX, _IMBALANCE_MAX)
    return Market(time_ns, mid_e8, imbalance, p_up, np.full(ticks, BOOK, np.int64))


# --- the records


def _batch(part: Market, *, first_offset: int) -> pa.RecordBatch:
    count = len(part.kind)
    is_book = part.kind <= CROSSED
    # The sides of a crossed book are exchanged.
    half_e8 = np.where(part.kind == CROSSED, -_SPREAD_E8, _SPREAD_E8) // 2
    ranks_e8 = np.arange(part.imbalance.shape[1]) * _SPREAD_E8
    bid_e8 = np.rint((1 + part.imbalance) * (_DEPTH_E8 // 2)).astype(np.int64)
    columns = {
        "offset": pa.array(np.arange(first_offset, first_offset + count)),
        "kind": _KINDS.take(pa.array(part.kind)),
        "exchange_ns": pa.array(part.time_ns, mask=~is_book),
        "received_ns": pa.array(part.time_ns),
        "bids": _levels((part.mid_e8 - half_e8)[:, None] - ranks_e8, bid_e8, is_book),
        "asks": _levels((part.mid_e8 + half_e8)[:, None] + ranks_e8, _DEPTH_E8 - bid_e8, is_book),
        "snapshot": pa.array(np.ones(count, np.bool_), mask=~is_book),
    }
    is_raw, is_gap = part.kind == UNDECODABLE, part.kind == GAP
    if is_raw.any() or is_gap.any():
        columns["raw"] = pa.array([b"no frame" if raw else None for raw in is_raw], pa.binary())
        why = np.select([is_raw, is_gap], ["not JSON", "closed"], "")
        columns["why"] = pa.array(why, pa.string(), mask=~(is_raw | is_gap))
        columns["from_ns"] = columns["to_ns"] = pa.array(part.time_ns, mask=~is_gap)
    return batch_of(columns, count)


def _levels(prices_e8: Int64s, volumes_e8: Int64s, is_book: npt.NDArray[np.bool_]) -> pa.Array:
    """Return a column of levels, float[records, levels], where there is a book."""
    prices_e8, volumes_e8 = prices_e8[is_book], volumes_e8[is_book]
    count = prices_e8.size
    children = [
        decimals(prices_e8.ravel()),
        decimals(volumes_e8.ravel()),
        pa.array(np.full(count, 2, np.int8)),
        pa.array(np.full(count, 8, np.int8)),
        pa.array(np.ones(count, np.int32)),
    ]
    starts = np.concatenate([[0], np.cumsum(is_book)]) * prices_e8.shape[1]
    return pa.ListArray.from_arrays(
        pa.array(starts.astype(np.int32)),
        pa.StructArray.from_arrays(children, fields=list(LEVELS.value_type)),
        type=LEVELS,
        mask=pa.array(~is_book),
    )
