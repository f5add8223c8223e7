"""Checks: nothing in a sound log, and a finding with place and cause for everything else."""

from pathlib import Path

import pyarrow as pa
import pytest
from blake3 import blake3

from eventlog import manifest, schema, sealing, segment, watermark
from eventlog.errors import Incompatible, NoLog
from eventlog.integrity import Finding, check, check_quick
from eventlog.log import Log
from eventlog.manifest import Manifest, Sealed
from tests.support.simfs import SimFS
from tests.support.strategies import quote
from tests.support.workloads import LOG, world

SEALED = LOG / f"{0:020}.parquet"
OPEN = LOG / segment.name(4)


@pytest.fixture
def fs() -> SimFS:
    """A log of four sealed and two open records, closed."""
    fs = world()
    with Log.open(LOG, storage=fs, segment_bytes=1 << 14) as log:
        log.append([quote(0)])
        log.append([quote(number) for number in (1, 2, 3)])
        log._roll(0)
        log.seal()
        log.append([quote(4)])
        log.append([quote(5)])
    return fs


def only(findings: list[Finding]) -> Finding:
    """Return the one finding."""
    (finding,) = findings
    return finding


def test_a_sound_log_has_no_findings_and_nothing_is_changed(fs: SimFS) -> None:
    """A check reads; it writes nothing, and says what it read."""
    read: list[tuple[str, int]] = []
    fs.calls.clear()

    assert check_quick(LOG, storage=fs) == []
    assert (
        check(LOG, storage=fs, progress=lambda path, count: read.append((path.name, count))) == []
    )

    assert read == [(SEALED.name, 4), (OPEN.name, 2)]
    assert {call.split()[0] for call in fs.calls} == {"read"}


def test_a_running_writer_is_no_finding() -> None:
    """Under a lock, an unfinished write is the writer's business."""
    fs = world()
    log = Log.open(LOG, storage=fs)
    log.append([quote(0)])
    fs.names[OPEN.with_name(segment.name(0))].current[log._last.position] = 1
    assert check(LOG, storage=fs) == []

    fs.locks.clear()

    finding = only(check(LOG, storage=fs))
    assert (finding.check, finding.offset, finding.repairable) == ("open", 1, True)
    assert "case C" in finding.message


def test_damage_to_a_sealed_file_is_found_by_reading_only(fs: SimFS) -> None:
    """The quick check knows sizes; the full one knows every byte."""
    fs.names[SEALED].current[100] ^= 1

    assert check_quick(LOG, storage=fs) == []
    finding = only(check(LOG, storage=fs))
    assert (finding.check, finding.path, finding.offset) == ("rows", SEALED, 0)
    assert not finding.repairable


def test_a_sealed_file_of_another_size_is_found_quickly(fs: SimFS) -> None:
    """Also when it is missing."""
    fs.names[SEALED].current.append(0)
    assert only(check_quick(LOG, storage=fs)).message.endswith(
        "found " + str(fs.size(SEALED)) + ")"
    )
    fs.unlink(SEALED)
    assert "missing" in only(check(LOG, storage=fs)).message


def test_damage_to_the_manifest_is_one_finding(fs: SimFS) -> None:
    """Without a manifest nothing else can be said."""
    fs.names[LOG / "MANIFEST"].current[20] ^= 1

    finding = only(check(LOG, storage=fs))

    assert (finding.check, finding.path.name) == ("manifest", "MANIFEST")


def test_damage_to_an_open_segment_is_found_quickly(fs: SimFS) -> None:
    """Every frame of an open segment is read, and the record at which it fails is said."""
    data = fs.names[OPEN].current
    data[data.find(b"EVF1", 64) + 70] ^= 1

    finding = only(check_quick(LOG, storage=fs))

    assert (finding.check, finding.path, finding.offset) == ("open", OPEN, 4)
    assert check(LOG, storage=fs) == [finding]


def test_damage_to_a_slot_of_the_watermark_is_repairable(fs: SimFS) -> None:
    """The other slot is there, and opening writes both anew."""
    slot = watermark.read(fs, LOG).slot
    fs.names[LOG / watermark.NAME].current[4096 * (1 - slot) + 9] ^= 1

    finding = only(check(LOG, storage=fs))

    assert (finding.check, finding.repairable) == ("mark", True)
    Log.open(LOG, storage=fs).close()
    assert check(LOG, storage=fs) == []


def test_a_file_that_nobody_names_is_found(fs: SimFS) -> None:
    """A Parquet file is part of the log, or half way there, or strange."""
    for first in (4, 77):
        fs.put(LOG / f"{first:020}.parquet", bytes(fs.names[SEALED].current))

    finding = only(check(LOG, storage=fs))

    assert (finding.check, finding.path.name) == ("stray", f"{77:020}.parquet")


def test_no_log_and_a_newer_one_raise(fs: SimFS) -> None:
    """There is nothing to find in what is not there, or cannot be read."""
    with pytest.raises(NoLog):
        check(Path("/nowhere"), storage=fs)
    path = LOG / "MANIFEST"
    text = bytes(fs.names[path].current).replace(b'"version": 1', b'"version": 2')
    text = text[: text.rfind(b"\n", 0, -1) + 1]
    fs.put(path, text + manifest._last_line(text))
    with pytest.raises(Incompatible):
        check_quick(LOG, storage=fs)


@pytest.mark.parametrize("fault", ["offset", "kind", "chain"])
def test_rows_are_checked_under_right_digests(fault: str) -> None:
    """What a faulty program sealed, with right digests over wrong rows, is found too."""
    fs = world()
    with Log.open(LOG, storage=fs, segment_bytes=1 << 14) as log:
        log.append([quote(0), quote(1)])
        log._roll(0)
        closed, identity = log._open[0], log.identity
    batch = schema.encode([quote(0), quote(1)], first_offset=1 if fault == "offset" else 0)
    if fault == "kind":
        kinds = pa.array(["quote", "ghost"])
        batch = batch.set_column(1, schema.SCHEMA.field("kind"), kinds)
    ends = [(end, bytes(16) if fault == "chain" else link) for end, link in closed.frame_ends()]
    if fault == "offset":
        ends = [(end + 1, link) for end, link in ends]
    data = sealing.to_parquet([pa.Table.from_batches([batch])], ends, {})
    entry = Sealed(0, 2, len(data), blake3(data).digest(), closed.chain_before, closed.link.chain)
    fs.put(LOG / entry.name, data)
    manifest.write(fs, LOG, Manifest.empty(identity).with_sealed(entry))
    fs.unlink(closed.path)

    finding = only(check(LOG, storage=fs))

    assert finding.path == LOG / entry.name
    assert {"offset": "I1", "kind": "ghost", "chain": "chain"}[fault] in finding.message
