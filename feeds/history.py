"""The past of one market, as a venue keeps it: candles and trades from before we listened.

Fetched page by page in the order of time. A page is what one answer brought, as records; whoever
makes a page durable before it asks for the next can go on after the last page that is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from eventlog.records import Input, Trade

PRESENT = "reached the present"
"""Why nothing follows: everything up to now was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    """Records of the past, and how far they lead.

    ``records`` are candles or trades in the order of time; a `Gap` for a long stretch without any,
    and an `Undecodable` for each row that makes no sense, are among them. ``until_ns`` is the time
    up to which the page answers. ``stopped`` is why there is no further page, on the last one.

    Times of candles and trades, ``until_ns`` and all that is asked for are the venue's. Those of a
    `Gap` are ours, as everywhere.
    """

    records: tuple[Input, ...]
    until_ns: int
    stopped: str = ""


class History(Protocol):
    """What a venue keeps of a market's past. Entered before it is asked.

    Entering raises ``ExchangeUnreachable`` or ``UnknownMarket`` (`feeds.errors`); asking raises
    ``RestUnavailable`` or ``RestRefused``.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    @property
    def source(self) -> str:
        """Where it is fetched from, as it stands in records."""
        ...

    @property
    def calls(self) -> int:
        """How many calls were made, repeated ones included."""
        ...

    def now_ns(self) -> int:
        """Return the venue's time, which it is asked for, in nanoseconds since 1970 UTC."""
        ...

    @property
    def ahead_ns(self) -> int:
        """How far the venue's clock was ahead of ours when it was last asked."""
        ...

    def candles(
        self, length: str, *, from_ns: int, to_ns: int, follows: bool = False
    ) -> Iterator[HistoryPage]:
        """Yield the candles that begin from one time to before another.

        Args:
            length: its name, as in `VenueFacts.candle_lengths_ns`.
            from_ns: a multiple of the length.
            to_ns: another.
            follows: whether candles up to ``from_ns`` are known, so that none there is a hole;
                otherwise history begins with the first candle.
        """
        ...

    def trades(self, *, from_ns: int, after: Trade | None = None) -> Iterator[HistoryPage]:
        """Yield the trades from a time on, or those after a known one, up to the newest."""
        ...
