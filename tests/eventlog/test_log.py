"""The writer: durable when it returns, dense, alone, and dead after one failure."""

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventlog import body, frame, manifest, segment, watermark
from eventlog.errors import (
    Corrupt,
    Incompatible,
    Locked,
    OffsetOutOfRange,
    TooLarge,
    Unprepared,
    WriteFailed,
)
from eventlog.frame import Kind
from eventlog.integrity import check
from eventlog.log import COMMITS_PER_WATERMARK_SYNC, Log
from eventlog.reader import Reader
from eventlog.records import Record
from eventlog.schema import SCHEMA, VERSION, decode, encode
from eventlog.sealing import prepare
from tests.support.simfs import Refusal, SimFS
from tests.support.strategies import quote, records
from tests.support.workloads import LOG, SEGMENT_BYTES, numbers, world


def opened(fs: SimFS, segment_bytes: int = 1 << 14) -> Log:
    """Open the log of a simulated filesystem."""
    return Log.open(LOG, storage=fs, segment_bytes=segment_bytes)


def test_a_new_log_is_empty_on_a_real_disk(tmp_path: Path) -> None:
    """Opening makes the directory and those above it; what was appended is there next time."""
    directory = tmp_path / "home" / "BTC-AUD" / "log"
    with Log.open(directory, segment_bytes=4096) as log:
        assert (log.end, log.recovery.case) == (0, "A")
        log.append([quote(number) for number in range(3)])
        chain = log.chain

    with Log.open(directory, segment_bytes=4096) as log:
        assert (log.end, log.chain, log.recovery.case) == (3, chain, "A")
        assert numbers(log) == [0, 1, 2]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(records, max_size=4), max_size=6))
def test_any_record_is_read_as_it_was_appended(commits: list[list[Record]]) -> None:
    """I1: whatever is appended comes back, in order, at dense offsets, also after opening again."""
    fs = world()
    with opened(fs, 4096) as log:
        for commit in commits:
            done = log.append(commit)
            assert (done.first, done.end) == (log.end - len(commit), log.end)
            assert list(decode(done.batch())) == list(enumerate(commit, start=done.first))
    with opened(fs, 4096) as log:
        found = [pair for batch in log.read() for pair in decode(batch)]

    assert found == list(enumerate(record for commit in commits for record in commit))


def test_an_append_is_one_write_and_one_sync_and_then_the_mark() -> None:
    """I2: when it returns the records survive a power cut; the watermark is not waited for."""
    fs = world()
    log = opened(fs)
    fs.calls.clear()

    log.append([quote(0), quote(1)])

    name = f"{0:020}.open"
    assert fs.calls == [f"pwrite {name}", f"dsync {name}", "pwrite mark"]
    assert opened(fs.after_power_cut(lambda pending: [])).end == 2


def test_the_mark_is_made_durable_now_and_then() -> None:
    """Every so many commits, when asked, and at the close."""
    fs = world()
    log = opened(fs, 1 << 20)
    for number in range(COMMITS_PER_WATERMARK_SYNC + 1):
        log.append([quote(number)])
    assert durable_watermark(fs) == COMMITS_PER_WATERMARK_SYNC

    log.sync_watermark()
    assert durable_watermark(fs) == COMMITS_PER_WATERMARK_SYNC + 1

    log.append([quote(0)])
    log.close()
    assert durable_watermark(fs) == COMMITS_PER_WATERMARK_SYNC + 2


def test_the_mark_knows_a_segment_before_its_first_record() -> None:
    """So that a segment which is lost whole, after a power cut, is missed."""
    fs = world()
    log = opened(fs, 1152)
    while len(log._open) == 1:
        log.append([quote(log.end)])
    after = fs.after_power_cut(lambda pending: [])
    del after.names[log._last.path]

    with pytest.raises(Corrupt, match="case G"):
        opened(after)


