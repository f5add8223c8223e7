"""Every byte of a journal is covered: whatever is flipped, cut, lost or swapped, verify says so.

Or it provably does not matter: those cases are listed here, and nothing else may pass.
"""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from blake3 import blake3

from engine.checkpoint import Checkpoints
from eventlog import integrity
from eventlog.errors import Corrupt, EventLogError
from eventlog.frame import Kind, Link, build
from eventlog.integrity import Finding
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import SessionStarted
from fixtures.record import HERE, JOURNAL
from journal import frozen, sidecar
from journal.header import header_of
from journal.integrity.coverage import check_beside, uncovered
from journal.integrity.verify import check_checkpoints
from journal.layout import JournalPath
from journal.reading import scan
from tests.support import damage
from tests.support.commands import trader
from tests.support.faults import DETECTED, HARMLESS, SILENT, Tally

FLIPS = 3
"""Bits of each file, unless ``--effort`` says more."""

MEANS_NOTHING = {
    "LOCK": "lost or emptied: what it says of its last holder saves a copy of a file, no more",
    "deltas": "lost: the state is derived again, from the snapshot and the log",
    "snapshot": "lost, but for the first: likewise, from the one before",
    "verified.jsonl": "lost, or without its last lines: as if nobody had verified",
    "sessions.jsonl": "lost, or without its last lines: sessions are looked for in the log",
    "frozen.jsonl": "lost, or without its last lines: the file it speaks of is then not covered",
    "frozen.parquet": "lost: as if it had not been run",
    "torn": "lost: what was cut was never acknowledged",
    "mark": "an earlier one: the commits after it are whole, and prove themselves",
}
"""What may be lost or put back without a finding, and why that does not matter."""


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> JournalPath:
    """A recorded journal with every kind of file that one can have."""
    home = tmp_path_factory.mktemp("home")
    for name in ("log", "checkpoints"):
        source = HERE / "gap" / JOURNAL / name
        shutil.copytree(source, home / JOURNAL / name)
    place = JournalPath(home, JOURNAL)
    # Opened once by this version, after an interrupted write.
    tail = max(place.log.glob("*.open"))
    used = len(tail.read_bytes().rstrip(b"\0"))
    with tail.open("r+b") as file:
        file.seek(used + -used % 64)
        file.write(b"EVF1 an interrupted write")
    with Log.open(place.log) as log:
        again = next(log.read(log.end - 1, log.end))
        for _ in range(2):
            log.append_batch(again)
        log.seal()  # what an earlier version wrote was closed
        end = log.end
        keep_deltas(place, log)
    reader = Reader.open(place.log)
    for offset, session in sorted(sessions(reader).items()):
        sidecar.note(place, sidecar.SESSIONS, {"session": session, "offset": offset})
    sidecar.note(place, sidecar.SESSIONS, {"records": end})
    kept = place.home / place.name / frozen.FILE
    kept.write_bytes(b"PAR1 rows of its frozen self PAR1")
    digest = blake3(kept.read_bytes()).hexdigest()
    sidecar.note(place, sidecar.FROZEN, {"bytes": kept.stat().st_size, "blake3": digest})
    assert trader("verify", "--home", str(home)).code == 0
    assert trader("verify", "--home", str(home)).code == 0
    assert found(place) == []
    return place


def keep_deltas(place: JournalPath, log: Log) -> None:
    """Put two changes on the newest snapshot, as a session that was killed leaves them."""
    checkpoints = Checkpoints(place.checkpoints)
    base = checkpoints.offsets()[-1]
    link = Link(base + 1, checkpoints.read(base).name, 0)
    data = b""
    for end in (log.end - 1, log.end):
        chain = log.chain_after(end - 1)
        assert chain is not None
        frame, link = build(
            Kind.DELTA,
            chain + b"a change of some arrays",
            count=end - link.offset,
            link=link,
            tag=base.to_bytes(8, "little"),
        )
        data += frame
    (place.checkpoints / f"{base:020}.deltas").write_bytes(data.ljust(1 << 20, b"\0"))


def sessions(reader: Reader) -> dict[int, int]:
    """Return the numbers of the sessions of a log, by the offset at which they begin."""
    begun = scan.records(reader, 0, reader.end, kinds=["session_started"])
    return {
        offset: record.session for offset, record in begun if isinstance(record, SessionStarted)
    }


