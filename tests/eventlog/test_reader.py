"""Reading beside a writer, after one, and after a crash: a prefix of what is durable."""

import subprocess
import sys
from pathlib import Path

import pytest

from eventlog import recovery, segment, watermark
from eventlog.errors import Corrupt, NoLog
from eventlog.log import Log
from eventlog.reader import Reader
from tests.support.simfs import PowerCut
from tests.support.strategies import quote
from tests.support.workloads import LOG, SEGMENT_BYTES, numbers, world


def test_a_reader_follows_a_writer_through_rolls_and_sealing() -> None:
    """After each commit a refresh shows it, wherever the records went meanwhile."""
    fs = world()
    log = Log.open(LOG, storage=fs, segment_bytes=SEGMENT_BYTES)
    reader = Reader.open(LOG, storage=fs)
    for number in range(20):
        log.append([quote(number)])
        assert reader.end == number
        assert reader.refresh() == number + 1
        assert (reader.chain, reader.identity) == (log.chain, log.identity)
        if number % 7 == 6:
            assert log.seal()
        assert numbers(reader) == list(range(number + 1))
        assert reader.chain_after(number) == log.chain_after(number)
    assert [reader.chain_after(offset) for offset in range(20)] == [
        log.chain_after(offset) for offset in range(20)
    ]


def test_a_refresh_with_nothing_new_reads_only_the_mark() -> None:
    """Waiting for news costs one small read."""
    fs = world()
    log = Log.open(LOG, storage=fs)
    log.append([quote(0)])
    reader = Reader.open(LOG, storage=fs)
    fs.calls.clear()

    reader.refresh()
    assert fs.calls == ["read mark"]

    log.append([quote(1)])
    fs.calls.clear()
    reader.refresh()
    assert fs.calls == ["read mark", f"read {segment.name(0)}"]


def test_a_write_that_is_not_durable_is_not_visible() -> None:
    """Neither a part of a frame nor a whole one that is not synced is shown."""
    fs = world()
    log = Log.open(LOG, storage=fs)
    log.append([quote(0)])
    reader = Reader.open(LOG, storage=fs)
    fs.cut_at = len(fs.calls) + 1
    with pytest.raises(PowerCut):
        log.append([quote(1)])
    fs.cut_at = None
    assert fs.calls[-1].startswith("pwrite")

    assert reader.refresh() == 1
    assert Reader.open(LOG, storage=fs).end == 1
    assert numbers(Reader.open(LOG, storage=fs)) == [0]


def test_the_first_write_of_a_segment_is_not_visible_either() -> None:
    """Also where there is no frame before it."""
    fs = world()
    log = Log.open(LOG, storage=fs)
    fs.cut_at = len(fs.calls) + 1
    with pytest.raises(PowerCut):
        log.append([quote(0)])
    fs.cut_at = None

    reader = Reader.open(LOG, storage=fs)

    assert (reader.end, list(reader.read())) == (0, [])


def test_a_mark_that_stayed_behind_hides_only_the_last_commit() -> None:
    """A later frame proves the earlier ones durable."""
    fs = world()
    log = Log.open(LOG, storage=fs)
    old = fs.names[LOG / watermark.NAME].current[:]
    for number in range(4):
        log.append([quote(number)])
    fs.put(LOG / watermark.NAME, bytes(old))

    assert Reader.open(LOG, storage=fs).end == 3


def test_a_mark_that_is_being_written_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """One torn look at the watermark changes nothing."""
    fs = world()
    log = Log.open(LOG, storage=fs)
    log.append([quote(0)])
    reader = Reader.open(LOG, storage=fs)
    log.append([quote(1)])
    looks = []
    honest = watermark.read

    def torn_once(*arguments: object) -> watermark.Slots:
        looks.append(arguments)
        slots = honest(fs, LOG)
        return (
            slots
            if len(looks) > 1
            else watermark.Slots(None, 0, ("the checksum of slot 0 is wrong",))
        )

    monkeypatch.setattr(watermark, "read", torn_once)

    assert reader.refresh() == 2
    assert len(looks) == 2


