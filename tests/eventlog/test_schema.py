"""Records to rows and back, exactly."""

import subprocess
import sys

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog import body, schema
from eventlog.records import STATUS_CHARS_MAX, Candle, Gap, Level, Quote, Record, market_status
from eventlog.schema import (
    SCHEMA,
    VERSION,
    batch_of,
    counts_e8,
    decimals,
    decode,
    encode,
    levels_of,
    renumber,
)
from tests.support.strategies import records as any_record


@given(records=st.lists(any_record, min_size=1, max_size=6))
def test_what_is_encoded_is_decoded(records: list[Record]) -> None:
    """Every kind comes back as it was, at dense offsets, also from a slice in the middle."""
    batch = encode(records, first_offset=7)

    assert batch.schema.equals(SCHEMA)
    assert list(decode(batch)) == list(enumerate(records, start=7))
    assert list(decode(batch.slice(1))) == list(enumerate(records, start=7))[1:]


def test_an_unknown_kind_is_refused() -> None:
    """A reader that meets another kind does not guess."""
    batch = encode([Gap(received_ns=1, from_ns=0, to_ns=1, why="x")], first_offset=0)
    strange = batch.set_column(1, SCHEMA.field("kind"), pa.array(["rumour"]))

    with pytest.raises(ValueError, match="rumour"):
        list(decode(strange))


def test_renumbering_changes_offsets_only() -> None:
    """The rows are the same at other offsets."""
    records: list[Record] = [Gap(received_ns=1, from_ns=0, to_ns=1, why="x")] * 3
    batch = renumber(encode(records, first_offset=0), first_offset=40)

    assert [offset for offset, _ in decode(batch)] == [40, 41, 42]
    assert [record for _, record in decode(batch)] == records


def test_money_is_exact_in_a_column() -> None:
    """Counts become decimals of eighteen digits and back without a float between."""
    counts = [0, 1, -1, 10**18 - 1, -(10**18 - 1)]
    column = decimals(pa.array(counts).to_numpy())

    assert counts_e8(column).tolist() == counts
    assert str(column[3]) == "9999999999.99999999"


def test_levels_keep_their_order_and_their_absence() -> None:
    """An empty side is not a missing one, and a slice is not shifted."""
    column = pa.array(
        [
            None,
            [],
            [
                dict.fromkeys(("price_decimals", "volume_decimals", "order_count"), 1)
                | {"price": 2, "volume": 3}
            ],
        ],
        schema.LEVELS,
    )
    level = Level(2 * 10**8, 3 * 10**8, 1, 1, 1)

    assert levels_of(column) == [None, (), (level,)]
    assert levels_of(column.slice(2)) == [(level,)]


def test_a_missing_column_is_refused() -> None:
    """What may not be null has to be there, and what is not in the schema may not."""
    with pytest.raises(ValueError):
        batch_of({"offset": pa.array([1])}, 1)
    with pytest.raises(ValueError):
        batch_of({"rumour": pa.array([1])}, 1)


def test_every_field_of_a_record_has_its_column() -> None:
    """A field that ends in _e8 is the decimal column of the same name without it."""
    quote = Quote(
        exchange_ns=None,
        received_ns=1,
        bid_e8=12_345,
        ask_e8=2,
        last_e8=3,
        bid_decimals=8,
        ask_decimals=8,
        last_decimals=8,
        snapshot_id=None,
    )
    row = encode([quote], first_offset=0).to_pylist()[0]

    assert str(row["bid"]) == "0.00012345"
    assert row["exchange_ns"] is None


def test_arrays_are_made_without_pandas_which_is_there_for_who_asks() -> None:
    """Loading pandas takes a second, so only a frame does it."""
    code = (
        "import sys, eventlog.schema, pyarrow as pa, pyarrow.compute as pc\n"
        "table = pa.table({'a': [1]})\n"
        "assert pc.equal(table['a'], 1).to_pylist() == [True]\n"
        "assert table['a'].to_numpy().tolist() == [1]\n"
        "assert 'pandas' not in sys.modules\n"
        "assert table.to_pandas().shape == (1, 1)\n"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_segment_of_this_version_may_lack_columns_that_came_to_it_later() -> None:
    """Columns that can be null join a version as they are needed: a file without one reads on."""
    without = pa.schema(list(SCHEMA)[:-1], metadata=SCHEMA.metadata)

    assert schema.is_known(without)
    assert (without.metadata or {})[b"trader.schema"] == str(VERSION).encode()
    candle = Candle(
        exchange_ns=1, received_ns=2, length_ns=3, open_e8=4, high_e8=7, low_e8=3, close_e8=5,
        volume_e8=6, source="here",
    )  # fmt: skip
    batch = encode([candle], first_offset=0)
    packed = body.pack(pa.RecordBatch.from_arrays(batch.columns[:-1], schema=without))
    whole = body.unpack([packed], starts=[0], counts=[1], schema=without)
    assert whole.schema.equals(SCHEMA)
    assert whole.column("source").to_pylist() == [None]
    assert whole.drop_columns("source").equals(batch.drop_columns("source"))


@pytest.mark.parametrize("text", ["", "Post Only", "\ud800" * 70, "x" * 1_000, "\x1b[31m\u202e"])
def test_any_status_can_be_kept(text: str) -> None:
    """It is the exchange's word: bounded, and never what a log cannot hold."""
    record = market_status(text, received_ns=1)

    assert len(record.status) <= STATUS_CHARS_MAX
    assert list(decode(encode([record], first_offset=0))) == [(0, record)]