@pytest.fixture
def place(healthy: JournalPath, tmp_path: Path) -> JournalPath:
    """A copy of it, to be hurt."""
    shutil.copytree(healthy.home, tmp_path / "home")
    return JournalPath(tmp_path / "home", healthy.name)


def found(place: JournalPath) -> list[Finding]:
    """Return what verify finds at its ordinary depth."""
    try:
        findings = integrity.check(place.log)
    except EventLogError as error:
        return [Finding("refused", error.path, None, str(error), repairable=False)]
    try:
        log = Reader.open(place.log)
    except Corrupt:
        return findings + check_beside(place, None)
    findings += check_beside(place, log)
    try:
        header = header_of(log, place)
    except Exception as error:  # noqa: BLE001 - a refusal is a finding
        return [*findings, Finding("refused", place.log, None, str(error), repairable=False)]
    return findings + check_checkpoints(place, log, header, lambda _: None)


def files(place: JournalPath) -> list[Path]:
    """Return every file of a journal."""
    return sorted(path for path in (place.home / place.name).rglob("*") if path.is_file())


def kind_of(path: Path) -> str:
    """Return what kind of file it is."""
    return path.name if path.suffix in ("", ".jsonl") or path.stem == "frozen" else path.suffix[1:]


def test_it_has_every_kind_of_file(healthy: JournalPath) -> None:
    """And none that nothing speaks for."""
    kinds = {kind_of(path) for path in files(healthy)}

    assert kinds == {
        *("LOCK", "MANIFEST", "mark", "open", "parquet", "torn", "snapshot", "deltas"),
        *("sessions.jsonl", "verified.jsonl", "frozen.jsonl", "frozen.parquet"),
    }
    assert uncovered(healthy) == []


def places_in(data: bytes, rng: random.Random, count: int) -> Iterator[int]:
    """Yield bits of every region: what is used, its ends, and the zeros after it."""
    used = len(data.rstrip(b"\0"))
    yield rng.randrange(8)
    yield max(used - 1, 0) * 8 + rng.randrange(8)
    yield len(data) * 8 - 1 - rng.randrange(8)
    for _ in range(count):
        yield rng.randrange(max(used, 1) * 8)
        if used < len(data):
            yield rng.randrange(used * 8, len(data) * 8)


