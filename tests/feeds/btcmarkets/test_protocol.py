"""The protocol sans I/O: documented frames in, events out; and nothing that is sent ever raises."""

import json
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eventlog.records import BookUpdate, Level, Quote, Side, Trade, Undecodable
from feeds.btcmarkets import protocol
from feeds.btcmarkets.protocol import Heartbeat, Rejection, decode
from feeds.undecodable import RAW_BYTES_KEPT_MAX

RECEIVED_NS = 1_790_137_869_300_000_000

TICK = json.loads(
    '{"marketId":"ETH-BTC","timestamp":"2026-09-23T04:31:09.259Z","bestBid":"0.02647376",'
    '"bestAsk":"0.03300226","lastPrice":"0.0332570","volume24h":"0","volumeQte24h":"0",'
    '"price24h":"0","pricePct24h":"0.00","messageType":"tick","low24h":"0","high24h":"0",'
    '"snapshotId":1790137869258000}'
)
TRADE = json.loads(
    '{"marketId":"BTC-AUD","timestamp":"2025-03-13T08:27:55.691Z","tradeId":7006384466,'
    '"price":"131200.34","volume":"0.00151228","messageType":"trade","side":"Bid"}'
)
SNAPSHOT = json.loads(
    '{"marketId":"BAT-AUD","snapshot":true,"timestamp":"2026-09-23T04:41:37.492Z",'
    '"snapshotId":1790138497492000,"bids":[["0.122","106796",1],["0.1219","123051.68170631",1]],'
    '"asks":[["0.1491","57263.35531493",1]],"channel":"orderbookUpdate",'
    '"messageType":"orderbookUpdate"}'
)
DELETION = json.loads(
    '{"marketId":"BTC-AUD","timestamp":"2026-09-23T04:41:37.689Z","snapshotId":1790138497689000,'
    '"bids":[],"asks":[["122861.75","0",0]],"messageType":"orderbookUpdate",'
    '"checksum":"1114195264"}'
)


