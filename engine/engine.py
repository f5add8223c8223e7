"""The engine: a deterministic function from its parameters and the log's records to effects.

It sees no clock, socket, file or environment (I3), and no record's effect depends on how the
records were cut into chunks (I7). For each chunk it returns a batch of effects in the log's schema:
for every tick its fill, if an order filled, then milestones of the learner, then its decision.
"""

import json
from collections import deque
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine import self_check
from engine import step as steps
from engine.account import policy
from engine.errors import StateMismatch
from engine.executor.executor import check_state
from engine.executor.golden import golden_digest
from engine.executor.selection import executor_of
from engine.learner import candidates, monitor
from engine.market import Column, Market, Rows
from engine.parameters import Parameters
from engine.settings import settings_of
from engine.state import Arrays, digest
from engine.step import CHUNK_TICKS, Counts, Measures, Outcome
from engine.venue_rules import DEFAULT_RULES, VenueRules
from eventlog.invariants import hold
from eventlog.schema import DECIMAL, batch_of, decimals

_COUNT = {name: index for index, name in enumerate(Counts._fields)}
_MEASURES = {name: index for index, name in enumerate(Measures._fields)}
_MONEY = {
    name: _COUNT[f"{name}_e8"]
    for name in (
        "equity", "cash", "position", "gross_equity", "spread_cost", "buy_hold_equity",
        "random_equity", "drawdown", "turnover",
    )
}  # fmt: skip
_INT32S = {
    name: _COUNT[name]
    for name in (
        "trained", "resolved", "scored", "scored_hits", "scored_rises", "scored_said_rises",
        "scored_network_hits", "scored_rule_hits", "scored_persistence_hits", "voided",
    )
}  # fmt: skip
_INT64S = {name: _COUNT[name] for name in ("round_trips", "winning_trips")}
_UINT64S = {"fingerprint": _COUNT["fingerprint"]}
MILESTONES = {
    "drift": "drifted",
    "grew": "grew",
    "feature adopted": "adopted",
    "feature dropped": "dropped",
    "step skipped": "skipped",
}
"""The ``why`` of a milestone → the field of `Counts` that is not zero when it happens."""

_FEATURES = ("adopted", "dropped")

_PHASES = np.array(monitor.PHASES, object)
_ACTIONS = np.array(policy.ACTIONS, object)
_REASONS = np.array(policy.REASONS, object)
_SIDES = np.array(["", "buy", "sell"], object)


class _Prefetched(NamedTuple):
    """A chunk that was folded ahead of `advance`: the market after it, and its rows."""

    chunk: pa.RecordBatch
    market: Market
    rows: Rows


