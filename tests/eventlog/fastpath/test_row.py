"""One record, put in its places, is what Arrow makes of it, byte for byte."""

from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventlog.body import pack_columns
from eventlog.fastpath import row
from eventlog.fastpath.row import packed
from eventlog.records import KINDS, Quote, Record
from eventlog.schema import columns_of, encode
from tests.support.strategies import BY_KIND, quote, records


def arrows(record: Record, offset: int) -> bytes:
    """Return the body that Arrow's builders make."""
    return pack_columns(columns_of([record], first_offset=offset))


@given(records=st.lists(records, min_size=1, max_size=3), offset=st.integers(0, 2**62))
def test_any_record_is_what_arrow_makes_of_it(records: list[Record], offset: int) -> None:
    """The first of its shape and every further one."""
    for record in records * 2:
        assert packed(record, offset=offset) == arrows(record, offset)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20)
@given(data=st.data())
def test_every_kind_has_a_form(kind: str, data: st.DataObject) -> None:
    """Were Arrow to write in another way than is expected here, no record would be made by hand."""
    record = data.draw(BY_KIND[kind])
    row._forms.clear()
    row._plain.clear()
    packed(record, offset=1)

    (form,) = row._forms.values()
    assert form is not None


def test_a_number_that_is_not_given_is_null_after_one_that_was() -> None:
    """Also where the numbers of a kind are taken without looking at them."""
    packed(quote(1), offset=0)
    without = replace(quote(1), snapshot_id=None)

    assert type(quote(1)) in row._plain
    assert packed(without, offset=3) == arrows(without, 3)


@pytest.mark.parametrize("bad", ["1", 2**63])
def test_a_value_that_its_column_cannot_hold_is_refused_as_ever(bad: object) -> None:
    """Arrow says what is wrong, whether the shape is known or not."""
    wrong = replace(quote(1), bid_e8=bad)  # type: ignore[arg-type]
    assert isinstance(wrong, Quote)
    packed(quote(1), offset=0)
    with pytest.raises((pa.ArrowException, OverflowError)) as expected:
        encode([wrong], first_offset=0)

    with pytest.raises(expected.type):
        packed(wrong, offset=0)


def test_no_more_shapes_are_kept_than_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """I10: beyond them Arrow does it, with the same result."""
    monkeypatch.setattr(row, "_forms", {})
    monkeypatch.setattr(row, "_plain", {})
    monkeypatch.setattr(row, "SHAPES_MAX", 1)
    other = replace(quote(1), snapshot_id=None)
    packed(quote(1), offset=0)

    for _ in range(2):
        assert packed(other, offset=3) == arrows(other, 3)
    assert len(row._forms) == 1