def ns(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * 1_000_000_000  # type: ignore[misc, arg-type]


def read(message: Any) -> protocol.Event:
    return decode(json.dumps(message), RECEIVED_NS)


def why(message: Any) -> str:
    event = read(message)
    assert isinstance(event, tuple)
    assert isinstance(event[1], Undecodable)
    assert event[1].raw == json.dumps(message).encode()
    assert event[1].received_ns == RECEIVED_NS
    return event[1].why


def test_tick_becomes_quote() -> None:
    """A tick is a quote, with every decimal as sent and the statistics left out."""
    expected = Quote(
        exchange_ns=ns(2026, 9, 23, 4, 31, 9) + 259_000_000,
        received_ns=RECEIVED_NS,
        bid_e8=2_647_376,
        ask_e8=3_300_226,
        last_e8=3_325_700,
        bid_decimals=8,
        ask_decimals=8,
        last_decimals=7,
        snapshot_id=1_790_137_869_258_000,
    )

    assert read(TICK) == ("ETH-BTC", expected)


def test_tick_of_2019() -> None:
    """A tick may lack what was not sent in 2019: statistics and the snapshot's id."""
    old = {key: TICK[key] for key in ("marketId", "timestamp", "bestBid", "bestAsk", "lastPrice")}

    event = read({**old, "messageType": "tick"})

    assert isinstance(event, tuple)
    assert isinstance(event[1], Quote)
    assert event[1].snapshot_id is None


@pytest.mark.parametrize(("sent", "side"), [("Bid", Side.BUY), ("Ask", Side.SELL), (None, None)])
def test_trade(sent: str | None, side: Side | None) -> None:
    """A trade's side is the taker's; before 2020 it was not sent."""
    message = {key: value for key, value in TRADE.items() if key != "side"}
    if sent is not None:
        message["side"] = sent
    expected = Trade(
        exchange_ns=ns(2025, 3, 13, 8, 27, 55) + 691_000_000,
        received_ns=RECEIVED_NS,
        price_e8=13_120_034_000_000,
        volume_e8=151_228,
        price_decimals=2,
        volume_decimals=8,
        side=side,
        trade_id=7_006_384_466,
    )

    assert read(message) == ("BTC-AUD", expected)


def test_snapshot() -> None:
    """A snapshot is the whole book and carries no checksum."""
    expected = BookUpdate(
        exchange_ns=ns(2026, 9, 23, 4, 41, 37) + 492_000_000,
        received_ns=RECEIVED_NS,
        bids=(
            Level(12_200_000, 10_679_600_000_000, 3, 0, 1),
            Level(12_190_000, 12_305_168_170_631, 4, 8, 1),
        ),
        asks=(Level(14_910_000, 5_726_335_531_493, 4, 8, 1),),
        snapshot=True,
        checksum=None,
        snapshot_id=1_790_138_497_492_000,
    )

    assert read(SNAPSHOT) == ("BAT-AUD", expected)


def test_delta_that_deletes() -> None:
    """A delta has no ``snapshot`` field; its checksum is the number in the text."""
    event = read(DELETION)

    assert isinstance(event, tuple)
    update = event[1]
    assert isinstance(update, BookUpdate)
    assert not update.snapshot
    assert update.asks == (Level(12_286_175_000_000, 0, 2, 0, 0),)
    assert update.bids == ()
    assert update.checksum == 1_114_195_264


def test_empty_snapshot_of_an_offline_market() -> None:
    """A market may be empty, and its book older than its id."""
    event = read({**SNAPSHOT, "bids": [], "asks": [], "timestamp": "2026-07-23T19:48:04.884Z"})

    assert isinstance(event, tuple)
    assert isinstance(event[1], BookUpdate)
    assert event[1].bids == event[1].asks == ()


def test_snapshot_id_of_zero_is_unknown() -> None:
    """Zero was sent where no id was known."""
    event = read({**DELETION, "snapshotId": 0})

    assert isinstance(event, tuple)
    assert isinstance(event[1], BookUpdate)
    assert event[1].snapshot_id is None


def test_heartbeat() -> None:
    """A heartbeat lists the subscriptions; channels without markets have none."""
    frame = (
        '{"messageType":"heartbeat","channels":[{"name":"heartbeat"},'
        '{"name":"orderbookUpdate","marketIds":["BAT-AUD","BTC-AUD"]}]}'
    )
    expected = Heartbeat((("heartbeat", ()), ("orderbookUpdate", ("BAT-AUD", "BTC-AUD"))))

    assert decode(frame, RECEIVED_NS) == expected


@pytest.mark.parametrize(
    ("code", "message", "of_markets"),
    [
        (1, "authentication failed. invalid key", False),
        (3, "invalid channel names", False),
        (3, "invalid marketIds", True),
        (3, "the channel of invalid marketIds is closed", False),
        (3, "invalid message type", False),
        (3, "Unable to parse JSON, please validate the format.", False),
    ],
)
def test_error_frames(code: int, message: str, of_markets: bool) -> None:
    """Every documented error is a rejection, and says whether a market is at fault."""
    event = read({"messageType": "error", "code": code, "message": message})

    assert event == Rejection(code, message)
    assert isinstance(event, Rejection)
    assert event.of_markets == of_markets


def test_unknown_fields_are_no_matter() -> None:
    """What the exchange adds later does not make a frame unreadable."""
    assert read({**TRADE, "new": {"nested": [1.5, None]}}) == read(TRADE)


@pytest.mark.parametrize("field", ["bestBid", "bestAsk", "lastPrice"])
@pytest.mark.parametrize(
    "value",
    [
        *("0", "0.00", "-1", "-0", "NaN", "Infinity", "1e5", "", " 1", "1 ", "1.", ".5", "+1"),
        *("0.123456789", "12345678901", "1,5", "٣", "0x1", "1_0"),
        *(1, 1.5, True, None, [], {}, ["1"]),
    ],
)
def test_absurd_prices(field: str, value: object) -> None:
    """A price is a positive plain decimal of at most 10 + 8 digits, sent as a text."""
    assert field in why({**TICK, field: value})


@pytest.mark.parametrize("message", [TICK, TRADE, SNAPSHOT, DELETION])
def test_missing_fields(message: dict[str, Any]) -> None:
    """Without one of its meaningful fields a frame cannot be understood, and says which."""
    optional = {"snapshot", "snapshotId", "checksum", "channel", "side"} | set(TICK)
    needed = {"marketId", "timestamp", "messageType", "bestBid", "bestAsk", "lastPrice"}

    for field in set(message) - (optional - needed):
        reason = why({key: value for key, value in message.items() if key != field})
        assert field in reason


@pytest.mark.parametrize(
    "text",
    [
        "2026-09-23T04:31:09.Z",
        "2026-09-23T04:31:09.1234567890Z",
        "2026-09-23T04:31:09.259",
        "2026-09-23T04:31:09.259+00:00",
        "2026-09-23 04:31:09.259Z",
        "2026-13-23T04:31:09.259Z",
        "2026-02-30T04:31:09.259Z",
        "2026-09-23T24:31:09.259Z",
        "2026-09-23T04:61:09.259Z",
        "2026-09-23T04:31:60.259Z",
        "1969-12-31T23:59:59.999Z",
        "2262-01-01T00:00:00.000Z",
        "yesterday",
        "",
        1_790_137_869_259,
        None,
    ],
)
def test_wrong_timestamps(text: object) -> None:
    """A timestamp is an existing UTC moment with at most 9 decimals, in 1970 … 2261."""
    assert "timestamp" in why({**TICK, "timestamp": text})


def test_zero_as_a_big_decimal_says_it() -> None:
    """A level that is deleted, in a market of eight decimals."""
    event = read({**DELETION, "asks": [], "bids": [["0.00003520", "0E-8", 0]]})

    assert isinstance(event, tuple)
    assert isinstance(event[1], BookUpdate)
    assert event[1].bids == (Level(3_520, 0, 8, 8, 0),)


def test_foreign_ids_are_not_kept() -> None:
    """Sixty frames that name sixty markets of 8 MiB leave no memory taken."""
    tracemalloc.start()
    try:
        for number in range(60):
            frame = b'{"messageType":"tick","marketId":"%d' % number + b"A" * (8 << 20) + b'"}'
            event = decode(frame, 0)
            assert isinstance(event, tuple)
            assert event[0] is None
            del frame, event
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert held < 1 << 20


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"bids": None}, "no bids"),
        ({"bids": {}}, "bids is not a list"),
        ({"bids": [["1", "1"]]}, "not [price, volume, count]"),
        ({"bids": [["1", "1", 1, 1]]}, "not [price, volume, count]"),
        ({"bids": ["1"]}, "not [price, volume, count]"),
        ({"bids": [["0", "1", 1]]}, "price of bids is zero"),
        ({"asks": [["-1", "1", 1]]}, "price of asks is negative"),
        ({"asks": [["1", "-1", 1]]}, "volume of asks is negative"),
        ({"asks": [["1", "-0", 1]]}, "volume of asks is negative"),
        ({"asks": [["1", 1, 1]]}, "volume of asks is not a text"),
        ({"asks": [["1", "1", "1"]]}, "count of asks"),
        ({"asks": [["1", "1", True]]}, "count of asks"),
        ({"asks": [["1", "1", -1]]}, "count of asks"),
        ({"asks": [["1", "1", 2**31]]}, "count of asks"),
        ({"snapshot": "true"}, "snapshot is neither"),
        ({"snapshotId": "1790138497689000"}, "snapshotId"),
        ({"snapshotId": 1.5}, "snapshotId"),
        ({"snapshotId": -1}, "snapshotId"),
        ({"snapshotId": 2**63}, "snapshotId"),
        ({"checksum": 1114195264}, "checksum"),
        ({"checksum": "4294967296"}, "checksum"),
        ({"checksum": "-1"}, "checksum"),
        ({"checksum": "01"}, "checksum"),
    ],
)
def test_books_that_mean_nothing(changes: dict[str, Any], reason: str) -> None:
    """A level is [price text, volume text, count], a checksum the text of 32 bits."""
    assert reason in why({**DELETION, **changes})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"side": "Both"}, "side"),
        ({"side": []}, "side"),
        ({"tradeId": "7006384466"}, "tradeId"),
        ({"tradeId": True}, "tradeId"),
        ({"tradeId": 2**63}, "tradeId"),
        ({"volume": "0"}, "volume is zero"),
    ],
)
def test_trades_that_mean_nothing(changes: dict[str, Any], reason: str) -> None:
    """A trade has a positive volume, an integer id, and no side but Bid and Ask."""
    assert reason in why({**TRADE, **changes})


