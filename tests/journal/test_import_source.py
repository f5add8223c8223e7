"""What an import's records follow from, and whether a journal that is there follows from it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from feeds.errors import TableUnreadable
from feeds.files.layout import Layout
from feeds.files.survey import Survey
from journal.errors import CommandError
from journal.import_source import described, difference, layout_of, surveyed, why_no_label

AT_S = 1_700_000_000
HEADER = "at,bid,bid_size,ask,ask_size"


def day(path: Path, rows: Sequence[int], *, header: str = HEADER) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{AT_S + row},{100 + row % 3},1,{101 + row % 3},1" for row in rows]
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def found_in(*paths: Path, layout: Layout = Layout()) -> list[Survey]:  # noqa: B008  frozen
    return surveyed(paths, "BTC-AUD", layout, tell=lambda _: None)


def recorded(found: Sequence[Survey]) -> Any:
    """Return what a journal has of it, as it comes back from its first record."""
    return json.loads(json.dumps(described(found)))


def test_the_same_files_are_the_same(tmp_path: Path) -> None:
    one, two = day(tmp_path / "1/X.csv", range(5)), day(tmp_path / "2/X.csv", range(5, 9))
    begun = recorded(found_in(one, two))

    assert [file["name"] for file in begun["files"]] == [str(one), str(two)]
    assert [file["size_bytes"] for file in begun["files"]] == [
        one.stat().st_size,
        two.stat().st_size,
    ]
    assert not difference(begun, found_in(one, two))
    moved = one.rename(tmp_path / "moved.csv")
    assert not difference(begun, found_in(moved, two)), "what counts is the bytes"


def test_other_files_of_the_same_names_are_other_files(tmp_path: Path) -> None:
    """Two days that are called the same: each is held to its own bytes, and to its place."""
    one, two = day(tmp_path / "1/X.csv", range(5)), day(tmp_path / "2/X.csv", range(5, 9))
    begun = recorded(found_in(one, two))

    assert difference(begun, found_in(two, one)) == "from these files in another order"
    assert "from other files" in difference(begun, found_in(two))
    day(one, [0, 1, 2, 3, 5])
    assert (
        difference(begun, found_in(one, two)) == f"from other files than {one}, which has changed"
    )
    other = day(tmp_path / "3/X.csv", range(20, 25))
    assert "was not among them" in difference(begun, found_in(other, two))


def test_other_columns_or_units_are_another_import(tmp_path: Path) -> None:
    path = day(tmp_path / "X.csv", range(5), header="at,bid,bid_size,ask,ask_size")
    begun = recorded(found_in(path))
    assert "--time-unit" in difference(begun, found_in(path, layout=Layout(time_unit="s")))
    assert "--map" in difference(begun, found_in(path, layout=Layout({"last": "ask"})))


def test_what_earlier_versions_kept_is_understood(tmp_path: Path) -> None:
    """A digest by the name of each file, and a unit that was always there."""
    one, two = day(tmp_path / "a.csv", range(5)), day(tmp_path / "b.csv", range(5, 9))
    found = found_in(one, two)
    digests = {each.path.name: each.digest for each in found}
    begun = {"files": digests, "layout": {"names": {}, "time_unit": "ns"}}

    assert not difference(begun, found)
    assert difference({**begun, "files": {"a.csv": "0"}}, found) == "from other files"
    assert "--map" in difference({**begun, "layout": {"names": {}, "time_unit": "ms"}}, found)
    assert difference(None, found) == "otherwise than by an import"


def test_the_same_bytes_twice_are_refused(tmp_path: Path) -> None:
    one, two = day(tmp_path / "a.csv", range(5)), day(tmp_path / "b.csv", range(5))
    for paths in ([one, one], [one, two]):
        with pytest.raises(CommandError, match="are the same bytes"):
            found_in(*paths)


def test_times_that_are_to_come_are_refused(tmp_path: Path) -> None:
    path = day(tmp_path / "a.csv", [10**9 + row for row in range(5)])
    with pytest.raises(TableUnreadable, match=r"begin on 2055-07-2.*is to come"):
        found_in(path)


def test_a_line_for_each_file_says_what_was_taken_for_what(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Told, and not printed."""
    path, told = day(tmp_path / "\x1b[31m.csv", range(5)), list[str]()
    surveyed([path], "BTC-AUD", Layout(), tell=told.append)
    (line,) = told
    assert capsys.readouterr() == ("", "")
    assert line.endswith(
        "a table of 5 rows (5 books); at in s is 'at', bid, bid_size, ask, ask_size"
    )
    assert "\x1b" not in line


@pytest.mark.parametrize(
    ("assignments", "unit", "said"),
    [
        (["at"], None, "--map at: not COLUMN=NAME"),
        (["at="], None, "--map at=: not COLUMN=NAME"),
        (["when=at"], None, "COLUMN is one of"),
        (["at=x", "at=y"], None, "--map at=y: at is mapped twice"),
        ([], "days", "--time-unit days: not a unit"),
        ([], "", "--time-unit : not a unit"),
    ],
)
def test_the_argument_that_is_wrong_is_named(
    assignments: list[str], unit: str | None, said: str
) -> None:
    with pytest.raises(CommandError) as caught:
        layout_of(assignments, unit)
    assert said in f"{caught.value} {caught.value.hint}"


def test_a_reason_is_given_where_nothing_can_be_learned(tmp_path: Path) -> None:
    def reason(rows: Sequence[str], header: str = HEADER, horizon_ms: int = 1_000) -> str:
        path = tmp_path / "t.csv"
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return why_no_label(found_in(path), horizon_ms)

    assert "there is no quote" in reason([f"{AT_S},1,1"], "at,price,size")
    assert "all quotes are crossed" in reason([f"{AT_S},3,1,2,1"])
    short = [f"{AT_S + row},1,1,2,1" for row in range(3)]
    assert "cover 2 s, and a label is known 10 s later" in reason(short, horizon_ms=10_000)
    assert "no price moved" in reason(short)
