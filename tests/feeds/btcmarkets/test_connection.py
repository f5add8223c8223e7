"""The connection against real servers on loopback: what arrives, what is missed, what is said."""

import json
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.server import ServerConnection

from eventlog.records import BookUpdate, Gap, Input, Tick, Trade, Undecodable
from feeds.book import Book
from feeds.btcmarkets import connection
from feeds.btcmarkets import link as links
from feeds.btcmarkets.backoff import Budget
from feeds.btcmarkets.connection import TAKE_RECORDS_MAX, Feed
from feeds.btcmarkets.protocol import decode
from feeds.btcmarkets.rest import Rest, rest_url
from feeds.clock import elapsed_s, now_ns, sleep_s
from feeds.deduplicator import TradeDeduplicator
from feeds.errors import (
    ExchangeUnreachable,
    FeedFailed,
    SubscriptionRejected,
    UnknownMarket,
    UrlInvalid,
)
from feeds.options import FeedOptions
from feeds.simulator.faults import LINE_FAULTS, Fault
from feeds.simulator.frames import checksum_of
from feeds.simulator.market import SyntheticExchange, SyntheticMarket
from feeds.simulator.playback import Recording
from feeds.simulator.scenario import SCENARIOS
from feeds.simulator.source import Frame

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
        taken += arrived
    return taken


def at_least(count: int) -> Callable[[list[Input]], bool]:
    return lambda taken: len(taken) >= count


def ids(records: Sequence[Input]) -> list[int]:
    return [record.trade_id for record in records if isinstance(record, Trade)]


def gaps(records: Sequence[Input]) -> list[Gap]:
    return [record for record in records if isinstance(record, Gap)]


def verified(records: Sequence[Input]) -> int:
    """Return how many deltas there are, each of which must leave the book that it signs."""
    book, count = Book(), 0
    for record in records:
        if isinstance(record, BookUpdate):
            book.apply(record)
            if not record.snapshot:
                assert checksum_of(book) == record.checksum
                count += 1
    return count


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
        assert not feed.finished()


def test_a_full_queue_holds_the_exchange(serve_source: Any) -> None:
    """Whoever does not take is waited for, is not called stale, and misses nothing."""
    url = serve_source(synthetic("BTC-AUD"))
    taken: list[Input] = []
    with Feed(
        url, ["BTC-AUD"], options=FeedOptions(queue_records_max=100, stale_after_s=0.05)
    ) as feed:
        # Many times as long as a socket may be silent, had it been read.
        threading.Event().wait(0.5)
        while len(taken) < 5_000:
            arrived = feed.take(PATIENCE_S)
            assert 0 < len(arrived) <= 101
            taken += arrived

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
        while not feed.finished():
            taken += feed.take(PATIENCE_S)

    trades = ids(taken)
    assert trades == list(range(trades[0], trades[0] + len(trades)))
    assert gaps(taken) == []
    assert feed.take(0) == []
    assert not feed.state.connected
    feed.resync()  # is nobody's business any more, and no error


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
    with Feed(url, ["BTC-AUD"], options=FeedOptions(**HASTE)) as feed:
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
    with Feed(url, ["BTC-AUD"], options=FeedOptions(**HASTE)) as feed:
        taken = take_until(feed, lambda records: len(gaps(records)) >= 3)

    assert verified(taken) > 100


def test_gaps_stand_in_every_market(serve_source: Any) -> None:
    """One socket for several markets: a loss is a loss for each."""
    markets = ["BTC-AUD", "ETH-AUD"]
    url = serve_source(synthetic(*markets), faults=[Fault("drop", 300)], seed=3)
    found: dict[str, list[Gap]] = {market: [] for market in markets}
    with Feed(url, markets, options=FeedOptions(**HASTE)) as feed:
        for market, known in found.items():
            while not known:
                known += gaps(feed.take(PATIENCE_S, market))

    first, second = found["BTC-AUD"][0], found["ETH-AUD"][0]
    assert (first.from_ns, first.why) == (second.from_ns, second.why)


