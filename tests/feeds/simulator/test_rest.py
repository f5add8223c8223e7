"""The stand-in's REST: paging, errors and limits as documented."""

import itertools
import json
from typing import Any

import pytest

from feeds.btcmarkets import replies
from feeds.btcmarkets.lengths import LENGTHS_NS
from feeds.btcmarkets.protocol import decode
from feeds.clock import iso_utc
from feeds.simulator.faults import PAST_FAULTS
from feeds.simulator.market import FIRST_TRADE_ID, SyntheticExchange
from feeds.simulator.rest import Reply, RestDesk
from tests.support import pasts
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


def past_desk(steps: int) -> tuple[RestDesk, SyntheticExchange]:
    """Return a desk behind so many steps of a market that has a past."""
    source = pasts.market()
    made = RestDesk(source, now_s=lambda: 0.0, limits=False, pasts={MARKET: pasts.past(900)})
    for _ in range(steps):
        due_ns = source.due_ns
        for frame in source.advance():
            made.publish(frame, due_ns)
    return made, source


def page(made: RestDesk, cursor: str = "") -> list[int]:
    target = f"/v3/markets/{MARKET}/trades?limit=200{cursor}"
    return [int(row["id"]) for row in body(made.answer(target))]


def test_pages_of_trades_pass_the_start_without_a_seam() -> None:
    """Back and forth, with dense ids, over the first trade of the market itself."""
    made, _ = past_desk(1_000)
    seen = [page(made)]
    while len(seen[-1]) > 1:
        seen.append(page(made, f"&before={seen[-1][-1]}"))
    ids = sorted({each for ids in seen for each in ids})

    assert ids == list(range(ids[0], ids[-1] + 1))
    assert ids[0] < FIRST_TRADE_ID < ids[-1]
    ahead = page(made, f"&after={FIRST_TRADE_ID - 100}")
    assert ahead == list(range(FIRST_TRADE_ID - 100, FIRST_TRADE_ID + 100))[::-1]


@pytest.mark.parametrize("length", ["1m", "5m", "1h"])
def test_candles_are_the_sums_of_the_trades(length: str) -> None:
    """Over the start of the market; the last one has not ended."""
    made, _ = past_desk(3_000)
    length_ns = LENGTHS_NS[length]
    from_ns, to_ns = (at // length_ns * length_ns for at in (0, pasts.START_NS + 10**15))
    query = f"from={iso_utc(max(from_ns, length_ns))}&to={iso_utc(to_ns)}"
    rows = body(made.answer(f"/v3/markets/{MARKET}/candles?timeWindow={length}&{query}"))
    found = replies.candles_of(
        rows, length_ns=length_ns, from_ns=0, to_ns=to_ns, received_ns=0, source=""
    )
    pages = [page(made)]
    while len(pages[-1]) > 1:
        pages.append(page(made, f"&before={pages[-1][-1]}"))
    trades = [
        *pasts.past(900).during(0, pasts.START_NS),
        *made._printed[MARKET],
    ]

    assert not found.odd
    assert {c.exchange_ns: pasts.cells(c) for c in found.candles} == pasts.sums(trades, length_ns)
    assert len(trades) == len({each for ids in pages for each in ids})
    newest = body(made.answer(f"/v3/markets/{MARKET}/candles?timeWindow={length}&limit=3"))
    assert newest == rows[-3:][::-1]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("timeWindow=7m", "InvalidTimeWindow"),
        ("from=2026-01-01T00:00:00Z", "InvalidTimestamp"),
        ("from=yesterday&to=today", "InvalidTimestamp"),
        ("from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&limit=3", "InvalidPaginationParameter"),
        ("limit=some", "InvalidPaginationParameter"),
    ],
)
def test_candles_that_are_refused(query: str, code: str) -> None:
    made, _ = past_desk(0)
    reply = made.answer(f"/v3/markets/{MARKET}/candles?{query}")

    assert (reply.status, json.loads(reply.body)["code"]) == (400, code)


@pytest.mark.parametrize("fault", PAST_FAULTS)
def test_pages_with_faults_differ_from_those_without(fault: str) -> None:
    made, _ = past_desk(0)
    at = [iso_utc(pasts.UNTIL_NS - minutes * 60 * 10**9) for minutes in (300, 200, 100)]
    kind = f"/v3/markets/{MARKET}/candles?timeWindow=1m"
    first, second = (f"{kind}&from={a}&to={b}" for a, b in itertools.pairwise(at))
    made.answer(first)

    assert body(made.answer(second, past_faults=frozenset({fault}))) != body(made.answer(second))
