"""The past by REST: whole, each time once, and what is missing or odd is said."""

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from eventlog.records import E8, Gap, Input, Side, Trade
from feeds.btcmarkets.history import (
    HOLE_CANDLES,
    NO_FURTHER,
    NOTHING_NEW,
    TRIES,
    MarketHistory,
)
from feeds.btcmarkets.lengths import LENGTHS_NS, WINDOW_ROWS
from feeds.btcmarkets.rest import rest_url
from feeds.clock import iso_utc, now_ns
from feeds.errors import ExchangeUnreachable, RestUnavailable, UnknownMarket
from feeds.history import PRESENT
from feeds.simulator.faults import Fault
from feeds.simulator.past import MINUTE_NS
from feeds.timestamps import parse_timestamp_ns
from tests.support.hostile import Peer, hostile
from tests.support.pasts import MARKET, START_NS, UNTIL_NS, by_kind, cells, history, kept, sums

DAY_MINUTES = 1440


def candles_of(
    found: MarketHistory, *, minutes: int, length: str = "1m", follows: bool = False
) -> tuple[list[Input], str]:
    length_ns = LENGTHS_NS[length]
    until_ns = UNTIL_NS // length_ns * length_ns
    from_ns = (until_ns - minutes * MINUTE_NS) // length_ns * length_ns
    pages = list(found.candles(length, from_ns=from_ns, to_ns=until_ns, follows=follows))
    return [record for page in pages for record in page.records], pages[-1].stopped


def spans(gaps: list[Gap], found: MarketHistory) -> list[tuple[int, int]]:
    """Return the times of gaps, in the exchange's time."""
    return [(gap.from_ns + found.ahead_ns, gap.to_ns + found.ahead_ns) for gap in gaps]


def known(number: int) -> Trade:
    """Return the trade of a row of `trade`, as it stands in a log."""
    return Trade(
        exchange_ns=UNTIL_NS, received_ns=1, price_e8=100 * E8, volume_e8=E8, price_decimals=0,
        volume_decimals=0, side=Side.BUY, trade_id=number, backfilled=True, source="there",
    )  # fmt: skip


@pytest.mark.parametrize("length", ["1m", "5m", "1h"])
def test_candles_are_whole_and_in_order(length: str) -> None:
    """All that the exchange keeps, with empty minutes left out, and where it came from."""
    with kept(2 * DAY_MINUTES) as (found, true):
        records, stopped = candles_of(found, minutes=2 * DAY_MINUTES + 90, length=length)
    candles, trades, gaps, odd = by_kind(records)
    length_ns = LENGTHS_NS[length]
    end_ns = UNTIL_NS // length_ns * length_ns
    wanted = sums(list(true.during(0, end_ns)), length_ns)

    assert (stopped, trades, gaps, odd) == (PRESENT, [], [], [])
    assert {each.exchange_ns: cells(each) for each in candles} == wanted
    assert [each.exchange_ns for each in candles] == sorted(wanted)
    assert {each.source for each in candles} == {found.source}
    assert {(each.length_ns, each.backfilled) for each in candles} == {(length_ns, False)}


def test_a_shallow_past_costs_few_calls() -> None:
    """Where it begins is asked of days first."""
    with kept(300) as (found, true):
        before = found.calls
        records, _ = candles_of(found, minutes=400 * DAY_MINUTES)

        assert len(records) == len(sums(list(true.during(0, UNTIL_NS))))
        assert found.calls - before < 12


def test_no_past_at_all() -> None:
    with kept(0) as (found, _):
        assert candles_of(found, minutes=500) == ([], PRESENT)
        assert [page.stopped for page in found.trades(from_ns=0)] == [NOTHING_NEW]


def test_a_hole_is_said_and_a_short_one_is_not() -> None:
    with kept(3 * DAY_MINUTES, hole_every=6) as (found, true):
        records, _ = candles_of(found, minutes=3 * DAY_MINUTES)
    candles, _, gaps, _ = by_kind(records)
    known = [0, *(each.exchange_ns for each in candles)]
    holes = [
        (first + MINUTE_NS, second)
        for first, second in itertools.pairwise(known[1:])
        if second - first - MINUTE_NS > HOLE_CANDLES * MINUTE_NS
    ]

    assert holes
    assert spans(gaps, found) == holes
    assert sorted(sums(list(true.during(0, UNTIL_NS)))) == known[1:]