def durable_watermark(fs: SimFS) -> int:
    """Return what the watermark says after a power cut."""
    newest = watermark.read(fs.after_power_cut(lambda pending: []), LOG).newest
    assert newest is not None
    return newest.end


def test_batches_are_renumbered() -> None:
    """Rows that are in the schema are appended under new offsets, a slice as well as a whole."""
    log = opened(world())
    batch = encode([quote(0), quote(1), quote(2)], first_offset=77)

    assert log.append_batch(batch).column("offset").to_pylist() == [0, 1, 2]
    assert log.append_batch(batch.slice(1, 1)).column("offset").to_pylist() == [3]
    assert numbers(log) == [0, 1, 2, 1]


def test_batches_of_other_columns_or_with_holes_are_refused() -> None:
    """What a reader could not read is not written."""
    log = opened(world())
    batch = encode([quote(0)], first_offset=0)

    with pytest.raises(ValueError, match="not in the schema"):
        log.append_batch(batch.drop_columns(["bid"]))
    hole = batch.set_column(1, SCHEMA.field("kind"), pa.array([None], pa.string()))
    with pytest.raises(ValueError, match="without kind"):
        log.append_batch(hole)
    assert log.end == 0


def test_no_records_are_no_commit() -> None:
    """Appending nothing writes nothing."""
    fs = world()
    log = opened(fs)
    fs.calls.clear()

    assert log.append([]).batch().num_rows == 0
    assert fs.calls == []


def test_an_append_larger_than_a_segment_gets_its_own() -> None:
    """I10: the size of a segment is no maximum of an append."""
    fs = world()
    log = opened(fs, 1024)
    log.append([quote(0)])
    log.append([quote(number) for number in range(1, 2001)])
    log.append([quote(2001)])

    assert numbers(log) == list(range(2002))
    log.close()
    assert numbers(opened(fs)) == list(range(2002))


def test_an_append_larger_than_a_frame_is_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """I10: the maximum is stated, nothing of the append is written, and the log goes on."""
    log = opened(world())
    monkeypatch.setattr(frame, "BODY_BYTES_MAX", 5000)

    with pytest.raises(TooLarge):
        log.append([quote(number) for number in range(100)])

    log.append([quote(0)])
    assert numbers(log) == [0]


def test_there_is_one_writer() -> None:
    """A second one is refused until the first has closed."""
    fs = world()
    first = opened(fs)
    with pytest.raises(Locked):
        opened(fs)
    first.close()
    first.close()
    opened(fs).close()


def test_a_failed_opening_gives_back_the_lock() -> None:
    """Whatever refused the opening, the next one is not refused because of it."""
    fs = world()
    fs.refusal = Refusal(8)
    with pytest.raises(WriteFailed):
        opened(fs)
    fs.refusal = None

    opened(fs).close()


def test_each_opening_raises_the_epoch() -> None:
    """Frames of a later writer carry a higher number, also if an earlier one wrote none."""
    fs = world()
    epochs = []
    for number in range(3):
        opened(fs).close()
        with opened(fs) as log:
            log.append([quote(number)])
            epochs.append(log._last.link.epoch)

    assert epochs == [2, 4, 6]


def test_a_closed_log_refuses() -> None:
    """The file numbers of a closed log may be another file's."""
    log = opened(world())
    log.close()

    with pytest.raises(WriteFailed, match="it was closed"):
        log.append([quote(0)])


