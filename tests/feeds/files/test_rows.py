"""No line of a table is lost, and none changes its place, however the file is cut into blocks."""

import csv
import gzip
import io
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.records import Record, Trade, Undecodable
from eventlog.schema import decode
from feeds.errors import TableUnreadable
from feeds.files import lines as lines_module
from feeds.files import rows as rows_module
from feeds.files.layout import Layout
from feeds.files.survey import begun, completed
from feeds.files.tables import readings

ROOT = Path(__file__).parents[3]
HEADER = "at,price,size,side,trade_id,note"
AT_S = 1_700_000_000


def records_of(path: Path, first_ns: int = 0) -> list[Record]:
    return [
        record
        for reading in readings(path, Layout(), first_ns)
        for _, record in decode(reading.batch)
    ]


def good(number: int) -> str:
    return f"{AT_S + number},{100 + number},1,buy,{number},x"


ODD = ("{n}", "{n},1", "{n},1,1,buy,2,x,more", '{n},"open,1,1,buy,1', '{n},"a"b,1,1,buy,1', "{n}\0")


def told(records: list[Record]) -> list[str]:
    """Return for each record the number that its line began with."""
    return [
        str((record.exchange_ns or 0) // 10**9 - AT_S)
        if isinstance(record, Trade)
        else record.raw.decode("latin1")
        for record in records
        if isinstance(record, Trade | Undecodable)
    ]


@given(
    kinds=st.lists(st.integers(-1, len(ODD) - 1), min_size=1, max_size=40),
    ends=st.sampled_from(["\n", "\r\n", "\r"]),
    ended=st.booleans(),
    block_bytes=st.integers(1, 200),
    batch_rows=st.integers(1, 10),
)
def test_each_line_is_one_record_in_its_place(
    tmp_path_factory: pytest.TempPathFactory,
    kinds: list[int],
    ends: str,
    ended: bool,
    block_bytes: int,
    batch_rows: int,
) -> None:
    """Wherever odd lines stand: first, last, all of them, whatever the blocks and the parts."""
    lines = [
        good(number) if kind < 0 else ODD[kind].format(n=number)
        for number, kind in enumerate(kinds)
    ]
    path = tmp_path_factory.mktemp("r") / "t.csv"
    path.write_bytes(ends.join([HEADER, *lines]).encode() + (ends.encode() if ended else b""))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines_module, "_BLOCK_BYTES", block_bytes)
        patch.setattr(rows_module, "BATCH_ROWS", batch_rows)
        small = records_of(path)

    assert told(small) == [
        str(number) if kind < 0 else lines[number] for number, kind in enumerate(kinds)
    ]
    assert records_of(path) == small, "the blocks made a difference"


def odd_lines_of(content: str, width: int) -> tuple[int, int]:
    """Count, with nothing of ours, the lines with as many cells as the header, and the others."""
    counts = [len(cells) == width for cells in csv.reader(io.StringIO(content)) if cells][1:]
    return sum(counts), len(counts) - sum(counts)


@pytest.mark.parametrize(
    ("good_lines", "odd_lines"), [(30_000, 30_000), (40_000, 1), (1, 40_000), (16_384, 16_384)]
)
def test_a_table_that_grows_a_column_in_the_middle_is_whole(
    tmp_path: Path, good_lines: int, odd_lines: int
) -> None:
    lines = [HEADER, *map(good, range(good_lines))]
    lines += [f"{good(good_lines + number)},seventh" for number in range(odd_lines)]
    content = "\n".join(lines) + "\n"
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(content.encode(), 1))
    is_row, is_odd = odd_lines_of(content, 6)

    first = [reading.batch for reading in readings(path, Layout())]
    again = [reading.batch for reading in readings(path, Layout())]

    kinds = [kind for batch in first for kind in batch.column("kind").to_pylist()]
    assert (kinds.count("trade"), kinds.count("undecodable")) == (is_row, is_odd)
    assert kinds == ["trade"] * good_lines + ["undecodable"] * odd_lines
    assert first == again
    found = completed(begun(path, "A-B", Layout()))
    assert (found.rows, found.records) == (good_lines + odd_lines, good_lines + odd_lines)
    assert sum(found.refused.values()) == is_odd


