"""The connection to the exchange: a websocket on a thread of its own, its records taken by another.

What holds:

* every frame becomes a record, in the order of arrival; none is dropped. When the inbox is full
  the socket is not read, and the exchange's buffers fill (I10);
* a connection that is lost, or silent for too long, is replaced for as long as it takes, and what
  may have been missed is a `Gap` in every market before the first record of the new connection;
* an exception on the thread reaches the caller in `Feed.take`.

Nothing is interpreted here: whether a book needs a resync is the caller's verdict.
"""

import asyncio
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidURI, WebSocketException
from websockets.uri import parse_uri

from eventlog.records import Gap, Undecodable
from feeds.btcmarkets import protocol
from feeds.btcmarkets.backoff import Handshakes
from feeds.btcmarkets.inbox import Arrival, Inbox
from feeds.clock import monotonic_s, now_ns
from feeds.errors import (
    ExchangeUnreachable,
    FeedFailed,
    SubscriptionRejected,
    UnknownMarket,
    UrlInvalid,
)

URL = "wss://socket.btcmarkets.net/v2"

TAKE_RECORDS_MAX = 1024
"""The most that one `Feed.take` returns."""

_OPEN_TIMEOUT_S = 10.0
_CLOSE_TIMEOUT_S = 1.0
_PING_INTERVAL_S = 15.0


@dataclass(frozen=True, slots=True)
class FeedState:
    """How the connection is, for a status line.

    ``why`` is what stands in the way while there is no connection, and empty while there is one;
    ``last_frame_s`` is on the monotonic clock.
    """

    connected: bool
    connections: int
    frames: int
    undecodable: int
    queued: int
    last_frame_s: float | None
    why: str

    @property
    def reconnects(self) -> int:
        """Return how often the connection was replaced."""
        return max(0, self.connections - 1)


class _Lost(Exception):
    """This connection is of no more use, for a reason that the socket does not know."""


