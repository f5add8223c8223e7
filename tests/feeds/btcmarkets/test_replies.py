"""REST's bodies: samples as they were seen, and what is refused."""

import json
from typing import Any

import pytest

from eventlog.records import Candle, Side, Trade
from feeds.btcmarkets import replies
from feeds.btcmarkets.protocol import Orders, Refused
from feeds.timestamps import parse_timestamp_ns
from tests.support.handwritten import LISTING

TRADES = [
    {"id": "6191646611", "price": "539.98", "amount": "0.5",
     "timestamp": "2020-08-09T15:21:05.016000Z", "side": "Ask"},
    {"id": "6191646610", "price": "539.99", "amount": "0.50",
     "timestamp": "2020-08-09T15:21:05.015000Z", "side": "Bid"},
]  # fmt: skip
ORDERS = {
    "marketId": "BTC-AUD", "snapshotId": 1599936148941000,
    "asks": [["14459.45", "0.00456475"], ["14463.56", "2"]],
    "bids": [["14421.01", "0.52"], ["14421.01", "0.08"], ["14421", "0.75"]],
}  # fmt: skip


def test_a_page_of_trades() -> None:
    """Ids are texts here and ``amount`` is the volume; they did not come in time."""
    newest, older = replies.page_of(TRADES, "BTC-AUD", 7).trades

    assert newest == Trade(
        exchange_ns=parse_timestamp_ns("2020-08-09T15:21:05.016Z"), received_ns=7,
        price_e8=53_998_000_000, volume_e8=50_000_000, price_decimals=2, volume_decimals=1,
        side=Side.SELL, trade_id=6191646611, backfilled=True,
    )  # fmt: skip
    assert (older.side, older.volume_decimals, older.trade_id) == (Side.BUY, 2, 6191646610)
    assert replies.page_of([], "BTC-AUD", 7).is_empty


@pytest.mark.parametrize(
    "change",
    [
        {"id": 6191646611}, {"id": "-1"}, {"id": "9" * 20}, {"id": "٣"}, {"id": None},
        {"price": "0"}, {"price": "1e5"}, {"amount": None}, {"side": "Both"},
        {"timestamp": "yesterday"},
    ],
)  # fmt: skip
def test_a_trade_that_means_nothing_is_told_and_the_others_are_used(
    change: dict[str, Any],
) -> None:
    """The row is kept as it is, with its place, and its id where that can be read."""
    page = replies.page_of([TRADES[0], {**TRADES[1], **change}], "BTC-AUD", 0)

    (trade,), (odd,) = page.trades, page.odd
    assert trade.trade_id == 6191646611
    assert (odd.number, odd.trade_id) == (1, None if "id" in change else 6191646610)
    assert json.loads(odd.raw) == {**TRADES[1], **change}
    assert odd.why


@pytest.mark.parametrize(
    "row",
    [
        b"5", b"null", b"[]", b'{"id": "1", "id": "2"}', b'{"id": "1", "price": NaN}',
        b'{"id": "1", "price": ' + b"9" * 5_000 + b"}", b'{"marketId": "ETH-AUD", "id": "1"}',
        b'{"id": "\\ud800", "price": "\\u001b[31m"}',
    ],
)  # fmt: skip
def test_an_odd_row_of_any_form_leaves_the_others(row: bytes) -> None:
    """Numbers too long, keys that say two things, rows of another market."""
    body = replies.body_of(b"[" + json.dumps(TRADES[0]).encode() + b"," + row + b"]")

    page = replies.page_of(body, "BTC-AUD", 0)

    assert [trade.trade_id for trade in page.trades] == [6191646611]
    assert len(page.odd) == 1
    assert page.odd[0].why.isprintable()


def test_what_is_kept_of_an_odd_row_is_bounded() -> None:
    """Its beginning, and how much there was."""
    page = replies.page_of([{"id": "7", "price": "x" * 10**6}], "BTC-AUD", 0)

    assert len(page.odd[0].raw) == replies.ODD_BYTES_KEPT_MAX
    assert "bytes are kept" in page.odd[0].why
    with pytest.raises(Refused, match="more than 5000 rows"):
        replies.page_of([{}] * 5_001, "BTC-AUD", 0)


