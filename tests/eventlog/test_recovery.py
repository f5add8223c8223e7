"""The case table: exactly one row for every combination, and each row by a real log."""

import itertools

import pytest

from eventlog import integrity, recovery, segment, watermark
from eventlog.errors import Corrupt, Displaced, NoLog, WriteFailed
from eventlog.frame import Stop
from eventlog.log import Log
from eventlog.recovery import CASES, Outcome, Recovery, Tail, Witness, decide, examine, manifest_of
from tests.support.strategies import quote
from tests.support.workloads import LOG, numbers, world

SEGMENT = LOG / segment.name(0)
MARK = LOG / watermark.NAME


def test_exactly_one_case_applies_to_every_combination() -> None:
    """The table is complete and has no two answers."""
    letters = set()
    for stop, witness, damaged in itertools.product(Stop, Witness, (False, True)):
        applying = [
            case
            for case in CASES
            if stop in case.stops and witness in case.witnesses and damaged in case.slots_damaged
        ]
        assert len(applying) == 1
        assert decide(stop, witness, slots_damaged=damaged) == applying[0]
        letters.add(applying[0].letter)
    assert letters == {case.letter for case in CASES}


def test_the_table_in_the_docstring_is_the_table() -> None:
    """Letters and outcomes in prose are those in the data."""
    rows = [
        line.split()
        for line in (recovery.__doc__ or "").splitlines()
        if len(line) > 6 and line[1:6] == "     "
    ]
    prose = {
        row[0]: Outcome[outcome.upper()] for row in rows for outcome in row if outcome in OUTCOMES
    }

    assert prose == {case.letter: case.outcome for case in CASES}


OUTCOMES = {outcome.name.lower() for outcome in Outcome}


def test_nothing_is_cut_unless_an_interrupted_write_explains_it() -> None:
    """Only a torn end behind a watermark that agrees, with both slots sound, is ever cut."""
    for stop, witness, damaged in itertools.product(Stop, Witness, (False, True)):
        case = decide(stop, witness, slots_damaged=damaged)
        if case.outcome is Outcome.CUT:
            assert (stop, damaged) == (Stop.TORN, False)
            assert witness in (Witness.AGREES, Witness.BEHIND)


# --- each row by a log


