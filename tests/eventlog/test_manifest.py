"""The manifest: a text with a digest, replaced as a whole."""

import json
from pathlib import Path

import pytest
from blake3 import blake3

from eventlog import manifest
from eventlog.errors import Corrupt, Incompatible, NoLog
from eventlog.manifest import Manifest, Sealed
from tests.support.simfs import SimFS

PATH = Path("/MANIFEST")
EMPTY = Manifest.empty(b"\x07" * 16)


def sealed_after(known: Manifest, count: int) -> Sealed:
    """Return the entry of a next segment of so many records."""
    chain = blake3(known.chain).digest()
    return Sealed(known.end, known.end + count, 99, bytes(32), known.chain, chain)


FULL = EMPTY.with_sealed(sealed_after(EMPTY, 3))
FULL = FULL.with_sealed(sealed_after(FULL, 4))


def test_what_is_written_is_read() -> None:
    """A manifest survives its text, empty or not, and says where the sealed records end."""
    for written in (EMPTY, FULL):
        assert manifest.from_bytes(manifest.to_bytes(written), PATH) == written
    assert (EMPTY.end, EMPTY.chain) == (0, manifest.first_chain(EMPTY.identity))
    assert (FULL.end, FULL.sealed[1].name) == (7, "00000000000000000003.parquet")


def test_every_flipped_bit_is_found() -> None:
    """No bit of the text can change without the digest saying so."""
    data = manifest.to_bytes(FULL)
    for bit in range(len(data) * 8):
        hurt = bytearray(data)
        hurt[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Corrupt):
            manifest.from_bytes(bytes(hurt), PATH)


def test_every_cut_is_found() -> None:
    """A text that is not all there, or has something behind it, does not check."""
    data = manifest.to_bytes(FULL)
    for size in range(len(data)):
        with pytest.raises(Corrupt):
            manifest.from_bytes(data[:size], PATH)
    with pytest.raises(Corrupt):
        manifest.from_bytes(data + b"\n", PATH)


def redigested(lines: list[str]) -> bytes:
    """Return a text with a right digest."""
    text = "".join(line + "\n" for line in lines).encode()
    return text + json.dumps({"blake3": blake3(text).hexdigest()}).encode() + b"\n"


def test_a_newer_version_is_incompatible_and_not_corrupt() -> None:
    """The digest is the same in all versions, so a version that checks is believed."""
    head, *_ = manifest.to_bytes(EMPTY).decode().splitlines()

    with pytest.raises(Incompatible, match=r"trader\.eventlog 2"):
        manifest.from_bytes(redigested([head.replace('"version": 1', '"version": 2')]), PATH)
    with pytest.raises(Incompatible):
        manifest.from_bytes(redigested([head.replace("trader.eventlog", "other")]), PATH)


def test_segments_that_do_not_follow_each_other_are_corrupt() -> None:
    """A gap, an overlap or a broken chain between entries is found, also under a right digest."""
    head, first, second, _ = manifest.to_bytes(FULL).decode().splitlines()

    for lines in ([head, second], [head, first, first], [head, second, first]):
        with pytest.raises(Corrupt, match="does not follow"):
            manifest.from_bytes(redigested(lines), PATH)


def test_an_entry_out_of_place_is_a_bug() -> None:
    """I1: what is sealed next begins where the sealed records end."""
    with pytest.raises(AssertionError, match="I1"):
        FULL.with_sealed(sealed_after(EMPTY, 3))


def test_it_is_replaced_atomically() -> None:
    """After a power cut there is the old text or the new one."""
    fs = SimFS()
    with pytest.raises(NoLog):
        manifest.read(fs, PATH.parent)
    manifest.write(fs, PATH.parent, EMPTY)
    calls = len(fs.calls)
    manifest.write(fs, PATH.parent, FULL)

    assert manifest.read(fs.after_power_cut(lambda pending: []), PATH.parent) == FULL
    assert fs.calls[calls:] == [
        "create MANIFEST.tmp",
        "pwrite MANIFEST.tmp",
        "fsync MANIFEST.tmp",
        "rename MANIFEST",
        "fsync_dir ",
    ]
