"""Recovery of a log whose last writer may have died at any moment.

The open segments are read from the first to the last. All but the last must be whole, and each must
follow the one before. The last may end in an interrupted write; this table decides whether it does.
*Stop* is how the frames of the last segment end (`frame.Stop`), *witness* is how the watermark
compares with them (`Witness`), *slots* is whether a slot of the watermark was damaged.

====  ========  ==============  =======  =======  ================================================
case  stop      witness         slots    outcome  why
====  ========  ==============  =======  =======  ================================================
A     END       AGREES          any      keep     the watermark is at the end: stopped in good
                                                  order, or killed between two commits
B     END       BEHIND          any      keep     the watermark was not updated for the last
                                                  frames; they are whole and were submitted
C     TORN      AGREES          sound    cut      a write was interrupted after the last commit
D     TORN      BEHIND          sound    cut      as B, then C
E     TORN      AGREES, BEHIND  damaged  refuse   the damaged slot may have recorded that the
                                                  invalid bytes were acknowledged
F     BROKEN    any             any      refuse   no interrupted write leaves this
G     not F     AHEAD           any      refuse   the watermark has more records than the log
H     not F     DISAGREES       any      refuse   the watermark is of another history
I     not F     ABSENT          any      refuse   no valid slot, or no file: an interrupted write
                                                  cannot be distinguished from damage
====  ========  ==============  =======  =======  ================================================

Bytes that are cut are first copied to ``quarantine/``, under a name derived from their content, so
a crash during recovery never replaces a whole copy by a partial one. Every step may be interrupted
and repeated.

Frames after the watermark are written again with the same bytes and synced, because after a failed
fsync a process reads them from the page cache whether they are on the disk or not.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from blake3 import blake3

from eventlog import frame, sealing, segment, watermark
from eventlog import manifest as manifests
from eventlog.errors import Corrupt
from eventlog.frame import Link, Scan, Stop
from eventlog.invariants import hold
from eventlog.manifest import Manifest
from eventlog.segment import Segment
from eventlog.storage import Storage, make_directory, publish
from eventlog.watermark import Slots, Watermark

LOCK = "LOCK"
QUARANTINE = "quarantine"
_TORN_NAME = re.compile("[0-9]{20}-[0-9]+-([0-9a-f]{16})[.]torn")


class Witness(Enum):
    """How the watermark compares with the frames that were found."""

    AGREES = "it stands at their end"
    BEHIND = "it stands at the end of one of them"
    AHEAD = "it stands after all of them"
    DISAGREES = "it stands at no end of a frame, or with another chain value"
    ABSENT = "there is no valid watermark"


class Outcome(Enum):
    """The action of a case."""

    KEEP = "keep all frames"
    CUT = "keep all frames, copy what follows to quarantine and zero it"
    REFUSE = "report, change nothing"


@dataclass(frozen=True, slots=True)
class Case:
    """A row of the table: its conditions, its action, and the sentence that gives the reason."""

    letter: str
    stops: frozenset[Stop]
    witnesses: frozenset[Witness]
    slots_damaged: frozenset[bool]
    outcome: Outcome
    why: str


_ANY_STOP = frozenset(Stop)
_ANY_WITNESS = frozenset(Witness)
_NOT_BROKEN = frozenset({Stop.END, Stop.TORN})
_ALWAYS = frozenset({False, True})


def _case(
    letter: str,
    stops: frozenset[Stop] | Stop,
    witnesses: frozenset[Witness] | Witness,
    slots_damaged: frozenset[bool],
    outcome: Outcome,
    why: str,
) -> Case:
    return Case(
        letter,
        stops if isinstance(stops, frozenset) else frozenset({stops}),
        witnesses if isinstance(witnesses, frozenset) else frozenset({witnesses}),
        slots_damaged,
        outcome,
        why,
    )


_SOUND, _DAMAGED = frozenset({False}), frozenset({True})
_KNOWN = frozenset({Witness.AGREES, Witness.BEHIND})

CASES = (
    _case("A", Stop.END, Witness.AGREES, _ALWAYS, Outcome.KEEP, "the log is whole"),
    _case(
        "B",
        Stop.END,
        Witness.BEHIND,
        _ALWAYS,
        Outcome.KEEP,
        "the commits after the watermark are whole",
    ),
    _case("C", Stop.TORN, Witness.AGREES, _SOUND, Outcome.CUT, "the last write was interrupted"),
    _case(
        "D",
        Stop.TORN,
        Witness.BEHIND,
        _SOUND,
        Outcome.CUT,
        "the last write was interrupted; the commits after the watermark are whole",
    ),
    _case(
        "E",
        Stop.TORN,
        _KNOWN,
        _DAMAGED,
        Outcome.REFUSE,
        "bytes do not check, and the damaged slot of the watermark may have known them",
    ),
    _case(
        "F", Stop.BROKEN, _ANY_WITNESS, _ALWAYS, Outcome.REFUSE, "no interrupted write left this"
    ),
    _case(
        "G", _NOT_BROKEN, Witness.AHEAD, _ALWAYS, Outcome.REFUSE, "acknowledged records are missing"
    ),
    _case(
        "H",
        _NOT_BROKEN,
        Witness.DISAGREES,
        _ALWAYS,
        Outcome.REFUSE,
        "the watermark knows another history",
    ),
    _case("I", _NOT_BROKEN, Witness.ABSENT, _ALWAYS, Outcome.REFUSE, "there is no valid watermark"),
)


@dataclass(frozen=True, slots=True)
class Recovery:
    """The result of recovery: the letter of the case, and the reason.

    ``cut_bytes`` were no whole frame, and are in the file ``quarantine``.
    """

    case: str
    why: str
    cut_bytes: int = 0
    quarantine: Path | None = None


@dataclass(frozen=True, slots=True)
class Tail:
    """The open segments of a log as found, and the bytes of the last one."""

    segments: tuple[Segment, ...]
    scan: Scan
    data: bytes
    slots: Slots
    case: Case

    @property
    def last(self) -> Segment:
        """The segment to append to."""
        return self.segments[-1]


def decide(stop: Stop, witness: Witness, *, slots_damaged: bool) -> Case:
    """Return the one case that applies."""
    found = [
        case
        for case in CASES
        if stop in case.stops and witness in case.witnesses and slots_damaged in case.slots_damaged
    ]
    facts = {"stop": stop, "witness": witness, "slots_damaged": slots_damaged}
    hold("I1", len(found) == 1, "exactly one case of recovery applies", **facts)
    return found[0]


def witness_of(segments: tuple[Segment, ...], newest: Watermark | None) -> Witness:
    """Return how the watermark compares with the frames that were found in these segments."""
    if newest is None:
        return Witness.ABSENT
    last = segments[-1]
    if newest.end > last.end or newest.segment_offset > last.first:
        return Witness.AHEAD
    holder = next((part for part in segments if part.first == newest.segment_offset), None)
    if holder is None:
        # The segment was sealed since: the manifest itself proves the sealed end.
        return Witness.BEHIND if newest.end <= segments[0].first else Witness.DISAGREES
    if holder.chain_after(newest.end - 1) != newest.chain[: frame.LINK_BYTES]:
        return Witness.DISAGREES
    # The first offset of a segment without records proves nothing: a larger one may replace it.
    if newest.end > holder.first and holder.position_of(newest.end) != newest.position:
        return Witness.DISAGREES
    return Witness.AGREES if newest.end == last.end else Witness.BEHIND


def manifest_of(storage: Storage, directory: Path) -> Manifest:
    """Return the manifest of a log.

    Raises:
        NoLog: if there is no log.
        Corrupt: if the manifest is damaged, or is missing while other files exist.
        Incompatible: if a newer version wrote it.
    """
    if not storage.exists(directory / manifests.NAME):
        lost = lost_file(storage, directory)
        if lost is not None:
            raise Corrupt(f"{manifests.NAME} is missing, but there is {lost}", path=directory)
    return manifests.read(storage, directory)


def lost_file(storage: Storage, directory: Path) -> str | None:
    """Return a file that an interrupted creation of a log cannot have left, if there is one.

    Creation publishes the manifest last. Before that there may be a watermark and a segment without
    records.
    """
    names = storage.listdir(directory) if storage.exists(directory) else []
    for file_name in names:
        if file_name.endswith((segment.SUFFIX, sealing.SUFFIX)) and (
            file_name != segment.name(0) or not segment.is_empty(storage, directory / file_name)
        ):
            return file_name
    return None


def examine(
    storage: Storage, directory: Path, manifest: Manifest, *, trusting: bool = False
) -> Tail:
    """Read the open segments and determine how they end. Changes nothing.

    With ``trusting``, the bodies of the last segment up to the watermark are not checked here, but
    when they are read.

    Raises:
        Corrupt: if they do not follow each other from the sealed ones on, if any but the last is
            not whole, or if the case is one that refuses; the message names the case.
        Incompatible: if a newer version wrote one.
    """
    slots = watermark.read(storage, directory)
    firsts = [segment.first_offset_of(file_name) for file_name in storage.listdir(directory)]
    names = [first for first in firsts if first is not None and first >= manifest.end]
    link = Link(manifest.end, manifest.chain, 0)
    found: list[Segment] = []
    scan, data = None, b""
    for first in names:
        path = directory / segment.name(first)
        if scan is not None and scan.stop is not Stop.END:
            raise Corrupt(
                f"{scan.reason}, in a segment that was closed",
                path=found[-1].path,
                offset=scan.link.offset,
            )
        if first != link.offset:
            raise Corrupt(
                "records are missing before this segment",
                path=path,
                expected=link.offset,
                actual=first,
            )
        part, scan, data = segment.load(
            storage,
            path,
            identity=manifest.identity,
            link=link,
            trusted=slots.newest if trusting else None,
        )
        found.append(part)
        link = scan.link
    if scan is None:
        raise Corrupt("the open segment is missing", path=directory, offset=manifest.end)
    if slots.newest is not None and slots.newest.identity != manifest.identity:
        raise Corrupt("the watermark is of another log", path=directory / watermark.NAME)
    segments = tuple(found)
    witness = witness_of(segments, slots.newest)
    case = decide(scan.stop, witness, slots_damaged=bool(slots.damage))
    tail = Tail(segments, scan, data, slots, case)
    if case.outcome is Outcome.REFUSE:
        raise _refusal(tail, directory)
    return tail


def _refusal(tail: Tail, directory: Path) -> Corrupt:
    newest, letter = tail.slots.newest, tail.case.letter
    if letter == "I":
        reasons = "; ".join(tail.slots.damage)
        return Corrupt(f"case I: {tail.case.why}: {reasons}", path=directory / watermark.NAME)
    reason = f": {tail.scan.reason}, byte {tail.scan.position}" if tail.scan.reason else ""
    return Corrupt(
        f"case {letter}: {tail.case.why}{reason}",
        path=tail.last.path,
        offset=tail.scan.link.offset,
        expected=None if newest is None else f"{newest.end} records",
        actual=f"{tail.scan.link.offset} records",
    )


def repair(
    storage: Storage,
    directory: Path,
    tail: Tail,
    *,
    settled: bool,
    check: Callable[[], object] = lambda: None,
) -> Recovery:
    """Carry out the action of the case, durably, and return the result.

    Unless ``settled``, an earlier writer may still be alive. Then the file of the last segment is
    replaced by a copy, so that this writer's late writes go to the old file and not over records
    that are appended here. ``check`` is called just before anything is written.
    """
    last, scan, newest = tail.last, tail.scan, tail.slots.newest
    assert newest is not None, "case I refuses"
    known = newest.segment_offset == last.first and newest.end > last.first
    start = newest.position if known else last.start
    whole = tail.data[start : scan.position]
    torn = tail.data[scan.position : scan.used_bytes]
    copy = _quarantined(storage, directory, last, scan.position, torn) if torn else None
    if not settled:
        kept = tail.data[: scan.position]
        publish(storage, last.path, segment.filled(kept, last.size_bytes), check=check)
    elif whole or torn:
        file = storage.open(last.path)
        try:
            check()  # otherwise the opened file may be another writer's
            file.pwrite(whole + bytes(len(torn)), start)
            file.fdatasync()
        finally:
            file.close()
    return Recovery(tail.case.letter, tail.case.why, len(torn), copy)


def digest_in(file_name: str) -> str:
    """Return the digest prefix in the name of a quarantined copy, or an empty string."""
    found = _TORN_NAME.fullmatch(file_name)
    return found[1] if found else ""


def _quarantined(
    storage: Storage, directory: Path, last: Segment, position: int, torn: bytes
) -> Path:
    make_directory(storage, directory / QUARANTINE)
    digest = blake3(torn).hexdigest()[:16]
    path = directory / QUARANTINE / f"{last.first:020}-{position}-{digest}.torn"
    publish(storage, path, [torn])
    return path