class Engine:
    """One market's engine. `advance` is the only way to change it.

    Engines of one shape share one compiled step and have variables of their own. They may take
    turns in any order, but not run at the same time. ``position`` is the offset of the last
    record given to `advance`, -1 before the first; it is not part of the state.
    """

    def __init__(
        self, parameters: Parameters, state: Arrays, rules: VenueRules = DEFAULT_RULES
    ) -> None:
        """Continue from a state, as `state` returned it or `initial_state` made it.

        Raises:
            StateMismatch: if the state's arrays are not those of these parameters.
        """
        self.parameters = parameters
        # Held here, so that the cache forgetting it costs a compilation and no more.
        self._step = executor_of(parameters.shape)
        market = Market.initial().state()
        if difference := sorted(set(state) ^ {*market, *steps.NAMES}):
            raise StateMismatch(f"the state and this engine differ in {', '.join(difference)}")
        check_state(state, market)  # the step checks its own arrays
        self._market = Market.of(state, rules)
        self._held = self._step.hold(state, settings_of(parameters, rules))
        self._spans = steps.spans(state)
        self._packed = steps.pack(state)
        self._frontier = self._market  # after the last prefetched chunk
        self._prefetched: deque[_Prefetched] = deque()
        self.position = -1

    @classmethod
    def initial(cls, parameters: Parameters, rules: VenueRules = DEFAULT_RULES) -> "Engine":
        """Return the engine before the first record."""
        return cls(parameters, initial_state(parameters, rules), rules)

    def advance(self, chunk: pa.RecordBatch) -> pa.RecordBatch:
        """Carry the engine over records in log order; return their effects.

        Args:
            chunk: rows in the log's schema, or in a projection that has `engine.market.READS`.
                Effects among them are skipped. At most `CHUNK_TICKS` ticks.

        Returns:
            The effects in order, all with offset 0: the log numbers them when it appends them.

        Raises:
            ValueError: if there are more than `CHUNK_TICKS` ticks; nothing is changed then (I4).
            InvariantBroken: if the records do not follow those before (I1); nor is then.
        """
        if chunk.num_rows:
            first = chunk.column("offset")[0].as_py()
            hold("I1", first > self.position, "records follow", first=first, last=self.position)
        try:
            market, rows = self._folded(chunk)
            outcome = self._step.run(self._held, rows)
        except BaseException:
            # The prefetched chunks were folded after one that has not been applied.
            self._prefetched.clear()
            self._frontier = self._market
            raise
        self._market, self._packed = market, outcome.packed
        if self._prefetched and self._prefetched[0].chunk is chunk:
            self._prefetched.popleft()
        if chunk.num_rows:
            self.position = chunk.column("offset")[-1].as_py()
        return _effects(chunk, rows, outcome)

    def prefetch(self, chunk: pa.RecordBatch) -> None:
        """Fold a chunk ahead of `advance`, after those prefetched already; changes no result.

        It may run on another thread while `advance` is in the compiled step, where most time is
        spent: the fold does not depend on the step's results for earlier ticks. `advance` must be
        given the same chunk objects next, in this order; any other chunk discards them.
        """
        market = self._frontier.copy()
        rows = market.fold(chunk)
        self._frontier = market
        self._prefetched.append(_Prefetched(chunk, market, rows))

    def _folded(self, chunk: pa.RecordBatch) -> tuple[Market, Rows]:
        if self._prefetched and self._prefetched[0].chunk is chunk:
            _, market, rows = self._prefetched[0]
        else:
            self._prefetched.clear()
            market = self._market.copy()
            rows = market.fold(chunk)
            self._frontier = market
        if len(rows) > CHUNK_TICKS:
            raise ValueError(f"{len(rows)} ticks in one chunk, at most {CHUNK_TICKS}")
        return market, rows

    def state(self) -> Arrays:
        """Return the whole state as arrays by name, copies that the engine never changes."""
        market = {name: array.copy() for name, array in self._market.state().items()}
        return {**market, **self._held.state()}

    def small_bytes(self) -> dict[str, bytes]:
        """Return the bytes of all arrays but the rings, by name: what a tick changes throughout.

        Cheap, so that it can be kept after every tick.
        """
        market = {name: array.tobytes() for name, array in self._market.state().items()}
        packed = self._packed.tobytes()
        return {**market, **{name: packed[span] for name, span in self._spans.items()}}

    def ring_rows(self, name: str, places: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return the rows of a ring at these places, [len(places), …]."""
        rows: npt.NDArray[Any] = self._held.ring_rows(name, places)
        return rows

    def self_check(self, state: Arrays) -> Arrays:
        """Return a state's newest labelled samples and its logits (`engine.self_check`)."""
        return self_check.self_check(state, self.parameters)

    @property
    def executor(self) -> str:
        """Who runs the step: ``native`` or ``tensorflow``."""
        return self._step.name

    @property
    def market(self) -> Market:
        """The market after the last record; not to be changed."""
        return self._market

    @property
    def digest(self) -> str:
        """The whole state's digest: engines with equal digests agree in every bit of the state."""
        return digest(self.state())


def initial_state(parameters: Parameters, rules: VenueRules = DEFAULT_RULES) -> Arrays:
    """Return the state before the first record. It follows from the parameters' seed, but it is
    stored and not recomputed, since another machine may draw different initial weights.
    """
    return {**Market.initial().state(), **steps.initial_state(parameters, rules)}


def arithmetic_digest(parameters: Parameters, rules: VenueRules = DEFAULT_RULES) -> str:
    """Return the digest of a short training run of the compiled step on made-up rows.

    It identifies the arithmetic of this build on this machine, as these parameters use it. Equal
    bits can be claimed only where it equals the recorded digest. 32 hexadecimal digits.
    """
    return golden_digest(executor_of(parameters.shape), parameters, rules)


def _effects(chunk: pa.RecordBatch, rows: Rows, outcome: Outcome) -> pa.RecordBatch:
    """Return the effects as rows of the schema: for each tick its fill, its milestones and, last,
    its decision.
    """
    ticks = _ticks(chunk, rows)
    decisions = _decisions(ticks, rows, outcome)
    filled = np.flatnonzero(outcome.counts[:, _COUNT["fill_side"]])
    parts, places = [decisions], [np.arange(len(rows))]
    for why, details in reversed(_milestones(outcome.counts).items()):
        index = np.array(list(details), np.int64)
        parts.insert(0, _happened(why, details, ticks.take(pa.array(index)), rows[index]))
        places.insert(0, index)
    if len(filled):
        fills = _fills(ticks.take(pa.array(filled)), rows[filled], outcome.counts[filled])
        parts.insert(0, fills)
        places.insert(0, filled)
    if len(parts) == 1:
        return decisions
    # Fills come first in `parts`, decisions last; a stable sort by tick keeps that order.
    order = np.argsort(np.concatenate(places), kind="stable")
    return pa.concat_batches(parts).take(pa.array(order))


def _ticks(chunk: pa.RecordBatch, rows: Rows) -> pa.RecordBatch:
    """Return the times of the records that the rows were folded from."""
    times = chunk.select(["exchange_ns", "received_ns"])
    if len(rows) == chunk.num_rows:
        return times
    offsets = chunk.column("offset").to_numpy()
    return times.take(pa.array(np.searchsorted(offsets, rows[:, Column.OFFSET])))


def _milestones(counts: npt.NDArray[np.int64]) -> dict[str, dict[int, str]]:
    """Return the milestones of the learner: why → row → detail as JSON."""
    found: dict[str, dict[int, str]] = {}
    for why, column in MILESTONES.items():
        happened = np.flatnonzero(counts[:, _COUNT[column]]).tolist()
        if not happened:
            continue
        if column in _FEATURES:
            numbers = counts[happened, _COUNT[column]].tolist()
            facts: list[Any] = [{"feature": candidates.pair_name(each - 1)} for each in numbers]
        else:
            facts = [{"exits": count} for count in counts[happened, _COUNT["heads"]].tolist()]
        found[why] = dict(zip(happened, map(json.dumps, facts), strict=True))
    return found


def _happened(
    why: str, details: dict[int, str], ticks: pa.RecordBatch, rows: Rows
) -> pa.RecordBatch:
    columns = _effect_columns("milestone", ticks, rows)
    columns["why"] = pa.array([why] * len(rows), pa.string())
    columns["detail"] = pa.array(list(details.values()), pa.string())
    return batch_of(columns, len(rows))


def _decisions(ticks: pa.RecordBatch, rows: Rows, outcome: Outcome) -> pa.RecordBatch:
    # Transposed so that each column is contiguous, which Arrow can use without a copy.
    counts, measures = (np.ascontiguousarray(table.T) for table in outcome[:2])
    columns = _effect_columns("decision", ticks, rows)
    columns["action"] = pa.array(_ACTIONS[counts[_COUNT["action"]]], pa.string())
    columns["reason"] = pa.array(_REASONS[counts[_COUNT["reason"]]], pa.string())
    columns["phase"] = pa.array(_PHASES[counts[_COUNT["phase"]]], pa.string())
    columns |= _columns(pa.int32(), counts.astype(np.int32), _INT32S)
    columns |= _columns(pa.int64(), counts, _INT64S)
    columns |= _columns(pa.uint64(), counts, _UINT64S)
    columns |= _columns(DECIMAL, counts, _MONEY)
    columns |= _columns(pa.float32(), measures, _MEASURES)
    return batch_of(columns, len(rows))


def _columns(
    kind: pa.DataType, table: npt.NDArray[Any], rows: dict[str, int]
) -> dict[str, pa.Array]:
    """Return rows of a table as columns that share its memory, which is faster than copying."""
    buffers, count = [None, pa.py_buffer(table)], table.shape[1]
    return {
        name: pa.Array.from_buffers(kind, count, buffers, 0, row * count)
        for name, row in rows.items()
    }


def _fills(ticks: pa.RecordBatch, rows: Rows, counts: npt.NDArray[np.int64]) -> pa.RecordBatch:
    columns = _effect_columns("fill", ticks, rows)
    columns["side"] = pa.array(_SIDES[counts[:, _COUNT["fill_side"]]], pa.string())
    for name in ("price", "volume", "value", "fee", "slippage"):
        columns[name] = decimals(counts[:, _COUNT[f"fill_{name}_e8"]])
    columns["levels"] = pa.array(counts[:, _COUNT["fill_levels"]].astype(np.int32))
    columns["ordered_at"] = pa.array(counts[:, _COUNT["fill_ordered_at"]])
    return batch_of(columns, len(rows))


def _effect_columns(kind: str, ticks: pa.RecordBatch, rows: Rows) -> dict[str, pa.Array]:
    return {
        "offset": pa.array(np.zeros(len(rows), np.int64)),
        "kind": pa.repeat(kind, len(rows)),
        "exchange_ns": ticks.column("exchange_ns"),
        "received_ns": ticks.column("received_ns"),
        "cause": pa.array(rows[:, Column.OFFSET]),
    }
