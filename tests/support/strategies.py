"""Records to test with: a few of each kind, and Hypothesis strategies for any."""

from hypothesis import strategies as st

from eventlog.records import (
    E8_MAX,
    BookUpdate,
    Candle,
    Decision,
    Fill,
    Gap,
    Health,
    Level,
    MarketStatus,
    Milestone,
    Quote,
    Record,
    SessionEnded,
    SessionStarted,
    Side,
    Trade,
    Undecodable,
)


def quote(number: int) -> Quote:
    """Return a quote that no other number gives."""
    return Quote(
        exchange_ns=1_700_000_000_000_000_000 + number,
        received_ns=1_700_000_000_000_777_000 + number,
        bid_e8=60_000_00000000 + number,
        ask_e8=60_010_00000000 + number,
        last_e8=60_005_00000000,
        bid_decimals=2,
        ask_decimals=2,
        last_decimals=1,
        snapshot_id=number,
        taken_ns=1_700_000_000_000_800_000 + number,
    )


_times = st.integers(0, 2**63 - 1)
_e8 = st.integers(-E8_MAX, E8_MAX)
_places = st.integers(0, 8)
_int64 = st.integers(-(2**63), 2**63 - 1)
_int32 = st.integers(-(2**31), 2**31 - 1)
_floats = st.floats(width=32, allow_nan=False)
_text = st.text(max_size=20)
_sides = st.sampled_from(Side)
_levels = st.lists(
    st.builds(
        Level,
        price_e8=_e8,
        volume_e8=_e8,
        price_decimals=_places,
        volume_decimals=_places,
        order_count=_int32,
    ),
    max_size=4,
).map(tuple)

quotes = st.builds(
    Quote,
    exchange_ns=st.none() | _times,
    received_ns=_times,
    bid_e8=_e8,
    ask_e8=_e8,
    last_e8=_e8,
    bid_decimals=_places,
    ask_decimals=_places,
    last_decimals=_places,
    snapshot_id=st.none() | _int64,
    taken_ns=st.none() | _times,
)
trades = st.builds(
    Trade,
    exchange_ns=st.none() | _times,
    received_ns=_times,
    price_e8=_e8,
    volume_e8=_e8,
    price_decimals=_places,
    volume_decimals=_places,
    side=st.none() | _sides,
    trade_id=_int64,
    backfilled=st.booleans(),
    taken_ns=st.none() | _times,
    source=st.none() | _text,
)
books = st.builds(
    BookUpdate,
    exchange_ns=st.none() | _times,
    received_ns=_times,
    bids=_levels,
    asks=_levels,
    snapshot=st.booleans(),
    checksum=st.none() | _int64,
    snapshot_id=st.none() | _int64,
    taken_ns=st.none() | _times,
)
undecodables = st.builds(Undecodable, received_ns=_times, raw=st.binary(max_size=50), why=_text)
gaps = st.builds(Gap, received_ns=_times, from_ns=_times, to_ns=_times, why=_text)
starts = st.builds(SessionStarted, received_ns=_times, session=_int64, detail=_text)
ends = st.builds(SessionEnded, received_ns=_times, session=_int64, why=_text, detail=_text)
healths = st.builds(Health, received_ns=_times, detail=_text)
decisions = st.builds(
    Decision,
    exchange_ns=st.none() | _times,
    received_ns=_times,
    cause=_int64,
    p_move=_floats,
    p_up_raw=_floats,
    p_up=_floats,
    confidence=_floats,
    edge_ppm=_floats,
    cost_ppm=_floats,
    action=_text,
    reason=_text,
    loss=_floats,
    learning_rate=_floats,
    trained=_int32,
    resolved=_int32,
    scored=_int32,
    scored_hits=_int32,
    scored_loss=_floats,
    scored_baseline_loss=_floats,
    voided=_int32,
    equity_e8=_e8,
    cash_e8=_e8,
    position_e8=_e8,
    fingerprint=st.integers(0, 2**64 - 1),
    phase=st.none() | _text,
    p_up_network=st.none() | _floats,
    scored_rises=st.none() | _int32,
    scored_said_rises=st.none() | _int32,
    scored_network_hits=st.none() | _int32,
    scored_network_loss=st.none() | _floats,
    scored_rule_hits=st.none() | _int32,
    scored_rule_loss=st.none() | _floats,
    scored_persistence_hits=st.none() | _int32,
    scored_brier=st.none() | _floats,
    edge_realisation=st.none() | _floats,
    skill_confidence=st.none() | _floats,
    sharpe=st.none() | _floats,
    gross_equity_e8=st.none() | _e8,
    spread_cost_e8=st.none() | _e8,
    buy_hold_equity_e8=st.none() | _e8,
    random_equity_e8=st.none() | _e8,
    drawdown_e8=st.none() | _e8,
    turnover_e8=st.none() | _e8,
    round_trips=st.none() | _int64,
    winning_trips=st.none() | _int64,
)
fills = st.builds(
    Fill,
    exchange_ns=st.none() | _times,
    received_ns=_times,
    cause=_int64,
    ordered_at=_int64,
    side=_sides,
    price_e8=_e8,
    volume_e8=_e8,
    fee_e8=_e8,
    value_e8=st.none() | _e8,
    slippage_e8=st.none() | _e8,
    levels=st.none() | _int32,
)
milestones = st.builds(
    Milestone,
    exchange_ns=st.none() | _times,
    received_ns=_times,
    cause=_int64,
    why=_text,
    detail=_text,
)
market_statuses = st.builds(MarketStatus, received_ns=_times, status=_text)
candles = st.builds(
    Candle,
    exchange_ns=_times,
    received_ns=_times,
    length_ns=_times,
    open_e8=_e8,
    high_e8=_e8,
    low_e8=_e8,
    close_e8=_e8,
    volume_e8=_e8,
    backfilled=st.booleans(),
    source=st.none() | _text,
)
BY_KIND: dict[str, st.SearchStrategy[Record]] = {
    "quote": quotes,
    "trade": trades,
    "book": books,
    "undecodable": undecodables,
    "gap": gaps,
    "session_started": starts,
    "session_ended": ends,
    "decision": decisions,
    "fill": fills,
    "health": healths,
    "milestone": milestones,
    "market_status": market_statuses,
    "candle": candles,
}
records: st.SearchStrategy[Record] = st.one_of(*BY_KIND.values())
"""Any record that a log can hold."""
