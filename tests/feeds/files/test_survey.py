"""What a file holds is known before anything is made of it."""

import os
import re
from pathlib import Path

import pytest

from feeds.errors import TableUnreadable
from feeds.files.layout import Layout
from feeds.files.survey import Survey, begun, completed

FIELD = Path(__file__).parents[4] / "shared" / "field"
AT_MS = 1_700_000_000_000


def quotes(path: Path, times: list[int]) -> Path:
    rows = [f"{at},{100 + place},1,{101 + place},1" for place, at in enumerate(times)]
    path.write_text("\n".join(["at,bid,bid_size,ask,ask_size", *rows]) + "\n", encoding="utf-8")
    return path


def surveyed(path: Path, layout: Layout = Layout()) -> Survey:  # noqa: B008  frozen
    return completed(begun(path, "BTC-AUD", layout))


def test_a_line_says_what_was_taken_for_what(tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    path.write_text(f"time,b,a,received\n{AT_MS},1,2,{AT_MS * 1000}\n", encoding="utf-8")
    found = surveyed(path, Layout({"at": "time", "bid": "b", "ask": "a"}))

    assert str(found) == (
        f"{path}: a table of 1 rows (1 quotes);"
        " at in ms is 'time', received in us is 'received', bid is 'b', ask is 'a'"
    )


def test_rows_are_records_and_what_is_left_out(tmp_path: Path) -> None:
    path = quotes(tmp_path / "q.csv", [AT_MS, AT_MS + 1])
    path.write_text(path.read_text("utf-8") + "\n\nodd\n5,1,1,2,1\n", encoding="utf-8")
    found = surveyed(path)

    assert (found.rows, found.records, found.understood) == (6, 4, 2)
    assert found.left_out == {"blank lines": 2}
    assert found.refused == {
        "a line with another number of cells than the header": 1,
        "at is not of the years 2009 to 2096 in any unit": 1,
    }


@pytest.mark.parametrize(
    ("steps", "is_refused"),
    [
        ([5, 4, 3, 2, 1], True),
        ([5, 5, 4, 4, 3, 3, 2, 1], True),
        ([1, 2, 3, 4, 5], False),
        ([1, 1, 1, 1], False),
        ([3, 2], False),
        ([5, 4, 3, 9, 2, 1, 8, 0], False),
        ([*range(40, 20, -1), 50, *range(20, 0, -1)], True),
    ],
)
def test_a_file_that_runs_from_its_newest_row_back_is_refused(
    tmp_path: Path, steps: list[int], is_refused: bool
) -> None:
    path = quotes(tmp_path / "q.csv", [AT_MS + step for step in steps])
    if not is_refused:
        assert surveyed(path).records == len(steps)
        return
    with pytest.raises(TableUnreadable, match="from the newest to the oldest"):
        surveyed(path)


def test_a_stated_unit_that_cannot_be_is_refused_and_another_named(tmp_path: Path) -> None:
    path = quotes(tmp_path / "q.csv", [AT_MS, AT_MS + 1])
    with pytest.raises(TableUnreadable, match="2009 to 2096 in ns; in ms it would be"):
        surveyed(path, Layout(time_unit="ns"))
    assert surveyed(path, Layout(time_unit="ms")).first_ns == AT_MS * 10**6


@pytest.mark.parametrize("change", ["grown", "shrunk", "another", "rewritten"])
def test_a_file_that_changes_meanwhile_is_refused(tmp_path: Path, change: str) -> None:
    path = quotes(tmp_path / "q.csv", [AT_MS + step for step in range(50_000)])
    found = surveyed(path)
    parts = found.readings()
    next(parts)
    before = path.stat()
    if change == "grown":
        path.write_bytes(path.read_bytes() + b"more\n")
    elif change == "shrunk":
        os.truncate(path, 1_000)
    elif change == "another":
        quotes(tmp_path / "new.csv", [AT_MS + step for step in range(50_000)]).rename(path)
    else:
        with path.open("r+b") as file:
            file.seek(100)
            file.write(b"1")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    with pytest.raises(TableUnreadable, match="changed while it was read"):
        list(parts)


@pytest.mark.parametrize("name", ["q.doc", "q.zip", "q", "q.parquet.gz", "q.json"])
def test_a_name_that_says_nothing_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(TableUnreadable, match="by its name"):
        begun(tmp_path / name, "A-B", Layout())


def test_a_hint_is_given_where_columns_are_the_matter(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for header, is_of_columns in (("time,bid,ask", True), ("at,bid,ask", False)):
        path.write_text(f"{header}\n1,2,3\n", encoding="utf-8")
        with pytest.raises(TableUnreadable) as caught:
            surveyed(path)
        assert ("--map COLUMN=NAME" in caught.value.hint) == is_of_columns


WRONG = {
    "csv/d-semicolon-comma.csv": "bid is missing or not a number",
    "csv/i-thousands.csv": "bid is missing or not a number",
    "csv/m-kraken.csv": "lacks columns",
    "csv/p-candles.csv": "lacks columns",
    "csv/q-binance.zip": "by its name",
    "csv/quotes-newest-first.csv": "newest to the oldest",
    "csv/r-newest-first.csv": "newest to the oldest",
    "csv/ten-decimals.csv": "more than eight decimals",
    "parquet/o-list-side.parquet": r"'side' holds list",
    "parquet/q-struct-bid.parquet": r"'bid' holds struct",
    "recordings/j-cut.jsonl.zst": "cut short",
}
READ = {
    "books/books.csv": 9_000,
    "csv/a-utc-suffix.csv": 300,
    "csv/b-spaced-offset.csv": 300,
    "csv/e-tab.tsv": 300,
    "csv/l-cr-only.csv": 300,
    "csv/trades-a.csv": 700,
    "parquet/a-tz-sydney.parquet": 50,
    "parquet/n-null-side.parquet": 50,
    "recordings/a-plain.jsonl.zst": 20,
    "recordings/b-reversed-keys.jsonl.zst": 20,
    "recordings/h-plain.jsonl": 20,
    "recordings/i-gz.jsonl.gz": 20,
}


@pytest.mark.parametrize("name", [*WRONG, *READ])
def test_files_from_the_field(name: str) -> None:
    path = FIELD / name
    if not path.exists():
        pytest.skip(f"no {FIELD} on this machine")
    if name in READ:
        assert surveyed(path).understood == READ[name]
        return
    with pytest.raises(TableUnreadable) as caught:
        surveyed(path)
    assert re.search(WRONG[name], str(caught.value))
    assert str(path) in str(caught.value)
