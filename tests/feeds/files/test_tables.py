"""Tables as records: nothing lost, nothing guessed, whatever stands in a cell."""

import gzip
import json
from collections import Counter
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.records import BookUpdate, Level, Quote, Record, Side, Trade, Undecodable
from eventlog.schema import decode
from feeds.errors import TableUnreadable
from feeds.files.layout import Layout
from feeds.files.survey import begun, completed
from feeds.files.tables import readings

HEADER = "at,kind,bid,bid_size,ask,ask_size,price,size,side"
QUOTE = "1700000000000001000,quote,10.5,1,10.6,2.25,,,"
TRADE = "1700000000000002000,trade,,,,,10.55,0.00000001,sell"


def records_of(path: Path, layout: Layout = Layout()) -> list[Record]:  # noqa: B008  frozen
    return [record for reading in readings(path, layout) for _, record in decode(reading.batch)]


def counts_of(path: Path) -> tuple[Counter[str], Counter[str]]:
    refused: Counter[str] = Counter()
    noted: Counter[str] = Counter()
    for reading in readings(path, Layout()):
        refused.update(reading.refused)
        noted.update(reading.noted)
    return refused, noted


def csv_of(directory: Path, *lines: str) -> Path:
    path = directory / "table.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_quote_with_sizes_is_the_whole_book_as_far_as_it_is_known(tmp_path: Path) -> None:
    book, trade = records_of(csv_of(tmp_path, HEADER, QUOTE, TRADE))

    assert book == BookUpdate(
        exchange_ns=1_700_000_000_000_001_000,
        received_ns=1_700_000_000_000_001_000,
        bids=(Level(1_050_000_000, 100_000_000, 1, 0, 1),),
        asks=(Level(1_060_000_000, 225_000_000, 1, 2, 1),),
        snapshot=True,
        checksum=None,
        snapshot_id=None,
    )
    assert trade == Trade(
        exchange_ns=1_700_000_000_000_002_000,
        received_ns=1_700_000_000_000_002_000,
        price_e8=1_055_000_000,
        volume_e8=1,
        price_decimals=2,
        volume_decimals=8,
        side=Side.SELL,
        trade_id=1,
    )


def test_a_quote_without_sizes_knows_the_last_trade(tmp_path: Path) -> None:
    path = csv_of(tmp_path,
        "at,bid,ask,price,size", "1700000001,2,3,,", "1700000002,,,2.5,1", "1700000003,2,3,,",
    )  # fmt: skip
    first, _, second = records_of(path)

    assert isinstance(first, Quote)
    assert isinstance(second, Quote)
    assert (first.last_e8, second.last_e8) == (0, 250_000_000)


