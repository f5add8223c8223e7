"""Frames: what is built is found, and what is found is what was built."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from blake3 import blake3
from crc32c import crc32c
from hypothesis import given
from hypothesis import strategies as st

from eventlog import frame
from eventlog.frame import (
    HEADER_BYTES,
    Frame,
    Kind,
    Link,
    Stop,
    build,
    frame_at,
    header_at,
    scan,
    skim,
)

TAG = b"tag of 8"
START = Link(offset=5, chain=blake3(b"start").digest(), epoch=3)


def built(*bodies: bytes, link: Link = START) -> tuple[bytes, Link]:
    """Return frames of these bodies, one record each, and what follows."""
    data = b""
    for body in bodies:
        piece, link = build(Kind.DATA, body, count=1, link=link, tag=TAG)
        data += piece
    return data, link


def test_the_checksum_is_crc32c() -> None:
    """The test vector of RFC 3720, appendix B.4, and the customary one."""
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"123456789") == 0xE3069283


@given(
    bodies=st.lists(st.binary(max_size=300), max_size=6),
    zeros=st.integers(0, 5),
    offset=st.integers(0, 2**60),
    epoch=st.integers(0, 2**32 - 1),
)
def test_frames_are_found_as_they_were_built(
    bodies: list[bytes], zeros: int, offset: int, epoch: int
) -> None:
    """A scan returns each body, its place, and the link behind the last, whatever zeros follow."""
    start = Link(offset, START.chain, epoch)
    data, after = built(*bodies, link=start)

    found = scan(data + bytes(64 * zeros), link=start, tag=TAG, kind=Kind.DATA)

    assert [frame.body() for frame in found.frames] == bodies
    assert [frame.header.first_offset for frame in found.frames] == [
        offset + row for row in range(len(bodies))
    ]
    assert (found.link, found.position, found.stop) == (after, len(data), Stop.END)
    assert len(data) % 64 == 0


def test_the_chain_is_over_header_and_stored_body() -> None:
    """The chain value is BLAKE3 of the value before, the header and the body as stored."""
    data, after = built(b"x" * 10)

    assert after.chain == blake3(START.chain + data[:74]).digest()


def test_a_body_is_compressed_only_if_that_helps() -> None:
    """Zeros are stored smaller than they are; what does not shrink, or is short, as it is."""
    noise = random.Random(1).randbytes(10_000)
    small, _ = built(bytes(10_000))

    assert len(small) == 128
    for body in (noise, bytes(1000)):
        assert built(body)[0][HEADER_BYTES : HEADER_BYTES + len(body)] == body


def test_a_body_beyond_the_maximum_is_refused() -> None:
    """I10: a frame has a stated maximum."""
    with pytest.raises(ValueError, match="longer than"):
        build(Kind.DATA, bytes(frame.BODY_BYTES_MAX + 1), count=1, link=START, tag=TAG)


def test_every_cut_of_the_last_frame_is_torn_or_gone() -> None:
    """Whatever part of the last frame reached the disk, those before are found and it is not."""
    kept, after = built(b"one", b"two")
    last, _ = built(bytes(range(200)), link=after)

    for size in range(1, len(last)):
        part = last[:size].ljust(len(last), b"\0")
        found = scan(kept + part, link=START, tag=TAG, kind=Kind.DATA)
        whole = part == last
        assert len(found.frames) == 2 + whole
        assert found.stop is (Stop.END if whole else Stop.TORN)
        assert found.used_bytes == len(kept) + (len(last) if whole else len(part.rstrip(b"\0")))


def test_headers_alone_say_what_a_scan_says() -> None:
    """Offsets, places and links; nothing, unless they lead from the link to the very end."""
    data, after = built(b"one", b"two" * 900, b"three")
    whole = scan(data, link=START, tag=TAG, kind=Kind.DATA).frames

    found = skim(data, link=START, tag=TAG, kind=Kind.DATA, position=0, end=len(data))

    assert found is not None
    assert found.ends.tolist() == [frame.end_offset for frame in whole]
    assert found.positions.tolist() == [frame.end_position for frame in whole]
    assert found.links == b"".join(frame.header.link for frame in whole)
    assert found.epoch == after.epoch
    assert skim(data, link=START, tag=TAG, kind=Kind.DATA, position=0, end=128) is not None
    for end in (0, 64, len(data) - 64):
        assert skim(data, link=START, tag=TAG, kind=Kind.DATA, position=0, end=end) is None
    for link in (START._replace(offset=6), START._replace(chain=bytes(32)), after):
        assert skim(data, link=link, tag=TAG, kind=Kind.DATA, position=0, end=len(data)) is None


def test_every_flipped_bit_of_a_header_is_seen_by_the_headers_alone() -> None:
    """So are frames of another file, and frames in another order."""
    data, _ = built(b"one", b"two", b"three")
    for bit in range(len(data) * 8):
        if bit // 8 % 128 < HEADER_BYTES:
            hurt = bytearray(data)
            hurt[bit // 8] ^= 1 << bit % 8
            found = skim(
                bytes(hurt), link=START, tag=TAG, kind=Kind.DATA, position=0, end=len(data)
            )
            assert found is None, bit
    swapped = data[:128] + data[256:] + data[128:256]
    for bytes_, tag in ((swapped, TAG), (data, b"another!"), (data[:128] * 3, TAG)):
        end = len(data)
        assert skim(bytes_, link=START, tag=tag, kind=Kind.DATA, position=0, end=end) is None


def test_every_flipped_bit_of_a_frame_before_the_last_is_broken() -> None:
    """A later frame proves that the damaged one was durable."""
    data, _ = built(b"one", b"two" * 30, b"three")
    second = 128
    for bit in range(second * 8, (len(data) - 128) * 8):
        hurt = bytearray(data)
        hurt[bit // 8] ^= 1 << bit % 8
        found = scan(bytes(hurt), link=START, tag=TAG, kind=Kind.DATA)
        assert (len(found.frames), found.stop) == (1, Stop.BROKEN), bit
        assert found.reason


@pytest.mark.parametrize(
    ("kind", "link", "reason"),
    [
        (Kind.DELTA, START, "kind"),
        (Kind.DATA, START._replace(offset=6), "offset"),
        (Kind.DATA, START._replace(chain=bytes(32)), "does not follow"),
        (Kind.DATA, START._replace(epoch=2), "epoch"),
    ],
)
def test_a_whole_frame_in_the_wrong_place_is_broken(kind: Kind, link: Link, reason: str) -> None:
    """No interrupted write leaves a header that checks and does not belong."""
    data, _ = build(kind, b"body", count=1, link=link, tag=TAG)

    found = scan(data, link=START, tag=TAG, kind=Kind.DATA)

    assert found.stop is Stop.BROKEN
    assert reason in found.reason


@pytest.mark.parametrize("at", [4, 6, 7])
def test_a_frame_of_an_unknown_layout_is_broken(at: int) -> None:
    """Another version, codec or flag under a right checksum is refused, not guessed at."""
    data, _ = built(b"body")
    head = bytearray(data[:60])
    head[at] = 9
    data = bytes(head) + crc32c(bytes(head)).to_bytes(4, "little") + data[64:]

    found = scan(data, link=START, tag=TAG, kind=Kind.DATA)

    assert (found.stop, found.frames) == (Stop.BROKEN, ())


def test_a_length_beyond_the_maximum_is_broken() -> None:
    """A length is checked before it is used."""
    fields = frame.HEADER.pack(
        frame.MAGIC,
        1,
        Kind.DATA,
        1,
        0,
        5,
        1,
        0,
        2**32 - 1,
        3,
        TAG,
        START.chain[:16],
        crc32c(b""),
        0,
    )[:-4]
    data = fields + crc32c(fields).to_bytes(4, "little")

    assert scan(data, link=START, tag=TAG, kind=Kind.DATA).stop is Stop.BROKEN


def test_frames_of_another_file_are_no_frames() -> None:
    """A frame with another tag does not count, neither in its place nor behind it."""
    data, _ = build(Kind.DATA, b"body", count=1, link=START, tag=b"other  8")

    found = scan(bytes(64) + data, link=START, tag=TAG, kind=Kind.DATA)

    assert (found.stop, found.position) == (Stop.TORN, 0)
    assert header_at(data, 0, None) is not None


def test_magic_inside_a_body_is_no_later_frame() -> None:
    """Only a header that checks, at its alignment, counts as a later frame."""
    torn = b"EVF1".ljust(64, b"\1") * 3 + b"..EVF1"

    assert scan(torn.ljust(256, b"\0"), link=START, tag=TAG, kind=Kind.DATA).stop is Stop.TORN


def test_one_frame_can_be_read_by_itself() -> None:
    """With the link before it, a frame is read at its place; with another it is refused."""
    data, _ = built(b"body" * 50)
    header = header_at(data, 0, TAG)
    assert header is not None

    found = frame_at(data, 0, header=header, chain=START.chain[:16])

    assert isinstance(found, Frame)
    assert found.body() == b"body" * 50
    assert frame_at(data, 0, header=header, chain=bytes(16)) == (
        "the frame does not follow the one before it"
    )
    assert frame_at(data[:-64], 0, header=header, chain=START.chain) == (
        "the frame is longer than what is there"
    )


@pytest.mark.parametrize("raw_bytes", [3, 4000])
def test_a_body_that_is_not_what_its_header_says_is_refused(raw_bytes: int) -> None:
    """Also bytes under right checksums are not trusted with their length."""
    data, _ = built(b"body" * 500)
    header = header_at(data, 0, TAG)
    assert header is not None
    found = frame_at(data, 0, header=header, chain=START.chain)
    assert isinstance(found, Frame)

    lying = found._replace(header=header._replace(raw_bytes=raw_bytes))

    with pytest.raises(ValueError, match="the body"):
        lying.body()


def test_two_threads_do_not_disturb_each_other() -> None:
    """Frames are built and read on several threads at once, each right."""
    # Long enough that a thread is still in the middle when another begins.
    bodies = [random.Random(seed).randbytes(300_000).hex().encode() for seed in range(4)]

    def there_and_back(body: bytes) -> bool:
        for _ in range(20):
            data, link = build(Kind.DATA, body, count=1, link=START, tag=TAG)
            found = scan(data, link=START, tag=TAG, kind=Kind.DATA)
            if found.link != link or found.frames[0].body() != body:
                return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(there_and_back, bodies))