def test_an_interrupt_in_the_middle_of_a_commit_ends_the_writer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is half written is for recovery to judge, not for the next append to overwrite."""
    fs = world()
    log = opened(fs)

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(log._watermark_file, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            log.append([quote(0)])

    with pytest.raises(WriteFailed, match="KeyboardInterrupt"):
        log.append([quote(1)])
    log.close()
    assert numbers(opened(fs)) == [0]


def test_what_is_wrong_with_a_write_is_said() -> None:
    """The error has the file and what the system said."""
    fs = world()
    log = opened(fs)
    fs.refusal = Refusal(len(fs.calls) + 1, errno.ENOSPC)

    with pytest.raises(WriteFailed, match="refused") as caught:
        log.append([quote(0)])

    assert caught.value.path.name == f"{0:020}.open"
    assert isinstance(caught.value.__cause__, OSError)


def test_ranges_and_columns_are_refused_at_once() -> None:
    """An impossible read fails when it is asked for, not when it is used."""
    log = opened(world())
    log.append([quote(0)])

    with pytest.raises(OffsetOutOfRange):
        log.read(0, 2)
    with pytest.raises(OffsetOutOfRange):
        log.read(2)
    with pytest.raises(OffsetOutOfRange):
        log.chain_after(1)
    with pytest.raises(ValueError, match="unknown columns"):
        log.read(columns=["colour"])
    assert list(log.read(1)) == []


def test_chain_values_are_known_at_commits_before_and_after_sealing() -> None:
    """What a checkpoint is bound to survives the segment."""
    log = opened(world())
    log.append([quote(0), quote(1)])
    first = log.chain
    log.append([quote(2)])
    log._roll(0)
    log.append([quote(3)])

    for _ in range(2):
        links = [log.chain_after(offset) for offset in range(-1, 4)]
        assert [link is None for link in links] == [False, True, False, False, False]
        assert links[2] == first[:16]
        assert links[4] == log.chain[:16]
        assert len(log.seal()) in (0, 1)
    assert log._parts[0].path.suffix == ".parquet"


def test_sealing_takes_all_closed_segments_and_leaves_the_open_one() -> None:
    """After it there is one open segment; sealing again does nothing."""
    fs = world()
    log = opened(fs, SEGMENT_BYTES)
    for number in range(12):
        log.append([quote(number)])
    closed = len(log._open) - 1
    assert closed > 1

    assert len(log.seal()) == closed
    assert log.seal() == ()
    assert [name.endswith(".open") for name in fs.listdir(LOG)].count(True) == 1
    assert numbers(log) == list(range(12))
    log.close()
    assert numbers(opened(fs)) == list(range(12))


def closing(log: Log, segments: int) -> None:
    """Append, one by one, until so many segments are closed."""
    while len(log._open) <= segments:
        log.append([quote(log.end)])


def test_a_prepared_segment_is_published_in_few_calls() -> None:
    """The writer's part of sealing: no read of the segment, no write of the Parquet file."""
    fs = world()
    log = opened(fs, SEGMENT_BYTES)
    closing(log, 1)
    (work,) = log.sealable()
    prepared = prepare(work, storage=fs)
    log.append([quote(log.end)])
    fs.calls.clear()

    entry = log.commit_seal(prepared)

    assert fs.calls == [
        f"read {entry.name}.tmp",
        f"rename {entry.name}",
        "fsync_dir log",
        "create MANIFEST.tmp",
        "pwrite MANIFEST.tmp",
        "fsync MANIFEST.tmp",
        "read MANIFEST",
        "rename MANIFEST",
        "fsync_dir log",
        f"unlink {work.path.name}",
    ]
    assert log.sealable() == ()
    assert numbers(log) == list(range(log.end))
    assert check(LOG, storage=fs) == []


def test_segments_are_published_in_order_while_the_log_rolls() -> None:
    """Prepared in any order, committed from the oldest on; what closes meanwhile is work again."""
    fs = world()
    log = opened(fs, SEGMENT_BYTES)
    closing(log, 2)
    works = log.sealable()
    later, oldest = (prepare(work, storage=fs) for work in reversed(works))
    closing(log, 3)
    assert log.sealable()[:2] == works

    with pytest.raises(Unprepared, match="not of the oldest"):
        log.commit_seal(later)
    for prepared in (oldest, later):
        log.commit_seal(prepared)
        log.append([quote(log.end)])

    assert len(log.seal()) == len(log._manifest.sealed) - 2 >= 1
    assert numbers(log) == list(range(log.end))
    log.close()
    assert numbers(opened(fs)) == list(range(log.end))


