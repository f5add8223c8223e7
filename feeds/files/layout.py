"""The names of a table's columns, and the unit of its times.

============== =====================================================================================
column         meaning
============== =====================================================================================
``at``         when it happened: a number of seconds, ms, us or ns since 1970 UTC, a timestamp, or
               ISO 8601 text (UTC where it names no zone); of the years 2009 to 2096
``received``   when it reached the recorder, likewise; the same as ``at`` where there is none
``kind``       ``quote`` or ``trade``; without this column a row with a bid or an ask is a quote
``bid``        best bid from this row on, and ``ask``: positive
``bid_size``   volume at the best bid, and ``ask_size``
``last``       last price, of a quote without sizes; the last trade's where there is none
``price``      of the trade, and ``size``: positive
``side``       the taker's: buy or sell (also b, s, bid, ask, 1, -1); may be empty or unknown
``trade_id``   a whole number; the trades are numbered where there is none
============== =====================================================================================
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

COLUMNS = (
    "at", "received", "kind", "bid", "bid_size", "ask", "ask_size",
    "last", "price", "size", "side", "trade_id",
)  # fmt: skip
"""The columns that are read; a table may have more."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The names of columns in a table, and the unit of numeric times."""

    names: Mapping[str, str] = field(default_factory=dict)
    """Column of `COLUMNS` → its name in the table, where that differs."""

    time_unit: str | None = None
    """A key of `feeds.files.times.UNITS_NS`; ``None``: the unit in which a time is plausible."""

    def name(self, column: str) -> str:
        """Return the name of a column in the table."""
        return self.names.get(column, column)
