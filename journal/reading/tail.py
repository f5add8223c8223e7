"""Yields records in order, and on request also those that become durable later."""

from collections.abc import Iterator, Sequence
from itertools import islice

from eventlog.reader import Reader
from eventlog.records import Record
from feeds import clock
from journal.reading import scan

FOLLOW_S = 0.2
"""How often the log is checked for new records."""


def tail(
    log: Reader,
    start: int,
    end: int,
    *,
    kinds: Sequence[str] | None = None,
    most: int | None = None,
    follow: bool = False,
) -> Iterator[tuple[int, Record]]:
    """Yield (offset, record) from ``start`` to before ``end``.

    Args:
        log: the log to read, which is refreshed while it is followed.
        start: the first offset.
        end: the offset to stop before.
        kinds: the kinds to yield; all if there are none.
        most: how many records to yield, at most.
        follow: whether to continue after ``end`` as records become durable, up to ``most``.
    """
    yield from islice(_records(log, start, end, kinds, follow=follow), most)


def _records(
    log: Reader, start: int, end: int, kinds: Sequence[str] | None, *, follow: bool
) -> Iterator[tuple[int, Record]]:
    yield from scan.records(log, start, max(start, end), kinds=kinds)
    while follow:
        start = max(start, end)
        clock.sleep_s(FOLLOW_S)
        end = log.refresh()
        yield from scan.records(log, start, max(start, end), kinds=kinds)