class Feed:
    """A market feed, from entering the context until `stop`::

        with Feed(URL, ["BTC-AUD"]) as feed:
            for market, record in feed.take(timeout_s=1.0):
                print(market, record)

    Args:
        url: of the exchange's websocket.
        markets: their ids, such as ``BTC-AUD``; at least one, none twice.
        connect_timeout_s: how long entering may take, retries included.
        stale_after_s: silence after which a socket is given up; the exchange's heartbeat comes
            every five seconds.
        queue_records_max: arrivals that may wait to be taken before the socket is not read.
        queue_bytes_max: the same, in bytes of their frames.
        backoff_first_s: the longest wait before the first reconnect; each failure doubles it.
        backoff_most_s: the longest wait of all.
        handshake_window_s: at most three handshakes are made in this time.
        resync_interval_s: the shortest time between two resyncs of one market.

    Raises on entering:
        ExchangeUnreachable: if nothing was heard from the exchange in time.
        UrlInvalid: if the URL is not one of a websocket.
        UnknownMarket: if the exchange does not have one of the markets.
        SubscriptionRejected: if it refused the subscription for another reason.
    """

    def __init__(
        self,
        url: str,
        markets: Sequence[str],
        *,
        connect_timeout_s: float = 20.0,
        stale_after_s: float = 15.0,
        queue_records_max: int = 65_536,
        queue_bytes_max: int = 64 * 1024 * 1024,
        backoff_first_s: float = 0.5,
        backoff_most_s: float = 60.0,
        handshake_window_s: float = 10.0,
        resync_interval_s: float = 5.0,
    ) -> None:
        assert markets, "a feed of no market"
        assert len(set(markets)) == len(markets), "a market twice"
        self._url = url
        self._markets = tuple(markets)
        self._connect_timeout_s = connect_timeout_s
        self._stale_after_s = stale_after_s
        self._resync_interval_s = resync_interval_s
        self._handshakes = Handshakes(
            first_s=backoff_first_s, most_s=backoff_most_s, window_s=handshake_window_s
        )
        self._inbox = Inbox(
            records_max=queue_records_max,
            bytes_max=queue_bytes_max,
            on_room=lambda: self._on_loop(self._room.set),
        )
        # Set from the thread, read by the caller for the status line: single values, each whole.
        self._connected = False
        self._connections = 0
        self._frames = 0
        self._undecodable = 0
        self._last_frame_s: float | None = None
        self._why = "nothing was heard yet"
        # Belong to the thread.
        self._failures = 0
        self._full = False
        self._heard_s = 0.0
        self._last_received_ns: int | None = None
        self._missing_since: tuple[int, str] | None = None
        self._resynced_s: dict[str, float] = {}
        # Between the threads.
        self._stopping = False
        self._opened: Future[None] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listening: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._wanted: asyncio.Queue[str] = asyncio.Queue()
        self._thread = threading.Thread(target=self._run, name=f"feed {url}", daemon=True)

    # The caller's side.

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._opened.result()
        except BaseException:
            self.stop()
            self._thread.join()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        self._thread.join()

    def take(self, timeout_s: float) -> list[Arrival]:
        """Return what has arrived, in order; wait up to ``timeout_s`` for the first.

        At most `TAKE_RECORDS_MAX` at once; an empty list after the time-out, or when finished.

        Raises:
            FeedFailed: if the feed's thread ended on an exception, once all else is taken.
        """
        return self._inbox.take(timeout_s, most=TAKE_RECORDS_MAX)

    def stop(self) -> None:
        """Begin to close the connection; what has arrived can still be taken.

        Returns at once, and may be called from a signal handler and more than once.
        """
        self._stopping = True
        self._on_loop(lambda: self._listening.cancel() if self._listening else None)

    @property
    def finished(self) -> bool:
        """Whether the feed was stopped and everything was taken."""
        return self._inbox.finished

    @property
    def state(self) -> FeedState:
        """How the connection is now."""
        return FeedState(
            connected=self._connected,
            connections=self._connections,
            frames=self._frames,
            undecodable=self._undecodable,
            queued=len(self._inbox),
            last_frame_s=self._last_frame_s,
            why=self._why,
        )

    def resync(self, market: str) -> None:
        """Ask for a fresh snapshot of one market on the same socket.

        Asked for again within ``resync_interval_s``, or while there is no connection, this does
        nothing: ask for as long as the book is invalid. A new connection brings a snapshot anyway.
        """
        assert market in self._markets
        self._on_loop(lambda: self._want(market))

    def _on_loop(self, call: Callable[[], object]) -> None:
        # The loop is gone once the thread has ended, and then there is nothing left to tell it.
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(call)

    # The thread's side.

    def _run(self) -> None:
        failure: Exception | None = None
        try:
            asyncio.run(self._listen())
        except asyncio.CancelledError:
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller must get it
            failure = error
        if failure is not None and not isinstance(
            failure, ExchangeUnreachable | SubscriptionRejected
        ):
            cause, failure = failure, FeedFailed(url=self._url, why=repr(failure))
            failure.__cause__ = cause
        self._connected = False
        if self._opened.done():
            self._inbox.close(failure)
            return
        self._inbox.close()
        if failure is None:
            self._opened.set_result(None)  # stopped while still connecting
        else:
            self._opened.set_exception(failure)

    async def _listen(self) -> None:
        self._listening = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        self._deadline = asyncio.timeout(self._connect_timeout_s)
        if self._stopping:
            return
        _check(self._url)
        try:
            async with self._deadline:
                while True:
                    await self._connect_once()
        except TimeoutError:
            raise ExchangeUnreachable(
                url=self._url, timeout_s=self._connect_timeout_s, why=self._why
            ) from None
        finally:
            # Stopped while it was lost: that, too, was missed.
            self._inbox.put(self._gaps(now_ns()), 0)

    async def _connect_once(self) -> None:
        """Carry one connection from its handshake to its end, whatever that is."""
        wait_s = self._handshakes.wait_s(
            monotonic_s(),
            failures=self._failures,
            draw=random.random(),  # noqa: S311 - spreads clients, hides nothing
        )
        await asyncio.sleep(wait_s)
        self._handshakes.made(monotonic_s())
        self._failures += 1
        try:
            async with connect(
                self._url,
                # Loopback is never behind a proxy, whatever the environment says.
                proxy=None if _is_loopback(self._url) else True,
                compression=None,
                max_size=protocol.FRAME_BYTES_MAX,
                open_timeout=_OPEN_TIMEOUT_S,
                close_timeout=_CLOSE_TIMEOUT_S,
                # Pings keep the socket from the exchange's idle limit of 60 s. Pongs are not
                # waited for: while the inbox is full they are not read, and that is no failure.
                ping_interval=_PING_INTERVAL_S,
                ping_timeout=None,
            ) as socket:
                try:
                    await self._converse(socket)
                except asyncio.CancelledError:
                    await _close(socket)
                    raise
        except ConnectionClosed as error:
            self._lose(_closing(error))
        except (OSError, WebSocketException, _Lost) as error:
            self._lose(str(error) or type(error).__name__)
        finally:
            self._connected = False

    def _lose(self, why: str) -> None:
        self._why = why
        if self._last_received_ns is not None and self._missing_since is None:
            self._missing_since = (self._last_received_ns, why)

    async def _converse(self, socket: ClientConnection) -> None:
        await socket.send(protocol.subscribe(self._markets))
        self._heard_s = monotonic_s()
        self._wanted = asyncio.Queue()
        tasks = [
            # First, because what it finds is also the end of whoever reads and asks.
            asyncio.create_task(self._watch(socket)),
            asyncio.create_task(self._read(socket)),
            asyncio.create_task(self._ask(socket)),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            if task in done:
                task.result()

    async def _read(self, socket: ClientConnection) -> None:
        while True:
            # Undecoded, so that a frame that is not UTF-8 is a record and not the end.
            frame = await socket.recv(decode=False)
            received_ns = now_ns()
            self._heard_s = self._last_frame_s = monotonic_s()
            event = protocol.decode(frame, received_ns)
            if isinstance(event, protocol.Rejection) and not self._connected:
                await self._refused(socket, event)
            if not self._connected and _confirms(event):
                self._confirm()
            if not self._inbox.put(self._arrivals(frame, event, received_ns), len(frame)):
                await self._wait_for_room()

    def _confirm(self) -> None:
        """The exchange has accepted the subscription of this connection."""
        self._connected = True
        self._why = ""
        self._connections += 1
        self._failures = 0
        if not self._opened.done():
            self._deadline.reschedule(None)
            self._opened.set_result(None)

    def _arrivals(self, frame: bytes, event: protocol.Event, received_ns: int) -> list[Arrival]:
        self._frames += 1
        arrivals = self._gaps(received_ns)
        self._last_received_ns = received_ns
        if isinstance(event, protocol.Heartbeat):
            return arrivals
        if isinstance(event, protocol.Rejection):
            event = (
                None,
                _unwanted(
                    frame,
                    received_ns,
                    f"a request was refused: {event.message!r} (code {event.code})",
                ),
            )
        market, record = event
        if market is not None and market not in self._markets:
            market, record = None, _unwanted(frame, received_ns, f"{market} was not subscribed to")
        self._undecodable += isinstance(record, Undecodable)
        # What belongs to no market in particular stands in every market's log.
        arrivals += [(each, record) for each in self._markets if market is None or each == market]
        return arrivals

    def _gaps(self, to_ns: int) -> list[Arrival]:
        """Return the gap since the last connection, once, in every market."""
        if self._missing_since is None:
            return []
        from_ns, why = self._missing_since
        self._missing_since = None
        gap = Gap(received_ns=to_ns, from_ns=from_ns, to_ns=to_ns, why=why)
        return [(market, gap) for market in self._markets]

    async def _wait_for_room(self) -> None:
        # Whoever takes sets the event through the loop, so it cannot be missed between these lines.
        self._room.clear()
        self._full = True
        await self._room.wait()
        self._full = False
        self._heard_s = monotonic_s()

    async def _watch(self, socket: ClientConnection) -> None:
        """Give the socket up when nothing comes, unless it is we who do not read."""
        while True:
            silent_s = 0.0 if self._full else monotonic_s() - self._heard_s
            if silent_s >= self._stale_after_s:
                # A closing handshake would wait for the same silence.
                socket.transport.abort()
                raise _Lost(f"nothing was heard for {self._stale_after_s:g} s")
            await asyncio.sleep(self._stale_after_s - silent_s)

    def _want(self, market: str) -> None:
        last_s = self._resynced_s.get(market)
        now_s = monotonic_s()
        if self._connected and (last_s is None or now_s - last_s >= self._resync_interval_s):
            self._resynced_s[market] = now_s
            self._wanted.put_nowait(market)

    async def _ask(self, socket: ClientConnection) -> None:
        while True:
            market = await self._wanted.get()
            await socket.send(protocol.add_subscription([market]))

    async def _refused(self, socket: ClientConnection, rejection: protocol.Rejection) -> None:
        """Raise what the refusal of the whole subscription means."""
        self._why = f"the subscription was refused: {rejection.message!r} (code {rejection.code})"
        if self._opened.done():
            # It was accepted before, so this may pass: a market is offline, a deploy is under way.
            raise _Lost(self._why)
        refused, code, message = None, rejection.code, rejection.message
        if rejection.of_markets:
            refused = await self._find_refused(socket)
        if refused is None:
            raise SubscriptionRejected(url=self._url, code=code, message=message)
        raise UnknownMarket(url=self._url, market=refused, code=code, message=message)

    async def _find_refused(self, socket: ClientConnection) -> str | None:
        """Return the market that is refused on its own: an error frame does not name it."""
        if len(self._markets) == 1:
            return self._markets[0]
        for market in self._markets:
            await socket.send(protocol.subscribe([market]))
            while True:
                event = protocol.decode(await socket.recv(decode=False), now_ns())
                if isinstance(event, protocol.Rejection):
                    return market
                # Every market that is accepted answers with a snapshot, an offline one included.
                if isinstance(event, tuple) and event[0] == market:
                    break
        return None


def _confirms(event: protocol.Event) -> bool:
    if isinstance(event, tuple):
        return not isinstance(event[1], Undecodable)
    return isinstance(event, protocol.Heartbeat)


def _unwanted(frame: bytes, received_ns: int, why: str) -> Undecodable:
    return Undecodable(received_ns=received_ns, raw=frame[: protocol.RAW_BYTES_KEPT_MAX], why=why)


async def _close(socket: ClientConnection) -> None:
    closing = asyncio.create_task(socket.close())
    # The answer comes after all that is on its way, which nobody would read off any more.
    with suppress(ConnectionClosed):
        while True:
            await socket.recv(decode=False)
    await closing


def _closing(error: ConnectionClosed) -> str:
    if error.rcvd is not None:
        return f"closed by the exchange (code {error.rcvd.code}) {error.rcvd.reason}".rstrip()
    if error.sent is not None:
        return f"closed by us (code {error.sent.code}) {error.sent.reason}".rstrip()
    return "the connection broke off without a closing frame"


def _check(url: str) -> None:
    try:
        parse_uri(url)
    except (InvalidURI, ValueError) as error:
        raise UrlInvalid(url=url, why=str(error)) from error


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
