"""Several files as one stream, in the order of their times."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.records import Trade
from eventlog.schema import decode
from feeds.errors import TableUnreadable
from feeds.files.layout import Layout
from feeds.files.merge import DUPLICATES, readings
from feeds.files.survey import Survey, begun, completed

AT_S = 1_700_000_000


def trades(path: Path, rows: list[tuple[int, int]]) -> Path:
    lines = ["at,price,size", *(f"{at + AT_S},{price},1" for at, price in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def known_of(path: Path) -> Survey:
    """Return all that can be known of a file, also of one that an import refuses for its order."""
    try:
        return completed(begun(path, "A-B", Layout()))
    except TableUnreadable:
        return begun(path, "A-B", Layout())


TIMES = st.lists(st.integers(1, 12), min_size=1, max_size=20)


@given(files=st.lists(TIMES, min_size=2, max_size=4))
def test_files_are_merged_by_time(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[int]]
) -> None:
    """Nobody overtakes the rows of its own file; at equal times the first file comes first."""
    home = tmp_path_factory.mktemp("m")
    paths, wanted = [], []
    for number, times in enumerate(files):
        rows = [(at, 100 * number + index + 1) for index, at in enumerate(times)]
        paths.append(trades(home / f"{number}.csv", rows))
        latest = 0
        for index, (at, price) in enumerate(rows):
            latest = max(latest, at)
            wanted.append((latest, number, index, price))

    surveys = [known_of(path) for path in paths]
    found = []
    for reading in readings(surveys):
        for _, record in decode(reading.batch):
            assert isinstance(record, Trade)
            found.append(record.price_e8 // 10**8)

    assert found == [price for *_, price in sorted(wanted)]


def test_a_file_of_no_known_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("at,price,size\n", encoding="utf-8")
    with pytest.raises(TableUnreadable, match="by its name"):
        completed(begun(tmp_path / "a.txt", "A-B", Layout()))


def identified(path: Path, rows: list[tuple[int, int, int]]) -> Path:
    lines = [
        "at,trade_id,price,size",
        *(f"{at + AT_S},{each},{price},1" for at, each, price in rows),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@given(
    rows=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 8)), min_size=1, max_size=20),
    cuts=st.tuples(st.integers(0, 20), st.integers(0, 20)),
)
def test_trades_that_files_share_are_recorded_once(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int]], cuts: tuple[int, int]
) -> None:
    """Two parts of a table that overlap come to its trades, each id once."""
    home = tmp_path_factory.mktemp("d")
    trades = [(at, each, 100 + each) for at, each in sorted(rows)]
    start, end = min(*cuts, len(trades) - 1), max(*cuts, 1)
    paths = [identified(home / "a.csv", trades[:end]), identified(home / "b.csv", trades[start:])]
    found = [begun(path, "A-B", Layout()) for path in paths]

    ids, left_out = [], 0
    for reading in readings(found):
        ids += reading.batch.column("trade_id").to_pylist()
        left_out += reading.left_out.get(DUPLICATES, 0)

    wanted = {each for _, each, _ in trades[:end]} | {each for _, each, _ in trades[start:]}
    assert sorted(ids) == sorted(wanted)
    assert len(ids) + left_out == len(trades[:end]) + len(trades[start:])


def test_another_trade_of_the_same_id_is_kept_and_noted(tmp_path: Path) -> None:
    path = identified(tmp_path / "a.csv", [(1, 7, 100), (2, 7, 101), (3, 7, 101)])
    (reading,) = readings([begun(path, "A-B", Layout())])
    assert reading.batch.num_rows == 2
    assert reading.noted["a trade with the id of another trade"] == 1
    assert reading.left_out == {DUPLICATES: 1}


def test_trades_without_an_id_are_never_duplicates(tmp_path: Path) -> None:
    paths = [trades(tmp_path / f"{name}.csv", [(1, 5), (2, 6)]) for name in "ab"]
    batches = [each.batch for each in readings([begun(path, "A-B", Layout()) for path in paths])]
    assert sum(batch.num_rows for batch in batches) == 4


def test_of_many_days_only_one_is_open(tmp_path: Path) -> None:
    """Files that follow each other are read one after the other."""
    days = [
        trades(tmp_path / f"{day}.csv", [(day * 100 + row, 5) for row in range(9)])
        for day in range(40)
    ]
    surveys = [completed(begun(path, "A-B", Layout())) for path in reversed(days)]
    most = rows = 0
    for reading in readings(surveys):
        rows += reading.batch.num_rows
        names = [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.exists()]
        most = max(most, sum(name.startswith(str(tmp_path)) for name in names))
    assert rows == 40 * 9
    assert most <= 2


def test_a_recording_begins_with_its_first_frame(tmp_path: Path) -> None:
    """Even if that cannot be decoded."""
    path = tmp_path / "r.jsonl"
    frame = '{"marketId":"A-B","messageType":"tick"}'
    lines = [f'{{"at":{AT_S + row},"frame":{frame}}}' for row in range(3)]
    good = (
        '{"marketId":"A-B","timestamp":"2023-11-14T22:13:29.000Z","tradeId":7,"price":"1",'
        '"volume":"1","messageType":"trade","side":"Bid"}'
    )
    path.write_text("\n".join([*lines, f'{{"at":{AT_S + 9},"frame":{good}}}']), encoding="utf-8")
    assert completed(begun(path, "A-B", Layout())).first_ns == AT_S * 10**9