@pytest.mark.parametrize("fault", ["damaged", "shorter", "missing", "sealed", "another log"])
def test_what_is_not_as_it_was_prepared_is_refused_and_the_log_goes_on(fault: str) -> None:
    """Nothing is changed, the writer lives, and the segment can be prepared again."""
    fs = world()
    log = opened(fs, SEGMENT_BYTES)
    closing(log, 1)
    prepared = prepare(log.sealable()[0], storage=fs)
    if fault == "damaged":
        fs.names[prepared.temporary].current[60] ^= 1
    elif fault == "shorter":
        del fs.names[prepared.temporary].current[-1]
    elif fault == "missing":
        fs.unlink(prepared.temporary)
    elif fault == "sealed":
        log.commit_seal(prepared)
        closing(log, 1)
    else:
        work = replace(prepared.work, identity=bytes(16))
        prepared = replace(prepared, work=work)
    before = {path: bytes(inode.current) for path, inode in fs.names.items()}

    with pytest.raises(Unprepared):
        log.commit_seal(prepared)

    assert {path: bytes(inode.current) for path, inode in fs.names.items()} == before
    log.append([quote(log.end)])
    assert len(log.seal()) >= 1
    assert numbers(log) == list(range(log.end))
    log.close()
    again = opened(fs)
    assert numbers(again) == list(range(again.end))
    assert not [name for name in fs.listdir(LOG) if name.endswith(".tmp")]


def test_a_prepared_file_whose_entry_is_another_segments_is_refused() -> None:
    """The manifest names what the segment holds, not what somebody says of it."""
    fs = world()
    log = opened(fs, SEGMENT_BYTES)
    closing(log, 2)
    oldest, later = (prepare(work, storage=fs) for work in log.sealable())

    with pytest.raises(Unprepared):
        log.commit_seal(replace(oldest, entry=later.entry, temporary_name=later.temporary_name))

    assert len(log.seal()) == 2


def test_a_dead_writer_publishes_nothing() -> None:
    """After a refusal it is too late, though the file is sound."""
    fs = world()
    log = opened(fs, SEGMENT_BYTES)
    closing(log, 1)
    prepared = prepare(log.sealable()[0], storage=fs)
    fs.refusal = Refusal(len(fs.calls) + 1)
    with pytest.raises(WriteFailed):
        log.append([quote(log.end)])
    fs.refusal = None

    with pytest.raises(WriteFailed, match="dead"):
        log.commit_seal(prepared)


def test_what_interrupted_publications_left_is_removed() -> None:
    """Temporary files go; a superseded open segment goes once its Parquet file was verified."""
    fs = world()
    with opened(fs) as log:
        log.append([quote(0)])
        log._roll(0)
        kept = bytes(fs.names[log._open[0].path].current)
        path = log._open[0].path
        (entry,) = log.seal()
    fs.put(path, kept)
    fs.put(LOG / "x.parquet.tmp", b"")
    damaged = fs.copy()
    damaged.names[LOG / entry.name].current[9] ^= 1

    opened(fs).close()
    with pytest.raises(Corrupt):
        opened(damaged)

    assert not fs.exists(path)
    assert not fs.exists(LOG / "x.parquet.tmp")
    assert damaged.exists(path)


@pytest.mark.parametrize(
    "ask",
    [lambda log: list(log.read()), lambda log: log.chain_after(0)],
    ids=["read", "chain_after"],
)
def test_what_is_found_corrupt_while_reading_stops_the_writer(ask: Callable[[Log], object]) -> None:
    """A sealed file is looked at when it is read: nothing is appended behind it from then on."""
    fs = world()
    with opened(fs) as log:
        for number in range(3):
            log.append([quote(number)])
        log._roll(0)
        (entry,) = log.seal()
        fs.names[LOG / entry.name].current[200] ^= 1

        with pytest.raises(Corrupt, match="is not the one that was sealed"):
            ask(log)

        with pytest.raises(WriteFailed, match="this writer is dead"):
            log.append([quote(3)])


