"""The trades of one market that are known, so that each stands in the log once and none is missing.

Trades have no sequence number to tell a gap by (their ids increase, but need not be dense), so what
may be missing is remembered by when a connection was lost: the *hole* begins behind the newest id
up to which the stream was compared with REST before, and is closed when every page from there on
has been asked for. Pure: it holds ids.

What the exchange says of ids is not believed for ever. One that is far above all others, from the
stream or from REST, must not hide what is missing below it: of the ids that are remembered the
smallest is forgotten first, and where REST later names an older trade as its newest, what was
compared since is taken back.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush

from eventlog.records import Trade

_ID_MAX = 2**63 - 1
REMEMBERED_MAX = 65_536
"""Ids remembered to tell a repeated trade by (I10); a day of a busy market has about as many."""

_COMPARISONS_MAX = 64
"""Earlier comparisons that are remembered, to go back to one that was true."""

COMPARED = "compared_trade_id"
"""What a health sample calls the id up to which nothing is missing."""

COMPARED_NS = "compared_ns"
"""What it calls the moment, by our clock, when the exchange said that this id was its newest."""


class TradeDeduplicator:
    """Which trades of a market were taken.

    Args:
        known: ids that stand in the log already.
        behind: the id behind which trades may be missing from the log; ``None`` if none are.
        since_ns: when that trade was received, or whatever else is known of the time.

    >>> trades = TradeDeduplicator(known=[100, 101])
    >>> trades.add(102), trades.add(102)
    (True, False)
    >>> trades.close(trades.losses, newest=101)
    >>> trades.lose()
    >>> trades.behind
    101
    """

    def __init__(
        self, known: Iterable[int] = (), *, behind: int | None = None, since_ns: int = 0
    ) -> None:
        self._known = set(known)
        self._smallest = list(self._known)
        heapify(self._smallest)
        # What is older than this is in the log, or from before the journal, or too old to tell.
        self._floor = min(self._known, default=None)
        # Up to here nothing is missing.
        self._sure = self._floor if behind is None else behind
        self._sure_ns = since_ns
        self._comparisons = deque[tuple[int, int]](maxlen=_COMPARISONS_MAX)
        self._behind = behind
        self.losses = 0
        """How often something may have been missed: a hole that is closed is of the first ones."""
        self.repeated = 0
        """Trades that came more than once."""

    @property
    def begun(self) -> bool:
        """Whether it is known which trades are from before the journal."""
        return self._floor is not None

    def may_miss(self, trade_id: int) -> bool:
        """Return whether a trade of this id ought to be known and is not."""
        return self._floor is not None and trade_id > self._floor and trade_id not in self._known

    def may_be_after_floor(self, trade_id: int) -> bool:
        """Return whether a trade just before this one may be from after the journal began."""
        return self._floor is not None and trade_id > self._floor + 1

    @property
    def behind(self) -> int | None:
        """The id behind which trades may be missing; ``None`` if none are."""
        return self._behind

    @property
    def sure(self) -> int | None:
        """The id up to which nothing is missing."""
        return self._sure

    @property
    def sure_ns(self) -> int:
        """When that was, by our clock."""
        return self._sure_ns

    def begin(self, page: Sequence[Trade]) -> None:
        """Take the newest trades there are: what was not streamed is from before the journal."""
        assert self._floor is None
        first = min(self._known, default=_ID_MAX)
        self._floor = max((t.trade_id for t in page if t.trade_id < first), default=-1)
        self._sure = self._floor

    def add(self, trade_id: int) -> bool:
        """Note a trade; return whether it is new, or was there before."""
        if trade_id in self._known:
            self.repeated += 1
            return False
        self._known.add(trade_id)
        heappush(self._smallest, trade_id)
        if len(self._known) > REMEMBERED_MAX:
            forgotten = heappop(self._smallest)
            self._known.remove(forgotten)
            self._floor = max(forgotten, -1 if self._floor is None else self._floor)
        return True

    def lose(self) -> None:
        """Note that from now on trades may be missed: a hole begins, if there is none already."""
        self.losses += 1
        self.suspect()

    def suspect(self) -> None:
        """Note that trades are missing which are being fetched: a hole, until it is closed."""
        if self._behind is None:
            self._behind = self._sure

    def missing(self, page: Sequence[Trade]) -> list[Trade]:
        """Return the trades of a page that ought to be known and are not."""
        return [trade for trade in page if self.may_miss(trade.trade_id)]

    def reaches(self, page: Sequence[Trade]) -> bool:
        """Return whether nothing older than this page needs to be asked for.

        With a hole that is once a page has come to where it begins; without one, which is a mere
        look whether the stream was complete, once a page brings nothing new.
        """
        if not page or self._floor is None:
            return True
        oldest = min(trade.trade_id for trade in page)
        if oldest <= self._floor:
            return True
        return not self.missing(page) if self._behind is None else oldest <= self._behind

    def close(self, losses: int, *, newest: int | None, at_ns: int = 0) -> None:
        """Say that everything up to ``newest`` was asked for, as it was at a time.

        What was lost since ``losses`` was read is newer, and is a hole still. If ``newest`` is
        older than what was compared before, that was not so: a hole begins where it last was.
        """
        if newest is not None and self._sure is not None and newest < self._sure:
            self._take_back(newest)
            return
        if newest is not None:
            self._sure = newest
            self._comparisons.append((newest, at_ns))
        self._sure_ns = max(self._sure_ns, at_ns)
        self._behind = None if losses == self.losses else self._sure

    def _take_back(self, newest: int) -> None:
        """Go back to the last comparison that may be true where there are no newer trades."""
        while self._comparisons and self._comparisons[-1][0] > newest:
            self._comparisons.pop()
        if self._comparisons:
            self._sure, self._sure_ns = self._comparisons[-1]
        else:
            self._sure = min(newest, min(self._known, default=newest))
        assert self._floor is not None
        self._floor = min(self._floor, self._sure)
        self._behind = self._sure