@pytest.mark.parametrize("market", ["btc-aud", "BTC", "../X", "A-B-C", "", "BTC-AUD\n", 5, None])
def test_a_frame_of_no_valid_market(market: object) -> None:
    """A market id is BASE-QUOTE in upper case; another names no market at all."""
    event = read({**TICK, "marketId": market})

    assert isinstance(event, tuple)
    assert event[0] is None
    assert isinstance(event[1], Undecodable)


def test_an_undecodable_frame_keeps_its_market() -> None:
    """The market of a frame is known even where the rest is not understood."""
    event = read({**TICK, "bestBid": "NaN"})

    assert isinstance(event, tuple)
    assert event[0] == "ETH-BTC"


def test_unknown_type() -> None:
    """A message of a type we do not know is kept, and its type said."""
    assert "'weather'" in why({**TICK, "messageType": "weather"})


def test_levels_have_a_maximum() -> None:
    """A side of more levels than any book has is refused as a whole."""
    rows = [["1", "1", 1]] * (protocol.LEVELS_A_SIDE_MAX + 1)
    event = read({**DELETION, "bids": rows})

    assert isinstance(event, tuple)
    assert isinstance(event[1], Undecodable)
    assert "more than 100000 levels" in event[1].why


@pytest.mark.parametrize("size", [RAW_BYTES_KEPT_MAX + 1, protocol.FRAME_BYTES_MAX + 1])
def test_large_frames_are_kept_in_part(size: int) -> None:
    """Of an oversized frame its beginning is kept, and the reason says how large it was."""
    event = decode(b"x" * size, RECEIVED_NS)

    assert isinstance(event, tuple)
    assert isinstance(event[1], Undecodable)
    assert event[1].raw == b"x" * RAW_BYTES_KEPT_MAX
    assert f"of {size} bytes" in event[1].why


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=12,
)
FIELDS = sorted({*TICK, *TRADE, *SNAPSHOT, *DELETION, "channels", "code", "message"})


