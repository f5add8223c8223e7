"""The connection against real servers on loopback: what arrives, what is missed, what is said."""

import json
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.server import ServerConnection

from eventlog.records import BookUpdate, Gap, Input, Trade, Undecodable
from feeds.btcmarkets.connection import TAKE_RECORDS_MAX, Feed
from feeds.btcmarkets.protocol import decode
from feeds.errors import (
    ExchangeUnreachable,
    FeedFailed,
    SubscriptionRejected,
    UnknownMarket,
    UrlInvalid,
)
from feeds.exchange.book import Book
from feeds.exchange.faults import Fault
from feeds.exchange.market import SyntheticExchange, SyntheticMarket
from feeds.exchange.playback import Recording
from feeds.exchange.scenario import SCENARIOS

PATIENCE_S = 20.0
RECORDINGS = Path(__file__).parents[4] / "shared" / "recordings"

HASTE: dict[str, Any] = {
    "backoff_first_s": 0.001,
    "backoff_most_s": 0.01,
    "handshake_window_s": 0.0,
    "resync_interval_s": 0.0,
}
"""Reconnects without the exchange's limits: a server of ours has none."""


def synthetic(*markets: str) -> SyntheticExchange:
    return SyntheticExchange(
        [SyntheticMarket(m, SCENARIOS["calm"], seed=1, start_ns=10**18) for m in markets]
    )


def trade(number: int, market: str = "A-B") -> str:
    return json.dumps(
        {
            "messageType": "trade",
            "marketId": market,
            "timestamp": "2026-09-23T04:31:09.259Z",
            "tradeId": number,
            "price": "1",
            "volume": "1",
        }
    )


def take_until(feed: Feed, enough: Callable[[list[Input]], bool]) -> list[Input]:
    """Take until what was taken is enough; fail when nothing more comes."""
    taken: list[Input] = []
    while not enough(taken):
        arrived = feed.take(PATIENCE_S)
        assert arrived, f"nothing more came after {len(taken)} records: {feed.state}"
        taken += [record for _, record in arrived]
    return taken


def at_least(count: int) -> Callable[[list[Input]], bool]:
    return lambda taken: len(taken) >= count


def ids(records: Sequence[Input]) -> list[int]:
    return [record.trade_id for record in records if isinstance(record, Trade)]


def gaps(records: Sequence[Input]) -> list[Gap]:
    return [record for record in records if isinstance(record, Gap)]


def test_every_frame_arrives_once_in_order(serve_source: Any) -> None:
    """What the exchange makes is what is taken, record by record."""
    alone = synthetic("BTC-AUD")
    texts = [alone.snapshot("BTC-AUD")]
    texts += [frame.text for _ in range(2_000) for frame in alone.advance()]
    expected = [decode(text, 0) for text in texts]

    with Feed(serve_source(synthetic("BTC-AUD")), ["BTC-AUD"]) as feed:
        taken = take_until(feed, at_least(len(expected)))

    # A record differs from what was made only in when it was received.
    received = [replace(record, received_ns=0) for record in taken[: len(expected)]]
    assert [("BTC-AUD", record) for record in received] == expected


def test_at_most_so_many_at_once(serve_source: Any) -> None:
    """A take is bounded, and times out empty when nothing comes."""
    with Feed(serve_source(synthetic("BTC-AUD")), ["BTC-AUD"]) as feed:
        sizes = [len(feed.take(PATIENCE_S)) for _ in range(50)]

    assert 0 < max(sizes) <= TAKE_RECORDS_MAX


def test_nothing_comes_within_the_time(serve_script: Any) -> None:
    """An empty list says that the time is over."""

    def talk(connection: ServerConnection) -> None:
        connection.recv()
        connection.send(trade(1))
        connection.recv()

    with Feed(serve_script(talk), ["A-B"]) as feed:
        assert ids(take_until(feed, at_least(1))) == [1]
        assert feed.take(0.01) == []
        assert not feed.finished


def test_a_full_queue_holds_the_exchange(serve_source: Any) -> None:
    """Whoever does not take is waited for, is not called stale, and misses nothing."""
    url = serve_source(synthetic("BTC-AUD"))
    taken: list[Input] = []
    with Feed(url, ["BTC-AUD"], queue_records_max=100, stale_after_s=0.05) as feed:
        # Many times as long as a socket may be silent, had it been read.
        threading.Event().wait(0.5)
        while len(taken) < 5_000:
            arrived = feed.take(PATIENCE_S)
            assert 0 < len(arrived) <= 101
            taken += [record for _, record in arrived]

    trades = ids(taken)
    assert gaps(taken) == []
    assert trades == list(range(trades[0], trades[0] + len(trades)))