def test_a_look_during_a_roll_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing that misses what the watermark already names is looked at again."""
    fs = world()
    log = Log.open(LOG, storage=fs, segment_bytes=SEGMENT_BYTES)
    for number in range(5):
        log.append([quote(number)])
    looks = []
    honest = fs.listdir

    def stale_once(path: Path) -> list[str]:
        looks.append(path)
        names = honest(path)
        return names if len(looks) > 1 else [name for name in names if name != log._last.path.name]

    monkeypatch.setattr(fs, "listdir", stale_once)

    assert Reader.open(LOG, storage=fs).end == 5
    assert len(looks) == 2


def test_no_log_and_a_damaged_one_are_refused() -> None:
    """`NoLog` where nothing is, `Corrupt` where something is missing or changed."""
    fs = world()
    with pytest.raises(NoLog):
        Reader.open(LOG, storage=fs)
    with Log.open(LOG, storage=fs) as log:
        log.append([quote(0)])
    reader = Reader.open(LOG, storage=fs)
    position = reader._last.start + 70
    fs.names[LOG / segment.name(0)].current[position] ^= 1

    with pytest.raises(Corrupt, match="checksum of the body"):
        list(Reader.open(LOG, storage=fs).read())
    with pytest.raises(Corrupt, match="checksum of the body"):
        list(reader.read())
    fs.names[LOG / segment.name(0)].current[position - 60] ^= 1
    with pytest.raises(Corrupt, match=r"case [FG]"):
        Reader.open(LOG, storage=fs)


@pytest.mark.parametrize("heard", [0, 5, 11])
def test_a_reader_knows_of_a_segment_what_a_writer_knows(heard: int) -> None:
    """Headers up to the watermark, and whole frames behind it, say what all bodies would say."""
    fs = world()
    log = Log.open(LOG, storage=fs)
    for number in range(12):
        log.append([quote(number)] * (1 + number % 3))
        if number == heard:
            old = bytes(fs.names[LOG / watermark.NAME].current)
    fs.put(LOG / watermark.NAME, old)

    reader = Reader.open(LOG, storage=fs)

    (whole,) = recovery.examine(fs, LOG, recovery.manifest_of(fs, LOG)).segments
    if heard < 11:
        whole.forget_last()
    assert reader._last.link == whole.link
    assert reader._last.position == whole.position
    assert list(reader._last.frame_ends()) == list(whole.frame_ends())
    assert reader._last.position_of(reader.end) == whole.position


def test_damage_to_what_is_new_is_found_by_the_refresh() -> None:
    """What the watermark promises and the segment does not hold is corrupt."""
    fs = world()
    log = Log.open(LOG, storage=fs)
    reader = Reader.open(LOG, storage=fs)
    log.append([quote(0)])
    fs.names[LOG / segment.name(0)].current[reader._last.start + 70] ^= 1

    with pytest.raises(Corrupt):
        reader.refresh()


FOLLOWER = """
import sys
from pathlib import Path
from eventlog.reader import Reader
from eventlog.schema import decode
reader = Reader.open(Path(sys.argv[1]))
shown = 0
while shown < int(sys.argv[2]):
    end = reader.refresh()
    for batch in reader.read(shown, end):
        for offset, record in decode(batch):
            assert offset == record.snapshot_id == shown, (offset, record, shown)
            shown += 1
print(shown)
"""


def test_another_process_follows_a_real_writer(tmp_path: Path) -> None:
    """Over a real filesystem, through rolls and sealing, a follower sees all, in order, once."""
    directory = tmp_path / "log"
    commits = 400
    with Log.open(directory, segment_bytes=1 << 16) as log:
        command = [sys.executable, "-c", FOLLOWER, str(directory), str(commits)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
            for number in range(commits):
                log.append([quote(number)])
                if number % 100 == 99:
                    log.seal()
            output, _ = follower.communicate(timeout=60)

    assert output.strip() == str(commits)


@pytest.mark.parametrize("wrong", [-1, 1])
def test_a_reader_refuses_a_watermark_that_counts_other_records(wrong: int) -> None:
    """Headers that lead to the right place, but to another offset, are not what it tells of."""
    fs = world()
    log = Log.open(LOG, storage=fs)
    for number in range(3):
        log.append([quote(number)])
    newest = watermark.read(fs, LOG).newest
    assert newest is not None
    forged = watermark.to_bytes(newest._replace(end=newest.end + wrong), 99)
    fs.put(LOG / watermark.NAME, forged.ljust(watermark.SLOT_STRIDE_BYTES, b"\0") * watermark.SLOTS)

    with pytest.raises(Corrupt):
        Reader.open(LOG, storage=fs)