def test_the_catalogue() -> None:
    """Statuses by market; a row that means nothing leaves the others."""
    rows = [
        LISTING, {**LISTING, "marketId": "comp"}, {**LISTING, "marketId": 5},
        {**LISTING, "marketId": "BTC-AUD", "status": None},
    ]  # fmt: skip

    catalogue = replies.catalogue_of(rows)

    assert catalogue.statuses == {"COMP-AUD": "Online"}
    assert [row.market for row in catalogue.odd] == [None, None, "BTC-AUD"]


def test_a_status_of_any_text_can_be_printed() -> None:
    """It is the exchange's own word, and may be none."""
    (status,) = replies.catalogue_of(
        [{**LISTING, "status": "\ud800\x1b[31m" + "x" * 1_000}]
    ).statuses.values()

    assert status.startswith("\\ud800\\x1b[31mxxx")
    assert len(status) == 40


def test_orders_are_summed_by_price() -> None:
    """One entry an order: the same price can stand there twice."""
    assert replies.orders_reply_of(ORDERS, "BTC-AUD") == Orders(
        market="BTC-AUD",
        snapshot_id=1599936148941000,
        bids=((1_442_101_000_000, 60_000_000), (1_442_100_000_000, 75_000_000)),
        asks=((1_445_945_000_000, 456_475), (1_446_356_000_000, 200_000_000)),
    )
    with pytest.raises(Refused):
        replies.orders_reply_of({**ORDERS, "bids": [["1", "1", 1]]}, "BTC-AUD")
    with pytest.raises(Refused, match="another market"):
        replies.orders_reply_of(ORDERS, "ETH-AUD")


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


@pytest.mark.parametrize("body", [None, 5, "text", {}])
def test_another_shape(body: object) -> None:
    """Valid JSON that is not what was asked for."""
    with pytest.raises(Refused):
        replies.catalogue_of(body)
    with pytest.raises(Refused):
        replies.orders_reply_of(body, "BTC-AUD")
    with pytest.raises(Refused):
        replies.time_ns_of(body)
    with pytest.raises(Refused):
        replies.page_of(body, "BTC-AUD", 0)


def test_errors_say_their_code() -> None:
    """As far as they do."""
    body = json.dumps({"code": "MarketNotFound", "message": "market not found"}).encode()

    assert replies.error_of(body) == ("MarketNotFound", "market not found")
    assert replies.error_of(b"[]") == ("", "")
    assert replies.error_of(b'{"code":5}') == ("", "")


def candle_row(at: str, *cells: str) -> list[str]:
    return [at, *(cells or ("2", "4", "1", "3", "0.50"))]


def candles(*rows: Any) -> replies.CandlePage:
    first, last = (parse_timestamp_ns(f"2026-01-01T00:{at}:00Z") for at in ("10", "20"))
    return replies.candles_of(
        list(rows), length_ns=60 * 10**9, from_ns=first, to_ns=last, received_ns=7, source="here"
    )


def test_a_page_of_candles() -> None:
    """In the order of their times, each once; the one at the end of the window is not in it."""
    times = [f"2026-01-01T00:{at}:00.000000Z" for at in ("12", "10", "12", "20")]
    page = candles(*map(candle_row, times))

    assert [each.exchange_ns for each in page.candles] == [
        parse_timestamp_ns(times[1]), parse_timestamp_ns(times[0]),
    ]  # fmt: skip
    assert page.odd == ()
    assert page.candles[0] == Candle(
        exchange_ns=parse_timestamp_ns(times[1]), received_ns=7, length_ns=60 * 10**9,
        open_e8=200_000_000, high_e8=400_000_000, low_e8=100_000_000, close_e8=300_000_000,
        volume_e8=50_000_000, source="here",
    )  # fmt: skip


def test_candles_that_cannot_be_are_odd_rows() -> None:
    """Of another time, of another length, that contradict an earlier row, and malformed ones."""
    known = candle_row("2026-01-01T00:12:00Z")
    page = candles(
        known,
        candle_row("2026-01-01T00:09:00Z"),
        candle_row("2026-01-01T00:12:01Z"),
        candle_row(known[0], "2", "5", "1", "3", "1"),
        candle_row("2026-01-01T00:13:00Z", "2", "2", "1", "3", "1"),
        "row",
    )

    assert len(page.candles) == 1
    assert [row.number for row in page.odd] == [1, 2, 3, 4, 5]
    with pytest.raises(Refused, match="not a JSON list"):
        replies.candles_of({}, length_ns=1, from_ns=0, to_ns=1, received_ns=0, source="")
