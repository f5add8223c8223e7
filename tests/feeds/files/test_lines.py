"""Lines of files: all of them, in bounded memory, and a reason where that cannot be."""

import bz2
import gzip
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from feeds.errors import TableUnreadable
from feeds.files import lines as lines_module
from feeds.files.lines import identity, lines

PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "zstd": zstandard.compress,
    "two zstd frames": lambda content: (
        zstandard.compress(content[:7]) + zstandard.compress(content[7:])
    ),
}


def lines_of(path: Path, most: int = 1_000) -> list[bytes]:
    return [line for block in lines(path, most) for line in block]


@given(
    content=st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r", b"\r\n", b"\0"]), min_size=1),
    block_bytes=st.integers(1, 5),
    packing=st.sampled_from(sorted(PACKINGS)),
)
def test_lines_do_not_depend_on_blocks(
    tmp_path_factory: pytest.TempPathFactory, content: list[bytes], block_bytes: int, packing: str
) -> None:
    """Against a pattern over the whole content, at every size of a block."""
    path = tmp_path_factory.mktemp("l") / "f"
    whole = b"".join(content)
    path.write_bytes(PACKINGS[packing](whole))
    wanted = re.split(rb"\r\n|\n|\r", whole)
    if not wanted[-1]:
        wanted.pop()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines_module, "_BLOCK_BYTES", block_bytes)
        assert lines_of(path) == wanted


@given(lengths=st.lists(st.integers(0, 12), max_size=8), block_bytes=st.integers(1, 7))
def test_a_long_line_is_cut_and_told_by_its_length(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], block_bytes: int
) -> None:
    path = tmp_path_factory.mktemp("l") / "f"
    path.write_bytes(b"".join(b"x" * length + b"\n" for length in lengths) + b"end")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines_module, "_BLOCK_BYTES", block_bytes)
        found = lines_of(path, 5)

    assert found == [b"x" * min(length, 6) for length in lengths] + [b"end"]


@pytest.mark.parametrize("packing", ["gzip", "bz2", "zstd", "two zstd frames"])
def test_a_file_that_is_cut_anywhere_is_refused(tmp_path: Path, packing: str) -> None:
    path = tmp_path / "f"
    whole = PACKINGS[packing](b"".join(b"%d,some,line\n" % number for number in range(500)))
    for size in range(5, len(whole) - 1, max(1, len(whole) // 50)):
        path.write_bytes(whole[:size])
        if packing == "two zstd frames" and size == len(zstandard.compress(b"0,some,")):
            continue
        with pytest.raises(TableUnreadable):
            lines_of(path)


def test_a_damaged_file_says_behind_which_line(tmp_path: Path) -> None:
    path = tmp_path / "f"
    content = b"".join(os.urandom(30).hex().encode() + b"\n" for _ in range(200_000))
    path.write_bytes(gzip.compress(content, 1)[:-20])

    with pytest.raises(TableUnreadable, match=r"after line [0-9,]{5,}: Compressed file ended"):
        lines_of(path)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, why in (
        (tmp_path, "a directory"),
        (tmp_path / "pipe", "a pipe"),
        (Path("/dev/zero"), "a device"),
        (tmp_path / "none", "No such file"),
    ):
        with pytest.raises(TableUnreadable, match=why):
            identity(path)
        with pytest.raises(TableUnreadable, match=why):
            lines_of(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"a\n")
    path.chmod(0)
    with pytest.raises(TableUnreadable, match="Permission denied"):
        lines_of(path)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("at,bid\n".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04and so on", "zip archive"),
        (b"\xfd7zXZ\x00", "xz"),
        (b"PAR1", "Parquet"),
        (b"", "empty"),
        (gzip.compress(b"PK\x03\x04and so on", mtime=0), "zip archive"),
        (gzip.compress(b"a\n", mtime=0) + b"trailing junk", "Not a gzipped file"),
    ],
)
def test_what_holds_no_text_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(TableUnreadable, match=why):
        lines_of(tmp_path / "f")


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_what_unpacks_without_end_is_refused(
    tmp_path: Path, packing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines_module, "UNPACKED_FREE_BYTES", 1 << 20)
    path = tmp_path / "f"
    path.write_bytes(PACKINGS[packing](b"1,2\n" * (1 << 20)))

    with pytest.raises(TableUnreadable, match="as no recording would"):
        lines_of(path)