def test_an_open_segment_inside_the_sealed_ones_is_corrupt() -> None:
    """A file whose name claims records that are sealed elsewhere is not ignored."""
    fs = world()
    with opened(fs) as log:
        log.append([quote(0), quote(1)])
        log._roll(0)
        log.seal()
    fs.create(LOG / f"{1:020}.open")

    with pytest.raises(Corrupt, match="overlaps"):
        opened(fs)


def of_newer_format(fs: SimFS, patch: pytest.MonkeyPatch) -> None:
    """Make a log whose manifest says a format that is not known yet."""
    opened(fs).close()
    newer = fs.names[LOG / "MANIFEST"].current.replace(b'"version": 1', b'"version": 2')
    cut = newer.rfind(b"\n", 0, -1) + 1
    digest = manifest._last_line(bytes(newer[:cut]))
    fs.names[LOG / "MANIFEST"].current = bytearray(newer[:cut] + digest)


def of_newer_records(fs: SimFS, patch: pytest.MonkeyPatch) -> None:
    """Make a log that sealed records of today, and goes on with some of tomorrow."""
    with opened(fs) as log:
        log.append([quote(0)])
        later = SCHEMA.with_metadata({"trader.schema": str(VERSION + 1)})
        patch.setattr(segment, "SCHEMA", later)
        log._roll(0)
        log.seal()
    patch.undo()


@pytest.mark.parametrize("newer", [of_newer_format, of_newer_records])
def test_a_newer_version_is_refused_and_nothing_is_changed(
    newer: Callable[[SimFS, pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one file differs after an opening that says so; checking and reading say so too."""
    fs = world()
    newer(fs, monkeypatch)
    before = {path: bytes(inode.current) for path, inode in fs.names.items()}

    for use in (lambda: opened(fs), lambda: Reader.open(LOG, storage=fs)):
        with pytest.raises(Incompatible):
            use()
    with pytest.raises(Incompatible):
        check(LOG, storage=fs)

    assert {path: bytes(inode.current) for path, inode in fs.names.items()} == before


def test_a_log_of_an_earlier_version_is_read_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns that came later are null in old records; new ones go into a new segment."""
    fs = world()
    older = SCHEMA.remove(SCHEMA.get_field_index("fee")).remove(SCHEMA.get_field_index("bids"))
    older = older.with_metadata({"trader.schema": "1"})
    batch = encode([quote(0)], first_offset=0).select(older.names)
    with monkeypatch.context() as patch:
        patch.setattr(segment, "SCHEMA", older)
        with opened(fs) as log:
            packed, last = body.pack(batch), log._last
            data, after = frame.build(Kind.DATA, packed, count=1, link=last.link, tag=last.tag)
            log._file.pwrite(data, log._last.position)
            log._last.note(after, log._last.position + len(data))
            log._watermark_file.write(log._watermark())

    with opened(fs) as log:
        log.append([quote(1)])
        assert [part.first for part in log._open] == [0, 1]
        assert numbers(log) == [0, 1]
        log.seal()
        assert numbers(log) == [0, 1]
        assert pa.Table.from_batches(log.read()).schema.equals(SCHEMA)
    assert check(LOG, storage=fs) == []


def test_equal_columns_of_an_earlier_version_are_another_segment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A program of that version does not know today's kinds: it must meet today's version first."""
    fs = world()
    with monkeypatch.context() as patch:
        patch.setattr(segment, "SCHEMA", SCHEMA.with_metadata({"trader.schema": "1"}))
        opened(fs).close()

    with opened(fs) as log:
        log.append([quote(0)])
        assert [(part.first, part.end) for part in log._open] == [(0, 1)]
        assert log._last.schema is SCHEMA
        log._roll(0)
        log.seal()
    assert check(LOG, storage=fs) == []