def test_a_layout_names_columns_and_units(tmp_path: Path) -> None:
    path = csv_of(tmp_path, "time,b,a,id", "1700000000000,2,3,x")
    layout = Layout({"at": "time", "bid": "b", "ask": "a"}, "ms")
    (quote,) = records_of(path, layout)

    assert isinstance(quote, Quote)
    assert quote.exchange_ns == 1_700_000_000_000_000_000


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2024-08-08T23:54:15.360Z", 1_723_161_255_360_000_000),
        ("2024-08-08 23:54:15.360000000", 1_723_161_255_360_000_000),
        ("2024-08-09 09:54:15.36+10:00", 1_723_161_255_360_000_000),
        ("1723161255360000000", 1_723_161_255_360_000_000),
        ("2024-08-08", 1_723_075_200_000_000_000),
    ],
)
def test_times_are_read_however_they_are_written(tmp_path: Path, text: str, ns: int) -> None:
    (quote,) = records_of(csv_of(tmp_path, "at,bid,ask", f"{text},2,3"))

    assert isinstance(quote, Quote)
    assert quote.exchange_ns == ns


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("1700000000000001000,quote,NaN,1,10.6,2,,,", "bid is missing or not a number"),
        ("1700000000000001000,quote,10.5,1,inf,2,,,", "ask is missing or not a number"),
        ("1700000000000001000,quote,-10.5,1,10.6,2,,,", "bid is not positive"),
        ("1700000000000001000,quote,10.5,-1,10.6,2,,,", "bid_size is negative"),
        ("1700000000000001000,quote,10.5,1,10.6,,,,", "ask_size is missing or not a number"),
        ("1700000000000001000,quote,12345678901,1,10.6,2,,,", "bid is missing or not a number"),
        ("1700000000000001000,trade,,,,,0,1,buy", "price is not positive"),
        ("1700000000000001000,trade,,,,,1,ten,buy", "size is missing or not a number"),
        ("1700000000000001000,trade,,,,,1,1,up", "side is neither buy nor sell"),
        ("1700000000000001000,order,,,,,1,1,buy", "kind is neither quote nor trade"),
        ("1700000000000001000,,,,,,,,", "a row that is neither a quote nor a trade"),
        ("2024-02-30,quote,10.5,1,10.6,2,,,", "at is missing or not a time"),
        ("-5,quote,10.5,1,10.6,2,,,", "at is not of the years 2009 to 2096 in any unit"),
        (
            "99999999999999999999,quote,1,1,2,2,,,",
            "at is not of the years 2009 to 2096 in any unit",
        ),
        ("1700000000000001000,quote", "2 cells where the header has 9"),
        ("1700000000000001000,quote,10.5,1,10.6,2,,,,,,", "12 cells where the header has 9"),
    ],
)
def test_a_row_that_makes_no_sense_is_kept_and_says_why(tmp_path: Path, row: str, why: str) -> None:
    path = csv_of(tmp_path, HEADER, QUOTE, row, TRADE)
    before, record, after = records_of(path)

    assert isinstance(before, BookUpdate)
    assert isinstance(after, Trade)
    assert isinstance(record, Undecodable)
    assert record.why == why
    assert row.split(",", maxsplit=1)[0] in record.raw.decode()
    assert sum(counts_of(path)[0].values()) == 1


def test_bytes_that_are_no_text_come_back(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    lines = [HEADER.encode(), QUOTE.encode(), b"\xff\xfe", QUOTE.encode()]
    path.write_bytes(b"\n".join(lines) + b"\n")
    _, record, _ = records_of(path)

    assert isinstance(record, Undecodable)
    assert record.raw == b"\xff\xfe"


def test_what_a_market_can_say_is_kept_and_noted(tmp_path: Path) -> None:
    crossed = "1700000000000003000,quote,10.7,1,10.6,2,,,"
    path = csv_of(tmp_path, HEADER, QUOTE, QUOTE, crossed, TRADE)
    refused, noted = counts_of(path)

    assert not refused
    assert noted == {"crossed": 1, "time runs backwards": 1, "repeats the row before": 1}
    assert len(records_of(path)) == 4


def test_what_is_raw_is_the_row(tmp_path: Path) -> None:
    _, record = records_of(csv_of(tmp_path, HEADER, QUOTE, "1700000007,quote,é,1,10.6,2,,,"))

    assert isinstance(record, Undecodable)
    assert json.loads(record.raw) == {
        "at": "1700000007", "kind": "quote",
        "bid": "é", "bid_size": "1", "ask": "10.6", "ask_size": "2",
    }  # fmt: skip


def test_all_kinds_of_columns_say_the_same(tmp_path: Path) -> None:
    """Text, decimals, floats, timestamps, compressed or not: the same records."""
    wanted = records_of(csv_of(tmp_path, HEADER, QUOTE, TRADE, QUOTE.replace("01000", "03000")))
    (tmp_path / "table.csv.gz").write_bytes(gzip.compress((tmp_path / "table.csv").read_bytes()))
    table = pyarrow.csv.read_csv(tmp_path / "table.csv")
    numbers = ("bid", "bid_size", "ask", "ask_size", "price", "size")
    kinds: dict[str, list[tuple[tuple[str, ...], pa.DataType]]] = {
        "floats": [(numbers, pa.float64())],
        "decimals": [(numbers, pa.decimal128(38, 8)), (("at",), pa.timestamp("ns"))],
        "wide": [(numbers, pa.decimal256(60, 12)), (("at",), pa.uint64())],
        "texts": [((*numbers, "at"), pa.string()), (("side",), pa.large_string())],
        "words": [(("kind", "side"), pa.dictionary(pa.int32(), pa.string()))],
    }
    for name, casts in kinds.items():
        converted = table
        for columns, kind in casts:
            for column in columns:
                place = converted.schema.get_field_index(column)
                converted = converted.set_column(place, column, converted[column].cast(kind))
        pyarrow.parquet.write_table(converted, tmp_path / f"{name}.parquet")

        assert records_of(tmp_path / f"{name}.parquet") == wanted, name
    assert records_of(tmp_path / "table.csv.gz") == wanted


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.csv", b"", "it is empty"),
        ("a.csv", b"\n", "no header"),
        ("a.csv", b"at,price\n1,2\n", "lacks columns"),
        ("a.csv", b"at,bid,ask,bid\n", "several columns are called 'bid'"),
        ("a.csv", b"at,bid,ask\nx,y,z\n", "none of its 1 rows"),
        ("a.parquet", b"PAR1 and nothing else PAR1", "cannot read"),
        ("a.csv.gz", b"no gzip", "cannot read"),
    ],
)
def test_a_file_that_is_no_table_is_refused(
    tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(TableUnreadable, match=why):
        completed(begun(tmp_path / name, "A-B", Layout()))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableUnreadable, match="No such file"):
        records_of(tmp_path / "nothing.csv")
    with pytest.raises(TableUnreadable, match="there is: time"):
        records_of(csv_of(tmp_path, "time,bid,ask", "1,2,3"), Layout({"at": "when"}))


