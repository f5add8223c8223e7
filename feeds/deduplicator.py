"""The known trades of one market, so that each is recorded once and none is missing.

Trades have no sequence number that would show a gap: their ids increase, but need not be dense. So
a loss of the connection opens a *hole*. It begins after the newest id up to which the stream had
been compared with REST, and is closed when every page from there on has been fetched. Pure: it
holds ids.

A wrong id must not do lasting harm. An id far above all others, from the stream or from REST, must
not hide missing trades below it. So the smallest of the remembered ids is forgotten first, and if
REST later names an older trade as its newest, the comparisons since then are revoked.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush

from eventlog.invariants import hold
from eventlog.records import Trade

_ID_MAX = 2**63 - 1
REMEMBERED_MAX = 65_536
"""Ids remembered to detect repeated trades (I10): about a day of a busy market."""

_COMPARISONS_MAX = 64
"""Earlier comparisons that are remembered, so that false ones can be revoked."""

COMPARED = "compared_trade_id"
"""The key in a health sample of the id up to which nothing is missing."""

COMPARED_NS = "compared_ns"
"""The key of the time, by our clock, at which the exchange named this id as its newest."""


class TradeDeduplicator:
    """The trades of a market that are known.

    Args:
        known: ids that are in the log already.
        behind: the id after which trades may be missing from the log; ``None`` if none are.
        since_ns: when that trade was received, or the best known bound of that time.

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
        # Older trades are in the log, or from before the journal, or too old to be remembered.
        self._floor = min(self._known, default=None)
        # Up to here nothing is missing.
        self._sure = self._floor if behind is None else behind
        self._sure_ns = since_ns
        self._comparisons = deque[tuple[int, int]](maxlen=_COMPARISONS_MAX)
        self._behind = behind
        self.losses = 0
        """The number of losses so far; `close` closes the hole of those up to a given number."""
        self.repeated = 0
        """The number of trades received more than once."""

    @property
    def begun(self) -> bool:
        """Whether it is known which trades are from before the journal."""
        return self._floor is not None

    def may_miss(self, trade_id: int) -> bool:
        """Return whether the trade of this id is missing: not known, though after the start."""
        return self._floor is not None and trade_id > self._floor and trade_id not in self._known

    def may_be_after_floor(self, trade_id: int) -> bool:
        """Return whether a trade just before this one may be from after the journal began."""
        return self._floor is not None and trade_id > self._floor + 1

    @property
    def behind(self) -> int | None:
        """The id after which trades may be missing; ``None`` if none are."""
        return self._behind

    @property
    def sure(self) -> int | None:
        """The id up to which nothing is missing."""
        return self._sure

    @property
    def sure_ns(self) -> int:
        """The time of that comparison, by our clock."""
        return self._sure_ns

    def begin(self, page: Sequence[Trade]) -> None:
        """Take the newest trades: those not streamed are from before the journal."""
        hold("I1", self._floor is None, "a journal's trades begin once")
        first = min(self._known, default=_ID_MAX)
        self._floor = max((t.trade_id for t in page if t.trade_id < first), default=-1)
        self._sure = self._floor

    def add(self, trade_id: int) -> bool:
        """Add a trade; return whether it is new."""
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
        """Open a hole, unless one is open: trades may be missed from now on."""
        self.losses += 1
        self.suspect()

    def suspect(self) -> None:
        """Open a hole for missing trades that are being fetched."""
        if self._behind is None:
            self._behind = self._sure

    def missing(self, page: Sequence[Trade]) -> list[Trade]:
        """Return the missing trades of a page."""
        return [trade for trade in page if self.may_miss(trade.trade_id)]

    def reaches(self, page: Sequence[Trade]) -> bool:
        """Return whether no older page than this one needs to be fetched.

        With a hole: once a page reaches the beginning of the hole. Without one, in a regular check
        of the stream: once a page has no new trade.
        """
        if not page or self._floor is None:
            return True
        oldest = min(trade.trade_id for trade in page)
        if oldest <= self._floor:
            return True
        return not self.missing(page) if self._behind is None else oldest <= self._behind

    def close(self, losses: int, *, newest: int | None, at_ns: int = 0) -> None:
        """Close the hole: everything up to ``newest`` was fetched, as of a time.

        Losses since ``losses`` was read are newer, and stay a hole. If ``newest`` is older than an
        earlier comparison, that comparison was false: a hole opens after the last true one.
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
        """Revoke comparisons that cannot be true if there are no newer trades than ``newest``."""
        while self._comparisons and self._comparisons[-1][0] > newest:
            self._comparisons.pop()
        if self._comparisons:
            self._sure, self._sure_ns = self._comparisons[-1]
        else:
            self._sure = min(newest, min(self._known, default=newest))
        assert self._floor is not None
        self._floor = min(self._floor, self._sure)
        self._behind = self._sure