def test_lines_before_the_first_time_have_that_time(tmp_path: Path) -> None:
    """And not 1970, which a journal would take for the time of its beginning."""
    path = tmp_path / "t.csv"
    path.write_text("\n".join([HEADER, "odd", good(5)]) + "\n", encoding="utf-8")
    found = completed(begun(path, "A-B", Layout()))

    times_ns = [
        time_ns
        for reading in found.readings()
        for time_ns in reading.batch["received_ns"].to_pylist()
    ]
    assert times_ns == [(AT_S + 5) * 10**9] * 2


def test_a_table_of_odd_lines_only_is_refused_with_their_reason(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\n".join([HEADER, *["1,2,3"] * 50]), encoding="utf-8")
    with pytest.raises(TableUnreadable, match=r"none of its 50 rows .* 3 cells where the header"):
        completed(begun(path, "A-B", Layout()))


def test_blank_lines_are_no_rows_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\n".join([HEADER, "", good(1), "  ", good(2), "", ""]) + "\n", "utf-8")
    found = completed(begun(path, "A-B", Layout()))
    assert (found.rows, found.records, found.left_out) == (6, 2, {"blank lines": 4})


def test_cells_are_apart_by_whatever_the_header_is(tmp_path: Path) -> None:
    for delimiter in ",;\t|":
        path = tmp_path / "t.csv"
        path.write_text("\n".join([HEADER, good(1)]).replace(",", delimiter), encoding="utf-8")
        (trade,) = records_of(path)
        assert isinstance(trade, Trade)


def test_names_that_are_not_latin_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("﻿at,price,size,цена\n1700000000,x,1,дорого\n", encoding="utf-8")
    (record,) = records_of(path)
    assert isinstance(record, Undecodable)
    assert json.loads(record.raw) == {
        "at": "1700000000",
        "price": "x",
        "size": "1",
        "цена": "дорого",
    }


# --- Parquet


def parquet(path: Path, **columns: pa.Array) -> Path:
    pyarrow.parquet.write_table(pa.table(columns), path)
    return path


TIMES = pa.array([AT_S, AT_S + 1])
ONES = pa.array([1.5, 2.5])


@pytest.mark.parametrize(
    "column",
    [
        pa.array([["buy"], ["sell"]]),
        pa.array([{"p": 1.0}, {"p": 2.0}]),
        pa.array([True, False]),
        pa.array([b"12345678", b"12345678"], pa.binary(8)),
        pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64())),
        pa.array([1, 2], pa.duration("ns")),
        pa.array([1, 2], pa.time64("ns")),
        pa.array([1, 2], pa.date32()),
    ],
    ids=lambda column: str(column.type),
)
@pytest.mark.parametrize("name", ["at", "price", "side", "trade_id"])
def test_a_column_of_no_numbers_or_texts_is_refused_by_name(
    tmp_path: Path, column: pa.Array, name: str
) -> None:
    columns = {"at": TIMES, "price": ONES, "size": ONES, name: column}
    with pytest.raises(TableUnreadable, match=f"column '{name}' holds "):
        begun(parquet(tmp_path / "t.parquet", **columns), "A-B", Layout())


@pytest.mark.parametrize(
    "column",
    [
        pa.nulls(2),
        pa.nulls(2, pa.string()),
        pa.array(["buy", None]),
        pa.array(["buy", None]).dictionary_encode(),
        pa.array([b"buy", b"sell"]),
        pa.array(["buy", "sell"], pa.large_string()),
        pa.array(["buy", "unknown"]),
        pa.array([1, -1]),
    ],
    ids=["nulls", "null texts", "null", "words", "bytes", "large", "unknown", "signs"],
)
def test_a_side_may_be_given_in_many_ways_or_not(tmp_path: Path, column: pa.Array) -> None:
    path = parquet(tmp_path / "t.parquet", at=TIMES, price=ONES, size=ONES, side=column)
    found = completed(begun(path, "A-B", Layout()))
    assert found.kinds == {"trade": 2}


def test_text_that_is_not_utf_8_is_kept_as_it_is(tmp_path: Path) -> None:
    text = pa.array([b"\xff\xfe", b"1"]).cast(pa.binary())
    odd = pa.StringArray.from_buffers(2, text.buffers()[1], text.buffers()[2])
    path = parquet(tmp_path / "t.parquet", at=TIMES, price=odd, size=ONES)
    refused, trade = records_of(path)
    assert isinstance(refused, Undecodable)
    assert isinstance(trade, Trade)
    assert json.loads(refused.raw)["price"] == "\\xff\\xfe"


