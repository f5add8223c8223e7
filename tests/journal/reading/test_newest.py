"""The newest records of a kind are found from the end, wherever they are."""

import pytest

from eventlog.log import Log
from eventlog.records import Gap, Health
from journal.reading import newest

RARE = [3, 700, 701, 4_000]
END = 5_000


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """Return a log of health samples with a few gaps among them."""
    log = Log.open(tmp_path_factory.mktemp("newest") / "log")
    log.append(
        [
            Gap(received_ns=1, from_ns=0, to_ns=1, why="x")
            if offset in RARE
            else Health(received_ns=1, detail="{}")
            for offset in range(END)
        ]
    )
    return log


@pytest.mark.parametrize("step", [1, 7, 4_096])
@pytest.mark.parametrize(
    ("count", "end", "start"),
    [(1, END, 4_000), (2, END, 701), (3, END, 700), (4, END, 3), (9, END, 0), (1, 4_000, 701)],
)
def test_so_many_of_a_kind(
    log: Log, count: int, end: int, start: int, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However far back they are, and however large the steps."""
    monkeypatch.setattr(newest, "_FIRST_STEP", step)

    assert newest.start_of(log, count, kinds=["gap"], end=end) == start


def test_of_all_kinds_it_is_a_matter_of_counting(log: Log) -> None:
    assert newest.start_of(log, 20) == END - 20
    assert newest.start_of(log, END + 1) == 0
    assert newest.start_of(log, 0, kinds=["gap"]) == END