CELLS = st.sampled_from(
    (
        "", "1", "10.5", "0.00000001", "-1", "0", "nan", "NaN", "inf", "-inf", "1e3", "1e400", "x",
        "9999999999.99999999", "99999999999", "0.123456789", "ä", "1_000", "0x10", "buy", " 2 ",
    )
)  # fmt: skip
ROWS = st.tuples(
    st.sampled_from(
        ["1700000000", "1700000002000", "1", "", "nan", "2024-08-08", "soon", "1.7e18", "-7"]
    ),
    st.sampled_from(["quote", "trade", "Quote", "", "fill"]),
    *[CELLS] * 6,
    st.sampled_from(["buy", "SELL", "", "1", "-1", "up"]),
)


@given(st.lists(ROWS, max_size=30))
def test_every_row_is_one_record_and_good_ones_are_exact(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]]
) -> None:
    """Against a reading of each row by itself: what is a number is kept to the last digit."""
    path = csv_of(tmp_path_factory.mktemp("t"), HEADER, QUOTE, *(",".join(row) for row in rows))
    records = records_of(path)

    assert len(records) == len(rows) + 1
    for row, record in zip(rows, records[1:], strict=True):
        if isinstance(record, BookUpdate):
            cells = [record.bids[0].price_e8, record.bids[0].volume_e8]
            cells += [record.asks[0].price_e8, record.asks[0].volume_e8]
            assert cells == [counted(cell) for cell in row[2:6]]
        elif isinstance(record, Trade):
            assert [record.price_e8, record.volume_e8] == [counted(cell) for cell in row[6:8]]
        else:
            assert isinstance(record, Undecodable)
            assert not is_sensible(row), f"{row} was refused: {record.why}"


def counted(cell: str) -> int | None:
    try:
        value = Decimal(cell.strip().replace("_", "x")) * 10**8
    except InvalidOperation:
        return None
    is_exact = value.is_finite() and value == value.to_integral_value()
    return int(value) if is_exact and abs(value) < 10**18 else None


def is_sensible(row: tuple[str, ...]) -> bool:
    at, kind, *cells, side = row
    quote, trade = [counted(cell) for cell in cells[:4]], [counted(cell) for cell in cells[4:]]
    is_quote = kind.lower() == "quote" if kind else any(quote[each] is not None for each in (0, 2))
    if (
        at not in ("1700000000", "1700000002000", "2024-08-08", "1.7e18")
        or kind == "fill"
        or side == "up"
    ):
        return False
    if is_quote:
        return (
            None not in quote
            and min(quote[0] or 0, quote[2] or 0) > 0
            and min(quote[1] or 0, quote[3] or 0) >= 0
        )
    return None not in trade and min(trade[0] or 0, trade[1] or 0) > 0
