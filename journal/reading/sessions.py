"""What the sessions of a journal say of themselves: where each began, and what it ran on.

Found from the end of a log, without reading it from its beginning: health samples and a session's
last word name the offset at which their session began (`journal.reading.totals.carried`).
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
"""In the detail of a health sample and of a session's end: what its session says of the log."""

BEGAN = "began"
"""Under that key: the offset at which the session began."""

FIRST_STEP = 4_096
_LAST_STEP = 1 << 20
"""Ever larger steps, since a read of a few records of a sealed segment checks the whole file."""

_STARTED, _ENDED = "session_started", "session_ended"
_SAYING = pa.array([_STARTED, _ENDED, "health"])
_SHOWN_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RanOn:
    """What a session ran on, as its first record says."""

    offset: int
    """Where it began."""

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
    for offset, kind, detail in _words(log, log.end):
        if kind in (_STARTED, _ENDED):
            return offset, kind == _ENDED
        began = began_in(detail, log, offset)
        if began is not None:
            return began, False
    return None


def began_before(log: Log | Reader, end: int) -> int:
    """Return the offset at which the session of the record before ``end`` began; 0 if unknown.

    Reads back to the newest record that names it: a minute of a session. Where an earlier version
    recorded the session, that is the session's start.
    """
    for offset, kind, detail in _words(log, end):
        began = offset if kind == _STARTED else began_in(detail, log, offset)
        if began is not None:
            return began
    return 0


def between(log: Log | Reader, start: int, end: int) -> list[RanOn]:
    """Return the sessions that recorded anything from ``start`` to before ``end``, in order.

    A fork copies the sessions of its origin, which are told by the log that they name: what its
    decisions ran on is what its own first session says.
    """
    return _begun(log, began_before(log, min(start + 1, end)), end)


def _begun(log: Log | Reader, start: int, end: int) -> list[RanOn]:
    """Return the sessions that began from ``start`` to before ``end``; see `between`."""
    columns = ("offset", "kind", "session", "detail")
    said: list[tuple[int, int, dict[str, Any]]] = []
    for batch in log.read(start, end, columns=columns):
        rows = compute.where(batch, compute.equal(batch.column("kind"), _STARTED))
        cells = (rows.column(name).to_pylist() for name in ("offset", "session", "detail"))
        said += [(at, number, detail_of(text)) for at, number, text in zip(*cells, strict=True)]
    # Not read where nothing is told: the first record of a long log is in a sealed segment.
    first = {} if all(_is_own(detail, log) for _, _, detail in said) else _first_detail(log)
    is_told = _is_own(first, log)
    return [
        _ran_on(at, number, first if is_told and not _is_own(detail, log) else detail)
        for at, number, detail in said
    ]


def newest(log: Log | Reader) -> RanOn | None:
    """Return the newest session; ``None`` if the log has none. Bounded as `began_before`."""
    began = began_before(log, log.end)
    return next(iter(_begun(log, began, min(began + 1, log.end))), None)


def arithmetics(log: Log | Reader, start: int = 0, end: int | None = None) -> dict[int, str]:
    """Return the arithmetic digest of each of the sessions `between`, by where it starts."""
    found = between(log, start, log.end if end is None else end)
    return {each.offset: each.arithmetic for each in found}


def other_step(found: list[RanOn]) -> RanOn | None:
    """Return the first of some sessions that says that it ran on another step than this program's.

    One of an earlier version says nothing. It is read and continued as it was before steps had an
    identity: what it recorded is held to what this program derives by the self-check of the kept
    network, by the log's tail, and by every replay.
    """
    return next((each for each in found if each.step not in (None, step_identity())), None)


def check_newest(log: Log | Reader, place: JournalPath) -> None:
    """Refuse to go on with a journal whose newest session ran on another step.

    Raises:
        JournalIncompatible: with both versions and what to do.
    """
    last = newest(log)
    if last is not None and other_step([last]) is not None:
        raise JournalIncompatible(sentence(place, last), hint=HINT)


def check_between(log: Log | Reader, place: JournalPath, start: int, end: int) -> None:
    """Refuse to derive records again that another step decided.

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
    """Return what is the matter with a session of another step, with both versions."""
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
    return {}  # its file cannot be shown


def _is_own(detail: dict[str, Any], log: Log | Reader) -> bool:
    return detail.get("log") == log.identity.hex()


def _words(log: Log | Reader, end: int) -> Iterator[tuple[int, str, str | None]]:
    """Yield what sessions say before an offset, the newest first: offset, kind, detail."""
    stop, step = end, FIRST_STEP
    columns = ("offset", "kind", "detail")
    while stop > 0:
        start = max(0, stop - step)
        found: list[tuple[int, str, str | None]] = []
        for batch in log.read(start, stop, columns=columns):
            rows = compute.where(batch, compute.is_in(batch.column("kind"), _SAYING))
            cells = (rows.column(name).to_pylist() for name in columns)
            found += zip(*cells, strict=True)
        yield from reversed(found)
        stop, step = start, min(step * 4, _LAST_STEP)


def began_in(detail: str | None, log: Log | Reader, offset: int) -> int | None:
    """Return where a record says that its session began, if it is a word of this very log."""
    said = detail_of(detail).get(KEY)
    if not isinstance(said, dict) or said.get("log") != log.identity.hex():
        return None
    began = said.get(BEGAN)
    return began if type(began) is int and 0 <= began <= offset else None