class Kept:
    """A log of four commits, and its watermark as it was after each."""

    def __init__(self) -> None:
        self.fs = world()
        self.watermarks: list[bytes] = []
        with Log.open(LOG, storage=self.fs, segment_bytes=1 << 14) as log:
            self.tail = log._last
            for number in range(4):
                log.append([quote(number)])
                self.watermarks.append(bytes(self.fs.names[MARK].current))
        self.ends = list(log._last._positions)

    def with_watermark(self, commits: int) -> None:
        """Set the watermark back to what it was after so many commits."""
        self.fs.put(MARK, self.watermarks[commits - 1])

    def tear(self) -> None:
        """Lose the second half of the last frame."""
        data = self.fs.names[SEGMENT].current
        start, end = self.ends[2], self.ends[3]
        data[(start + end) // 2 : end] = bytes(end - (start + end) // 2)

    def damage_slot(self) -> None:
        """Damage the older slot of the watermark."""
        slot = 1 - watermark.read(self.fs, LOG).slot
        self.fs.names[MARK].current[slot * 4096 + 10] ^= 1

    def open(self) -> tuple[Recovery, int]:
        """Open for writing; return what was found and how many records there are."""
        with Log.open(LOG, storage=self.fs, segment_bytes=1 << 14) as log:
            assert numbers(log) == list(range(log.end))
            log.append([quote(log.end)])
            return log.recovery, log.end - 1

    def refused(self, letter: str) -> Corrupt:
        """Open for writing, which is refused, changing nothing."""
        before = {path: bytes(inode.current) for path, inode in self.fs.names.items()}
        with pytest.raises(Corrupt, match=f"case {letter}") as caught:
            self.open()
        assert {path: bytes(inode.current) for path, inode in self.fs.names.items()} == before
        return caught.value


def test_case_a_keeps() -> None:
    """The watermark stands at the end: nothing is to be done."""
    found, end = Kept().open()

    assert (found.case, end, found.cut_bytes) == ("A", 4, 0)


def test_case_b_keeps_and_writes_again() -> None:
    """Frames behind the watermark are written once more, the same, and synced."""
    kept = Kept()
    kept.with_watermark(2)
    before = bytes(kept.fs.names[SEGMENT].current)
    kept.fs.calls.clear()

    found, end = kept.open()

    assert (found.case, end) == ("B", 4)
    assert kept.fs.names[SEGMENT].current[: kept.ends[3]] == before[: kept.ends[3]]
    written = kept.fs.calls.index(f"pwrite {SEGMENT.name}")
    assert kept.fs.calls[written + 1] == f"fdatasync {SEGMENT.name}"


@pytest.mark.parametrize(("commits", "letter"), [(3, "C"), (1, "D")])
def test_cases_c_and_d_cut_with_a_copy(commits: int, letter: str) -> None:
    """The torn bytes are in quarantine, and zeros are where they were."""
    kept = Kept()
    kept.with_watermark(commits)
    kept.tear()
    data = bytes(kept.fs.names[SEGMENT].current)
    torn = data[kept.ends[2] : len(data.rstrip(b"\0"))]

    found, end = kept.open()

    assert (found.case, end, found.cut_bytes) == (letter, 3, len(torn))
    assert found.quarantine is not None
    assert kept.fs.names[found.quarantine].current == torn
    assert kept.fs.after_power_cut(lambda pending: []).names[found.quarantine].current == torn


def test_case_e_refuses() -> None:
    """A torn end and a damaged slot: the slot may have known better."""
    kept = Kept()
    kept.with_watermark(3)
    kept.tear()
    kept.damage_slot()

    assert kept.refused("E").offset == 3


def test_a_damaged_slot_alone_is_set_right() -> None:
    """With all frames whole, the watermark is written anew."""
    kept = Kept()
    kept.damage_slot()
    assert len(watermark.read(kept.fs, LOG).damage) == 1

    _, end = kept.open()

    assert end == 4
    assert watermark.read(kept.fs, LOG).damage == ()


def test_case_f_refuses() -> None:
    """Damage before a later frame was not left by an interrupted write."""
    kept = Kept()
    kept.fs.names[SEGMENT].current[kept.ends[0] + 70] ^= 1

    error = kept.refused("F")

    assert (error.path, error.offset) == (SEGMENT, 1)
    assert str(kept.ends[0]) in error.message


@pytest.mark.parametrize("how", ["torn", "gone"])
def test_case_g_refuses(how: str) -> None:
    """A watermark that knows more than there is: acknowledged records are missing."""
    kept = Kept()
    if how == "torn":
        kept.tear()
    else:
        kept.fs.names[SEGMENT].current[kept.ends[2] : kept.ends[3]] = bytes(
            kept.ends[3] - kept.ends[2]
        )

    error = kept.refused("G")

    assert (error.expected, error.actual) == ("4 records", "3 records")


def test_case_h_refuses() -> None:
    """A watermark with another chain value or position at its offset knows another history."""
    kept, other = Kept(), Kept()
    newest = watermark.read(kept.fs, LOG).newest
    assert newest is not None
    forged = watermark.Watermark(newest.identity, 3, 0, kept.ends[2], bytes(32), 1, counter=99)
    early = watermark.Watermark(newest.identity, 3, 0, kept.ends[2], newest.chain, 1, counter=99)
    aside = newest._replace(position=newest.position - 64, counter=99)
    for wrong in (forged, early, aside):
        slot = watermark.to_bytes(wrong).ljust(4096, b"\0")
        kept.fs.put(MARK, slot + slot)
        kept.refused("H")
    assert other.fs.names[SEGMENT].current == kept.fs.names[SEGMENT].current


@pytest.mark.parametrize("data", [None, b"", bytes(8192)])
def test_case_i_refuses(data: bytes | None) -> None:
    """Without a watermark nobody can tell."""
    kept = Kept()
    if data is None:
        del kept.fs.names[MARK]
    else:
        kept.fs.put(MARK, data)

    assert kept.refused("I").path == MARK


def test_a_mark_of_a_segment_that_is_gone_refuses() -> None:
    """When the last segment is lost with its records, the watermark knows."""
    fs = world()
    with Log.open(LOG, storage=fs, segment_bytes=1152) as log:
        for number in range(4):
            log.append([quote(number)])
        last = log._last.path
        assert log._last.first > 0
    del fs.names[last]

    with pytest.raises(Corrupt, match="case G"):
        Log.open(LOG, storage=fs)


def test_a_mark_of_a_sealed_segment_is_behind() -> None:
    """A watermark that fell back to an older slot may point into what was sealed since."""
    fs = world()
    with Log.open(LOG, storage=fs, segment_bytes=1152) as log:
        log.append([quote(0)])
        old = bytes(fs.names[MARK].current)
        for number in range(1, 4):
            log.append([quote(number)])
        log.seal()
    fs.put(MARK, old)
    manifest = manifest_of(fs, LOG)

    assert examine(fs, LOG, manifest).case.letter == "B"

    newest = watermark.from_bytes(old).newest
    assert newest is not None
    beyond = watermark.Watermark(
        newest.identity, 99, 0, newest.position, newest.chain, 1, counter=99
    )
    assert recovery.witness_of(examine(fs, LOG, manifest).segments, beyond) is Witness.AHEAD
    odd = watermark.Watermark(newest.identity, manifest.end + 1, 0, 0, newest.chain, 1, counter=99)
    assert recovery.witness_of(examine(fs, LOG, manifest).segments, odd) is Witness.DISAGREES


def test_closed_segments_have_to_be_whole_and_joined() -> None:
    """Nothing torn and nothing missing is accepted before the last segment."""
    fs = world()
    with Log.open(LOG, storage=fs, segment_bytes=1152) as log:
        for number in range(8):
            log.append([quote(number)])
        first, second, *_ = [part.path for part in log._open]
        room = log._open[0].position
    torn, gone = fs.copy(), fs.copy()
    torn.names[first].current[room + 1] = 1
    del gone.names[second]

    with pytest.raises(Corrupt, match="in a segment that was closed"):
        Log.open(LOG, storage=torn)
    with pytest.raises(Corrupt, match="records are missing before this segment"):
        Log.open(LOG, storage=gone)


def test_a_log_without_a_manifest_is_corrupt_and_a_directory_without_a_log_is_none() -> None:
    """An interrupted creation leaves no log; anything more is one that lost its manifest."""
    fs = world()
    with pytest.raises(NoLog):
        manifest_of(fs, LOG)
    with Log.open(LOG, storage=fs, segment_bytes=1152) as log:
        identity = log.identity
    fs.unlink(LOG / "MANIFEST")
    with pytest.raises(NoLog):
        manifest_of(fs, LOG)
    with Log.open(LOG, storage=fs, segment_bytes=1152) as log:
        assert log.identity != identity
        log.append([quote(0)])
    fs.unlink(LOG / "MANIFEST")

    with pytest.raises(Corrupt, match="MANIFEST is missing"):
        Log.open(LOG, storage=fs)


def test_a_second_writer_takes_the_log_over() -> None:
    """Where no lock keeps it out: the first one's next append fails, and nothing is lost."""
    fs = world()
    first = Log.open(LOG, storage=fs, segment_bytes=1 << 14)
    first.append([quote(0)])
    fs.locks.clear()
    second = Log.open(LOG, storage=fs, segment_bytes=1 << 14)
    second.append([quote(1), quote(2)])
    with pytest.raises(Displaced, match="another writer has claimed this log"):
        first.append([quote(1)])
    with pytest.raises(WriteFailed, match="dead"):
        first.append([quote(1)])
    second.append([quote(3)])

    fs.after_process_death()
    with Log.open(LOG, storage=fs) as log:
        assert log.end == 4


def test_a_tail_that_somebody_may_still_write_to_becomes_another_file() -> None:
    """What a writer of before still writes, also torn, is not in what is appended to from then."""
    fs = world()
    first = Log.open(LOG, storage=fs, segment_bytes=1 << 14)
    first.append([quote(0)])
    path = LOG / f"{0:020}.open"
    stale = fs.open(path)
    fs.locks.clear()
    fs.settled = False
    with Log.open(LOG, storage=fs, segment_bytes=1 << 14) as second:
        second.append([quote(1)])
        stale.pwrite(b"late" * 1024, 0)
        second.append([quote(2)])

    assert integrity.check(LOG, storage=fs) == []
    with Log.open(LOG, storage=fs) as log:
        assert log.end == 3


def test_recovery_of_nothing_torn_writes_nothing_to_the_log() -> None:
    """Case A touches no record file."""
    kept = Kept()
    kept.fs.calls.clear()
    tail: Tail = examine(kept.fs, LOG, manifest_of(kept.fs, LOG))
    recovery.repair(kept.fs, LOG, tail, settled=True)

    assert all(call.startswith("read") for call in kept.fs.calls)
