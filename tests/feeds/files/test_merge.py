"""Several files as one stream, in the order of their times."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.records import Trade
from eventlog.schema import decode
from feeds.errors import TableUnreadable
from feeds.files.layout import Layout
from feeds.files.merge import readings
from feeds.files.survey import begun, completed


def trades(path: Path, rows: list[tuple[int, int]]) -> Path:
    lines = ["at,price,size", *(f"{at + 1_700_000_000},{price},1" for at, price in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


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

    surveys = [begun(path, "A-B", Layout()) for path in paths]
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
