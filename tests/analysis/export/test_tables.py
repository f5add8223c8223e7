"""Records in other forms say the same."""

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from analysis.export.tables import Form, batches, columns_of, write
from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL
from journal.layout import JournalPath


@pytest.fixture(scope="module")
def log() -> Reader:
    return Reader.open(JournalPath(HERE / "gap", JOURNAL).log)


def put(path: Path, log: Reader, kinds: list[str] | None) -> int:
    """Write the log into a file; return how many records."""
    count, size = write(
        path,
        batches(log, 0, log.end, kinds=kinds, advance=lambda _: None),
        form=Form(path.suffix),
        kinds=kinds,
        force=False,
    )
    assert size == path.stat().st_size
    return count


def table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    return list(csv.DictReader(path.read_text().splitlines()))


def test_all_forms_hold_the_same_records(log: Reader, tmp_path: Path) -> None:
    """Every record is in each, books as JSON where a table has only text."""
    for suffix in ("parquet", "csv", "jsonl"):
        assert put(tmp_path / f"all.{suffix}", log, None) == log.end
    parquet = pq.read_table(tmp_path / "all.parquet").to_pylist()
    rows = table(tmp_path / "all.csv")
    records = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]

    assert [row["kind"] for row in parquet] == [row["kind"] for row in rows]
    assert [row["offset"] for row in parquet] == [each["offset"] for each in records]
    number = next(i for i, row in enumerate(parquet) if row["kind"] == "book" and row["bids"])
    book = json.loads(rows[number]["bids"])
    assert book[0]["price"] == str(parquet[number]["bids"][0]["price"])
    quote = next(i for i, row in enumerate(parquet) if row["kind"] == "quote")
    assert rows[quote]["bid"] == str(parquet[quote]["bid"])


def test_a_small_number_is_written_with_its_decimals(log: Reader, tmp_path: Path) -> None:
    """Zero, too, and in books."""
    put(tmp_path / "all.csv", log, None)
    text = (tmp_path / "all.csv").read_text()

    assert "0E-8" not in text
    assert "0.00000000" in text


def test_one_kind_has_only_its_columns(log: Reader, tmp_path: Path) -> None:
    """A table of fills has no column for a book."""
    count = put(tmp_path / "fills.csv", log, ["fill"])
    rows = table(tmp_path / "fills.csv")

    assert len(rows) == count > 0
    assert {row["kind"] for row in rows} == {"fill"}
    assert set(rows[0]) == set(columns_of(["fill"]))
    assert "bids" not in rows[0]


def test_a_file_is_whole_or_not_there(log: Reader, tmp_path: Path) -> None:
    """An export that fails leaves nothing behind, and what was there as it was."""
    path = tmp_path / "all.parquet"
    path.write_bytes(b"before")

    def failing() -> object:
        yield next(batches(log, 0, log.end, kinds=None, advance=lambda _: None))
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        write(path, failing(), form=Form(path.suffix), kinds=None, force=True)  # type: ignore[arg-type]

    assert [each.name for each in tmp_path.iterdir()] == ["all.parquet"]
    assert path.read_bytes() == b"before"