@st.composite
def broken_messages(draw: st.DrawFn) -> dict[str, Any]:
    """Messages of the exchange in which some fields have become something else, or are gone."""
    message = dict(draw(st.sampled_from([TICK, TRADE, SNAPSHOT, DELETION])))
    for field in draw(st.lists(st.sampled_from(FIELDS), max_size=3)):
        if draw(st.booleans()):
            message[field] = draw(JSON)
        else:
            message.pop(field, None)
    if draw(st.booleans()):
        message["messageType"] = draw(st.sampled_from(["heartbeat", "error", "orderbook"]))
    return message


@settings(max_examples=500, deadline=None)
@given(
    st.binary()
    | st.text(st.characters())
    | JSON.map(json.dumps)
    | broken_messages().map(json.dumps)
    | broken_messages().map(json.dumps).map(lambda text: text[: len(text) // 2])
)
@example("[" * 100_000)
@example('{"a":' * 100_000)
@example("9" * 10_000)
@example("\ud800")
@example('{"messageType":"tick","marketId":"\\ud800"}')
@example("NaN")
@example(b"\xff")
@example("\ufeff{}")
def test_nothing_raises(frame: str | bytes) -> None:
    """Whatever comes is an event, and what is not understood keeps its bytes and a reason."""
    event = decode(frame, RECEIVED_NS)

    if isinstance(event, tuple):
        market, record = event
        assert market is None or protocol.is_market(market)
        if isinstance(record, Undecodable):
            assert record.why
            whole = frame if isinstance(frame, bytes) else frame.encode("utf-8", "surrogatepass")
            assert record.raw == whole[:RAW_BYTES_KEPT_MAX]
        else:
            assert market is not None


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (protocol.subscribe(["A-B"]), "subscribe"),
        (protocol.add_subscription(["A-B"]), "addSubscription"),
    ],
)
def test_requests(message: str, kind: str) -> None:
    """Requests name type, markets, channels and client; the heartbeat is asked for."""
    assert json.loads(message) == {
        "messageType": kind,
        "marketIds": ["A-B"],
        "channels": ["orderbookUpdate", "trade", "tick", "heartbeat"],
        "clientType": "api",
    }


def test_no_request_of_no_market() -> None:
    """No markets would mean all of them to the exchange, so it is not said by accident."""
    with pytest.raises(ValueError, match="no market"):
        protocol.add_subscription([])


@pytest.mark.parametrize(
    "message",
    [
        '{"messageType":"%s"}', '{"messageType":"error","code":3,"message":"%s"}',
        '{"messageType":"heartbeat","channels":[{"name":"%s","marketIds":["%s"]}]}',
        ('{"messageType":"tick","marketId":"A-B","timestamp":"%s","bestBid":"1","bestAsk":"1",'
        '"lastPrice":"1"}'),
        '{"messageType":"tick","marketId":"A-B","timestamp":"2026-01-01T00:00:00Z","bestBid":"%s"}',
        '{"messageType":"trade","marketId":"A-B","price":"1","volume":"1","side":"%s"}',
        ('{"messageType":"orderbookUpdate","marketId":"A-B","timestamp":"2026-01-01T00:00:00Z",'
        '"bids":[],"asks":[],"checksum":"%s"}'),
        '{"%s":1}', '{"messageType":"orderbook","marketId":"%s"}',
    ],
)  # fmt: skip
def test_no_foreign_text_is_kept(message: str) -> None:
    """Wherever it stands: what remains of a frame is its record, and that is bounded."""
    tracemalloc.start()
    try:
        events = []
        for number in range(8):
            text = f"{number}" + "1" * (4 << 20)
            events.append(decode(message.replace("%s", text), 0))
            if isinstance(events[-1], Heartbeat):
                events.pop()  # looked at, and let go
            del text
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert held < 8 * (RAW_BYTES_KEPT_MAX + 16_384) + (1 << 20)
