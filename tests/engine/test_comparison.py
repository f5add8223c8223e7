"""Comparing effects: the first difference in any bit, at its offset and in its column."""

from dataclasses import fields
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from engine.comparison import COMPARED, Comparison, Divergence
from engine.engine import Engine
from eventlog.records import EFFECT_KINDS, KINDS, Milestone
from eventlog.schema import SCHEMA, encode, renumber
from tests.support.markets import SMALL, carry, changed, cut, journal

TICKS = 1_000
FIRST = 1_000


@cache
def derived() -> pa.RecordBatch:
    """Return the effects of a journal, as the engine gives them, and one of each rare kind."""
    effects = carry(Engine.initial(SMALL), [journal(TICKS)])
    rare = Milestone(exchange_ns=1, received_ns=2, cause=TICKS, why="grew", detail="{}")
    return pa.concat_batches([effects, encode([rare], first_offset=0)])


def recorded() -> pa.RecordBatch:
    """Return them as a log has them: between other records, at offsets of its own."""
    return renumber(derived(), first_offset=FIRST)


def compare(log: list[pa.RecordBatch], effects: list[pa.RecordBatch]) -> Comparison:
    """Compare batches of a log with what is derived, to the end."""
    comparison = Comparison(log)
    for batch in effects:
        assert comparison.compare(batch).num_rows == 0
    comparison.finish()
    return comparison


@pytest.mark.parametrize("log_size", [1, 33, 5_000])
@pytest.mark.parametrize("size", [1, 50, 5_000])
def test_equal_effects_are_equal_however_they_are_cut(log_size: int, size: int) -> None:
    """The n-th is compared with the n-th; inputs in the log are passed over."""
    log = [part for effects in cut(recorded(), log_size) for part in (journal(3), effects)]

    found = compare(log, cut(derived(), size))

    assert found.divergence is None
    assert found.compared == derived().num_rows


@pytest.mark.parametrize("name", ["bid", "snapshot_id", "trade_id", "backfilled", "bids"])
def test_a_value_where_effects_have_none_is_a_difference(name: str) -> None:
    """Columns of inputs are empty in an effect; one that is not was never derived."""
    log, field = recorded(), SCHEMA.field(name)
    value = journal(TICKS).column(name).drop_null()[:1]
    filled = pa.concat_arrays([value, pa.nulls(log.num_rows - 1, field.type)])

    found = compare([log.set_column(SCHEMA.names.index(name), field, filled)], [derived()])

    assert found.divergence is not None
    assert (found.divergence.offset, found.divergence.column) == (FIRST, name)


def _planted(array: pa.Array, row: int) -> Any:
    """Return another value for a cell: the nearest one where there is a nearest."""
    value = array[row].as_py()
    if pa.types.is_float32(array.type):
        return float(np.nextafter(np.float32(value), np.float32(9)))
    if isinstance(value, Decimal):
        return value + Decimal("0.00000001")
    return value + "x" if isinstance(value, str) else value ^ 1


COLUMNS = [
    (kind, column)
    for kind in EFFECT_KINDS
    for column in ("kind", *(field.name.removesuffix("_e8") for field in fields(KINDS[kind])))
]


@pytest.mark.parametrize(("kind", "column"), COLUMNS)
def test_a_planted_change_is_found_at_its_offset(kind: str, column: str) -> None:
    """One step in one cell of one recorded effect, whichever it is."""
    log = recorded()
    kinds = log.column("kind").to_pylist()
    row = [n for n, found in enumerate(kinds) if found == kind][-1]
    array = log.column(column)
    if column == "kind":
        planted = {"decision": "fill", "fill": "decision", "milestone": "fill"}[kind]
    else:
        planted = _planted(array, row)

    found = compare([changed(log, row, column, planted)], cut(derived(), 64)).divergence

    assert found is not None
    cause = log.column("cause")[row].as_py()
    assert (found.offset, found.column) == (FIRST + row, column)
    assert found.cause == (planted if column == "cause" else cause)
    assert found.recorded != found.derived


def test_the_first_of_several_differences_is_kept() -> None:
    """What follows from a difference says nothing more; of one row the first column is said."""
    log = changed(changed(recorded(), 30, "cash", Decimal(1)), 20, "trained", 99)
    log = changed(log, 20, "loss", 9.0)

    found = compare([log], [derived()]).divergence

    assert found is not None
    assert (found.offset, found.column, found.recorded) == (FIRST + 20, "loss", "9.0")


def test_minus_nothing_is_not_nothing() -> None:
    """Bits are compared, so a sign counts, and what is no number is itself."""
    row = 5
    effects, zero = derived(), 0.0
    with_nan = changed(effects, row, "loss", float("nan"))

    signed = Comparison([renumber(changed(effects, row, "loss", -zero), first_offset=FIRST)])
    signed.compare(changed(effects, row, "loss", zero))
    same = Comparison([renumber(with_nan, first_offset=FIRST)])
    same.compare(with_nan)

    assert signed.divergence is not None
    assert signed.divergence.column == "loss"
    assert same.divergence is None


def test_what_the_log_lacks_is_returned() -> None:
    """After a crash the log's tail has ticks whose effects were not written."""
    effects = derived()
    comparison = Comparison([recorded().slice(0, 100)])

    missing = comparison.compare(effects)
    comparison.finish()

    assert missing.equals(effects.slice(100))
    assert comparison.compared == 100
    assert comparison.divergence is None


def test_an_effect_that_is_not_derived_is_a_difference() -> None:
    """Something stands in the log that does not follow from it."""
    comparison = Comparison([recorded()])
    comparison.compare(derived().slice(0, 100))

    comparison.finish()

    cause = recorded().column("cause")[100].as_py()
    assert comparison.divergence == Divergence(
        offset=FIRST + 100, cause=cause, column="kind", recorded="decision", derived="nothing"
    )
    assert str(comparison.divergence) == (
        f"at offset {FIRST + 100} (tick {cause}): kind recorded decision, derived nothing"
    )


def test_everything_but_the_offset_is_compared() -> None:
    """The engine does not know at which offsets a log puts its effects."""
    assert set(SCHEMA.names) - set(COMPARED) == {"offset"}
