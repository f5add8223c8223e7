"""Totals of a journal since its beginning, without reading it from its beginning.

Health samples and a session's end carry the totals over all earlier decisions (`Score`). So only
the newest of them and the effects after it have to be read. A journal of an earlier version has
none: it is read once as a whole, unless the caller limits the number of records.

Carried totals name their log: a fork copies the samples of its origin, whose decisions differ.
"""

import json
from collections.abc import Callable
from typing import Any

from eventlog.fastpath import compute
from eventlog.log import Log
from eventlog.reader import Reader
from journal.reading.score import COLUMNS, Score
from journal.reading.sessions import BEGAN, KEY

BLOCK_RECORDS = 8_192
QUICK_RECORDS = 1 << 20
"""How many records are read, at most, where the answer is needed at once."""


def carried(score: Score, log: Log | Reader, *, began: int) -> dict[str, object]:
    """Return the totals that the next appended record carries in its detail, as JSON values.

    ``began`` is the offset at which its session began, so that it need not be searched for.
    """
    so_far = {"log": log.identity.hex(), "records": log.end, BEGAN: began}
    return {KEY: {**so_far, **score.sums()}}


def since_beginning(
    log: Log | Reader,
    *,
    records_max: int | None = None,
    looped: Callable[[], None] = lambda: None,
) -> Score | None:
    """Return the score of all decisions of a log.

    ``None`` if more than ``records_max`` records would have to be read. ``looped`` is called after
    every part that was read.
    """
    end, step = log.end, BLOCK_RECORDS
    score, start = Score(), 0
    while end:
        begin = max(0, end - step)
        found = _newest(log, begin, end)
        if found is not None:
            score, start = found
            break
        if records_max is not None and log.end - begin >= records_max and begin:
            return None
        # The steps grow: reading a few records of a sealed segment checks the whole file.
        end, step = begin, step * 8
        looped()
    for batch in log.read(start, log.end, columns=COLUMNS):
        score.add(batch)
        looped()
    return _with_newest(score, log, start)


def _with_newest(score: Score, log: Log | Reader, start: int) -> Score:
    """Return a score, with the last decision before ``start`` if it has none since."""
    if score.last is None and score.decisions:
        before = Score()
        for batch in log.read(max(0, start - BLOCK_RECORDS), start, columns=COLUMNS):
            before.add(batch)
        score.last, score.equity_e8 = before.last, before.equity_e8
        score.reason, score.fingerprint = before.reason, before.fingerprint
    return score


def _newest(log: Log | Reader, start: int, end: int) -> tuple[Score, int] | None:
    """Return the newest score carried by a record between two offsets, and its offset."""
    found = None
    for batch in log.read(start, end, columns=("offset", "detail")):
        rows = compute.where(batch, compute.is_valid(batch.column("detail")))
        for offset, detail in zip(
            rows.column("offset").to_pylist(), rows.column("detail").to_pylist(), strict=True
        ):
            score = _score_in(detail, log.identity.hex(), offset)
            found = found if score is None else (score, offset)
    return found


def _score_in(detail: str, identity: str, offset: int) -> Score | None:
    try:
        totals: Any = json.loads(detail).get(KEY)
        if totals is None or totals["log"] != identity or not 0 < totals["records"] <= offset:
            return None
        return Score.of_sums(totals)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return None  # a detail without totals
