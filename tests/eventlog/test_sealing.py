"""Sealing: the same rows in Parquet, in whatever reads Parquet, never read unverified."""

import importlib
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pytest
from blake3 import blake3
from crc32c import crc32c
from hypothesis import given, settings
from hypothesis import strategies as st

from eventlog import sealing
from eventlog.errors import Corrupt, Unprepared, WriteFailed
from eventlog.integrity import check
from eventlog.log import Log
from eventlog.manifest import Sealed
from eventlog.records import Record
from eventlog.schema import SCHEMA, decode
from eventlog.sealing import SealedSegment, check_size, prepare
from eventlog.segment import Segment
from eventlog.storage import TEMPORARY
from tests.support.simfs import Refusal, SimFS
from tests.support.strategies import quote, records
from tests.support.workloads import LOG, numbers, world

COUNTS = (1, 3, 2)


def closed(fs: SimFS, commits: list[list[Record]] | None = None) -> tuple[Log, Segment]:
    """Return a log, open, and its one closed segment."""
    if commits is None:
        commits = [[quote(10 * count + row) for row in range(count)] for count in COUNTS]
    log = Log.open(LOG, storage=fs, segment_bytes=1 << 20)
    for commit in commits:
        log.append(commit)
    log._roll(0)
    return log, log._open[0]


def sealed(fs: SimFS, commits: list[list[Record]] | None = None) -> SealedSegment:
    """Return the sealed segment of a log."""
    log, _ = closed(fs, commits)
    (entry,) = log.seal()
    return SealedSegment(fs, LOG / entry.name, entry)


def test_a_sealed_segment_says_what_the_open_one_said() -> None:
    """Rows, links and ends are those of the frames; links stand on the last record of each."""
    fs = world()
    _, source = closed(fs)
    part = sealed(world())

    assert (part.first, part.end) == (source.first, source.end)
    table = pa.Table.from_batches(part.read(0, 6))
    assert table.equals(pa.Table.from_batches(source.read(0, 6)), check_metadata=True)
    assert [part.chain_after(offset) for offset in range(-1, 6)] == [
        source.chain_after(offset) for offset in range(-1, 6)
    ]
    assert part.stored_link(5) == part.chain_after(5)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(records, min_size=1, max_size=5), min_size=1, max_size=4))
def test_any_record_survives_sealing(commits: list[list[Record]]) -> None:
    """Whatever a log can hold is the same behind Parquet, to the bit."""
    part = sealed(world(), commits)

    found = [record for batch in part.read(0, part.end) for _, record in decode(batch)]

    assert found == [record for commit in commits for record in commit]


def test_ranges_and_columns_are_cut_out() -> None:
    """A read yields exactly the offsets asked for, and columns in the order asked for."""
    part = sealed(world())

    (batch,) = part.read(2, 5, ["bid", "offset"])

    assert batch.schema.names == ["bid", "offset"]
    assert batch.column("offset").to_pylist() == [2, 3, 4]


def test_row_groups_are_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """With many row groups, ranges within and across them are right."""
    monkeypatch.setattr(sealing, "ROW_GROUP_ROWS", 2)
    part = sealed(world())
    assert part.parquet().num_row_groups == 3
    for first in range(6):
        for end in range(first, 7):
            found = [
                offset
                for batch in part.read(first, end)
                for offset in batch.column("offset").to_pylist()
            ]
            assert found == list(range(first, end))
    assert part.chain_after(3) is not None


