"""The synthetic market: what its frames say is what it is, and the same on every run."""

import json
import math
import zlib
from itertools import pairwise
from typing import Any

import pytest

from eventlog.records import E8, parse_e8
from feeds.btcmarkets.protocol import decode
from feeds.simulator.market import (
    LEVELS_A_SIDE_MAX,
    LEVELS_A_SIDE_MIN,
    SyntheticExchange,
    SyntheticMarket,
)
from feeds.simulator.scenario import SCENARIOS, STEP_NS
from feeds.timestamps import parse_timestamp_ns

START_NS = 1_790_137_869_200_000_000
STEPS = 3_000


def market(name: str = "calm", *, seed: int = 7, **options: Any) -> SyntheticMarket:
    return SyntheticMarket("BTC-AUD", SCENARIOS[name], seed=seed, start_ns=START_NS, **options)


class TextBook:
    """A book of texts, folded and signed by the documented rule alone."""

    def __init__(self, snapshot: str) -> None:
        message = json.loads(snapshot)
        self.sides = {
            side: {price: volume for price, volume, _ in message[side]} for side in ("bids", "asks")
        }

    def fold(self, message: dict[str, Any]) -> None:
        for side in ("bids", "asks"):
            for price, volume, count in message[side]:
                assert (volume == "0") == (count == 0)
                if volume == "0":
                    self.sides[side].pop(price, None)
                else:
                    self.sides[side][price] = volume

    def best(self, side: str) -> list[tuple[str, str]]:
        return sorted(
            self.sides[side].items(), key=lambda level: float(level[0]), reverse=side == "bids"
        )

    def checksum(self) -> str:
        text = "".join(
            value.replace(".", "").lstrip("0")
            for side in ("bids", "asks")
            for level in self.best(side)[:10]
            for value in level
        )
        return str(zlib.crc32(text.encode()))


@pytest.mark.parametrize("name", SCENARIOS)
def test_its_deltas_tell_its_book(name: str) -> None:
    """Every delta folded gives the signed book: bounded, never crossed, like a snapshot."""
    source = market(name)
    book = TextBook(source.snapshot("BTC-AUD"))

    for _ in range(STEPS):
        delta, *_ = source.advance()
        message = json.loads(delta.text)
        book.fold(message)

        assert message["checksum"] == book.checksum()
        assert float(book.best("bids")[0][0]) < float(book.best("asks")[0][0])
        for side in ("bids", "asks"):
            assert LEVELS_A_SIDE_MIN <= len(book.sides[side]) <= LEVELS_A_SIDE_MAX

    assert book.sides == TextBook(source.snapshot("BTC-AUD")).sides


def test_the_best_level_shows_the_signal() -> None:
    """The log ratio of the best volumes is the signal, and the prices lie evenly around the mid."""
    source = market()
    book = TextBook(source.snapshot("BTC-AUD"))

    for _ in range(STEPS):
        book.fold(json.loads(source.advance()[0].text))
        (bid, bid_volume), (ask, ask_volume) = book.best("bids")[0], book.best("asks")[0]

        assert math.log(float(bid_volume) / float(ask_volume)) == pytest.approx(
            source.walk.signal, abs=1e-4
        )
        assert (float(bid) + float(ask)) / 2 == pytest.approx(
            math.exp(source.walk.log_mid), abs=0.0051
        )


def test_ticks_come_when_a_price_changed_and_say_the_book() -> None:
    """A tick is sent exactly when best bid, best ask or last differ from the tick before."""
    source = market()
    book = TextBook(source.snapshot("BTC-AUD"))
    said, last = None, "100000"

    for _ in range(STEPS):
        frames = {frame.channel: json.loads(frame.text) for frame in source.advance()}
        book.fold(frames["orderbookUpdate"])
        last = frames["trade"]["price"] if "trade" in frames else last
        now = (book.best("bids")[0][0], book.best("asks")[0][0], last)

        assert ("tick" in frames) == (now != said)
        if "tick" in frames:
            tick = frames["tick"]
            said = (tick["bestBid"], tick["bestAsk"], tick["lastPrice"])
            assert said == now