def test_silence_is_a_loss(serve_source: Any) -> None:
    """A socket that stays open and says nothing is replaced."""
    url = serve_source(synthetic("BTC-AUD"), faults=[Fault("stall", 300)], seed=3, heartbeat_s=0.05)
    with Feed(url, ["BTC-AUD"], options=FeedOptions(stale_after_s=0.5, **HASTE)) as feed:
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

    with Feed(serve_script(talk), ["A-B"], options=FeedOptions(stale_after_s=1.5)) as feed:
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

    markets = ("A-B", "X-Y")
    taken: dict[str, list[Input]] = {market: [] for market in markets}
    with Feed(serve_script(talk), markets) as feed:
        for market, known in taken.items():
            while len(known) < 4 + (market == "A-B"):
                known += feed.take(PATIENCE_S, market)

    assert isinstance(taken["A-B"][0], Trade)
    assert taken["A-B"][1:] == taken["X-Y"]
    reasons = [r.why for r in taken["X-Y"] if isinstance(r, Undecodable)]
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

    with Feed(serve_script(talk), ["A-B"], options=FeedOptions(**HASTE)) as feed:
        taken = take_until(feed, lambda records: 2 in ids(records))

    assert ids(taken) == [1, 2]
    (gap,) = gaps(taken)
    assert "1009" in gap.why


def test_resync_brings_a_snapshot_on_the_same_socket(serve_source: Any) -> None:
    """Asking again for a market answers with its book; nothing is missed or doubled."""
    with Feed(
        serve_source(synthetic("BTC-AUD")), ["BTC-AUD"], options=FeedOptions(resync_interval_s=0)
    ) as feed:
        taken = take_until(feed, at_least(100))
        feed.resync()
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
    empty = {"messageType": "orderbookUpdate", "marketId": "A-B", "snapshot": True, "snapshotId": 1}
    told = {**empty, "timestamp": "2026-11-30T10:00:00.000Z", "bids": [], "asks": []}

    def talk(connection: ServerConnection) -> None:
        # Answered each time, else it would be asked for again after a while.
        for number in (1, 2):
            asked.append(json.loads(connection.recv())["messageType"])
            connection.send(json.dumps(told))
            connection.send(trade(number))
        asked.extend(json.loads(message)["messageType"] for message in connection)

    with Feed(serve_script(talk), ["A-B"], options=FeedOptions(resync_interval_s=3600)) as feed:
        take_until(feed, at_least(2))
        for _ in range(100):
            feed.resync("A-B")
        take_until(feed, at_least(2))

    assert asked == ["subscribe", "addSubscription"]


def test_nobody_listens_at_the_url() -> None:
    """An unreachable exchange is an error after the stated time, with the reason in it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{taken.getsockname()[1]}/v2"
        with (
            pytest.raises(ExchangeUnreachable, match=r"was not reached within 0\.2 s") as caught,
            Feed(url, ["BTC-AUD"], options=FeedOptions(connect_timeout_s=0.2, **HASTE)),
        ):
            pass

    assert "refused" in caught.value.why.lower() or "Connect call failed" in caught.value.why


def test_an_exchange_that_comes_late_is_reached(serve_source: Any) -> None:
    """Within the stated time a refused connection is tried again."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    feed = Feed(
        f"ws://127.0.0.1:{port}/v2",
        ["BTC-AUD"],
        options=FeedOptions(connect_timeout_s=PATIENCE_S, **HASTE),
    )
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
        Feed(
            serve_script(lambda c: c.recv() and c.recv()),
            ["A-B"],
            options=FeedOptions(connect_timeout_s=0.3),
        ),
    ):
        pass


@pytest.mark.parametrize("url", ["", "BTC-AUD", "http://127.0.0.1/", "ws://127.0.0.1:99999/"])
def test_a_url_that_is_none(url: str) -> None:
    """What is no websocket's URL is said at once."""
    with pytest.raises(UrlInvalid), Feed(url, ["A-B"], options=FeedOptions(connect_timeout_s=3600)):
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

    with Feed(serve_script(talk), ["A-B"], options=FeedOptions(**HASTE)) as feed:
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
    with Feed(serve_script(talk), ["A-B"], options=FeedOptions(**HASTE)) as feed:
        taken += take_until(feed, at_least(1))
        while not feed.state.why:
            feed.take(0.01)
        feed.stop()
        while not feed.finished():
            taken += feed.take(PATIENCE_S)

    assert [type(record) for record in taken] == [Trade, Gap]


