"""One open segment: a file of its full size, frames that are found again, reads by offset."""

from pathlib import Path

import pyarrow as pa
import pytest
from blake3 import blake3

from eventlog import body, frame, segment
from eventlog.errors import Corrupt, Incompatible
from eventlog.frame import Kind, Link, Stop
from eventlog.schema import SCHEMA, decode, encode
from eventlog.segment import Segment
from tests.support.simfs import SimFS
from tests.support.strategies import quote

HERE = Path("/")
IDENTITY = b"\x05" * 16
START = Link(offset=20, chain=blake3(b"start").digest(), epoch=2)
COUNTS = (1, 3, 2)


def made(fs: SimFS, counts: tuple[int, ...] = COUNTS) -> Segment:
    """Return a segment with frames of so many quotes."""
    made = segment.create(fs, HERE, identity=IDENTITY, link=START, size_bytes=8192)
    file = fs.open(made.path)
    for count in counts:
        records = [quote(made.end + row) for row in range(count)]
        batch = encode(records, first_offset=made.end)
        packed = body.pack(batch)
        data, after = frame.build(Kind.DATA, packed, count=count, link=made.link, tag=made.tag)
        file.pwrite(data, made.position)
        file.fdatasync()
        made.note(after, made.position + len(data))
    return made


def loaded(fs: SimFS, path: Path) -> Segment:
    """Return the segment that is read from a file."""
    found, scan, _ = segment.load(fs, path, identity=IDENTITY, link=START)
    assert scan.stop is Stop.END
    return found


def offsets(found: Segment, first: int, end: int) -> list[list[int]]:
    """Return the offsets that a read yields, batch by batch."""
    return [batch.column("offset").to_pylist() for batch in found.read(first, end)]


def test_names_are_the_first_offset_in_twenty_digits() -> None:
    """A name says its offset, and nothing else passes as one."""
    assert segment.name(123457) == "00000000000000123457.open"
    assert segment.first_offset_of(segment.name(123457)) == 123457
    for other in ("1.open", segment.name(1) + ".tmp", f"{1:020}.parquet", "\u0660" * 20 + ".open"):
        assert segment.first_offset_of(other) is None


def test_a_new_segment_has_its_full_size_and_nothing_in_it() -> None:
    """All zeros are on the disk before the file has its name."""
    fs = SimFS()
    new = segment.create(fs, HERE, identity=IDENTITY, link=START, size_bytes=8192)

    after = fs.after_power_cut(lambda pending: [])

    assert after.size(new.path) == new.size_bytes == new.start + 8192
    assert loaded(after, new.path).end == new.end == 20
    assert segment.is_empty(after, new.path)
    assert new.takes(8192)
    assert not new.takes(8193)


def test_frames_beyond_the_maximum_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """I10: a segment of many small commits is closed before it is full."""
    written = made(SimFS())
    assert written.takes(64)
    monkeypatch.setattr(segment, "FRAMES_MAX", len(COUNTS))

    assert not written.takes(64)


def test_what_was_written_is_found_again() -> None:
    """A loaded segment is equal to the one that was written, frame by frame."""
    fs = SimFS()
    written = made(fs)

    assert loaded(fs, written.path) == written
    assert written.end == 26
    assert not segment.is_empty(fs, written.path)


def test_reads_are_half_open() -> None:
    """Every range yields its records, the frames together."""
    fs = SimFS()
    found = loaded(fs, made(fs).path)

    for first in range(20, 26):
        for end in range(first + 1, 27):
            assert offsets(found, first, end) == [list(range(first, end))]
    assert offsets(found, 26, 26) == []
    records = [record for batch in found.read(20, 26) for _, record in decode(batch)]
    assert records == [quote(number) for number in range(20, 26)]
    (batch, *_) = found.read(21, 26, ["bid", "offset"])
    assert batch.schema.names == ["bid", "offset"]