def test_no_flipped_bit_passes(place: JournalPath, effort: int, seed: int, tally: Tally) -> None:
    """In no file, and in no region of any."""
    rng = random.Random(f"{seed} bits")
    for path in files(place):
        data = path.read_bytes()
        bits = range(len(data) * 8) if effort > 9 and len(data) < 4096 else None
        for bit in bits or places_in(data, rng, FLIPS * effort):
            with path.open("r+b") as file:
                file.seek(bit // 8)
                file.write(bytes([data[bit // 8] ^ 1 << bit % 8]))
            seen = found(place)
            with path.open("r+b") as file:
                file.seek(bit // 8)
                file.write(data[bit // 8 : bit // 8 + 1])
            tally[f"bit flip, journal's {kind_of(path)}", DETECTED if seen else SILENT] += 1
            assert seen, f"{path.name}: bit {bit % 8} of byte {bit // 8}"
    assert found(place) == []


def test_no_other_damage_passes(place: JournalPath, seed: int, tally: Tally) -> None:
    """Lost, emptied, cut, lengthened, or another of its kind in its place."""
    rng = random.Random(f"{seed} other")
    for path in files(place):
        data, kind = path.read_bytes(), kind_of(path)
        hurts: list[damage.Hurt] = [("emptied", b"")]
        hurts += [(f"cut off at byte {at}", data[:at]) for at in [rng.randrange(1, len(data))]]
        hurts += damage.lengthened(data)
        hurts += [
            (f"in its place {other.name}", other.read_bytes())
            for other in files(place)
            if other != path and kind_of(other) == kind and other.read_bytes() != data
        ]
        for what, hurt in [*hurts, ("lost", None)]:
            path.unlink() if hurt is None else path.write_bytes(hurt)
            seen = found(place)
            path.write_bytes(data)
            allowed = kind in MEANS_NOTHING and what in ("lost", "emptied")
            tally[
                f"other damage, journal's {kind}",
                DETECTED if seen else HARMLESS if allowed else SILENT,
            ] += 1
            assert seen or allowed, f"{path.name} {what}"


@pytest.mark.parametrize("file", [sidecar.SESSIONS, sidecar.VERIFICATIONS])
def test_no_line_goes_without_a_word_but_the_last(place: JournalPath, file: str) -> None:
    """Dropped, repeated, swapped or of another journal."""
    path = sidecar.path_of(place, file)
    rows = path.read_bytes().splitlines(keepends=True)
    assert len(rows) > 1

    for hurt in (rows[1:], [rows[0], *rows], [rows[1], rows[0], *rows[2:]], [*rows, rows[-1]]):
        path.write_bytes(b"".join(hurt))
        assert found(place), hurt
    path.write_bytes(b"".join(rows))
    assert found(place) == []


def test_an_older_log_in_its_place_is_found(place: JournalPath, tmp_path: Path) -> None:
    """Whole in itself, and of the same identity: what is beside it knows better."""
    old = shutil.copytree(place.log, tmp_path / "old")
    reader = Reader.open(place.log)
    with Log.open(place.log) as log:
        log.append_batch(next(reader.read(reader.end - 1, reader.end)))
        end = log.end
    sidecar.note(place, sidecar.SESSIONS, {"records": end})
    assert found(place) == []
    shutil.rmtree(place.log)
    shutil.copytree(old, place.log)

    assert "an older copy of it is in its place" in found(place)[0].message
    assert trader("verify", "--home", str(place.home)).code == 5


def test_files_that_nothing_speaks_for_are_named(place: JournalPath) -> None:
    """They are no damage, and are not taken for checked."""
    root = place.home / place.name
    for name in ("log/notes.txt", "log/x.parquet.tmp", "checkpoints/a.snapshot", "more.jsonl"):
        (root / name).write_text("?")

    answer = trader("verify", "--home", str(place.home))

    assert answer.code == 0
    for name in ("log/notes.txt", "log/x.parquet.tmp", "checkpoints/a.snapshot", "more.jsonl"):
        assert f"not covered: {name}" in answer.out


def test_files_that_are_named_like_the_logs_are_found(place: JournalPath) -> None:
    """A segment that nobody made, wherever its offset is."""
    for name in (f"{1:020}.open", f"{10**9:020}.open", f"{1:020}.parquet", f"{10**9:020}.parquet"):
        (place.log / name).write_bytes(b"?")
        assert found(place), name
        (place.log / name).unlink()
    assert found(place) == []


@pytest.mark.parametrize(
    "name", ["sessions.jsonl", "verified.jsonl", "frozen.jsonl", "frozen.parquet", "log/LOCK"]
)
def test_what_is_said_to_be_repairable_is_repaired(place: JournalPath, name: str) -> None:
    """With a copy of what was there, and verify is content after it."""
    path = place.home / place.name / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert trader("verify", "--home", str(place.home)).code == 4

    done = trader("repair", "--apply", "--home", str(place.home))

    assert done.code == 0, done.out
    assert found(place) == []
    if "LOCK" not in name:
        copies = (place.home / place.name / "quarantine").glob(f"{path.name}-*")
        # What verify said of it is noted in it, too.
        assert [copy.read_bytes()[: len(data)] for copy in copies] == [bytes(data)]


def test_lines_of_an_earlier_version_are_read(tmp_path: Path) -> None:
    """They have no checksum, until a line comes that covers those before it."""
    place = JournalPath(tmp_path, JOURNAL)
    (tmp_path / JOURNAL).mkdir()
    path = sidecar.path_of(place, sidecar.SESSIONS)
    path.write_text('{"time_ns": 1, "session": 1, "offset": 0}\n{"time_ns": 2, "records": 80}\n')
    assert uncovered(place) == ["sessions.jsonl: lines of an earlier version have no checksum"]

    sidecar.note(place, sidecar.SESSIONS, {"session": 2, "offset": 82})

    assert uncovered(place) == []
    assert check_beside(place, None) == []
    assert sidecar.recoveries(place) == 1
    assert sidecar.newest_session(place, 100) == 2
    path.write_bytes(path.read_bytes().replace(b'"records": 80', b'"records": 81'))
    assert len(check_beside(place, None)) == 1
