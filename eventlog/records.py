"""The vocabulary: every kind of record in a log, one frozen class each.

A record is one fact at an offset. *Inputs* come from outside (the market, the session, gaps);
*effects* are the engine's results. The set is closed: a reader refuses a kind that it does not
know.

Prices, volumes and money are integers counted in 1e-8 of their unit (``_e8``), the smallest step
that the exchange quotes (reference: BTC Markets REST v3 ``GET /markets``, ``priceDecimals`` and
``amountDecimals`` are at most 8). ``_decimals`` is the number of decimals *as sent*, so that the
exchange's checksum, which is taken over the text, can be recomputed from the log:

>>> price_e8, price_decimals = parse_e8("0.1230")
>>> price_e8, price_decimals
(12300000, 4)
>>> format_e8(price_e8, price_decimals)
'0.1230'

Times are nanoseconds since 1970 UTC. ``exchange_ns`` is the exchange's timestamp, ``None`` where it
sent none; ``received_ns`` is when the record reached us; ``taken_ns`` is when the session took it
up to record it and decide on it (from format 3 on; ``None`` where no session decided on it). None
of them orders the log; the offset does (I1).
"""

import re
from dataclasses import dataclass
from enum import StrEnum

E8 = 100_000_000
"""Counts per unit."""

E8_MAX = 10**18 - 1
"""The largest magnitude that a log can hold: eighteen digits, eight of them decimals."""

_DECIMAL = re.compile(r"(-?)([0-9]{1,10})(?:\.([0-9]{1,8}))?", re.ASCII)