def test_what_follows_a_known_candle_leaves_no_hole_unsaid() -> None:
    """Also before the first candle, and where none came at all."""
    with kept(100) as (found, _):
        records, _ = candles_of(found, minutes=300, follows=True)
        first, *_ = records

        assert by_kind([first])[2]
    with kept(0) as (found, _):
        (gap,) = by_kind(candles_of(found, minutes=300, follows=True)[0])[2]
        assert spans([gap], found) == [(UNTIL_NS - 300 * MINUTE_NS, UNTIL_NS)]


PAST_FAULTS = [Fault("repeat-page", 3), Fault("shuffle-page", 3), Fault("odd-candle", 3)]
REST_FAULTS = [
    Fault("rest-429", 4),
    Fault("rest-403", 6),
    Fault("rest-500", 6),
    Fault("rest-cut", 6),
]


@pytest.mark.parametrize("seed", range(3))
def test_pages_that_make_no_sense_are_asked_for_again(seed: int) -> None:
    """Repeated, shuffled and spoiled pages, refusals, HTML and half bodies lose nothing."""
    faults = [*PAST_FAULTS, *REST_FAULTS]
    with kept(2 * DAY_MINUTES, faults=faults, seed=seed) as (found, true):
        candles, _, gaps, odd = by_kind(candles_of(found, minutes=2 * DAY_MINUTES)[0])
        pages = list(found.trades(from_ns=UNTIL_NS - DAY_MINUTES * MINUTE_NS))
        trades = by_kind([record for page in pages for record in page.records])[1]

    starts = [each.exchange_ns for each in candles]
    assert starts == sorted(set(starts))
    wanted = sums(list(true.during(0, UNTIL_NS)))
    assert all(wanted[each.exchange_ns] == cells(each) for each in candles)
    assert odd or len(candles) == len(wanted)
    assert not gaps or odd
    ids = [each.trade_id for each in trades]
    wanted_ids = [
        each.trade_id for each in true.during(UNTIL_NS - DAY_MINUTES * MINUTE_NS, START_NS)
    ]
    assert ids == wanted_ids
    assert pages[-1].stopped == NOTHING_NEW


@pytest.mark.parametrize("minutes", [0, 1, 199, 1_000, 5_000])
def test_trades_from_a_time_on(minutes: int) -> None:
    """Oldest first, from the first one that is not before; as deep as there are any."""
    with kept(2 * DAY_MINUTES) as (found, true):
        from_ns = UNTIL_NS - minutes * MINUTE_NS
        pages = list(found.trades(from_ns=from_ns))
        _, trades, gaps, odd = by_kind([record for page in pages for record in page.records])
        rest = list(found.trades(from_ns=0, after=replace(known(1), trade_id=true.newest_id - 5)))

    wanted = list(true.during(from_ns, START_NS))
    assert [each.trade_id for each in trades] == [each.trade_id for each in wanted]
    assert all(each.backfilled and each.source == found.source for each in trades)
    assert (gaps, odd, pages[-1].stopped) == ([], [], NOTHING_NEW)
    assert len(by_kind(rest[0].records)[1]) == 5


# --- a server that answers as a test says


def row(number: int, *, price: str = "100", volume: str = "1", at: str = "") -> list[str]:
    """Return the row of a minute, counted back from the present one."""
    start = at or iso_utc(UNTIL_NS - number * MINUTE_NS)
    return [start, price, price, price, price, volume]


def trade(number: int, at_ns: int = UNTIL_NS) -> dict[str, str]:
    return {
        "id": str(number), "price": "100", "amount": "1", "timestamp": iso_utc(at_ns),
        "side": "Bid",
    }  # fmt: skip


REFUSED = object()
"""The answer of an exchange that does not take a cursor."""


@dataclass
class Called:
    """A call: what it is for, and its query."""

    path: str
    query: dict[str, str]

    @property
    def window_ns(self) -> tuple[int, int]:
        first, last = (parse_timestamp_ns(self.query[name]) for name in ("from", "to"))
        return first, last