def test_columns_that_came_later_are_null(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of an earlier version is read with the columns of this one."""
    fs = world()
    older = sealing.SEALED_SCHEMA.remove(SCHEMA.get_field_index("fee"))
    with monkeypatch.context() as patch:
        log, source = closed(fs)
        table = pa.Table.from_batches(source.read(0, 6)).drop_columns(["fee"])
        patch.setattr(sealing, "SEALED_SCHEMA", older)
        data = sealing.to_parquet([table], source.frame_ends(), {})
    entry = Sealed(0, 6, len(data), blake3(data).digest(), log._manifest.chain, source.link.chain)
    fs.put(LOG / entry.name, data)
    part = SealedSegment(fs, LOG / entry.name, entry)

    assert pa.Table.from_batches(part.read(0, 6)).equals(pa.Table.from_batches(source.read(0, 6)))
    (batch,) = part.read(1, 3, ["fee", "offset"])
    assert batch.to_pydict() == {"fee": [None, None], "offset": [1, 2]}


def test_a_changed_file_is_never_read() -> None:
    """The digest is compared before Parquet is asked anything."""
    fs = world()
    part = sealed(fs)
    fs.names[part.path].current[50] ^= 1

    for reading in (lambda: list(part.read(0, 1)), lambda: part.chain_after(0)):
        with pytest.raises(Corrupt, match="not the one that was sealed"):
            reading()


def test_a_file_that_changes_after_it_was_verified_is_not_read() -> None:
    """Its digest is compared once; from then on what is read is compared piece by piece."""
    fs = world()
    part = sealed(fs)
    whole = [batch.to_pydict() for batch in part.read(0, 6)]
    assert [batch.to_pydict() for batch in part.read(0, 6)] == whole
    data = fs.names[part.path].current

    for position in range(4, len(data), 97):
        data[position] ^= 1
        with pytest.raises(Corrupt, match="changed since it was verified"):
            list(part.read(0, 6))
        data[position] ^= 1
    fs.unlink(part.path)
    with pytest.raises(FileNotFoundError):
        list(part.read(0, 6))


def test_a_question_about_one_record_reads_a_few_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole file is read for its digest, and then only what holds the answer."""
    monkeypatch.setattr(sealing, "PIECE_BYTES", 512)
    fs = world()
    part = sealed(fs)
    pieces = -(-len(fs.names[part.path].current) // 512)
    first = list(part.read(3, 4, ["offset"]))
    before = len(fs.calls)

    assert [batch.to_pydict() for batch in first] == [{"offset": [3]}]
    assert list(part.read(3, 4, ["offset"])) == first
    assert 0 < len(fs.calls) - before < pieces / 4


def test_a_verified_file_is_read_from_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Positions within a piece, across pieces, at the end and behind it."""
    monkeypatch.setattr(sealing, "PIECE_BYTES", 4)
    fs, data = world(), b"0123456789"
    fs.put(LOG / "file", data)
    checks = [crc32c(data[start : start + 4]) for start in range(0, 10, 4)]
    file = sealing.VerifiedFile(fs, LOG / "file", checks, len(data))

    assert file.readable()
    assert file.seekable()
    for start in range(12):
        for size in range(12):
            assert file.seek(start) == start
            assert file.read(size) == data[start : start + size]
            assert file.tell() == max(start, min(start + size, 10))
    assert file.seek(-3, 2) == 7
    assert file.seek(1, 1) == 8
    assert file.read() == b"89"


def test_sizes_are_checked_without_reading() -> None:
    """A missing file, a shorter one and a longer one are told from their sizes."""
    fs = world()
    part = sealed(fs)
    check_size(fs, LOG, part.entry)
    fs.names[part.path].current.append(0)
    with pytest.raises(Corrupt, match="another size"):
        check_size(fs, LOG, part.entry)
    fs.unlink(part.path)
    with pytest.raises(Corrupt, match="missing"):
        check_size(fs, LOG, part.entry)


def test_a_damaged_segment_is_not_sealed() -> None:
    """S1: what does not check is not turned into something that does."""
    fs = world()
    log, source = closed(fs)
    fs.names[source.path].current[source.start + 70] ^= 1
    (work,) = log.sealable()

    with pytest.raises(Corrupt):
        prepare(work, storage=fs)
    with pytest.raises(Corrupt):
        log.seal()

    assert fs.listdir(LOG) == [source.path.name, f"{6:020}.open", "LOCK", "MANIFEST", "mark"]


def test_a_segment_that_lost_its_end_is_not_sealed() -> None:
    """S1: zeros where the writer knows frames are not the end of the segment."""
    fs = world()
    log, source = closed(fs)
    fs.names[source.path].current[source.start :] = bytes(1 << 20)

    with pytest.raises(Corrupt, match="ends elsewhere"):
        log.seal()


@pytest.mark.parametrize("fault", ["value", "row"])
def test_a_parquet_file_that_says_something_else_is_not_published(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3: a writer library that changes a value or loses a row is found before S4."""
    fs = world()
    log, _ = closed(fs)
    honest = sealing.to_parquet

    def lying(
        groups: Iterable[pa.Table], ends: Iterable[tuple[int, bytes]], about: dict[str, str]
    ) -> bytes:
        (table,) = groups
        if fault == "row":
            return honest([table.slice(1)], ends, about)
        bids = table.column("ask").combine_chunks()
        changed = table.set_column(SCHEMA.get_field_index("bid"), SCHEMA.field("bid"), bids)
        return honest([changed], ends, about)

    monkeypatch.setattr(sealing, "to_parquet", lying)
    with pytest.raises(Corrupt):
        prepare(log.sealable()[0], storage=fs)

    assert not fs.exists(LOG / f"{0:020}.parquet")


# --- prepared in one place, published in another


def test_preparing_changes_nothing_of_the_log() -> None:
    """S1 to S3 add a temporary file, durable, and touch no other."""
    fs = world()
    log, _ = closed(fs)
    before = {path: bytes(inode.current) for path, inode in fs.names.items()}

    prepared = prepare(log.sealable()[0], storage=fs)

    after = {path: bytes(inode.current) for path, inode in fs.names.items()}
    assert after.pop(prepared.temporary) == bytes(fs.names[prepared.temporary].durable)
    assert after == before
    assert prepared.temporary.name.endswith(TEMPORARY)


def test_every_preparation_has_a_file_of_its_own() -> None:
    """One that was given up and still runs does not write to the file that another published."""
    fs = world()
    log, _ = closed(fs)
    (work,) = log.sealable()

    one, other = prepare(work, storage=fs), prepare(work, storage=fs)

    assert one.temporary != other.temporary
    assert one.entry == other.entry


def test_a_segment_is_prepared_in_another_process(tmp_path: Path) -> None:
    """What goes to a new process and comes back is picklable, and what it says is published."""
    with Log.open(tmp_path / "log", segment_bytes=1 << 16) as log:
        log.append([quote(number) for number in range(6)])
        log._roll(0)
        (work,) = log.sealable()
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            prepared = pool.submit(prepare, work).result()
            log.append([quote(6)])
        entry = log.commit_seal(prepared)
        assert (entry.first, entry.end, entry.chain) == (0, 6, work.chain)
        assert numbers(log) == list(range(7))
    assert check(tmp_path / "log") == []


def test_preparing_what_is_gone_is_refused(tmp_path: Path) -> None:
    """A segment that was sealed meanwhile is no damage, on either kind of disk."""
    fs = world()
    log, _ = closed(fs)
    (work,) = log.sealable()
    log.seal()

    with pytest.raises(Unprepared, match="not there any more"):
        prepare(work, storage=fs)
    with pytest.raises(Unprepared, match="not there any more"):
        prepare(replace(work, path=tmp_path / "gone.open"))


def test_a_device_that_refuses_a_preparation_is_said() -> None:
    """At every call; the log itself is not concerned."""
    fs = world()
    log, _ = closed(fs)
    (work,) = log.sealable()
    before = len(fs.calls)
    prepare(work, storage=fs)
    for _ in range(before, len(fs.calls)):
        before += 1
        fs = world()
        log, _ = closed(fs)
        fs.refusal = Refusal(before)
        with pytest.raises(WriteFailed, match="refused"):
            prepare(work, storage=fs)
        log.append([quote(6)])
        assert len(log.seal()) == 1


def test_floats_are_compared_by_their_bits() -> None:
    """A NaN equals itself, and 0.0 does not equal -0.0."""
    column = SCHEMA.field("loss")
    table = pa.table(
        [pa.array([float("nan"), None, 0.0], pa.float32())], schema=pa.schema([column])
    )
    other = pa.table(
        [pa.array([float("nan"), None, -0.0], pa.float32())], schema=pa.schema([column])
    )

    assert sealing._bits(table) == sealing._bits(table)
    assert sealing._bits(table) != sealing._bits(other)


def test_the_file_is_encoded_as_stated() -> None:
    """Numbers are delta packed, words and book levels dictionary encoded, pages compressed."""
    file = sealed(world()).parquet()
    group = file.metadata.row_group(0)
    columns = {
        group.column(index).path_in_schema: group.column(index)
        for index in range(group.num_columns)
    }

    for name in ("offset", "received_ns", "bid"):
        assert "DELTA_BINARY_PACKED" in columns[name].encodings
    for name in ("kind", "bids.list.element.price"):
        assert "RLE_DICTIONARY" in columns[name].encodings
    assert columns["offset"].compression == "ZSTD"
    assert file.metadata.metadata[b"trader.first"] == b"0"


# --- others read it as it is


@pytest.fixture
def on_disk(tmp_path: Path) -> Path:
    """The path of a sealed file of six quotes on the real disk."""
    with Log.open(tmp_path / "log", segment_bytes=1 << 20) as log:
        log.append([quote(number) for number in range(6)])
        log._roll(0)
        (entry,) = log.seal()
    return tmp_path / "log" / entry.name


EXPECTED = [(number, Decimal(60_000_00000000 + number) / 10**8) for number in range(6)]


def test_duckdb_reads_it(on_disk: Path) -> None:
    """DuckDB: one row a record, prices exact."""
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")

    rows = duckdb.sql(f"SELECT \"offset\", bid FROM '{on_disk}' ORDER BY 1").fetchall()

    assert rows == EXPECTED


def test_polars_reads_it(on_disk: Path) -> None:
    """Polars: one row a record, prices exact."""
    polars = pytest.importorskip("polars", reason="Polars is not installed")

    frame = polars.read_parquet(on_disk, columns=["offset", "bid"])

    assert frame.rows() == EXPECTED


def test_pandas_reads_it(on_disk: Path) -> None:
    """pandas: one row a record, prices exact."""
    pandas = importlib.import_module("pandas")

    frame = pandas.read_parquet(on_disk, columns=["offset", "bid"])

    assert list(frame.itertuples(index=False, name=None)) == EXPECTED
