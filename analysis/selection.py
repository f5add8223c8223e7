"""Which decision is meant by an offset, a time or ``last``, with a note where it is another one.

A decision's own offset means it, a tick's the decision on it, a fill's the one that ordered it. Any
other record has no decision of its own: then the next one is meant, and the note says so.
"""

from dataclasses import dataclass

from analysis.lines import kind_of
from engine.checkpoint import Checkpoints
from eventlog.printable import printable
from eventlog.reader import Reader
from eventlog.records import Decision, Fill, Milestone
from journal.asked.offsets import resolve, time_ns
from journal.errors import NoSuchRecord
from journal.reading import scan

NEAR_RECORDS = 4_200
"""An effect is at most so many records after its tick: two chunks and their effects."""


@dataclass(frozen=True, slots=True)
class Selected:
    """The decision that is meant."""

    offset: int
    decision: Decision
    note: str = ""
    """Why it is this one, where it is not the decision of the offset that was named."""


def select(log: Reader, which: str, checkpoints: Checkpoints) -> Selected:
    """Return the decision that ``which`` names.

    Raises:
        CommandError: (2) if it names no offset; (13) if there is no decision there.
        OffsetOutOfRange: if the log does not reach there.
    """
    if which == "last":
        return _newest(log, "")
    is_time = "@" not in which and ":" in which
    if is_time:
        time_ns(which)
        which = f"s@{which}"
    at = resolve(which, log, checkpoints)
    if at >= log.end:
        return _newest(log, f"nothing is recorded at {printable(which, 80)} yet: the newest")
    ((_, record),) = scan.records(log, at, at + 1)
    if isinstance(record, Decision):
        return Selected(at, record)
    cause = at
    note = ""
    if isinstance(record, Fill):
        cause, note = record.ordered_at, f"offset {at:,} is a fill: the decision that ordered it"
    elif isinstance(record, Milestone):
        cause, note = record.cause, f"offset {at:,} is a milestone: the decision on its tick"
    found = _near(log, cause)
    if found is None:
        return _newest(log, f"no decision follows offset {at:,}: the newest", least=at)
    offset, decision = found
    if decision.cause != cause:
        note = f"offset {at:,} is a {kind_of(record)} without a decision: the next one"
    return Selected(offset, decision, "" if "@" in which else note)


def _near(log: Reader, cause: int) -> tuple[int, Decision] | None:
    """Return the decision on a tick or, if there is none, the next one."""
    end = min(log.end, cause + NEAR_RECORDS)
    for offset, record in scan.records(log, cause, end, kinds=["decision"]):
        assert isinstance(record, Decision)
        if record.cause >= cause:
            return offset, record
    return None


def _newest(log: Reader, note: str, *, least: int = 0) -> Selected:
    found = scan.last(log, Decision)
    if found is None or found[0] < least - NEAR_RECORDS:
        raise NoSuchRecord(
            "no decision is near" if least else "no decision is among the newest records",
            hint="trader log --kind decision lists them; trader why last is the newest.",
        )
    return Selected(*found, note)