@contextmanager
def answering(answer: Callable[[Called], Any]) -> Iterator[MarketHistory]:
    """Serve what a function says of the past; yield its history, entered."""

    def talk(peer: Peer) -> None:
        parts = urlsplit(peer.target)
        call = Called(
            parts.path.rpartition("/")[2], {k: v[-1] for k, v in parse_qs(parts.query).items()}
        )
        body: Any
        if call.path == "time":
            body = {"timestamp": iso_utc(now_ns())}
        elif call.path == "markets":
            body = [
                {
                    "marketId": MARKET, "priceDecimals": "2", "amountDecimals": "8",
                    "minOrderAmount": "0.0001", "status": "Online",
                }
            ]  # fmt: skip
        else:
            body = answer(call)
        status = "200 OK"
        if body is REFUSED:
            status, body = "400 Bad Request", {"code": "InvalidPaginationParameter"}
        raw = body if isinstance(body, str) else json.dumps(body)
        head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {len(raw)}\r\n\r\n"
        peer.send((head + raw).encode())

    with hostile(talk) as url, history(rest_url(url)) as found:
        yield found


def within(call: Called, rows: list[list[str]]) -> list[list[str]]:
    first, last = call.window_ns
    return [each for each in rows if first <= parse_timestamp_ns(each[0]) <= last]


ROWS = [row(number) for number in range(200, 0, -1)]


@pytest.mark.parametrize("most", [10, 97])
@pytest.mark.parametrize("newest", [True, False])
def test_an_answer_that_is_cut_short_is_completed(most: int, newest: bool) -> None:
    """A limit that nobody documents, at either end of a window, leaves no hole."""

    def answer(call: Called) -> Any:
        rows = within(call, ROWS)
        return rows[-most:] if newest else rows[:most]

    with answering(answer) as found:
        candles, _, gaps, _ = by_kind(candles_of(found, minutes=200)[0])

    assert len(candles) == 200
    assert not gaps


@pytest.mark.parametrize(
    ("spoiled", "why"),
    [
        (row(50, volume="-1"), "volume is negative"),
        (row(50, price="0"), "open is zero"),
        (row(50, at=iso_utc(UNTIL_NS - 50 * MINUTE_NS + 10**9)), "of another length"),
        (row(50, at="2199-01-01T00:00:00Z"), "of another time"),
        (row(50, at="noon"), "a candle's time"),
        ([*row(50)[:2], "99", *row(50)[3:]], "between its low and its high"),
        ([*row(50)[:3], "101", *row(50)[4:]], "between its low and its high"),
        (row(50, price="101"), "contradicts another row"),
        (row(50)[:5], "is not [time, open"),
        ({"time": 1}, "not a JSON list"),
        ([1, "1", "1", "1", "1", "1"], "time is not a text"),
        (row(50, price="1e2"), "open is not a decimal"),
    ],
)
def test_a_row_that_makes_no_sense_is_kept_as_what_it_is(spoiled: Any, why: str) -> None:
    def answer(call: Called) -> Any:
        rows: list[Any] = within(call, [each for each in ROWS if each != row(50)])
        return [*rows, row(50), spoiled] if "contradicts" in why else [*rows, spoiled]

    with answering(answer) as found:
        candles, _, gaps, odd = by_kind(candles_of(found, minutes=200)[0])

    assert len(candles) == (200 if "contradicts" in why else 199)
    (said,) = odd
    assert why in said.why
    missing = (UNTIL_NS - 50 * MINUTE_NS, UNTIL_NS - 49 * MINUTE_NS)
    assert spans(gaps, found) == ([] if "contradicts" in why else [missing])


def test_pages_of_another_time_end_it_with_what_they_were_and_a_gap() -> None:
    """An exchange that answers with the same page whatever is asked."""
    with answering(lambda _: [row(number) for number in range(5_000, 4_990, -1)]) as found:
        records, stopped = candles_of(found, minutes=4_000, follows=True)

    candles, _, gaps, odd = by_kind(records)
    assert (candles, stopped) == ([], NO_FURTHER)
    assert len(odd) == 10 * TRIES
    windows = [4_000 - each * WINDOW_ROWS for each in range(TRIES)]
    ends = [UNTIL_NS - minutes * MINUTE_NS for minutes in (*windows, 0)]
    assert spans(gaps, found) == list(itertools.pairwise(ends))


@pytest.mark.parametrize("body", ["<html>Just a moment...</html>", "", '{"code":1}', "[1"])
def test_what_is_no_page_is_said(body: str) -> None:
    def answer(_: Called) -> str:
        return body

    with answering(answer) as found, pytest.raises(RestUnavailable, match="at last"):
        candles_of(found, minutes=10)


