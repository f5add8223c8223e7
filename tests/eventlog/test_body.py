"""Bodies of frames: only what holds something, and all of it back, to the bit."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventlog import body
from eventlog.body import pack, unpack
from eventlog.records import Gap, Quote, Record
from eventlog.schema import NAMES, REQUIRED, SCHEMA, decimals, decode, encode
from tests.support.strategies import quote, records

Commits = list[list[Record]]


def packed(commits: Commits) -> tuple[list[bytes], list[int], list[int]]:
    """Return the bodies of commits, where each begins, and how many records each has."""
    starts = [100 + sum(map(len, commits[:number])) for number in range(len(commits))]
    bodies = [
        pack(encode(commit, first_offset=start))
        for commit, start in zip(commits, starts, strict=True)
    ]
    return bodies, starts, [len(commit) for commit in commits]


def columns_in(packed_body: bytes) -> list[str]:
    """Return the columns that a body's mask names."""
    bits = int.from_bytes(packed_body[:MASK_BYTES], "little")
    return [name for number, name in enumerate(NAMES) if bits >> number & 1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(records, min_size=1, max_size=4), min_size=1, max_size=5))
def test_any_records_come_back_as_they_were(commits: Commits) -> None:
    """Commits of any kinds, together or one by one: the same batch as was packed."""
    bodies, starts, counts = packed(commits)

    together = unpack(bodies, starts=starts, counts=counts, schema=SCHEMA)

    appended = [record for commit in commits for record in commit]
    assert list(decode(together)) == list(enumerate(appended, start=100))
    assert together.schema.equals(SCHEMA, check_metadata=True)
    for packed_body, start, commit in zip(bodies, starts, commits, strict=True):
        alone = unpack([packed_body], starts=[start], counts=[len(commit)], schema=SCHEMA)
        expected = encode(commit, first_offset=start)
        assert alone.equals(expected)
        assert together.slice(start - 100, len(commit)).equals(expected)


def test_a_body_has_the_columns_of_its_kinds_and_no_others() -> None:
    """Of a quote, those of a quote; most of the schema is not there."""
    (one,), _, _ = packed([[quote(0)]])
    known = {name.removesuffix("_e8") for name in Quote.__dataclass_fields__}

    assert set(columns_in(one)) == {"offset", "kind", *known}
    assert len(one) < len(encode([quote(0)], first_offset=0).serialize()) / 4


def odd() -> pa.RecordBatch:
    """Return quotes with a fee, which no quote has, in the second row."""
    batch = encode([quote(0), quote(1)], first_offset=0)
    number = SCHEMA.get_field_index("fee")
    fee = decimals(np.array([0, 3]), mask=np.array([True, False]))
    return batch.set_column(number, SCHEMA.field("fee"), fee)


def unknown() -> pa.RecordBatch:
    """Return a row of a kind that this version does not know, with a value of its own."""
    kind = SCHEMA.field("kind")
    return odd().slice(1).set_column(1, kind, pa.array(["novel"]))


def many() -> pa.RecordBatch:
    """Return more rows than are remembered."""
    return encode([quote(number) for number in range(1500)], first_offset=0)


@pytest.mark.parametrize("make", [odd, unknown, many])
@pytest.mark.parametrize("cut", [0, 1])
def test_values_where_their_kind_has_none_are_kept(make: object, cut: int) -> None:
    """What a row holds decides, not its kind; of a slice its own rows."""
    assert callable(make)
    batch = make().slice(cut) if make is not unknown else make()
    start = batch.column("offset")[0].as_py()

    again = unpack([pack(batch)], starts=[start], counts=[len(batch)], schema=SCHEMA)

    assert again.equals(batch)


def test_columns_that_are_not_wanted_are_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """A projection decodes its columns and the offset; the others are never there."""
    bodies, starts, counts = packed([[quote(0)], [quote(1), quote(2)]])
    made: list[str] = []
    whole = body._whole

    def spied(table: pa.Table) -> dict[str, pa.Array]:
        made.extend(table.schema.names)
        return whole(table)

    monkeypatch.setattr(body, "_whole", spied)
    batch = unpack(bodies, starts=starts, counts=counts, schema=SCHEMA, columns=["fee", "bid"])

    assert made == ["offset", "bid"]
    assert batch.schema.names == ["fee", "bid"]
    assert batch.column("fee").null_count == 3
    expected = encode([quote(number) for number in range(3)], first_offset=0).column("bid")
    assert batch.column("bid").equals(expected)


MASK_BYTES = -(-len(NAMES) // 64) * 8


@pytest.mark.parametrize(
    "mask",
    [
        b"",
        b"\x0f" + bytes(MASK_BYTES - 2),
        b"\x0e" + bytes(MASK_BYTES - 1),
        b"\x0f" + bytes(MASK_BYTES - 2) + b"\x80",
        sum(1 << number for number in range(len(NAMES))).to_bytes(MASK_BYTES, "little"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(mask: bytes) -> None:
    """Too short, without a column that has to be there, beyond the schema, or of other columns."""
    (one,), starts, counts = packed([[quote(0)]])

    with pytest.raises(ValueError):
        unpack([mask + one[MASK_BYTES:]], starts=starts, counts=counts, schema=SCHEMA)


@pytest.mark.parametrize(
    ("starts", "counts"), [([7, 9], [2, 1]), ([100, 101], [1, 2]), ([101, 100], [2, 1])]
)
def test_rows_have_to_be_those_that_the_frame_says(starts: list[int], counts: list[int]) -> None:
    """So many, at these offsets, frame by frame."""
    bodies, right, _ = packed([[quote(0), quote(1)], [quote(2)]])
    assert right == [100, 102]

    with pytest.raises(ValueError):
        unpack(bodies, starts=starts, counts=counts, schema=SCHEMA)


def test_columns_that_have_to_be_there_always_are() -> None:
    """Whatever the kind."""
    for batch in (encode([quote(0)], first_offset=0), unknown()):
        assert set(REQUIRED) <= set(columns_in(pack(batch)))


def test_what_is_remembered_of_empty_columns_takes_no_memory() -> None:
    """Batches of many sizes: what is kept for each is a slice of what all share."""
    pack(batch_of_gaps(1))
    before = pa.total_allocated_bytes()

    for rows in range(700, 956):
        pack(batch_of_gaps(rows))

    assert pa.total_allocated_bytes() - before < 8 << 20


def batch_of_gaps(count: int) -> pa.RecordBatch:
    gap = Gap(received_ns=1, from_ns=0, to_ns=1, why="closed")
    return encode([gap] * count, first_offset=0)