def test_only_the_columns_that_mean_something_are_read(tmp_path: Path) -> None:
    """Another one may hold anything: nested, huge, or of a type that is read nowhere."""
    huge = pa.array(["x" * (8 << 20)] * 2).dictionary_encode()
    nested = pa.array([[[{"a": 1}]], None])
    path = parquet(tmp_path / "t.parquet", at=TIMES, note=huge, price=ONES, size=ONES, more=nested)
    assert len(records_of(path)) == 2


def test_rows_that_no_file_of_its_size_can_hold_are_refused(tmp_path: Path) -> None:
    same = pa.array([1.5] * 4_000_000)
    path = parquet(tmp_path / "t.parquet", at=pa.array([AT_S] * len(same)), price=same, size=same)
    if path.stat().st_size * rows_module.ROWS_A_BYTE_MAX > len(same):
        pytest.skip("it was not packed that well")
    with pytest.raises(TableUnreadable, match="more than its size can hold"):
        begun(path, "A-B", Layout())


BOUND = """
import resource, sys
from pathlib import Path
from feeds.errors import TableUnreadable
from feeds.files.layout import Layout
from feeds.files.survey import begun, completed

before = int(next(l for l in open("/proc/self/status") if l.startswith("VmSize:")).split()[1])
most = (before << 10) + (1 << 30)
resource.setrlimit(resource.RLIMIT_AS, (most, most))
for path in sys.argv[1:]:
    try:
        found = completed(begun(Path(path), "A-B", Layout()))
        print("read", found.records)
    except TableUnreadable as error:
        print("refused", error.why)
"""


def bombs(directory: Path) -> dict[str, Path]:
    """Make small files that become large."""
    made = {}
    header = HEADER.encode() + b"\n" + good(1).encode() + b"\n"

    def packed(name: str, *parts: bytes, times: int) -> None:
        made[name] = directory / f"{name}.csv.gz"
        with gzip.open(made[name], "wb", 1) as file:
            file.write(header)
            for part in parts * times:
                file.write(part)

    packed("one line of 100 MiB", b"x" * (1 << 20), times=100)
    packed("lines without end", b"1,2,3,4,5,6\n" * (1 << 16), times=500)
    packed("blank lines without end", b"\n" * (1 << 20), times=400)
    packed("wide", b"," * (1 << 19) + b"\n", times=40)
    value = "x" * (60 << 20)
    many = 40_000
    indices = pa.array([0] * many, pa.int32())
    words = pa.DictionaryArray.from_arrays(indices, pa.array([value]))
    numbers = pa.array(range(AT_S, AT_S + many))
    for name in ("note", "side", "price"):
        columns = {"at": numbers, "price": numbers, "size": numbers, name: words}
        made[f"huge {name}"] = parquet(directory / f"{name}.parquet", **columns)
    large = pa.LargeStringArray.from_pandas([value])
    columns = {"at": numbers, "price": numbers, "size": numbers}
    columns["side"] = pa.DictionaryArray.from_arrays(indices, large)
    made["huge large side"] = parquet(directory / "large.parquet", **columns)
    made["many columns"] = parquet(
        directory / "many.parquet",
        **{f"c{number}": ONES for number in range(5_000)},
        at=TIMES, price=ONES, size=ONES,
    )  # fmt: skip
    return made


def test_memory_is_bounded_whatever_a_file_holds(tmp_path: Path) -> None:
    """A process that may take 1 GiB for a small file that becomes a large one."""
    made = bombs(tmp_path)
    command = [sys.executable, "-c", BOUND, *map(str, made.values())]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=100)

    assert done.returncode == 0, done.stderr[-2_000:]
    said = dict(zip(made, done.stdout.splitlines(), strict=True))
    assert said["one line of 100 MiB"] == "read 2"
    assert "unpack to more than" in said["lines without end"]
    assert "unpack to more than" in said["blank lines without end"]
    assert said["wide"] == "read 41"
    assert said["huge note"] == "read 40000"
    assert (
        said["huge side"]
        == "refused none of its 40,000 rows can be understood: side is neither buy nor sell"
    )
    assert (
        said["huge price"]
        == "refused none of its 40,000 rows can be understood: price is missing or not a number"
    )
    assert said["huge large side"] == said["huge side"]
    assert said["many columns"] == "read 2"
