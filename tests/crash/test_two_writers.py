"""Two writers of one log: what either acknowledged is in the log that remains, or its loss is told.

The lock is got out of the way as operators do it, by deleting its file, or there is none, as on
filesystems that take locks and do not keep them. Then two writers are interleaved call by call:
opened, stopped anywhere for as long as the other likes, continued, killed. Silent is a record that
was acknowledged and is not there, without a word of `check` or of the next opening.
"""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from eventlog import recovery
from eventlog.errors import Corrupt, Displaced, EventLogError
from eventlog.integrity import check
from eventlog.log import Log
from eventlog.records import Quote
from eventlog.schema import decode
from eventlog.storage import Storage
from tests.support.faults import DETECTED, HARMLESS, LOST, SILENT, Tally
from tests.support.strategies import quote
from tests.support.turns import WithoutLocks, Writer

ROOT = Path(__file__).parents[2]
SEGMENT_BYTES = 2048
WRITERS = 3
SEEDS = 40

Acknowledged = list[tuple[int, int]]
"""(Offset, number of the quote), as an append returned."""


def writer(
    directory: Path, told: Acknowledged, *, name: int, seed: str, unlock: bool
) -> Callable[[Storage], None]:
    """Return the work of a writer: open, append, seal now and then, close."""
    rng = random.Random(seed)

    def work(storage: Storage) -> None:
        if unlock:
            with suppress(FileNotFoundError):
                (directory / recovery.LOCK).unlink()
        with Log.open(directory, storage=storage, segment_bytes=SEGMENT_BYTES) as log:
            for number in range(rng.randint(1, 9)):
                mark = name * 1000 + number
                commit = log.append([quote(mark)])
                told.append((commit.first, mark))
                if rng.random() < 0.2:
                    log.seal()

    return work


def interleaved(
    directory: Path, rng: random.Random, seed: str, storage: Storage | None
) -> set[str]:
    """Run writers in turns that are drawn; return what became of the log, and of what they said."""
    told: Acknowledged = []
    kinds = {} if storage is None else {"storage": storage}
    writers = [
        Writer(
            writer(directory, told, name=name, seed=f"{seed} {name}", unlock=storage is None),
            **kinds,
        )
        for name in range(1, WRITERS + 1)
    ]
    while not all(each.ended for each in writers):
        each = rng.choice([each for each in writers if not each.ended])
        # A stretch of calls each: what matters is where one stops, not how often.
        for _ in range(rng.choice((1, 1, 2, 5, 20, 60, 200))):
            if not each.ended:
                each.turn()
        if rng.random() < 0.01:
            each.kill()
    for each in writers:
        each.kill()
        assert each.error is None or isinstance(each.error, EventLogError), each.error
    return verdict(directory, told)


def verdict(directory: Path, told: Acknowledged) -> set[str]:
    """Return what is found of the log, once no writer is alive."""
    outcomes = set()
    if any(not finding.repairable for finding in check(directory)):
        outcomes.add(DETECTED)
    try:
        with Log.open(directory) as log:
            held = {
                offset: record.snapshot_id
                for batch in log.read()
                for offset, record in decode(batch)
                if isinstance(record, Quote)
            }
    except Corrupt:
        return {DETECTED, LOST} if told else {DETECTED}
    if any(held.get(offset) != number for offset, number in told):
        outcomes |= {LOST} if DETECTED in outcomes else {SILENT, LOST}
    return outcomes or {HARMLESS}


def test_nothing_acknowledged_is_lost_when_the_lock_is_deleted(
    tmp_path: Path, effort: int, seed: int, tally: Tally
) -> None:
    """Three writers, each of which finds no lock that keeps it out."""
    for number in range(SEEDS * effort):
        name = f"{seed} {number} deleted"
        outcomes = interleaved(tmp_path / str(number), random.Random(name), name, None)
        for outcome in outcomes:
            tally["three writers, the lock deleted", outcome] += 1
        assert SILENT not in outcomes, name


def test_nothing_acknowledged_is_lost_silently_where_no_locks_are_kept(
    tmp_path: Path, effort: int, seed: int, tally: Tally
) -> None:
    """As on a filesystem of a network that grants each lock to everybody."""
    for number in range(SEEDS * effort):
        name = f"{seed} {number} none"
        storage = WithoutLocks()
        outcomes = interleaved(
            tmp_path / str(number),
            random.Random(name),
            name,
            storage,
        )
        for outcome in outcomes:
            tally["three writers, no locks kept", outcome] += 1
        assert SILENT not in outcomes, name


APPENDER = """
import sys
from pathlib import Path
from eventlog.errors import EventLogError
from eventlog.log import Log
from tests.support.strategies import quote

try:
    with Log.open(Path(sys.argv[1]), segment_bytes=1 << 14) as log:
        print("open", flush=True)
        for line in sys.stdin:
            commit = log.append([quote(int(line))])
            print(commit.first, flush=True)
except EventLogError as error:
    print(type(error).__name__, str(error), flush=True)
"""