def test_stopping_leaves_what_has_arrived(serve_source: Any) -> None:
    """After a stop everything that came can still be taken; then it is finished."""
    feed = Feed(serve_source(synthetic("BTC-AUD")), ["BTC-AUD"])
    with feed:
        taken = take_until(feed, at_least(10))
        feed.stop()
        feed.stop()
        while not feed.finished:
            taken += [record for _, record in feed.take(PATIENCE_S)]

    trades = ids(taken)
    assert trades == list(range(trades[0], trades[0] + len(trades)))
    assert gaps(taken) == []
    assert feed.take(0) == []
    assert not feed.state.connected
    feed.resync("BTC-AUD")  # is nobody's business any more, and no error


def test_leaving_the_context_stops(serve_source: Any) -> None:
    """No thread is left behind."""
    before = threading.active_count()
    url = serve_source(synthetic("BTC-AUD"))
    server = threading.active_count() - before

    with Feed(url, ["BTC-AUD"]):
        assert threading.active_count() == before + server + 1

    assert threading.active_count() == before + server


@pytest.mark.parametrize("name", ["close", "drop"])
def test_a_lost_connection_is_a_gap_and_goes_on(serve_source: Any, name: str) -> None:
    """Between the last record before and the first after stands what was missed, and why."""
    url = serve_source(synthetic("BTC-AUD"), faults=[Fault(name, 300)], seed=3)
    with Feed(url, ["BTC-AUD"], **HASTE) as feed:
        taken = take_until(feed, lambda records: len(gaps(records)) >= 4)
        reconnects = feed.state.reconnects

    assert reconnects >= 4
    for before, gap, after in zip(taken, taken[1:], taken[2:], strict=False):
        if isinstance(gap, Gap):
            assert gap.from_ns == before.received_ns
            assert gap.to_ns == gap.received_ns == after.received_ns
            assert isinstance(after, BookUpdate)
            assert after.snapshot
            assert ("closed by the exchange" in gap.why) == (name == "close")
    trades = ids(taken)
    assert trades == sorted(set(trades))


def test_the_book_of_every_connection_checks(serve_source: Any) -> None:
    """A snapshot after a gap continues with the deltas that follow it."""
    url = serve_source(synthetic("BTC-AUD"), faults=[Fault("drop", 500)], seed=5)
    with Feed(url, ["BTC-AUD"], **HASTE) as feed:
        taken = take_until(feed, lambda records: len(gaps(records)) >= 3)

    book, verified = Book(), 0
    for record in taken:
        if isinstance(record, BookUpdate):
            book.apply(record)
            if not record.snapshot:
                assert book.checksum() == record.checksum
                verified += 1
    assert verified > 100


def test_gaps_stand_in_every_market(serve_source: Any) -> None:
    """One socket for several markets: a loss is a loss for each."""
    markets = ["BTC-AUD", "ETH-AUD"]
    url = serve_source(synthetic(*markets), faults=[Fault("drop", 300)], seed=3)
    found: dict[str, list[Gap]] = {market: [] for market in markets}
    with Feed(url, markets, **HASTE) as feed:
        while not all(found.values()):
            for market, record in feed.take(PATIENCE_S):
                if isinstance(record, Gap):
                    found[market].append(record)

    assert found["BTC-AUD"] == found["ETH-AUD"]


def test_silence_is_a_loss(serve_source: Any) -> None:
    """A socket that stays open and says nothing is replaced."""
    url = serve_source(synthetic("BTC-AUD"), faults=[Fault("stall", 300)], seed=3, heartbeat_s=0.05)
    with Feed(url, ["BTC-AUD"], stale_after_s=0.5, **HASTE) as feed:
        taken = take_until(feed, lambda records: len(gaps(records)) >= 2)

    assert {gap.why for gap in gaps(taken)} == {"nothing was heard for 0.5 s"}


def test_a_heartbeat_is_no_silence(serve_script: Any) -> None:
    """A quiet market whose heartbeat comes is kept."""

    def talk(connection: ServerConnection) -> None:
        connection.recv()
        for _ in range(100):
            connection.send('{"messageType":"heartbeat","channels":[]}')
            threading.Event().wait(0.02)
        connection.send(trade(1))
        connection.recv()

    with Feed(serve_script(talk), ["A-B"], stale_after_s=1.5) as feed:
        taken = take_until(feed, at_least(1))

    assert ids(taken) == [1]
    assert gaps(taken) == []


