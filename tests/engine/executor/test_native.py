"""Machine code alone gives the bits that TensorFlow gives: every result, every array, every cut."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from engine.errors import ArtefactRefused, StateMismatch
from engine.executor.artefact import Value
from engine.executor.executor import Executor
from engine.executor.golden import golden_digest, probe_rows
from engine.executor.native import PROGRAM, NativeStep
from engine.executor.tensorflow import CompiledStep
from engine.market import Market, Rows
from engine.parameters import Parameters
from engine.settings import settings_of
from engine.state import RINGS, digest
from engine.step import Outcome, initial_state
from tests.support.executors import native_of
from tests.support.machine_code import artefact
from tests.support.markets import SMALL, journal

OTHERS = replace(SMALL, seed=11, fee_ppm=-1, horizon_ms=900, cash=2_000, label_weight=0.5)
TICKS_OF_DAY = (
    Path(__file__).parents[4] / "shared" / "ticks" / "binance-spot-btcusdt-20240808.parquet"
)


@cache
def native() -> NativeStep:
    """Return the step of small rings without TensorFlow."""
    return native_of(SMALL.shape)


@cache
def compiled() -> CompiledStep:
    """Return the same as TensorFlow runs it."""
    return CompiledStep(SMALL.shape)


def bytes_of(outcomes: list[Outcome]) -> tuple[bytes, bytes, bytes]:
    counts = np.concatenate([outcome.counts for outcome in outcomes])
    measures = np.concatenate([outcome.measures for outcome in outcomes])
    return counts.tobytes(), measures.tobytes(), outcomes[-1].packed.tobytes()


def ran(step: Executor, parameters: Parameters, rows: Rows, size: int) -> object:
    """Return all that comes of rows in chunks: results, the state, and rows of its rings."""
    held = step.hold(initial_state(parameters), settings_of(parameters))
    outcomes = [step.run(held, rows[first : first + size]) for first in range(0, len(rows), size)]
    places = np.array([0, 3, 255], np.int64)
    rings = [held.ring_rows(name, places).tobytes() for name in RINGS]
    return bytes_of(outcomes), digest(held.state()), rings


@cache
def reference(parameters: Parameters) -> object:
    return ran(compiled(), parameters, rows_of(), 1024)


@cache
def rows_of() -> Rows:
    """Return a market with all that a log can bring, and a random walk after it."""
    folded = Market.initial().fold(journal(900, seed=3))
    walk = probe_rows(600).copy()
    walk[:, :2] += folded[-1, :2] + 1
    return np.concatenate([folded, walk])


@pytest.mark.parametrize("size", [1, 7, 64, 1024])
@pytest.mark.parametrize("parameters", [SMALL, OTHERS], ids=["small", "others"])
def test_every_cut_ends_in_the_bits_of_tensorflow(parameters: Parameters, size: int) -> None:
    """With settings that decide otherwise, too: the code is the same."""
    assert ran(native(), parameters, rows_of(), size) == reference(parameters)


def test_the_golden_run_is_that_of_tensorflow() -> None:
    for parameters in (Parameters(**asdict(SMALL.shape)), SMALL, OTHERS):
        assert golden_digest(native(), parameters) == golden_digest(compiled(), parameters)


def test_two_markets_on_two_threads_do_not_meet() -> None:
    """Each has the bits that it has alone; the code runs without the interpreter's lock."""
    with ThreadPoolExecutor(2) as pool:
        found = [
            pool.submit(ran, native(), parameters, rows_of(), size)
            for size in (1, 7)
            for parameters in (SMALL, OTHERS)
        ]
        answers = [each.result() for each in found]

    assert answers == [reference(SMALL), reference(OTHERS)] * 2


@pytest.mark.skipif(not TICKS_OF_DAY.exists(), reason="no recorded ticks beside the repository")
def test_recorded_ticks_end_in_the_bits_of_tensorflow() -> None:
    """A real market's prices, as rows of a quiet book."""
    table = pq.read_table(TICKS_OF_DAY)
    names = {name.lower(): name for name in table.column_names}
    price = next(names[name] for name in ("price", "bid", "bid_price") if name in names)
    prices = np.array(table.column(price).cast("float64"))
    middle_e8 = (prices[np.isfinite(prices)][:20_000] * 1e2).astype(np.int64) * 10**6
    assert len(middle_e8) > 10_000
    rows = np.resize(probe_rows(1024), (len(middle_e8), probe_rows(1).shape[1])).copy()
    index = np.arange(len(rows))
    rows[:, 0], rows[:, 1] = index, (index + 1) * 20_000_000
    rows[:, 3] = index == 0
    moved = middle_e8 - rows[:, 8]
    for column in (6, 7, 8, *range(13, 18), *range(23, 28)):
        rows[:, column] += moved

    assert ran(native(), SMALL, rows, 1024) == ran(compiled(), SMALL, rows, 1024)


def test_a_state_is_a_copy_and_can_be_held_again() -> None:
    settings = settings_of(SMALL)
    held = native().hold(initial_state(SMALL), settings)
    native().run(held, rows_of()[:300])
    kept = held.state()
    before = digest(kept)
    whole = native().run(held, rows_of()[300:600])

    again = native().run(native().hold(kept, settings), rows_of()[300:600])

    assert digest(kept) == before
    assert bytes_of([again]) == bytes_of([whole])


def test_a_state_that_does_not_fit_is_refused() -> None:
    state = initial_state(replace(SMALL, memory_rows=512))

    with pytest.raises(StateMismatch, match=r"memory\.samples"):
        native().hold(state, settings_of(SMALL))


def test_an_artefact_of_another_signature_is_refused() -> None:
    with pytest.raises(ArtefactRefused, match="no step"):
        NativeStep(artefact(), SMALL.shape)
    program = artefact().programs["twice"]
    for inputs in (program.inputs, (Value("rows", "<i8", (), 0),)):
        other = artefact(programs={PROGRAM: replace(program, inputs=inputs)})
        with pytest.raises(ArtefactRefused, match="another signature"):
            NativeStep(other, SMALL.shape)
