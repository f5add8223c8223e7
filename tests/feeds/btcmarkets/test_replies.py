"""REST's bodies: samples as they were seen, and what is refused."""

import json
from typing import Any

import pytest

from eventlog.records import Side, Trade
from feeds.btcmarkets import replies
from feeds.btcmarkets.protocol import Orders, Refused, parse_timestamp_ns
from feeds.btcmarkets.replies import Listing

TRADES = [
    {"id": "6191646611", "price": "539.98", "amount": "0.5",
     "timestamp": "2020-08-09T15:21:05.016000Z", "side": "Ask"},
    {"id": "6191646610", "price": "539.99", "amount": "0.50",
     "timestamp": "2020-08-09T15:21:05.015000Z", "side": "Bid"},
]  # fmt: skip
LISTING = {
    "marketId": "COMP-AUD", "baseAssetName": "COMP", "quoteAssetName": "AUD",
    "minOrderAmount": "0.00007", "maxOrderAmount": "1000000", "amountDecimals": "8",
    "priceDecimals": "2", "status": "Online",
}  # fmt: skip
ORDERS = {
    "marketId": "BTC-AUD", "snapshotId": 1599936148941000,
    "asks": [["14459.45", "0.00456475"], ["14463.56", "2"]],
    "bids": [["14421.01", "0.52"], ["14421.01", "0.08"], ["14421", "0.75"]],
}  # fmt: skip


def test_a_page_of_trades() -> None:
    """Ids are texts here and ``amount`` is the volume; they did not come in time."""
    newest, older = replies.trades_of(TRADES, 7)

    assert newest == Trade(
        exchange_ns=parse_timestamp_ns("2020-08-09T15:21:05.016Z"), received_ns=7,
        price_e8=53_998_000_000, volume_e8=50_000_000, price_decimals=2, volume_decimals=1,
        side=Side.SELL, trade_id=6191646611, backfilled=True,
    )  # fmt: skip
    assert (older.side, older.volume_decimals, older.trade_id) == (Side.BUY, 2, 6191646610)
    assert replies.trades_of([], 7) == []


@pytest.mark.parametrize(
    "change",
    [
        {"id": 6191646611}, {"id": "-1"}, {"id": "9" * 20}, {"id": "٣"}, {"id": None},
        {"price": "0"}, {"price": "1e5"}, {"amount": None}, {"side": "Both"},
        {"timestamp": "yesterday"},
    ],
)  # fmt: skip
def test_a_page_with_one_bad_trade_is_no_page(change: dict[str, Any]) -> None:
    """Half of it would look like a whole one, and the rest be missing without a word."""
    with pytest.raises(Refused):
        replies.trades_of([TRADES[0], {**TRADES[1], **change}], 0)


def test_the_catalogue() -> None:
    """Increments and minima by market; what has another form is left out."""
    rows = [LISTING, {**LISTING, "marketId": "comp"}, {**LISTING, "marketId": 5}]

    assert replies.listings_of(rows) == {
        "COMP-AUD": Listing(
            market="COMP-AUD", price_decimals=2, amount_decimals=8, min_order_e8=7_000,
            status="Online",
        )
    }  # fmt: skip
    with pytest.raises(Refused):
        replies.listings_of([{**LISTING, "priceDecimals": "9"}])


def test_orders_are_summed_by_price() -> None:
    """One entry an order: the same price can stand there twice."""
    assert replies.orders_reply_of(ORDERS) == Orders(
        market="BTC-AUD",
        snapshot_id=1599936148941000,
        bids=((1_442_101_000_000, 60_000_000), (1_442_100_000_000, 75_000_000)),
        asks=((1_445_945_000_000, 456_475), (1_446_356_000_000, 200_000_000)),
    )
    with pytest.raises(Refused):
        replies.orders_reply_of({**ORDERS, "bids": [["1", "1", 1]]})


def test_the_clock() -> None:
    """Six decimals, in nanoseconds."""
    body = {"timestamp": "2026-09-23T04:45:22.416000Z"}

    assert replies.time_ns_of(body) == parse_timestamp_ns("2026-09-23T04:45:22.416Z")


@pytest.mark.parametrize("body", [b"", b"[{", b"<html>", b"\xff", b"[" * 100_000])
def test_what_is_no_json(body: bytes) -> None:
    """Cut short, a page, nothing."""
    with pytest.raises(Refused):
        replies.body_of(body)
    assert replies.error_of(body) == ("", "")


@pytest.mark.parametrize("body", [None, 5, "text", {}, [5]])
def test_another_shape(body: object) -> None:
    """Valid JSON that is not what was asked for."""
    for read in (replies.listings_of, replies.orders_reply_of, replies.time_ns_of):
        with pytest.raises(Refused):
            read(body)
    with pytest.raises(Refused):
        replies.trades_of(body, 0)


def test_errors_say_their_code() -> None:
    """As far as they do."""
    body = json.dumps({"code": "MarketNotFound", "message": "market not found"}).encode()

    assert replies.error_of(body) == ("MarketNotFound", "market not found")
    assert replies.error_of(b"[]") == ("", "")
    assert replies.error_of(b'{"code":5}') == ("", "")
