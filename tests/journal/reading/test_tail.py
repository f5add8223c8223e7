"""Records in order, and those that come after."""

from itertools import islice
from pathlib import Path

from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import Health, SessionStarted
from journal.reading.tail import tail


def health(at: int) -> Health:
    return Health(received_ns=at, detail="{}")


def test_no_more_than_so_many_of_a_kind(tmp_path: Path) -> None:
    """What is of another kind does not count; a stretch that is empty yields nothing."""
    with Log.open(tmp_path / "log") as log:
        log.append([SessionStarted(received_ns=0, session=1, detail="{}")])
        log.append([health(at) for at in range(1, 5)])
    reader = Reader.open(tmp_path / "log")

    assert [offset for offset, _ in tail(reader, 0, 4)] == [0, 1, 2, 3]
    assert [offset for offset, _ in tail(reader, 0, 5, kinds=["health"], most=2)] == [1, 2]
    assert [*tail(reader, 3, 3)] == []


def test_it_goes_on_with_what_becomes_durable(tmp_path: Path) -> None:
    """Each record once, in order, however the log grew."""
    with Log.open(tmp_path / "log") as log:
        log.append([health(0)])
        reader = Reader.open(tmp_path / "log")
        followed = tail(reader, 0, reader.end, follow=True)
        assert next(followed) == (0, health(0))
        log.append([health(1), health(2)])

        assert [*islice(followed, 2)] == [(1, health(1)), (2, health(2))]
