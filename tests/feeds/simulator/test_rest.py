"""The stand-in's REST: paging, errors and limits as documented."""

import json
from typing import Any

import pytest

from feeds.btcmarkets import replies
from feeds.btcmarkets.protocol import decode
from feeds.simulator.rest import Reply
from tests.support.desks import MARKET, desk


def body(reply: Reply) -> Any:
    assert reply.status == 200
    return json.loads(reply.body)


def test_pages_go_back_to_the_first_trade() -> None:
    """Newest first, and each page from its cursor on, whose own row comes again."""
    made, _, ids = desk(steps=4_000)
    seen: dict[int, None] = {}
    target = f"/v3/markets/{MARKET}/trades?limit=200"
    page = replies.page_of(body(made.answer(target)), MARKET, 0).trades
    while len(page) > 1:
        assert [t.trade_id for t in page] == sorted((t.trade_id for t in page), reverse=True)
        seen.update((trade.trade_id, None) for trade in page)
        cursor = page[-1].trade_id
        page = replies.page_of(body(made.answer(f"{target}&before={cursor}")), MARKET, 0).trades
        assert page[0].trade_id == cursor

    assert len(ids) > 400
    assert sorted(seen) == ids
    newer = replies.page_of(body(made.answer(f"{target}&after={ids[5]}")), MARKET, 0).trades
    assert newer[-1].trade_id == ids[5]


def test_rows_say_what_the_stream_said() -> None:
    """The same trades, in REST's words."""
    made, source, _ = desk(steps=0)
    told: list[object] = []
    while len(told) < 20:
        due_ns = source.due_ns
        for frame in source.advance():
            made.publish(frame, due_ns)
            if frame.channel == "trade":
                event = decode(frame.text, 0)
                assert isinstance(event, tuple)
                told.append(event[1])

    page = replies.page_of(
        body(made.answer(f"/v3/markets/{MARKET}/trades?limit=20")), MARKET, 0
    ).trades

    for streamed, fetched in zip(told, reversed(page), strict=True):
        for name in ("exchange_ns", "price_e8", "volume_e8", "side", "trade_id", "price_decimals"):
            assert getattr(streamed, name) == getattr(fetched, name)


def test_the_book_at_its_version() -> None:
    """Level 1 is the best fifty of the snapshot that would be sent now."""
    made, source, _ = desk(steps=500)
    snapshot = json.loads(source.snapshot(MARKET))

    said = body(made.answer(f"/v3/markets/{MARKET}/orderbook?level=1"))
    orders = replies.orders_reply_of(said, MARKET)

    assert orders.snapshot_id == snapshot["snapshotId"]
    assert len(orders.bids) == min(50, len(snapshot["bids"]))
    whole = body(made.answer(f"/v3/markets/{MARKET}/orderbook?level=2"))
    assert whole["asks"] == [row[:2] for row in snapshot["asks"]]


def test_the_clock_and_the_catalogue() -> None:
    """Market time, and every market online."""
    made, _, _ = desk(steps=10)

    assert replies.time_ns_of(body(made.answer("/v3/time"))) == 10**18 + 10**9
    assert replies.catalogue_of(body(made.answer("/v3/markets"))).statuses[MARKET] == "Online"


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("/v3/markets/btc-aud/trades", 404, "MarketNotFound"),
        ("/v3/markets/XXX-AUD/orderbook", 404, "MarketNotFound"),
        ("/v3/nothing", 404, "NotFound"),
        (f"/v3/markets/{MARKET}/orderbook?level=3", 400, "InvalidOrderbookLevel"),
        (f"/v3/markets/{MARKET}/trades?before=1&after=2", 400, "InvalidPaginationParameter"),
        (f"/v3/markets/{MARKET}/trades?before=x", 400, "InvalidPaginationParameter"),
        (f"/v3/markets/{MARKET}/trades?limit=-1", 400, "InvalidPaginationParameter"),
        (f"/v3/markets/{MARKET}/trades?limit=%C2%B2", 400, "InvalidPaginationParameter"),
        (f"/v3/markets/{MARKET}/trades?limit=" + "9" * 5_000, 400, "InvalidPaginationParameter"),
    ],
)
def test_errors(target: str, status: int, code: str) -> None:
    """With the code that the exchange has for them."""
    reply = desk(steps=1)[0].answer(target)

    assert reply.status == status
    assert json.loads(reply.body)["code"] == code


def test_more_calls_than_a_window_allows() -> None:
    """The clock's hundred in ten seconds, and when it may be asked again."""
    made, _, _ = desk(steps=1, limits=True)

    answers = [made.answer("/v3/time") for _ in range(101)]

    assert [reply.status for reply in answers] == [200] * 100 + [429]
    assert answers[-1].headers == {"x-ratelimit-reset": "11"}
    assert made.answer("/v3/markets").status == 200