def test_an_exchange_that_takes_no_number_for_a_cursor_is_paged_back() -> None:
    """Only ids that it has sent: the first trade of a time is found all the same."""
    trades = [
        trade(10 * number, UNTIL_NS - (1_000 - number) * MINUTE_NS) for number in range(1_000)
    ]
    sent: set[str] = set()

    def answer(call: Called) -> Any:
        before, after = call.query.get("before"), call.query.get("after")
        if any(cursor not in sent for cursor in (before, after) if cursor is not None):
            return REFUSED
        found = [
            each for each in trades
            if int(each["id"]) < int(before or 10**9) and int(each["id"]) > int(after or -1)
        ]  # fmt: skip
        page = found[:200] if after else found[-200:]
        sent.update(each["id"] for each in page)
        return page[::-1]

    with answering(answer) as found:
        pages = list(found.trades(from_ns=UNTIL_NS - 700 * MINUTE_NS))

    fetched = by_kind([record for page in pages for record in page.records])[1]
    assert [each.trade_id for each in fetched] == list(range(3_000, 10_000, 10))


def test_trades_after_an_id_that_are_the_newest_ones_are_no_next_page() -> None:
    """An exchange whose cursor is no cursor: what it skips is said."""
    trades = [trade(number) for number in range(1_000, 2_000)]

    def answer(call: Called) -> Any:
        before = int(call.query.get("before", 10**9))
        return [each for each in trades if int(each["id"]) <= before][-200:][::-1]

    with answering(answer) as found:
        pages = list(found.trades(from_ns=0, after=known(1_000)))

    (gap,) = by_kind(pages[-1].records)[2]
    assert pages[-1].stopped == NO_FURTHER
    assert "trades after 1000" in gap.why


def test_a_trade_of_the_future_and_one_that_contradicts_itself() -> None:
    late = trade(3, now_ns() + 86_400 * 10**9)
    page = [late, {**trade(2), "price": "101"}, trade(2), trade(1)]

    with answering(lambda call: [] if call.query.get("after") == "3" else page) as found:
        records = [
            each for page in found.trades(from_ns=0, after=known(0)) for each in page.records
        ]

    _, trades, gaps, odd = by_kind(records)
    assert [each.trade_id for each in trades] == [1, 2]
    assert len(odd) == 2
    # The one of the future is missing; where it was is said.
    assert len(gaps) == 1


def _always(page: list[dict[str, str]]) -> Callable[[Called], Any]:
    return lambda _: page


def test_trades_whose_rows_cannot_be_read_lie_in_a_gap() -> None:
    """From the one before them to the one after; over the page where a row does not say its id."""
    spoiled = {**trade(3, UNTIL_NS + 3), "price": "-1"}
    rows = [trade(4, UNTIL_NS + 4 * 10**6), spoiled, trade(2, UNTIL_NS + 2 * 10**6), trade(1)]
    for odd_row, first in ((spoiled, 2), ({**spoiled, "id": "three"}, 0)):
        page = [odd_row if each is spoiled else each for each in rows]
        with answering(_always(page)) as found:
            records = [each for page in found.trades(from_ns=UNTIL_NS) for each in page.records]
        _, trades, gaps, odd = by_kind(records)

        assert [each.trade_id for each in trades] == [1, 2, 4]
        assert len(odd) >= 1
        assert spans(gaps[:1], found) == [(UNTIL_NS + first * 10**6, UNTIL_NS + 4 * 10**6)]


def test_what_is_known_already_is_compared() -> None:
    """The row of a cursor that is another one now is odd, and nothing is missing."""
    page = [trade(2), {**trade(1), "price": "101"}]
    with answering(lambda _: page) as found:
        pages = list(found.trades(from_ns=0, after=known(1)))
    records = [each for page in pages for each in page.records]

    _, trades, gaps, odd = by_kind(records)
    assert [each.trade_id for each in trades] == [2]
    assert "contradicts" in odd[0].why
    assert gaps == []


def test_a_market_whose_row_makes_no_sense_is_there() -> None:
    """Of a catalogue in which every row is odd, the names still count."""
    with kept(3, faults=[Fault("odd-row", 1)]) as (found, _):
        assert found.calls == 2


def test_an_exchange_that_is_not_there_or_has_no_such_market() -> None:
    with pytest.raises(ExchangeUnreachable), history("http://127.0.0.1:9/v3", attempts=2):
        pass
    with (
        answering(lambda _: []) as found,
        pytest.raises(UnknownMarket),
        history(found.source, market_id="XXX-AUD"),
    ):
        pass
