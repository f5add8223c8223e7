"""The stand-in exchange over real sockets, as any client sees it."""

import gc
import json
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from feeds.btcmarkets import protocol
from feeds.clock import monotonic_s, sleep_s
from feeds.simulator.faults import Fault
from feeds.simulator.market import SyntheticExchange, SyntheticMarket
from feeds.simulator.scenario import SCENARIOS
from feeds.simulator.server import Exchange
from feeds.simulator.source import Frame
from tests.support.loopback import serving

PATIENCE_S = 20.0


class Counted:
    """A source of so many numbered frames of one market, one every ``step_ns``."""

    markets = ("A-B",)

    def __init__(self, count: int, *, step_ns: int = 1, padding: int = 0) -> None:
        self.place = 0
        self._count = count
        self._step_ns = step_ns
        self._padding = "x" * padding

    @property
    def due_ns(self) -> int | None:
        return self.place * self._step_ns if self.place < self._count else None

    def advance(self) -> Sequence[Frame]:
        self.place += 1
        text = json.dumps({"messageType": "tick", "place": self.place, "padding": self._padding})
        return [Frame("A-B", "tick", text)]

    def snapshot(self, market: str) -> str:
        return json.dumps({"messageType": "orderbookUpdate", "marketId": market, "at": self.place})


def synthetic(*markets: str) -> SyntheticExchange:
    return SyntheticExchange(
        [SyntheticMarket(m, SCENARIOS["calm"], seed=1, start_ns=10**18) for m in markets]
    )


def client(url: str) -> ClientConnection:
    return connect(url, compression=None, ping_interval=None, close_timeout=1)


def next_message(socket: ClientConnection) -> dict[str, Any]:
    message = json.loads(socket.recv(timeout=PATIENCE_S))
    assert isinstance(message, dict)
    return message


def places(socket: ClientConnection, count: int) -> list[int]:
    messages = [next_message(socket) for _ in range(count)]
    return [message["place"] for message in messages]


def read_on(socket: ClientConnection, *, silence_s: float = PATIENCE_S, most: int = 300_000) -> int:
    """Read until that raises; return, if it never does, how much was read."""
    for _ in range(most):
        socket.recv(timeout=silence_s)
    return most


def test_nothing_happens_before_the_first_subscriber(serve_source: Any) -> None:
    """The market begins when somebody listens: the first frame after the snapshot is the first."""
    source = Counted(100)
    with client(serve_source(source)) as socket:
        assert source.place == 0

        socket.send(protocol.subscribe(["A-B"]))

        assert next_message(socket)["at"] == 0
        assert places(socket, 100) == list(range(1, 101))


def test_frames_go_to_those_who_asked_for_them(serve_source: Any) -> None:
    """A socket gets its markets and channels only, each in order."""
    with client(serve_source(synthetic("BTC-AUD", "ETH-AUD"))) as socket:
        socket.send(
            '{"messageType":"subscribe","marketIds":["ETH-AUD"],"channels":["orderbookUpdate"]}'
        )
        messages = [next_message(socket) for _ in range(200)]

    assert {message["marketId"] for message in messages} == {"ETH-AUD"}
    assert {message["messageType"] for message in messages} == {"orderbookUpdate"}
    assert [m.get("snapshot") for m in messages] == [True] + [None] * 199
    assert all(a["snapshotId"] < b["snapshotId"] for a, b in pairwise(messages))


def test_two_clients_hear_the_same(serve_source: Any) -> None:
    """Market time is one: who joins later continues where the market is."""
    source = Counted(2_000)
    url = serve_source(source)
    with client(url) as first, client(url) as second:
        first.send(protocol.subscribe(["A-B"]))
        next_message(first)
        heard = places(first, 500)
        second.send(protocol.subscribe(["A-B"]))
        heard += places(first, 1_500)
        joined_at = next_message(second)["at"]
        rest = places(second, 2_000 - joined_at)

    assert heard == list(range(1, 2_001))
    assert rest == list(range(joined_at + 1, 2_001))


def test_a_slow_reader_holds_the_market_at_full_speed(serve_source: Any) -> None:
    """At full speed nothing is dropped and nothing is queued beyond the sockets' buffers."""
    source = Counted(100_000, padding=1_000)
    with client(serve_source(source, heartbeat_s=3_600)) as slow:
        slow.send(protocol.subscribe(["A-B"]))
        next_message(slow)
        heard = places(slow, 5)

        # 100 MB would be on their way, had the market not waited.
        assert source.place < 50_000

        heard += places(slow, 20_000)

    assert heard == list(range(1, 20_006))


def test_at_full_speed_the_market_waits_for_somebody(serve_source: Any) -> None:
    """Without a listener the market stands; a later one misses only what was on its way."""
    source = Counted(10**9)
    url = serve_source(source)
    with client(url) as first:
        first.send(protocol.subscribe(["A-B"]))
        next_message(first)
        assert places(first, 100) == list(range(1, 101))
    with client(url) as second:
        # Every answer is a turn of the exchange's: in one of them it notices that the first left.
        seen = [0, 1]
        while seen[-1] != seen[-2]:
            for _ in range(20):
                second.send("nonsense")
                next_message(second)
            seen.append(source.place)
        second.send(protocol.subscribe(["A-B"]))

        assert next_message(second)["at"] == seen[-1]
        assert places(second, 10) == list(range(seen[-1] + 1, seen[-1] + 11))