def test_garbage_is_recorded_in_its_place(serve_source: Any) -> None:
    """Frames that mean nothing are records, and everything around them arrives."""
    url = serve_source(synthetic("BTC-AUD"), faults=[Fault("garbage", 5)], seed=3)
    with Feed(url, ["BTC-AUD"]) as feed:
        taken = take_until(feed, at_least(3_000))
        state = feed.state

    broken = [record for record in taken if isinstance(record, Undecodable)]
    trades = ids(taken)
    assert len(broken) > 300
    assert all(record.why for record in broken)
    assert trades == list(range(trades[0], trades[0] + len(trades)))
    assert gaps(taken) == []
    assert state.reconnects == 0
    assert state.undecodable >= len(broken)


def test_frames_of_nobody_stand_in_every_market(serve_script: Any) -> None:
    """What names no market, or one not asked for, is in every market's log."""

    def talk(connection: ServerConnection) -> None:
        connection.recv()
        connection.send(trade(1))
        connection.send("nonsense")
        connection.send(trade(2, "C-D"))
        connection.send(b"\xff\xfe")
        connection.send('{"messageType":"error","code":9,"message":"throttled"}')
        connection.recv()

    taken: list[tuple[str, Input]] = []
    with Feed(serve_script(talk), ["A-B", "X-Y"]) as feed:
        while len(taken) < 9:
            taken += feed.take(PATIENCE_S)

    assert [market for market, _ in taken] == ["A-B"] + ["A-B", "X-Y"] * 4
    reasons = [r.why for _, r in taken[1::2] if isinstance(r, Undecodable)]
    assert reasons[0].startswith("not JSON")
    assert reasons[1:] == [
        "C-D was not subscribed to",
        "not UTF-8",
        "a request was refused: 'throttled' (code 9)",
    ]


def test_too_large_a_frame_is_a_gap(serve_script: Any) -> None:
    """A frame beyond the maximum ends the connection, not the feed; the reason says so."""
    connections: list[int] = []

    def talk(connection: ServerConnection) -> None:
        connections.append(1)
        connection.recv()
        connection.send(trade(len(connections)))
        if len(connections) == 1:
            connection.send("x" * (16 * 1024 * 1024 + 1))
        connection.recv()

    with Feed(serve_script(talk), ["A-B"], **HASTE) as feed:
        taken = take_until(feed, lambda records: 2 in ids(records))

    assert ids(taken) == [1, 2]
    (gap,) = gaps(taken)
    assert "1009" in gap.why


def test_resync_brings_a_snapshot_on_the_same_socket(serve_source: Any) -> None:
    """Asking again for a market answers with its book; nothing is missed or doubled."""
    with Feed(serve_source(synthetic("BTC-AUD")), ["BTC-AUD"], resync_interval_s=0) as feed:
        taken = take_until(feed, at_least(100))
        feed.resync("BTC-AUD")
        taken += take_until(
            feed, lambda rs: any(isinstance(r, BookUpdate) and r.snapshot for r in rs)
        )
        reconnects = feed.state.reconnects

    trades = ids(taken)
    assert reconnects == 0
    assert gaps(taken) == []
    assert trades == list(range(trades[0], trades[0] + len(trades)))


def test_resyncs_are_rate_limited(serve_script: Any) -> None:
    """However often it is asked for, one market is resynced once in the interval."""
    asked: list[str] = []

    def talk(connection: ServerConnection) -> None:
        asked.append(json.loads(connection.recv())["messageType"])
        connection.send(trade(1))
        asked.append(json.loads(connection.recv())["messageType"])
        connection.send(trade(2))
        asked.extend(json.loads(message)["messageType"] for message in connection)

    with Feed(serve_script(talk), ["A-B"], resync_interval_s=3600) as feed:
        take_until(feed, at_least(1))
        for _ in range(100):
            feed.resync("A-B")
        take_until(feed, at_least(1))

    assert asked == ["subscribe", "addSubscription"]


def test_nobody_listens_at_the_url() -> None:
    """An unreachable exchange is an error after the stated time, with the reason in it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{taken.getsockname()[1]}/v2"
        with (
            pytest.raises(ExchangeUnreachable, match=r"was not reached within 0\.2 s") as caught,
            Feed(url, ["BTC-AUD"], connect_timeout_s=0.2, **HASTE),
        ):
            pass

    assert "refused" in caught.value.why.lower() or "Connect call failed" in caught.value.why


def test_an_exchange_that_comes_late_is_reached(serve_source: Any) -> None:
    """Within the stated time a refused connection is tried again."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    feed = Feed(f"ws://127.0.0.1:{port}/v2", ["BTC-AUD"], connect_timeout_s=PATIENCE_S, **HASTE)
    entered = threading.Thread(target=feed.__enter__)
    entered.start()

    serve_source(synthetic("BTC-AUD"), port=port)

    entered.join(PATIENCE_S)
    assert len(take_until(feed, at_least(10))) >= 10
    feed.__exit__(None, None, None)