def test_long_reads_go_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A read holds a bounded part of the file, and of what is in it, and yields the same."""
    fs = SimFS()
    found = made(fs)
    commits = [[20], [21, 22, 23], [24, 25]]
    with monkeypatch.context() as patch:
        patch.setattr(segment, "_DECODED_BYTES", 10)
        fs.calls.clear()
        assert offsets(found, 20, 26) == commits
        assert len(fs.calls) == 1
    monkeypatch.setattr(segment, "_READ_BYTES", 10)
    fs.calls.clear()

    assert offsets(found, 20, 26) == commits
    assert offsets(found, 22, 25) == [[22, 23], [24]]
    assert len(fs.calls) == len(COUNTS) + 2


def test_links_and_positions_are_known_at_the_ends_of_frames() -> None:
    """Between the ends of frames there is no chain value."""
    found = made(SimFS())

    known = {offset: found.chain_after(offset) for offset in range(19, 26)}

    assert [offset for offset, link in known.items() if link] == [19, 20, 23, 25]
    assert known[19] == START.chain[:16]
    assert known[25] == found.link.chain[:16]
    assert list(found.frame_ends())[-1] == (26, known[25])
    assert [found.position_of(end) is None for end in (20, 21, 22, 24, 26)] == [
        False, False, True, False, False,
    ]  # fmt: skip
    assert found.position_of(20) == found.start
    assert found.position_of(26) == found.position
    assert found.position_of(27) is None


def test_the_last_frame_can_be_unlearned() -> None:
    """A reader that may not show it forgets it, and is as if it had never been."""
    fs = SimFS()
    two, three = made(fs, COUNTS[:2]), made(SimFS())

    three.forget_last()

    assert (three.end, three.link, list(three.frame_ends())) == (
        two.end,
        two.link,
        list(two.frame_ends()),
    )


def test_damage_after_loading_is_found_by_the_read() -> None:
    """Every read checks what it reads; the offset of the damaged frame is said."""
    fs = SimFS()
    found = made(fs)
    fs.names[found.path].current[found.position - 130] ^= 1

    with pytest.raises(Corrupt) as caught:
        offsets(found, 20, 26)

    assert caught.value.offset == 24


@pytest.mark.parametrize(
    ("identity", "link"),
    [
        (b"\x06" * 16, START),
        (IDENTITY, START._replace(offset=21)),
        (IDENTITY, START._replace(chain=START.chain[:8] + bytes(24))),
        (IDENTITY, START._replace(chain=START.chain[:16] + bytes(16))),
        (IDENTITY, START._replace(chain=bytes(32))),
    ],
)
def test_a_segment_of_another_place_is_refused(identity: bytes, link: Link) -> None:
    """The first frame has to be of this log, at this offset, after this chain value."""
    fs = SimFS()
    path = made(fs).path

    with pytest.raises(Corrupt):
        segment.load(fs, path, identity=identity, link=link)


def test_a_file_of_another_size_is_refused() -> None:
    """A file that is shorter or longer than it says was not left so by any crash."""
    fs = SimFS()
    path = made(fs).path
    content = fs.names[path].current
    for other in (content[:-1], content + b"\0", content[:64], content[:0]):
        fs.names[path].current = bytearray(other)
        with pytest.raises(Corrupt):
            segment.load(fs, path, identity=IDENTITY, link=START)
        assert not segment.is_empty(fs, path) or len(other) > 64


def test_other_columns_are_incompatible(monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment with columns that this version does not know is a newer version's."""
    fs = SimFS()
    newer = SCHEMA.append(pa.field("novel", pa.int8()))
    with monkeypatch.context() as patch:
        patch.setattr(segment, "SCHEMA", newer)
        path = segment.create(fs, HERE, identity=IDENTITY, link=START, size_bytes=64).path

    with pytest.raises(Incompatible):
        segment.load(fs, path, identity=IDENTITY, link=START)


def test_a_frame_that_does_not_begin_a_segment_is_refused() -> None:
    """The first frame has to be a segment's, though its link and tag may fit."""
    fs = SimFS()
    data, _ = frame.build(Kind.DATA, b"body", count=0, link=START, tag=segment.tag_of(START.chain))
    file = fs.create(HERE / segment.name(20))
    file.pwrite(data, 0)

    with pytest.raises(Corrupt, match="not that of this segment"):
        segment.load(fs, HERE / segment.name(20), identity=IDENTITY, link=START)


@pytest.mark.parametrize("bad", ["no batch", "rows"])
def test_a_body_that_is_no_such_batch_is_corrupt(bad: str) -> None:
    """Checked bytes are still decoded with care; the frame of several that is wrong is said."""
    link = START
    frames: list[frame.Frame] = []
    for number in range(3):
        batch = encode([quote(0), quote(1)], first_offset=link.offset)
        packed = b"no batch" if (number, bad) == (1, "no batch") else body.pack(batch)
        count = 3 if (number, bad) == (1, "rows") else 2
        data, after = frame.build(Kind.DATA, packed, count=count, link=link, tag=b"tag of 8")
        frames += frame.scan(data, link=link, tag=b"tag of 8", kind=Kind.DATA).frames
        link = after

    with pytest.raises(Corrupt) as caught:
        segment.decoded(frames, SCHEMA, Path("/x"))

    assert caught.value.offset == 22