def test_market_time_is_paced(serve_source: Any) -> None:
    """At a stated speed frames come no earlier than their market time says."""
    source = Counted(100_000, step_ns=10**9)
    with client(serve_source(source, speed=100.0)) as socket:
        began_s = monotonic_s()
        socket.send(protocol.subscribe(["A-B"]))
        next_message(socket)
        assert places(socket, 21) == list(range(1, 22))

        # Twenty market seconds after the first frame. However slow the machine is, never less.
        assert monotonic_s() - began_s >= 0.2


def test_the_heartbeat_goes_on_after_the_end(serve_source: Any) -> None:
    """A source that has ended leaves its sockets open."""
    with client(serve_source(Counted(1), heartbeat_s=0.02)) as socket:
        socket.send(protocol.subscribe(["A-B"]))
        kinds = [next_message(socket)["messageType"] for _ in range(10)]

    assert [kind for kind in kinds if kind != "heartbeat"] == ["orderbookUpdate", "tick"]
    assert kinds[-1] == "heartbeat"


def test_errors_leave_the_socket_open(serve_source: Any) -> None:
    """A refused message is answered, and the next one counts."""
    with client(serve_source(Counted(1))) as socket:
        socket.send(protocol.subscribe(["A-B", "NO-SUCH"]))
        refusal = next_message(socket)
        socket.send("nonsense")
        nonsense = next_message(socket)
        socket.send(protocol.subscribe(["A-B"]))

        assert refusal == {"messageType": "error", "code": 3, "message": "invalid marketIds"}
        assert nonsense["message"].startswith("Unable to parse JSON")
        assert next_message(socket)["at"] == 0


def test_closing_at_the_end(serve_source: Any) -> None:
    """If asked to, the exchange closes its sockets after the last frame, and not before."""
    with client(serve_source(Counted(3), close_at_end=True)) as socket:
        socket.send(protocol.subscribe(["A-B"]))
        next_message(socket)
        assert places(socket, 3) == [1, 2, 3]
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(timeout=PATIENCE_S)

    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1000


@pytest.mark.parametrize(("name", "code"), [("close", 1000), ("drop", None)])
def test_faults_that_end_a_connection(serve_source: Any, name: str, code: int | None) -> None:
    """Closing says so, dropping does not; who comes again is served again."""
    url = serve_source(Counted(100_000), faults=[Fault(name, 20)], seed=1)
    for _ in range(3):
        with client(url) as socket:
            socket.send(protocol.subscribe(["A-B"]))
            with pytest.raises(ConnectionClosed) as caught:
                read_on(socket)
        assert (caught.value.rcvd and caught.value.rcvd.code) == code


def test_a_stalled_connection_says_nothing_more(serve_source: Any) -> None:
    """Not even a heartbeat comes, the socket stays open, and the market waits for another."""
    url = serve_source(Counted(100_000), faults=[Fault("stall", 20)], seed=1, heartbeat_s=0.01)
    with client(url) as stalled, client(url) as other:
        stalled.send(protocol.subscribe(["A-B"]))
        with pytest.raises(TimeoutError):
            read_on(stalled, silence_s=0.5)
        other.send(protocol.subscribe(["A-B"]))

        assert next_message(other)["messageType"] == "orderbookUpdate"


def test_recordings_that_break_while_playing_are_said() -> None:
    """An error of the source ends the exchange; it does not leave it listening and silent."""

    class Broken(Counted):
        def advance(self) -> Sequence[Frame]:
            raise OSError("gone")

    def play() -> None:
        with serving(Exchange(Broken(1), speed=None)) as url, client(url) as socket:
            socket.send(protocol.subscribe(["A-B"]))
            with pytest.raises(ConnectionClosed):
                read_on(socket)

    with pytest.raises(OSError, match="gone"):
        play()


def test_a_shut_exchange_listens_again_at_the_same_place(serve_source: Any) -> None:
    """Everything is closed, the system refuses whoever comes, and then it is there again."""
    url = serve_source(Counted(10_000), faults=[Fault("shut", 50)], seed=1, maintenance_s=0.5)
    for _ in range(2):
        with client(url) as socket:
            socket.send(protocol.subscribe(["A-B"]))
            with pytest.raises(ConnectionClosed):
                read_on(socket)
        for expected in (True, False):
            until_s = monotonic_s() + PATIENCE_S
            while is_refused(url) != expected:
                assert monotonic_s() < until_s


def is_refused(url: str) -> bool | None:
    """Say whether nobody listens; ``None`` if somebody was just about to leave."""
    try:
        with client(url):
            return False
    except ConnectionRefusedError:
        return True
    except (OSError, WebSocketException):
        return None


def test_a_shut_exchange_leaves_no_socket_of_whoever_was_just_let_in() -> None:
    """An unclosed one is a warning of the collector, and warnings are errors here."""
    over = threading.Event()

    def knock(port: int) -> None:
        while not over.is_set():
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                pass

    with serving(Exchange(Counted(1))) as url:
        port = int(url.rpartition(":")[2].partition("/")[0])
        knockers = [threading.Thread(target=knock, args=(port,)) for _ in range(3)]
        for knocker in knockers:
            knocker.start()
        sleep_s(0.05)
    over.set()
    for knocker in knockers:
        knocker.join()
    gc.collect()
