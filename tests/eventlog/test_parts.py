"""Reading over sealed and open files alike, also while one becomes the other."""

from pathlib import Path

import pytest

from eventlog.errors import Corrupt, OffsetOutOfRange
from eventlog.log import Log
from eventlog.parts import Hole, check, part_at
from eventlog.reader import Reader
from tests.support.simfs import Refusal, SimFS
from tests.support.strategies import quote
from tests.support.workloads import LOG, world


def three_parts() -> Log:
    """Return a log of nine records: sealed, closed, open."""
    log = Log.open(LOG, storage=world(), segment_bytes=1 << 14)
    for part in range(3):
        log.append([quote(3 * part + row) for row in range(3)])
        if part < 2:
            log._roll(0)
        if part == 0:
            log.seal()
    return log


def world_of(log: Log) -> SimFS:
    """Return the filesystem of a log."""
    fs = log._storage
    assert isinstance(fs, SimFS)
    return fs


def test_a_part_is_found_by_offset() -> None:
    """Every offset is in the part that begins at or before it; the end is in the last."""
    log = three_parts()

    found = [log._parts.index(part_at(log._parts, offset)) for offset in range(10)]

    assert found == [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]
    assert [part.path.suffix for part in log._parts] == [".parquet", ".open", ".open"]


def test_every_range_is_read_across_parts() -> None:
    """Half open, any range, dense."""
    log = three_parts()
    for first in range(10):
        for end in range(first, 10):
            offsets = [
                offset
                for batch in log.read(first, end)
                for offset in batch.column("offset").to_pylist()
            ]
            assert offsets == list(range(first, end))


def test_a_part_that_is_sealed_meanwhile_goes_on_in_its_new_file() -> None:
    """A reader in the middle of an open segment does not notice that it was sealed."""
    log = Log.open(LOG, storage=world(), segment_bytes=1 << 14)
    for number in range(4):
        log.append([quote(number)])
    log._roll(0)
    log.append([quote(4)])
    reading = log.read(columns=["offset"])
    seen = next(reading).column("offset").to_pylist()

    log.seal()
    for batch in reading:
        seen += batch.column("offset").to_pylist()

    assert seen == [0, 1, 2, 3, 4]


def test_a_missing_file_is_corrupt() -> None:
    """A file that is gone, and that nobody sealed, is missing."""
    log = three_parts()
    path = log._parts[1].path
    log._storage.unlink(path)

    with pytest.raises(Corrupt, match="the file is missing") as caught:
        list(log.read())

    assert (caught.value.path, caught.value.offset) == (path, 3)


def passed_over(log: Log) -> tuple[list[int], list[Hole]]:
    """Return the offsets that a reader of a damaged log reads, and the holes that it names."""
    holes: list[Hole] = []
    reader = Reader.open(LOG, storage=log._storage, passing=holes.append)
    batches = reader.read(columns=["offset"])
    return [each for batch in batches for each in batch.column("offset").to_pylist()], holes


def test_a_sealed_file_that_changed_is_a_hole_as_a_whole() -> None:
    """Nothing in it can be trusted, and what follows is read."""
    log = three_parts()
    path = log._parts[0].path
    data = bytearray(log._storage.read(path, 0, 1 << 20))
    data[50] ^= 1
    world_of(log).put(path, bytes(data))

    offsets, holes = passed_over(log)

    assert offsets == [3, 4, 5, 6, 7, 8]
    assert [hole[:3] for hole in holes] == [(0, 3, path)]
    assert "not the one that was sealed" in holes[0].why
    with pytest.raises(Corrupt, match="not the one that was sealed"):
        list(Reader.open(LOG, storage=log._storage).read())


def test_a_sealed_file_that_is_gone_is_a_hole() -> None:
    """It is looked for again first, since a writer may have put another in its place."""
    log = three_parts()
    path = log._parts[0].path
    log._storage.unlink(path)

    offsets, holes = passed_over(log)

    assert offsets == [3, 4, 5, 6, 7, 8]
    assert holes == [Hole(0, 3, path, "the file is missing")]


def test_a_device_that_refuses_to_read_leaves_a_hole() -> None:
    """What it says is why; whoever wants no holes gets its error."""
    log = three_parts()
    path = log._parts[0].path
    holes: list[Hole] = []
    reader = Reader.open(LOG, storage=log._storage, passing=holes.append)
    strict = Reader.open(LOG, storage=log._storage)
    fs = world_of(log)
    fs.refusal = Refusal(len(fs.calls) + 1, for_ever=True)

    assert [batch.num_rows for batch in reader.read(0, 3)] == []
    assert holes == [Hole(0, 3, path, "refused")]
    fs.refusal = Refusal(len(fs.calls) + 1, for_ever=True)
    with pytest.raises(OSError, match="refused"):
        list(strict.read(0, 3))


@pytest.mark.parametrize(("first", "end"), [(-1, 2), (0, 10), (3, 2), (10, 10)])
def test_what_the_log_does_not_hold_is_out_of_range(first: int, end: int) -> None:
    """The error says what is there and what was asked for."""
    with pytest.raises(OffsetOutOfRange) as caught:
        check(Path("/x"), first, end, 9)

    assert (caught.value.expected, caught.value.actual) == ("0 to 9", f"{first} to {end}")


def test_the_whole_log_and_nothing_are_in_range() -> None:
    """The end may be asked for; it has no records."""
    check(Path("/x"), 0, 9, 9)
    check(Path("/x"), 9, 9, 9)
    check(Path("/x"), 0, 0, 0)


def test_columns_have_to_be_in_the_schema() -> None:
    """A name that no record has is refused at once."""
    check(Path("/x"), 0, 9, 9, None)
    check(Path("/x"), 0, 9, 9, ["offset", "bid"])
    with pytest.raises(ValueError, match="colour"):
        check(Path("/x"), 0, 9, 9, ["offset", "colour"])
    with pytest.raises(ValueError, match="no columns"):
        check(Path("/x"), 0, 9, 9, [])
