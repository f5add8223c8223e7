"""The sessions of a journal: where each began, and which step and arithmetic it ran on.

They are found from the end of a log, without reading it from its beginning: health samples and a
session's end name the offset at which the session began (`journal.reading.totals.carried`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from engine.identity import step_identity
from eventlog.fastpath import compute
from eventlog.log import Log
from eventlog.reader import Reader
from journal.errors import JournalIncompatible
from journal.layout import JournalPath
from journal.reading.details import UNKNOWN, detail_of

KEY = "since_beginning"
"""Key in the detail of a health sample and of a session's end: the totals of the log so far."""

BEGAN = "began"
"""Under that key: the offset at which the session began."""

FIRST_STEP = 4_096
_LAST_STEP = 1 << 20
"""The steps grow, since reading a few records of a sealed segment checks the whole file."""

_STARTED, _ENDED = "session_started", "session_ended"
_ABOUT_SESSIONS = pa.array([_STARTED, _ENDED, "health"])
_SHOWN_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RanOn:
    """What a session ran on, from its first record."""

    offset: int
    """The offset of its first record."""

    session: int
    step: str | None
    """The identity of the step (`engine.identity`); ``None`` if its version recorded none."""

    arithmetic: str
    trader: str
    """The version of this program."""


def newest_word(log: Log | Reader) -> tuple[int, bool] | None:
    """Return the offset of the newest session's end, or else of its start, and whether it ended.

    ``None`` if the log has no session.
    """
    for offset, kind, detail in _session_records(log, log.end):
        if kind in (_STARTED, _ENDED):
            return offset, kind == _ENDED
        began = began_in(detail, log, offset)
        if began is not None:
            return began, False
    return None


def began_before(log: Log | Reader, end: int) -> int:
    """Return the offset at which the session of the record before ``end`` began; 0 if unknown.

    Reads back to the newest record that names it: at most a minute of a session. If an earlier
    version recorded the session, it reads back to the session's start.
    """
    for offset, kind, detail in _session_records(log, end):
        began = offset if kind == _STARTED else began_in(detail, log, offset)
        if began is not None:
            return began
    return 0


def between(log: Log | Reader, start: int, end: int) -> list[RanOn]:
    """Return the sessions that recorded anything from ``start`` to before ``end``, in order.

    A fork contains the sessions of its origin, recognised by the log that they name. The decisions
    in their range were made by the fork, so they are returned with what its first session ran on.
    """
    return _begun(log, began_before(log, min(start + 1, end)), end)


def _begun(log: Log | Reader, start: int, end: int) -> list[RanOn]:
    """Return the sessions that began from ``start`` to before ``end``; see `between`."""
    columns = ("offset", "kind", "session", "detail")
    starts: list[tuple[int, int, dict[str, Any]]] = []
    for batch in log.read(start, end, columns=columns):
        rows = compute.where(batch, compute.equal(batch.column("kind"), _STARTED))
        cells = (rows.column(name).to_pylist() for name in ("offset", "session", "detail"))
        starts += [(at, number, detail_of(text)) for at, number, text in zip(*cells, strict=True)]
    # Read only if it is needed: the first record of a long log is in a sealed segment.
    first = {} if all(_is_own(detail, log) for _, _, detail in starts) else _first_detail(log)
    names_log = _is_own(first, log)
    return [
        _ran_on(at, number, first if names_log and not _is_own(detail, log) else detail)
        for at, number, detail in starts
    ]


def newest(log: Log | Reader) -> RanOn | None:
    """Return the newest session; ``None`` if there is none. Reads as little as `began_before`."""
    began = began_before(log, log.end)
    return next(iter(_begun(log, began, min(began + 1, log.end))), None)


def arithmetics(log: Log | Reader, start: int = 0, end: int | None = None) -> dict[int, str]:
    """Return the arithmetic digest of each session `between` two offsets, by its first offset."""
    found = between(log, start, log.end if end is None else end)
    return {each.offset: each.arithmetic for each in found}


def other_step(found: list[RanOn]) -> RanOn | None:
    """Return the first session that ran on another step than this program's; ``None`` if none did.

    Sessions of an earlier version recorded no step and are accepted. Their effects are compared
    with this program's by the self-check of the kept model, by the log's tail, and by every replay.
    """
    return next((each for each in found if each.step not in (None, step_identity())), None)


def check_newest(log: Log | Reader, place: JournalPath) -> None:
    """Refuse to continue a journal whose newest session ran on another step.

    Raises:
        JournalIncompatible: with both versions and what to do.
    """
    last = newest(log)
    if last is not None and other_step([last]) is not None:
        raise JournalIncompatible(sentence(place, last), hint=HINT)


def check_between(log: Log | Reader, place: JournalPath, start: int, end: int) -> None:
    """Refuse to derive effects again that another step derived.

    Raises:
        JournalIncompatible: with both versions and what to do.
    """
    other = other_step(between(log, start, end))
    if other is not None:
        raise JournalIncompatible(sentence(place, other), hint=HINT)


HINT = (
    "trader status, why, log and report read it. To go on, record into another home, or take its"
    " ticks along: trader replay --out DIR."
)


def sentence(place: JournalPath, other: RanOn) -> str:
    """Return the message about a session of another step, with both versions."""
    from journal.versions import version_of

    theirs, ours = (step[:_SHOWN_DIGITS] for step in (other.step or UNKNOWN, step_identity()))
    return (
        f"{place.log}: recorded by another version of the step: session {other.session} by trader"
        f" {other.trader}, step {theirs}; this is trader {version_of('trader')}, step {ours}"
    )


def _ran_on(offset: int, session: int, detail: dict[str, Any]) -> RanOn:
    step, versions = detail.get("step"), detail.get("versions")
    trader = versions.get("trader", UNKNOWN) if isinstance(versions, dict) else UNKNOWN
    return RanOn(
        offset=offset,
        session=session,
        step=None if step is None else str(step),
        arithmetic=str(detail.get("arithmetic", UNKNOWN)),
        trader=str(trader),
    )


def _first_detail(log: Log | Reader) -> dict[str, Any]:
    for batch in log.read(0, 1, columns=("detail",)):
        return detail_of(batch.column(0)[0].as_py())
    return {}  # its segment is damaged


def _is_own(detail: dict[str, Any], log: Log | Reader) -> bool:
    return detail.get("log") == log.identity.hex()


def _session_records(log: Log | Reader, end: int) -> Iterator[tuple[int, str, str | None]]:
    """Yield the records before an offset that tell of sessions, newest first.

    Each as (offset, kind, detail).
    """
    stop, step = end, FIRST_STEP
    columns = ("offset", "kind", "detail")
    while stop > 0:
        start = max(0, stop - step)
        found: list[tuple[int, str, str | None]] = []
        for batch in log.read(start, stop, columns=columns):
            rows = compute.where(batch, compute.is_in(batch.column("kind"), _ABOUT_SESSIONS))
            cells = (rows.column(name).to_pylist() for name in columns)
            found += zip(*cells, strict=True)
        yield from reversed(found)
        stop, step = start, min(step * 4, _LAST_STEP)


def began_in(detail: str | None, log: Log | Reader, offset: int) -> int | None:
    """Return the offset at which a record says that its session began.

    ``None`` if it does not say so, or if it was copied from another log.
    """
    totals = detail_of(detail).get(KEY)
    if not isinstance(totals, dict) or totals.get("log") != log.identity.hex():
        return None
    began = totals.get(BEGAN)
    return began if type(began) is int and 0 <= began <= offset else None