def test_trades_hit_the_best_price_of_their_side() -> None:
    """Trade ids increase; a buyer pays the ask, a seller gets the bid, and the signal says whom."""
    source = market()
    book = TextBook(source.snapshot("BTC-AUD"))
    ids, with_signal = [], 0

    for _ in range(STEPS):
        for frame in source.advance():
            message = json.loads(frame.text)
            if frame.channel == "orderbookUpdate":
                book.fold(message)
            if frame.channel == "trade":
                ids.append(message["tradeId"])
                bought = message["side"] == "Bid"
                with_signal += bought == (source.walk.signal > 0)
                assert message["price"] == book.best("asks" if bought else "bids")[0][0]

    assert ids == sorted(set(ids))
    assert 0.1 * STEPS < len(ids) < 0.2 * STEPS
    assert with_signal > 0.6 * len(ids)


def test_every_frame_is_stamped_with_its_step_and_understood() -> None:
    """Frames of a step bear its time, in texts without trailing zeros, and decode to records."""
    source = market()

    for step in range(1, 200):
        at_ns = START_NS + step * STEP_NS
        assert source.due_ns == at_ns
        for frame in source.advance():
            message = json.loads(frame.text)
            event = decode(frame.text, 0)
            assert parse_timestamp_ns(message["timestamp"]) == at_ns
            assert message.get("snapshotId", at_ns // 1000) == at_ns // 1000
            assert isinstance(event, tuple)
            assert event[0] == frame.market == "BTC-AUD"
            assert message["messageType"] == frame.channel
            for value in (message.get("price"), message.get("bestBid"), message.get("volume")):
                assert value is None or parse_e8(value)[1] == 0 or value[-1] != "0"


def texts(source: SyntheticMarket | SyntheticExchange, steps: int) -> list[str]:
    return [frame.text for _ in range(steps) for frame in source.advance()]


def test_a_seed_is_a_market() -> None:
    """The same seed gives the same frames, another seed others."""
    assert texts(market(seed=1), 500) == texts(market(seed=1), 500)
    assert texts(market(seed=1), 500) != texts(market(seed=2), 500)


def test_markets_side_by_side_do_not_disturb_each_other() -> None:
    """Each market of an exchange is the one it would be alone, and no copy of its neighbour."""
    pair = [
        SyntheticMarket(name, SCENARIOS["calm"], seed=1, start_ns=START_NS)
        for name in ("BTC-AUD", "ETH-AUD")
    ]
    exchange = SyntheticExchange(pair)

    frames = [frame for _ in range(200) for frame in exchange.advance()]

    assert exchange.markets == ("BTC-AUD", "ETH-AUD")
    assert [f.text for f in frames if f.market == "BTC-AUD"] == texts(market(seed=1), 200)
    assert pair[0].walk.signal != pair[1].walk.signal
    assert json.loads(exchange.snapshot("ETH-AUD"))["marketId"] == "ETH-AUD"


@pytest.mark.parametrize("price", ["0.02", "3", "150", "4000", "100000", "2000000"])
def test_any_start_price(price: str) -> None:
    """The increment follows the price, so that the mid moves at almost every step."""
    price_e8, _ = parse_e8(price)
    source = market(start_price_e8=price_e8)
    ticks = [
        json.loads(frame.text)
        for _ in range(500)
        for frame in source.advance()
        if frame.channel == "tick"
    ]
    mids = [float(tick["bestBid"]) + float(tick["bestAsk"]) for tick in ticks]

    assert mids[0] / 2 == pytest.approx(price_e8 / E8, rel=1e-3)
    assert sum(a != b for a, b in pairwise(mids)) > 450
