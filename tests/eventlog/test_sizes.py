"""The bounds hold for whatever a record may be."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from eventlog.body import pack_columns
from eventlog.records import Gap, Record, Undecodable
from eventlog.schema import columns_of
from eventlog.sizes import frame_bytes
from tests.support.strategies import records

_MESSAGE_BYTES = 1 << 16
"""What Arrow says of the columns of a batch, however many rows there are."""


@settings(max_examples=100)
@given(st.lists(records, min_size=1, max_size=10), st.integers(1, 200), st.integers(0, 10_000))
def test_no_batch_is_larger_than_its_records(
    some: list[Record], times: int, reason_chars: int
) -> None:
    """Of any kinds, side by side: each then has cells in the columns of the others."""
    lengthened = [_lengthened(each, reason_chars) for each in some]
    many = lengthened * times

    body = pack_columns(columns_of(many, first_offset=2**62))

    assert len(body) <= sum(map(frame_bytes, many)) + _MESSAGE_BYTES


def _lengthened(record: Record, chars: int) -> Record:
    if isinstance(record, Gap | Undecodable):
        return replace(record, why="\U0010ffff" * chars)
    return record