def parse_e8(text: str) -> tuple[int, int]:
    """Return a decimal text as (count of 1e-8, number of decimals as sent).

    Raises:
        ValueError: if the text is no plain decimal number of at most ten digits before the point
            and eight after it. Exponents, ``NaN``, signs other than one ``-`` and blanks are not
            plain.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(f"not a decimal of at most 10 + 8 digits: {text[:40]!r}")
    sign, whole, decimals = match[1], match[2], match[3] or ""
    count = int(whole + decimals.ljust(8, "0"))
    return (-count if sign else count), len(decimals)


def format_e8(value_e8: int, decimals: int = 8) -> str:
    """Return the text of a count of 1e-8 with ``decimals`` decimals; the inverse of `parse_e8`.

    Raises:
        ValueError: if the value has more decimals.
    """
    whole, rest = divmod(abs(value_e8), E8)
    digits = f"{rest:08d}"
    if digits[decimals:].strip("0"):
        raise ValueError(f"{value_e8}e-8 has more than {decimals} decimals")
    sign = "-" if value_e8 < 0 else ""
    return f"{sign}{whole}.{digits[:decimals]}" if decimals else f"{sign}{whole}"


class Side(StrEnum):
    """The taker's side of a public trade, and of our paper fills: who crossed the spread."""

    BUY = "buy"
    SELL = "sell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Best bid, best ask and last price, from the exchange's ``tick`` channel."""

    exchange_ns: int | None
    received_ns: int
    bid_e8: int
    ask_e8: int
    last_e8: int
    bid_decimals: int
    ask_decimals: int
    last_decimals: int
    snapshot_id: int | None
    taken_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One public trade. ``backfilled``: fetched later, so it did not arrive in time.

    ``source`` is where a trade of the time before a journal's first session was fetched from.
    """

    exchange_ns: int | None
    received_ns: int
    price_e8: int
    volume_e8: int
    price_decimals: int
    volume_decimals: int
    side: Side | None
    trade_id: int
    backfilled: bool = False
    taken_ns: int | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """One price of the book: its whole resting volume and the number of its orders.

    A volume of 0 deletes the price.
    """

    price_e8: int
    volume_e8: int
    price_decimals: int
    volume_decimals: int
    order_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BookUpdate:
    """Levels that replace their prices; with ``snapshot``, levels that are the whole book.

    ``checksum`` is the exchange's CRC32 of the ten best levels of each side *after* this update. It
    is recorded as sent; the engine checks it.
    """

    exchange_ns: int | None
    received_ns: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    snapshot: bool
    checksum: int | None
    snapshot_id: int | None
    taken_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candle:
    """The trades of an interval of time, as the exchange sums them up; nothing is decided on it.

    ``exchange_ns`` is the start of the interval and ``length_ns`` its length; ``open`` is the price
    of its first trade, ``close`` of its last, ``volume`` is in the base asset. An interval without
    a trade has no candle. ``source`` is where it was fetched from. ``backfilled``: it belongs to a
    gap of a journal that had begun by then; otherwise its time is before the first session.
    """

    exchange_ns: int
    received_ns: int
    length_ns: int
    open_e8: int
    high_e8: int
    low_e8: int
    close_e8: int
    volume_e8: int
    backfilled: bool = False
    source: str | None = None

    @property
    def end_ns(self) -> int:
        """The end of the interval, which is no longer part of it."""
        return self.exchange_ns + self.length_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecodable:
    """A message that could not be decoded: its bytes and the reason."""

    received_ns: int
    raw: bytes
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A time in which ticks may have been missed: from when to when on our clock, and why."""

    received_ns: int
    from_ns: int
    to_ns: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted:
    """A session begins. ``detail`` is a JSON object: versions, parameters, seed, …"""

    received_ns: int
    session: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded:
    """A session ended on purpose. A session without this record was killed."""

    received_ns: int
    session: int
    why: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The state of the process and the feed at a moment. ``detail`` is a JSON object."""

    received_ns: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketStatus:
    """The exchange's status of the market from now on: ``Online``, ``Post Only``, …

    ``status`` is the exchange's word, at most `STATUS_CHARS_MAX` characters: use `market_status`.
    """

    received_ns: int
    status: str


STATUS_CHARS_MAX = 64

ONLINE = "Online"
"""The one status in which a market order is taken (reference: BTC Markets REST v3 ``/markets``)."""


def market_status(text: str, *, received_ns: int) -> MarketStatus:
    """Return the record of a status, whatever its text.

    A long text is cut, and characters that a log cannot hold are escaped.

    >>> market_status("Post Only", received_ns=1).status
    'Post Only'
    """
    status = text[:STATUS_CHARS_MAX].encode("utf-8", "backslashreplace").decode()
    return MarketStatus(received_ns=received_ns, status=status[:STATUS_CHARS_MAX])


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The engine's prediction and decision at one tick.

    ``cause`` is the tick's offset, ``exchange_ns`` and ``received_ns`` are the tick's. The
    probabilities are of the mid price at the horizon: that it moves, and that it is higher given
    that it moves (raw from the mixture, then calibrated). ``confidence`` is the calibrated
    probability of the likelier direction. The ``scored_`` fields are sums over the labels resolved
    at this tick, each scored on the probability that was recorded when its prediction was made, so
    learning curves follow from the log alone. ``fingerprint`` is the 64-bit hash of the weights
    after this tick.

    From format 2 on: ``phase`` is the phase of the learner (`engine.learner.monitor`),
    ``p_up_network`` the network's own prediction. Of the labels that were resolved,
    ``scored_rises`` rose and ``scored_said_rises`` were predicted to; the sums of the network
    alone, of the imbalance rule and of persistence stand next to ours.

    ``edge_realisation`` is how far expected gains have come true, ``skill_confidence`` the share of
    recent skill that is certain (`engine.account.decision_feedback`). ``gross_equity`` is the
    equity before all fees so far, ``spread_cost`` the cost of fills compared with the mid (half
    spreads and slippage), so ``gross_equity + spread_cost`` is the equity of trading at the mid
    without costs. ``buy_hold_equity`` is the equity of buying once and holding, ``random_equity``
    the mean of traders who enter as often as we do, at random moments. ``drawdown`` is the largest
    fall of equity so far, ``sharpe`` the mean over the deviation of the returns per minute,
    ``turnover`` the value bought and sold, ``round_trips`` the number of positions opened and
    closed, ``winning_trips`` those with a profit after fees.
    """

    exchange_ns: int | None
    received_ns: int
    cause: int
    p_move: float
    p_up_raw: float
    p_up: float
    confidence: float
    edge_ppm: float
    cost_ppm: float
    action: str
    reason: str
    loss: float
    learning_rate: float
    trained: int
    resolved: int
    scored: int
    scored_hits: int
    scored_loss: float
    scored_baseline_loss: float
    voided: int
    equity_e8: int
    cash_e8: int
    position_e8: int
    fingerprint: int
    phase: str | None = None
    p_up_network: float | None = None
    scored_rises: int | None = None
    scored_said_rises: int | None = None
    scored_network_hits: int | None = None
    scored_network_loss: float | None = None
    scored_rule_hits: int | None = None
    scored_rule_loss: float | None = None
    scored_persistence_hits: int | None = None
    scored_brier: float | None = None
    edge_realisation: float | None = None
    skill_confidence: float | None = None
    sharpe: float | None = None
    gross_equity_e8: int | None = None
    spread_cost_e8: int | None = None
    buy_hold_equity_e8: int | None = None
    random_equity_e8: int | None = None
    drawdown_e8: int | None = None
    turnover_e8: int | None = None
    round_trips: int | None = None
    winning_trips: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A paper execution of ours, at a tick after the decision that placed the order (I6).

    ``cause`` is the offset of the tick at which it filled, ``ordered_at`` the offset of the tick
    whose decision placed it. ``price`` is the volume-weighted price, rounded against us; ``value``
    is the exact amount paid or received for the volume, before the ``fee``; ``slippage`` is the
    part of it that levels beyond the best price cost; ``levels`` is the number of levels of the
    book that were taken, 0 where no book was known.
    """

    exchange_ns: int | None
    received_ns: int
    cause: int
    ordered_at: int
    side: Side
    price_e8: int
    volume_e8: int
    fee_e8: int
    value_e8: int | None = None
    slippage_e8: int | None = None
    levels: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone:
    """A change of the learner at a tick: growth, a drift, an exchanged feature.

    ``why`` names the change, ``cause`` is the tick's offset, ``exchange_ns`` and ``received_ns``
    are the tick's, ``detail`` is a JSON object.
    """

    exchange_ns: int | None
    received_ns: int
    cause: int
    why: str
    detail: str


Tick = Quote | Trade | BookUpdate
Input = (
    Quote
    | Trade
    | BookUpdate
    | Undecodable
    | Gap
    | SessionStarted
    | SessionEnded
    | Health
    | MarketStatus
    | Candle
)
Effect = Decision | Fill | Milestone
Record = Input | Effect

KINDS: dict[str, type[Record]] = {
    "quote": Quote,
    "trade": Trade,
    "book": BookUpdate,
    "undecodable": Undecodable,
    "gap": Gap,
    "session_started": SessionStarted,
    "session_ended": SessionEnded,
    "decision": Decision,
    "fill": Fill,
    # since version 2
    "health": Health,
    "milestone": Milestone,
    # since version 3
    "market_status": MarketStatus,
    "candle": Candle,
}
"""The kind as recorded → the class. Never reuse a word for another meaning."""

TICK_KINDS = ("quote", "trade", "book")
EFFECT_KINDS = ("decision", "fill", "milestone")