class Process:
    """A process with the log open, that appends a quote for each number it is given."""

    def __init__(self, directory: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", APPENDER, str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.said = self._line()

    def append(self, number: int) -> str:
        """Return what it says: the offset, or why not."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{number}\n")
        self._process.stdin.flush()
        return self._line()

    def send(self, signal_number: int) -> None:
        """Send it a signal."""
        os.kill(self._process.pid, signal_number)

    def end(self) -> None:
        """Close its input, so that it closes the log, and wait."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def numbers_in(directory: Path) -> list[int | None]:
    """Return the numbers of the quotes of a log that checks."""
    assert check(directory) == []
    with Log.open(directory) as log:
        return [
            record.snapshot_id
            for batch in log.read()
            for _, record in decode(batch)
            if isinstance(record, Quote)
        ]


def test_a_process_whose_lock_was_deleted_acknowledges_nothing_more(tmp_path: Path) -> None:
    """The field's case: the first one is stopped, its lock deleted, another started, it goes on."""
    first = Process(tmp_path / "log")
    assert (first.said, first.append(1)) == ("open", "0")
    first.send(signal.SIGSTOP)
    (tmp_path / "log" / "LOCK").unlink()
    second = Process(tmp_path / "log")
    assert (second.said, second.append(2)) == ("open", "1")
    first.send(signal.SIGCONT)

    said = first.append(3)

    assert said.startswith("Displaced")
    assert "another writer has claimed this log" in said
    assert second.append(4) == "2"
    first.end()
    second.end()
    assert numbers_in(tmp_path / "log") == [1, 2, 4]


@pytest.fixture
def opened(tmp_path: Path) -> Log:
    """A log in the hands of a writer, that holds a record."""
    log = Log.open(tmp_path / "log", segment_bytes=1 << 14)
    log.append([quote(1)])
    return log


def delete_the_lock(directory: Path) -> None:
    (directory / "LOCK").unlink()


def replace_the_lock(directory: Path) -> None:
    (directory / "new").write_bytes((directory / "LOCK").read_bytes())
    (directory / "new").replace(directory / "LOCK")


def move_the_directory(directory: Path) -> None:
    directory.rename(directory.with_name("moved"))


def put_another_directory(directory: Path) -> None:
    directory.rename(directory.with_name("moved"))
    Log.open(directory, segment_bytes=1 << 14).close()


def put_a_copy(directory: Path) -> None:
    copy = directory.with_name("copy")
    subprocess.run(["cp", "-a", str(directory), str(copy)], check=True)
    directory.rename(directory.with_name("moved"))
    copy.rename(directory)


def restore_the_segment(directory: Path) -> None:
    path = directory / f"{0:020}.open"
    path.with_name("restored").write_bytes(path.read_bytes())
    path.with_name("restored").replace(path)


def delete_the_segment(directory: Path) -> None:
    (directory / f"{0:020}.open").unlink()


@pytest.mark.parametrize(
    "happening",
    [
        delete_the_lock,
        replace_the_lock,
        move_the_directory,
        put_another_directory,
        put_a_copy,
        restore_the_segment,
        delete_the_segment,
    ],
)
def test_a_writer_acknowledges_nothing_into_files_that_are_no_longer_the_logs(
    opened: Log, happening: Callable[[Path], None]
) -> None:
    """What is done to the directory under a writer ends it with a sentence, before it promises."""
    happening(opened.directory)

    with pytest.raises(Displaced, match="nothing more is acknowledged here"):
        opened.append([quote(2)])

    opened.close()


def test_copies_go_on_each_by_itself(opened: Log, tmp_path: Path) -> None:
    """A copy of a log that is being written is a log, and neither writer disturbs the other."""
    subprocess.run(["cp", "-a", str(opened.directory), str(tmp_path / "copy")], check=True)
    with Log.open(tmp_path / "copy") as copy:
        copy.append([quote(10)])
        opened.append([quote(20)])
        copy.append([quote(11)])
    opened.close()

    assert numbers_in(tmp_path / "copy") == [1, 10, 11]
    assert numbers_in(tmp_path / "log") == [1, 20]


def test_a_stale_writer_seals_nothing(tmp_path: Path) -> None:
    """Its manifest would name other files than the log's."""
    directory = tmp_path / "log"
    first = Log.open(directory, segment_bytes=SEGMENT_BYTES)
    while not first.sealable():
        first.append([quote(first.end)])
    (directory / "LOCK").unlink()
    with Log.open(directory, segment_bytes=SEGMENT_BYTES) as second:
        with pytest.raises(Displaced):
            first.seal()
        second.seal()
        second.append([quote(second.end)])
        count = second.end
    first.close()

    assert numbers_in(directory) == list(range(count))
