"""What every venue has to do, whatever it speaks: one suite, run against each of them.

A new venue is added to `SUBJECTS` with a server on loopback that can lose its connections and send
what cannot be understood.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.records import Gap, Input, Tick, Trade, Undecodable
from eventlog.schema import decode as records_of
from feeds.deduplicator import TradeDeduplicator
from feeds.errors import ExchangeUnreachable, UnknownMarket, VenueUnknown
from feeds.files.layout import Layout
from feeds.files.recordings import readings
from feeds.options import FeedOptions
from feeds.simulator.faults import Fault
from feeds.simulator.market import SyntheticExchange, SyntheticMarket
from feeds.simulator.scenario import SCENARIOS
from feeds.simulator.server import Exchange
from feeds.venue import BTC_MARKETS, VENUES, Feed, Venue, venue
from tests.feeds.second_venue.exchange import serving as second_serving
from tests.support.loopback import PATIENCE_S
from tests.support.loopback import serving as simulating

HASTE = {
    "backoff_first_s": 0.001,
    "backoff_most_s": 0.01,
    "handshake_window_s": 0.0,
    "resync_interval_s": 0.0,
}
BOUND = 50


@dataclass(frozen=True)
class Subject:
    """A venue, two of its markets, and a server that speaks as it does.

    ``serve`` takes after how many frames a connection is lost (``close_every``) and how often a
    frame is no message (``garbage_every``), and yields the URL.
    """

    name: str
    module: str
    markets: tuple[str, str]
    serve: Callable[..., AbstractContextManager[str]]

    @property
    def venue(self) -> Venue:
        return venue(self.name)

    def feed(self, url: str, markets: Sequence[str] | None = None, **options: float) -> Feed:
        chosen = FeedOptions(**{**HASTE, **options})  # type: ignore[arg-type]
        return self.venue.feed(url, markets or self.markets[:1], options=chosen)


@contextmanager
def simulated(*, close_every: int | None = None, garbage_every: int | None = None) -> Iterator[str]:
    markets = [
        SyntheticMarket(market, SCENARIOS["calm"], seed=1, start_ns=10**18)
        for market in ("BTC-AUD", "ETH-AUD")
    ]
    faults = [
        Fault(name, every)
        for name, every in (("close", close_every), ("garbage", garbage_every))
        if every is not None
    ]
    with simulating(Exchange(SyntheticExchange(markets), speed=None, faults=faults)) as url:
        yield url


SUBJECTS = [
    Subject(BTC_MARKETS, VENUES[BTC_MARKETS], ("BTC-AUD", "ETH-AUD"), simulated),
    Subject("second", "tests.feeds.second_venue.venue", ("btc_usd", "eth_usd"), second_serving),
]


@pytest.fixture(params=SUBJECTS, ids=lambda subject: subject.name)
def subject(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Subject:
    found: Subject = request.param
    monkeypatch.setitem(VENUES, found.name, found.module)
    return found


def take_until(
    feed: Feed, enough: Callable[[list[Input]], bool], market: str | None = None
) -> list[Input]:
    """Take until what was taken is enough; fail when nothing more comes."""
    taken: list[Input] = []
    while not enough(taken):
        arrived = feed.take(PATIENCE_S, market)
        assert arrived, f"nothing more came after {len(taken)} records: {feed.state}"
        taken += arrived
    return taken


def ids(records: Sequence[Input]) -> list[int]:
    return [record.trade_id for record in records if isinstance(record, Trade)]


def test_an_unknown_venue_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(VenueUnknown, match="unknown venue 'nowhere'") as caught:
        venue("nowhere")

    assert BTC_MARKETS in caught.value.hint


def test_its_facts_are_whole(subject: Subject) -> None:
    """Its name is the one it is found by, and its markets may become names of directories."""
    facts = subject.venue.facts

    assert facts.name == subject.name
    assert re.fullmatch("[a-z][a-z0-9]*", facts.name)
    assert facts.websocket_url.startswith(("ws://", "wss://"))
    assert subject.venue.rest_url(facts.websocket_url) == facts.rest_url
    for market in subject.markets:
        assert subject.venue.is_market(market)
    for text in ("", ".", "..", "../x", "a/b", "BTC AUD", "x" * 200, "A-B\n", "\x1b[1m"):
        assert not subject.venue.is_market(text), text


def test_it_records_ticks_in_the_order_of_arrival(subject: Subject) -> None:
    """Each with the moment of receipt; a trade that is told twice is there once."""
    with subject.serve() as url, subject.feed(url) as feed:
        taken = take_until(feed, lambda taken: len(taken) >= 300 and len(ids(taken)) >= 5)

    assert any(isinstance(record, Tick) for record in taken)
    assert [r.received_ns for r in taken] == sorted(r.received_ns for r in taken)
    assert len(ids(taken)) == len(set(ids(taken)))
    assert not [record for record in taken if isinstance(record, Gap | Undecodable)]


def test_it_says_how_it_is(subject: Subject) -> None:
    market = subject.markets[0]
    with subject.serve() as url, subject.feed(url) as feed:
        take_until(feed, lambda taken: len(taken) >= 10)
        state = feed.state

    assert state.connected
    assert (state.connections, state.reconnects, state.undecodable) == (1, 0, 0)
    assert state.frames >= 10
    assert state.last_frame_s is not None
    assert set(state.markets) == {market}
    assert state.markets[market].streaming
    assert (state.markets[market].why, state.markets[market].gaps) == ("", 0)


def test_a_connection_that_is_lost_is_replaced_and_leaves_a_gap(subject: Subject) -> None:
    """The first record after it says from when to when something may be missing, and why."""

    def of(taken: list[Input]) -> list[int]:
        return [place for place, record in enumerate(taken) if isinstance(record, Gap)]

    with subject.serve(close_every=40) as url, subject.feed(url) as feed:
        taken = take_until(
            feed, lambda taken: len(of(taken)) >= 3 and of(taken)[-1] + 1 < len(taken)
        )
        state = feed.state

    for place in of(taken)[:3]:
        gap, after = taken[place], taken[place + 1]
        assert isinstance(gap, Gap)
        assert gap.why
        assert gap.from_ns <= gap.to_ns <= after.received_ns
    assert of(taken)[0] > 0
    assert state.reconnects >= 3
    assert state.markets[subject.markets[0]].gaps >= 3
    assert len(ids(taken)) == len(set(ids(taken)))


def test_what_cannot_be_understood_is_a_record(subject: Subject) -> None:
    """With its bytes and a reason; the stream goes on."""
    with subject.serve(garbage_every=20) as url, subject.feed(url) as feed:
        taken = take_until(
            feed, lambda taken: sum(isinstance(each, Undecodable) for each in taken) >= 3
        )
        taken += take_until(feed, lambda taken: any(isinstance(each, Tick) for each in taken))
        undecodable = feed.state.undecodable

    odd = [record for record in taken if isinstance(record, Undecodable)]
    assert all(record.raw and record.why for record in odd)
    assert undecodable >= 3


def test_a_socket_is_not_read_while_nobody_takes(subject: Subject) -> None:
    """What waits is bounded, and nothing of it is dropped: no gap, no record twice."""
    with subject.serve() as url, subject.feed(url, queue_records_max=BOUND) as feed:
        market = feed.state.markets[subject.markets[0]]
        while market.queued < BOUND:
            market = feed.state.markets[subject.markets[0]]
        frames = feed.state.frames
        taken = take_until(feed, lambda taken: len(taken) >= 5 * BOUND)
        now = feed.state

    assert market.queued <= 2 * BOUND
    assert frames <= now.frames
    assert now.reconnects == 0
    assert not [record for record in taken if isinstance(record, Gap)]


def test_stopped_it_ends_once_everything_was_taken(subject: Subject) -> None:
    """Stopping returns at once, may be repeated, and loses nothing that had arrived."""
    with subject.serve() as url, subject.feed(url) as feed:
        take_until(feed, lambda taken: len(taken) >= 10)
        assert not feed.finished()
        feed.stop()
        feed.stop()
        while not feed.finished():
            feed.take(PATIENCE_S)

        assert feed.take(0.0) == []
        assert feed.finished()


def test_markets_are_taken_apart_and_one_may_be_left(subject: Subject) -> None:
    first, second = subject.markets
    options = {"queue_records_max": BOUND}
    with subject.serve() as url, subject.feed(url, subject.markets, **options) as feed:
        feed.leave(first)
        taken = take_until(feed, lambda taken: len(taken) >= 5 * BOUND, second)
        feed.resync(second)

    assert taken
    assert feed.take(0.0, first) == []


def test_a_trade_that_the_log_holds_is_not_handed_on(subject: Subject) -> None:
    """By whatever connection it comes again."""
    market = subject.markets[0]
    with subject.serve(close_every=100) as url:
        with subject.feed(url) as feed:
            known = ids(take_until(feed, lambda taken: len(ids(taken)) >= 5))
        feed = subject.venue.feed(
            url,
            [market],
            deduplicators={market: TradeDeduplicator(known=known)},
            options=FeedOptions(**HASTE),  # type: ignore[arg-type]
        )
        with feed:
            again = ids(take_until(feed, lambda taken: len(ids(taken)) >= 5))

    assert not set(known) & set(again)


def test_a_server_that_is_not_there_is_said_in_time(subject: Subject) -> None:
    with (
        pytest.raises(ExchangeUnreachable, match="was not reached within"),
        subject.feed("ws://127.0.0.1:9/", connect_timeout_s=0.3),
    ):
        pass


def test_a_market_that_it_does_not_have_is_named(subject: Subject) -> None:
    unknown = {"BTC-AUD": "NO-SUCH", "btc_usd": "no_such"}[subject.markets[0]]
    with (
        subject.serve() as url,
        pytest.raises(UnknownMarket, match=unknown),
        subject.feed(url, [unknown]),
    ):
        pass


@given(frame=st.binary(max_size=200) | st.text(max_size=200) | st.just("[" * 100_000))
@pytest.mark.parametrize("name", [each.name for each in SUBJECTS])
def test_its_decoder_never_raises(name: str, frame: bytes | str) -> None:
    """Whatever is sent is a record with its bytes, or nothing for a log."""
    with pytest.MonkeyPatch.context() as patch:
        for each in SUBJECTS:
            patch.setitem(VENUES, each.name, each.module)
        decoded = venue(name).decode(frame, 7)

    if decoded is not None:
        assert decoded[1].received_ns == 7


def test_a_recording_of_its_frames_is_read(subject: Subject, tmp_path: Path) -> None:
    """By the same decoder as those of a socket; frames of the other market are passed over."""
    frames = _FRAMES[subject.name]
    path = tmp_path / "frames.jsonl"
    lines = (
        json.dumps({"at": 1_700_000_000_000_000_000 + n, "frame": each})
        for n, each in enumerate(frames)
    )
    path.write_text("".join(f"{line}\n" for line in lines))

    (reading,) = readings(path, subject.markets[0], Layout(), of=subject.name)

    records = [record for _, record in records_of(reading.batch)]
    expected = [subject.venue.decode(json.dumps(each), 0) for each in frames]
    assert len(records) == sum(
        said is not None and said[0] == subject.markets[0] for said in expected
    )
    assert any(isinstance(record, Trade) for record in records)


_FRAMES: dict[str, list[Any]] = {
    BTC_MARKETS: [
        {
            "messageType": "trade", "marketId": market, "timestamp": "2026-09-23T04:31:09.259Z",
            "tradeId": 5, "price": "1", "volume": "2", "side": "Bid",
        }
        for market in ("BTC-AUD", "ETH-AUD")
    ] + [{"messageType": "heartbeat", "channels": []}],
    "second": [
        {"k": "t", "m": market, "at": 5, "p": "1", "v": "2", "id": 5}
        for market in ("btc_usd", "eth_usd")
    ] + [{"k": "hello", "m": "btc_usd"}],
}  # fmt: skip
