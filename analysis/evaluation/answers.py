"""Runs an engine over records through the ordinary loop, and collects what it predicted.

In an evaluation, only this module knows in which columns and arrays the engine keeps its forecasts,
its features and its accounts.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.chunks import chunks
from engine.engine import Engine
from engine.learner.features import NAMES
from engine.loop import run
from engine.market import Market, Rows
from engine.parameters import Parameters
from engine.state import Arrays, cursors_in
from engine.step import CHUNK_TICKS
from engine.venue_rules import DEFAULT_RULES, VenueRules
from eventlog.schema import counts_e8, renumber
from journal.errors import UsageError
from journal.progress import Advance
from journal.sinks import CollectingSink

Floats = npt.NDArray[np.float64]

OURS = "ours"
NETWORK = "network alone"
FORECASTS = {OURS: "p_up", "ours, not calibrated": "p_up_raw", NETWORK: "p_up_network"}
"""The forecasts that are reported, by name → their column in a `Decision`."""


class Answers(NamedTuple):
    """What an engine predicted at each tick, and the features of each prediction."""

    forecasts: dict[str, Floats]  # name → [ticks]
    rows: Rows
    features: npt.NDArray[np.float32]  # [predictions, features]
    offsets: npt.NDArray[np.int64]  # [ticks]
    scored: int
    hits: int
    fills: int
    net_e8: npt.NDArray[np.int64]  # [ticks]: equity; then gross, buy and hold, random entry
    gross_e8: npt.NDArray[np.int64]
    holder_e8: npt.NDArray[np.int64]
    random_e8: npt.NDArray[np.int64]


@dataclass(slots=True)
class SnapshotRequest:
    """A request to keep the state after so many ticks, and that state once it is reached.

    States exist only between chunks: ``after_ticks`` then becomes the number of ticks it includes.
    """

    after_ticks: int
    state: Arrays | None = None


class _Samples:
    """The features of each prediction, taken from the ring before they are overwritten there."""

    def __init__(self, engine: Engine) -> None:
        self._cursors = cursors_in(engine.small_bytes())
        self.features: list[npt.NDArray[np.float32]] = []

    def see(self, engine: Engine) -> None:
        before, self._cursors = self._cursors, cursors_in(engine.small_bytes())
        rows = engine.parameters.memory_rows
        slots = np.arange(before[0], self._cursors[0], dtype=np.int64) % rows
        if len(slots):
            samples = engine.ring_rows("memory.samples", slots)
            self.features.append(samples[:, : len(NAMES)])


_EQUITY = ("equity", "gross_equity", "buy_hold_equity", "random_equity")
_COLUMNS = [*FORECASTS.values(), "cause", "scored", "scored_hits", *_EQUITY]


def answers(
    parameters: Parameters,
    source: Iterable[pa.RecordBatch],
    *,
    advance: Advance,
    rules: VenueRules = DEFAULT_RULES,
    snapshot: SnapshotRequest | None = None,
    state: Arrays | None = None,
    skip_ticks: int = 0,
) -> Answers:
    """Run an engine over records and return what it predicted.

    Args:
        parameters: the engine's.
        source: records in the log's schema; effects among them are ignored.
        advance: called with the number of records of each chunk.
        rules: the venue's.
        snapshot: filled with the state after the chunk in which its ticks are reached.
        state: to begin with, instead of the initial one.
        skip_ticks: how many ticks ``state`` includes already; they are not run again. They have to
            end with a chunk.

    Raises:
        UsageError: if there is no tick.
    """
    engine = (
        Engine.initial(parameters, rules) if state is None else Engine(parameters, state, rules)
    )
    decisions: list[pa.RecordBatch] = []
    samples = _Samples(engine)

    def watch(reached: Engine) -> None:
        samples.see(reached)
        if snapshot is not None and snapshot.state is None and sink.ticks >= snapshot.after_ticks:
            snapshot.after_ticks, snapshot.state = sink.ticks, reached.state()

    sink = CollectingSink(lambda batch: decisions.append(batch.select(_COLUMNS)), watch=watch)
    market, rows = Market.initial(rules), []

    def watched() -> Iterator[pa.RecordBatch]:
        skipped = 0
        # In a longer chunk there might be more predictions than the ring of samples holds.
        for chunk in _numbered(source, min(CHUNK_TICKS, parameters.memory_rows)):
            folded = market.fold(chunk)
            rows.append(folded)
            if skipped < skip_ticks:
                skipped += len(folded)
            else:
                yield chunk
            advance(chunk.num_rows)

    run(engine, watched(), sink)
    table = pa.Table.from_batches(decisions) if decisions else None
    if table is None or not table.num_rows:
        raise UsageError("there is no tick to evaluate")
    net_e8, gross_e8, holder_e8, random_e8 = (counts_e8(table.column(name)) for name in _EQUITY)
    return Answers(
        forecasts={
            name: table.column(column).to_numpy().astype(np.float64)
            for name, column in FORECASTS.items()
        },
        rows=np.concatenate(rows),
        features=np.concatenate(samples.features),
        offsets=table.column("cause").to_numpy(),
        scored=pc.sum(table.column("scored")).as_py(),
        hits=pc.sum(table.column("scored_hits")).as_py(),
        fills=sink.fills,
        net_e8=net_e8,
        gross_e8=gross_e8,
        holder_e8=holder_e8,
        random_e8=random_e8,
    )


def frozen(parameters: Parameters) -> Parameters:
    """Return parameters with which nothing more is learned."""
    return replace(parameters, label_weight=0.0)


def _numbered(batches: Iterable[pa.RecordBatch], size: int) -> Iterator[pa.RecordBatch]:
    """Yield chunks of at most ``size`` inputs, renumbered with dense offsets from 0."""
    offset = 0
    for chunk in chunks(batches, size):
        yield renumber(chunk, first_offset=offset)
        offset += chunk.num_rows