def test_a_server_that_says_nothing(serve_script: Any) -> None:
    """Accepting a connection is not answering it."""
    with (
        pytest.raises(ExchangeUnreachable),
        Feed(serve_script(lambda c: c.recv() and c.recv()), ["A-B"], connect_timeout_s=0.3),
    ):
        pass


@pytest.mark.parametrize("url", ["", "BTC-AUD", "http://127.0.0.1/", "ws://127.0.0.1:99999/"])
def test_a_url_that_is_none(url: str) -> None:
    """What is no websocket's URL is said at once."""
    with pytest.raises(UrlInvalid), Feed(url, ["A-B"], connect_timeout_s=3600):
        pass


@pytest.mark.parametrize("markets", [["NO-SUCH"], ["BTC-AUD", "NO-SUCH", "ETH-AUD"]])
def test_an_unknown_market_is_named(serve_source: Any, markets: list[str]) -> None:
    """The exchange does not say which market it refused; the error does."""
    url = serve_source(synthetic("BTC-AUD", "ETH-AUD"))

    with pytest.raises(UnknownMarket) as caught, Feed(url, markets):
        pass

    assert caught.value.market == "NO-SUCH"


def test_another_refusal(serve_script: Any) -> None:
    """A refusal that is not a market's is said as it came."""

    def talk(connection: ServerConnection) -> None:
        connection.recv()
        connection.send('{"messageType":"error","code":9,"message":"throttled"}')
        connection.recv()

    with (
        pytest.raises(SubscriptionRejected, match="throttled") as caught,
        Feed(serve_script(talk), ["A-B"]),
    ):
        pass

    assert not isinstance(caught.value, UnknownMarket)


def test_a_refusal_after_a_reconnect_is_tried_again(serve_script: Any) -> None:
    """What was accepted once may be refused for a while: the feed goes on, and tells the gap."""
    connections: list[int] = []

    def talk(connection: ServerConnection) -> None:
        connections.append(1)
        connection.recv()
        if len(connections) in (2, 3):
            connection.send('{"messageType":"error","code":3,"message":"invalid marketIds"}')
            connection.recv()
        connection.send(trade(len(connections)))
        if len(connections) > 3:
            connection.recv()

    with Feed(serve_script(talk), ["A-B"], **HASTE) as feed:
        taken = take_until(feed, lambda records: 4 in ids(records))

    assert ids(taken) == [1, 4]
    assert len(gaps(taken)) == 1


def test_stopping_while_it_is_lost_tells_the_gap(serve_script: Any) -> None:
    """What was missed up to the stop is known to be missed."""
    gone = threading.Event()

    def talk(connection: ServerConnection) -> None:
        if gone.is_set():
            return
        connection.recv()
        connection.send(trade(1))
        gone.set()

    taken: list[Input] = []
    with Feed(serve_script(talk), ["A-B"], **HASTE) as feed:
        taken += take_until(feed, at_least(1))
        while not feed.state.why:
            feed.take(0.01)
        feed.stop()
        while not feed.finished:
            taken += [record for _, record in feed.take(PATIENCE_S)]

    assert [type(record) for record in taken] == [Trade, Gap]


def test_a_bug_on_the_thread_reaches_the_caller(
    serve_source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception that nobody expected is raised by `take`, after everything that came before."""
    with Feed(serve_source(synthetic("BTC-AUD")), ["BTC-AUD"]) as feed:
        take_until(feed, at_least(10))
        monkeypatch.setattr(feed, "_arrivals", None)
        with pytest.raises(FeedFailed) as caught:
            take_until(feed, lambda _: False)

        assert isinstance(caught.value.__cause__, TypeError)
        assert feed.finished


def test_a_recording_arrives_whole(serve_source: Any) -> None:
    """Every frame of a recording, played as fast as it is read, arrives once and in order."""
    path = RECORDINGS / "binance-ethusdt-20240808.frames.jsonl.zst"
    if not path.exists():
        pytest.skip("no ../shared/recordings beside the project")
    recording, alone = Recording(path), Recording(path)

    with Feed(serve_source(recording), recording.markets) as feed:
        taken = take_until(feed, at_least(recording.frame_count))
        assert feed.take(0.01) == []

    assert recording.frame_count == len(taken) == 29_227
    for record in taken:
        (frame,) = alone.advance()
        assert decode(frame.text, record.received_ns) == ("ETH-USDT", record)
    assert all(a.received_ns <= b.received_ns for a, b in pairwise(taken))
