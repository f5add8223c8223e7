"""Damage to every kind of file of a log: each bit, each size, each sector, each frame.

Whatever is hurt, one of these has to happen: a check finds it, or the log still holds exactly what
it held. And no writer may go on with less than was acknowledged. A change that is neither found nor
harmless is *silent*, and there must be none.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlog import frame, recovery, sealing, segment, watermark
from eventlog.errors import Corrupt, EventLogError
from eventlog.integrity import check
from eventlog.log import Log
from eventlog.manifest import Manifest
from eventlog.reader import Reader
from tests.support import damage
from tests.support.faults import DETECTED, HARMLESS, LOST, SILENT, Tally
from tests.support.simfs import SimFS
from tests.support.strategies import quote
from tests.support.workloads import LOG, SEGMENT_BYTES, numbers, world

FLIPS = 250
"""How many bits of each file are flipped, unless ``--effort`` says more; all, if it has fewer."""


RECORDS = 13


@pytest.fixture(scope="module")
def healthy() -> SimFS:
    """A log in a sealed, a closed and an open segment, closed in good order."""
    return written(world())


def written(fs: SimFS) -> SimFS:
    """Write the log of these tests."""
    with Log.open(LOG, storage=fs, segment_bytes=SEGMENT_BYTES) as log:
        for count in (1, 1, 2, 2):
            log.append([quote(log.end + row) for row in range(count)])
        log.seal()
        for count in (3, 1, 1, 2):
            log.append([quote(log.end + row) for row in range(count)])
        assert log.end == RECORDS
    return fs


FILES = ("MANIFEST", "mark", f"{0:020}.parquet", f"{4:020}.open", f"{10:020}.open")


def test_the_healthy_log_has_every_kind_of_file(healthy: SimFS) -> None:
    """The log that is hurt has all kinds of files, and nothing is found in it."""
    assert sorted(healthy.listdir(LOG)) == sorted([*FILES, "LOCK"])
    assert found(healthy) == []


def judge(fs: SimFS, path: Path, hurt: damage.Hurt, tally: Tally) -> str:
    """Hurt a file, ask everybody, heal it; return what became of it."""
    what, data = hurt
    kind = f"{'bit flip' if 'flipped' in what else 'other damage'}, {kind_of(path)}"
    healthy = bytes(fs.names[path].current)
    fs.put(path, data)
    try:
        findings = found(fs)
        try:
            records = numbers(Reader.open(LOG, storage=fs))
        except EventLogError:
            records = None
        whole = list(range(RECORDS))
        outcome = DETECTED if findings else HARMLESS
        if outcome == HARMLESS and records != whole:
            outcome = SILENT
            tally[kind, LOST] += len(set(whole) - set(records or ()))
        try:
            with Log.open(LOG, storage=fs.copy(), segment_bytes=SEGMENT_BYTES) as log:
                opened = numbers(log)
        except EventLogError:
            opened = None
        if opened not in (None, whole):
            outcome = SILENT
            tally[kind, LOST] += len(set(whole) - set(opened))
    finally:
        fs.put(path, healthy)
        tally[kind, outcome] += 1
    return outcome


def found(fs: SimFS) -> list[str]:
    """Return what a check says, also where it says it by raising."""
    try:
        return [finding.message for finding in check(LOG, storage=fs)]
    except EventLogError as error:
        return [str(error)]


def kind_of(path: Path) -> str:
    """Return what kind of file it is."""
    return {".open": "open segment", ".parquet": "sealed segment", "mark": "durable watermark"}.get(
        path.suffix or path.name, "manifest"
    )


@pytest.mark.parametrize("name", FILES)
def test_no_flipped_bit_is_silent(healthy: SimFS, name: str, effort: int, tally: Tally) -> None:
    """A flipped bit in any file is found, or changes nothing that was said."""
    path = LOG / name
    data = bytes(healthy.names[path].current)
    bits = len(data) * 8
    chosen = random.Random(name).sample(range(bits), min(FLIPS * effort, bits))
    for bit in sorted(chosen):
        hurt = damage.flipped(data, bit)
        assert judge(healthy, path, hurt, tally) == DETECTED, hurt[0]


@pytest.mark.parametrize("name", FILES)
def test_every_single_bit_is_looked_at(
    healthy: SimFS, name: str, effort: int, tally: Tally
) -> None:
    """Of each file every bit (one in 16, unless ``--effort`` is 16) fails the one check it meets.

    Everybody who uses the file goes through that check; the test above asks everybody.
    """
    path = LOG / name
    data = bytes(healthy.names[path].current)
    fs, sound = healthy.copy(), recovery.manifest_of(healthy, LOG)
    kind = f"bit flip, {kind_of(path)}, seen by its own check"
    for bit in range(len(name) % 16, len(data) * 8, max(1, 16 // effort)):
        what, hurt = damage.flipped(data, bit)
        fs.put(path, hurt)
        assert refused(fs, path, sound), what
        tally[kind, DETECTED] += 1


def refused(fs: SimFS, path: Path, sound: Manifest) -> bool:
    """Say whether the check that a file has to pass refuses it."""
    try:
        if path.name == "MANIFEST":
            recovery.manifest_of(fs, LOG)
        elif path.name == watermark.NAME:
            return bool(watermark.read(fs, LOG).damage)
        elif path.suffix == sealing.SUFFIX:
            sealing.SealedSegment(fs, path, sound.sealed[0]).verify()
        else:
            return recovery.examine(fs, LOG, sound).case.letter != "A"
    except Corrupt:
        return True
    return False


@pytest.mark.parametrize("name", FILES)
def test_no_other_damage_is_silent(healthy: SimFS, name: str, effort: int, tally: Tally) -> None:
    """A file that was cut, lengthened, overwritten or rearranged is found."""
    path = LOG / name
    data = bytes(healthy.names[path].current)
    for hurt in hurts(path, data, step=max(1, len(data) // (60 * effort))):
        if hurt[1] != data:
            assert judge(healthy, path, hurt, tally) == DETECTED, hurt[0]


def hurts(path: Path, data: bytes, step: int) -> Iterator[damage.Hurt]:
    """Yield every kind of damage that fits a file."""
    yield from damage.truncations(data, step)
    yield from damage.lengthened(data)
    yield from damage.zeroed_sectors(data)
    yield from damage.misdirected_sectors(data)
    if path.suffix == segment.SUFFIX:
        yield from damage.rearranged(data, frames_of(data))


def frames_of(data: bytes) -> list[tuple[int, int]]:
    """Return where the record frames of an open segment begin and end."""
    pieces, position = [], 0
    while header := frame.header_at(data, position, None):
        found = frame.frame_at(data, position, header=header, chain=header.link)
        assert isinstance(found, frame.Frame)
        pieces.append((position, found.end_position))
        position = found.end_position
    return pieces[1:]


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_found(healthy: SimFS, name: str) -> None:
    """A file that is gone is found, and no writer starts without it."""
    fs = healthy.copy()
    del fs.names[LOG / name]

    assert found(fs)
    with pytest.raises(Corrupt):
        Log.open(LOG, storage=fs, segment_bytes=SEGMENT_BYTES)


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_log_is_found(healthy: SimFS, name: str) -> None:
    """The same file of a log with the same records but another identity does not pass."""
    other = world()
    other.identities = 99
    written(other)
    fs = healthy.copy()
    fs.put(LOG / name, bytes(other.names[LOG / name].current))

    assert found(fs)
    with pytest.raises(Corrupt), Log.open(LOG, storage=fs, segment_bytes=SEGMENT_BYTES) as log:
        list(log.read())


def test_a_mark_that_stayed_behind_leaves_one_frame_in_doubt() -> None:
    """After a power cut with an old watermark, damage to any frame but the very last is corruption.

    The last alone would be taken for an interrupted write; `Log.sync_watermark` closes that window.
    """
    fs = world()
    log = Log.open(LOG, storage=fs, segment_bytes=1 << 14)
    old = bytes(fs.names[LOG / watermark.NAME].current)
    for number in range(4):
        log.append([quote(number)])
    log.close()
    path = LOG / segment.name(0)
    data = bytes(fs.names[path].current)
    for slots, doubtful in ((old, 1), (bytes(fs.names[LOG / watermark.NAME].current), 0)):
        for index, (start, _) in enumerate(frames_of(data)):
            after = fs.copy()
            after.put(LOG / watermark.NAME, slots)
            after.names[path].current[start + 70] ^= 1
            findings = check(LOG, storage=after)
            assert [finding.repairable for finding in findings] == [index >= 4 - doubtful]