def test_a_bug_on_the_thread_reaches_the_caller(
    serve_source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An invariant that does not hold is raised by `take`, after everything that came before."""
    deduplicator = TradeDeduplicator(known=[1])
    with Feed(serve_source(synthetic("BTC-AUD")), ["BTC-AUD"]) as feed:
        take_until(feed, at_least(10))
        monkeypatch.setattr(feed, "_arrive", lambda *_: deduplicator.begin([]))
        with pytest.raises(FeedFailed) as caught:
            take_until(feed, lambda _: False)

        assert isinstance(caught.value.__cause__, AssertionError)
        assert feed.finished()


def test_a_recording_arrives_whole(serve_source: Any) -> None:
    """Every frame of a recording, played as fast as it is read, arrives once and in order."""
    path = RECORDINGS / "binance-ethusdt-20240808.frames.jsonl.zst"
    if not path.exists():
        pytest.skip("no ../shared/recordings beside the project")
    recording, alone = Recording(path), Recording(path)

    with Feed(serve_source(recording), recording.markets) as feed:
        taken = take_until(feed, at_least(29_227))
        assert feed.take(0.01) == []

    assert len(taken) == 29_227
    for record in taken:
        (frame,) = alone.advance()
        assert decode(frame.text, record.received_ns) == ("ETH-USDT", record)
    assert all(a.received_ns <= b.received_ns for a, b in pairwise(taken))


class _Heard(SyntheticExchange):
    """A market that remembers every trade that it published."""

    def __init__(self, *markets: str) -> None:
        super().__init__(
            [SyntheticMarket(m, SCENARIOS["calm"], seed=1, start_ns=10**18) for m in markets]
        )
        self.published: dict[str, list[int]] = {market: [] for market in markets}

    def advance(self) -> Sequence[Frame]:
        frames = super().advance()
        for frame in frames:
            if frame.channel == "trade":
                self.published[frame.market].append(json.loads(frame.text)["tradeId"])
        return frames


def rest_of(url: str) -> Rest:
    """Return an impatient client; the stand-in has no limits at full speed."""
    budget = Budget(count=1_000_000, window_s=1.0)
    return Rest(rest_url(url), budget=budget, first_s=0.001, most_s=0.01, closed_s=0.01)


@pytest.mark.parametrize("name", ["drop", "cut", "lose", "duplicate", "reorder"])
def test_every_trade_is_taken_once(serve_source: Any, name: str) -> None:
    """What a lost connection, or a lost frame, kept from us is fetched, and marked."""
    source = _Heard("BTC-AUD")
    faults = [Fault(name, 400), Fault("away", 60)]
    url = serve_source(source, faults=faults, seed=3)
    taken: list[Input] = []
    options = {**HASTE, "settle_s": 0.02, "audit_s": 0.05}
    with Feed(url, ["BTC-AUD"], rest=rest_of(url), options=FeedOptions(**options)) as feed:
        while len(ids(taken)) < 2_000:
            taken += feed.take(PATIENCE_S)
        # The market stands still while it is not read: what was published so far comes.
        until = source.published["BTC-AUD"][-1]
        while not set(ids(taken)) >= {i for i in source.published["BTC-AUD"] if i <= until}:
            taken += feed.take(PATIENCE_S)
        state = feed.state.markets["BTC-AUD"]

    assert len(ids(taken)) == len(set(ids(taken)))
    late = [record for record in taken if isinstance(record, Trade) and record.backfilled]
    assert state.backfilled == len(late) > 0 or name in ("duplicate", "reorder")
    assert state.repeated > 0 or name != "duplicate"
    # What waited while nobody read counts as received since then, and may stand after what was
    # fetched in the meantime.
    streamed = [each for each in taken if isinstance(each, Tick) and each not in late]
    assert all(a.received_ns <= b.received_ns for a, b in pairwise(streamed))


def test_trades_of_before_the_session_are_known(serve_source: Any) -> None:
    """What stands in the log already is not taken again; what came in between is."""
    source = _Heard("BTC-AUD")
    url = serve_source(source)
    with Feed(url, ["BTC-AUD"]) as feed:
        first = take_until(feed, lambda records: len(ids(records)) >= 100)
    known = ids(first)

    deduplicator = TradeDeduplicator(known, behind=max(known))
    options: dict[str, Any] = {"settle_s": 0.02, "audit_s": 0.1}
    with Feed(
        url,
        ["BTC-AUD"],
        rest=rest_of(url),
        deduplicators={"BTC-AUD": deduplicator},
        options=FeedOptions(**options),
    ) as feed:
        second = take_until(
            feed, lambda records: any(isinstance(r, Trade) and r.backfilled for r in records)
        )
        until = source.published["BTC-AUD"][0]
        second += take_until(feed, lambda _: feed.state.markets["BTC-AUD"].hole is False)

    assert until in known
    assert not set(known) & set(ids(second))


def test_a_planned_replacement_loses_nothing(serve_source: Any) -> None:
    """Both connections are heard for a while: every trade once, a book that checks, no gap."""
    source = _Heard("BTC-AUD", "ETH-AUD")
    url = serve_source(source)
    options = {**HASTE, "rotate_after_s": 0.2, "drain_s": 0.1}
    taken: dict[str, list[Input]] = {"BTC-AUD": [], "ETH-AUD": []}
    with Feed(url, [*taken], options=FeedOptions(**options)) as feed:
        while feed.state.rotations < 4:
            for market, records in taken.items():
                records += feed.take(0.1, market)
        state = feed.state

    assert state.reconnects == 0
    for market, records in taken.items():
        trades = ids(records)
        assert gaps(records) == []
        assert sorted(trades) == list(range(min(trades), min(trades) + len(trades)))
        assert set(trades) <= set(source.published[market])
        assert verified(records) > 100


def test_a_subscription_that_was_dropped_is_missed_and_asked_for(serve_source: Any) -> None:
    """The heartbeat no longer lists it: a gap with its cause, and the market comes back."""
    url = serve_source(
        synthetic("BTC-AUD", "ETH-AUD"), faults=[Fault("forget", 500)], seed=3, heartbeat_s=0.05
    )
    with Feed(url, ["BTC-AUD", "ETH-AUD"], options=FeedOptions(**HASTE)) as feed:
        found: list[Gap] = []
        while len(found) < 3:
            found += gaps(feed.take(0.1, "BTC-AUD"))
            feed.take(0.1, "ETH-AUD")
        reconnects = feed.state.reconnects

    assert reconnects == 0
    assert {gap.why for gap in found} == {"the exchange dropped the subscription"}


def test_one_refused_market_does_not_stop_another(serve_script: Any) -> None:
    """After a reconnect one of two is refused: the other streams, and the state says which."""
    connections: list[int] = []

    def talk(connection: ServerConnection) -> None:
        connections.append(1)
        number = len(connections)
        asked = json.loads(connection.recv())["marketIds"]
        if number > 1:
            assert asked == ["A-B", "C-D"]
            connection.send('{"messageType":"error","code":3,"message":"invalid marketIds"}')
            assert json.loads(connection.recv())["marketIds"] == ["A-B"]
            connection.send(snapshot("A-B"))
            assert json.loads(connection.recv())["marketIds"] == ["C-D"]
            connection.send('{"messageType":"error","code":3,"message":"invalid marketIds"}')
        connection.send(trade(number, "A-B"))
        if number == 1:
            connection.send(trade(number, "C-D"))
            return
        connection.recv()

    with Feed(serve_script(talk), ["A-B", "C-D"], options=FeedOptions(**HASTE)) as feed:
        taken: list[Input] = []
        while 2 not in ids(taken):
            taken += feed.take(PATIENCE_S, "A-B")
        states = feed.state.markets

    assert len(gaps(taken)) == 1
    assert states["A-B"].streaming
    assert not states["C-D"].streaming


def snapshot(market: str) -> str:
    return json.dumps(
        {
            "messageType": "orderbookUpdate",
            "marketId": market,
            "timestamp": "2026-09-23T04:31:09.259Z",
            "snapshot": True,
            "bids": [],
            "asks": [],
        }
    )


@pytest.mark.parametrize(
    ("set_s", "slept_s", "why", "missing_s"),
    [
        (5.0, 0.0, "the clock was set by +5.0 s", 0.0),
        (-5.0, 0.0, "the clock was set by -5.0 s", 0.0),
        (3_600.0, 0.0, "the clock was set by +3,600.0 s", 0.0),
        (-259_178.0, 0.0, "the clock was set by -259,178.0 s", 0.0),
        (0.0, 5.0, "the machine slept for 5.0 s", 5.0),
        (0.0, 600.0, "the machine slept for 600.0 s", 600.0),
    ],
)
def test_a_clock_that_was_set_or_a_machine_that_slept(
    serve_source: Any,
    monkeypatch: pytest.MonkeyPatch,
    set_s: float,
    slept_s: float,
    why: str,
    missing_s: float,
) -> None:
    """A set clock is a step, in which nothing was missed; a sleep is missing, and a long one
    reconnects.
    """
    monkeypatch.setattr(connection, "_CLOCKS_S", 0.02)
    off_s = [0.0, 0.0]
    for module in (connection, links):
        monkeypatch.setattr(module, "now_ns", lambda: now_ns() + int(sum(off_s) * 1e9))
    monkeypatch.setattr(connection, "elapsed_s", lambda: elapsed_s() + off_s[1])
    with Feed(
        serve_source(synthetic("BTC-AUD")), ["BTC-AUD"], options=FeedOptions(**HASTE)
    ) as feed:
        taken = take_until(feed, at_least(500))
        threading.Event().wait(0.1)
        off_s[:] = [set_s, slept_s]
        taken += take_until(feed, lambda records: bool(gaps(records)))
        reconnects = feed.state.reconnects

    gap = gaps(taken)[0]
    assert gap.why == why
    assert missing_s - 1 <= (gap.to_ns - gap.from_ns) / 1e9 < missing_s + 300
    assert reconnects == (slept_s > 300)


def test_what_came_in_while_we_stood_still_is_not_taken_for_new(serve_source: Any) -> None:
    """It was received at some time since we last looked, and counts as received then; what comes
    once nothing waits any more is new again.
    """
    with Feed(
        serve_source(synthetic("BTC-AUD"), speed=2.0), ["BTC-AUD"], options=FeedOptions(**HASTE)
    ) as feed:
        taken = take_until(feed, at_least(50))
        before_ns = now_ns()
        feed._on_loop(lambda: sleep_s(2.0))
        sleep_s(1.9)
        after_ns = now_ns()
        taken += take_until(feed, lambda new: any(e.received_ns > after_ns + 10**9 for e in new))

    received_ns = [record.received_ns for record in taken]
    held = [each for each in received_ns if before_ns - 10**9 < each < after_ns]
    assert len(held) > len({*held}) > 0
    assert not [each for each in received_ns if before_ns + 10**9 < each < after_ns]
    assert received_ns == sorted(received_ns)


def test_the_book_is_compared_with_rest(serve_source: Any) -> None:
    """At one version both say the same; where they do not, that is a gap and a resync."""
    source = synthetic("BTC-AUD")
    url = serve_source(source, speed=20.0)
    options: dict[str, Any] = {"cross_check_s": 0.05, "settle_s": 0.05, "resync_interval_s": 0.0}
    with Feed(url, ["BTC-AUD"], rest=rest_of(url), options=FeedOptions(**options)) as feed:
        taken = take_until(feed, lambda _: feed.state.cross_checks >= 3)

    assert gaps(taken) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [("wss://127.0.0.1:{port}/v2", "SSL"), ("ws://no.such.host.invalid:{port}/v2", "")],
)
def test_what_goes_wrong_before_the_exchange(url: str, said: str) -> None:
    """A TLS error and a name that is nobody's: tried again, then said."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            with suppress(OSError):
                while True:
                    with listening.accept()[0] as plain:
                        plain.sendall(b"this is no TLS")
                        plain.recv(4096)

        threading.Thread(target=answer, daemon=True).start()
        port = listening.getsockname()[1]
        with (
            pytest.raises(ExchangeUnreachable) as caught,
            Feed(
                url.format(port=port), ["A-B"], options=FeedOptions(connect_timeout_s=1.0, **HASTE)
            ),
        ):
            pass
        listening.shutdown(socket.SHUT_RDWR)

    assert said in str(caught.value)


@pytest.mark.parametrize(
    "name", ["refuse", "hang", "alert", "mute", "reject", "maintenance", "shut"]
)
def test_a_door_that_is_shut_at_times(serve_source: Any, name: str) -> None:
    """Refused handshakes, silence, errors, maintenance: each time it comes back by itself."""
    faults = [Fault(name, 300 if name in LINE_FAULTS else 2), Fault("close", 300)]
    url = serve_source(synthetic("BTC-AUD"), faults=faults, seed=4, maintenance_s=0.2, slow_s=0.1)
    options = {**HASTE, "stale_after_s": 0.3}
    with Feed(url, ["BTC-AUD"], options=FeedOptions(**options)) as feed:
        taken = take_until(feed, lambda records: len(gaps(records)) >= 5)

    assert all(gap.why for gap in gaps(taken))
