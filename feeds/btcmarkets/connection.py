"""The connection to the exchange: a websocket on its own thread, and records for other threads.

* Every frame becomes a record, in the order of arrival, except a trade that was received before.
  None is dropped: when an inbox is full the socket is not read, and the exchange's buffers fill
  (I10).
* A connection that is lost, or silent for too long, is replaced, however many attempts it takes.
  What may have been missed is a `Gap` in every market, before its first record of the new
  connection.
* Missed trades are fetched and recorded once, marked ``backfilled``.
* Once a day a connection is replaced while it still runs, market by market, and nothing is missed.
* Any error while connecting, reading, decoding or calling REST counts as a lost connection, with a
  reason, and is retried (`feeds.loss`).
* A broken invariant of our own code is raised to the callers of `Feed.take`.

Nothing is interpreted here: the caller decides whether a book needs a resync.
"""

import asyncio
import random
import ssl
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Self

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from eventlog.invariants import hold
from eventlog.records import BookUpdate, Input, Trade, Undecodable
from feeds import trust, urls
from feeds.bounds import BoundedConnection, bounded
from feeds.btcmarkets import protocol
from feeds.btcmarkets.backfill import Backfill
from feeds.btcmarkets.backoff import Handshakes
from feeds.btcmarkets.crosscheck import CrossCheck
from feeds.btcmarkets.link import Link
from feeds.btcmarkets.market_stream import MarketStream
from feeds.btcmarkets.rest import Rest
from feeds.btcmarkets.silence import Silence
from feeds.btcmarkets.status_poller import StatusPoller
from feeds.btcmarkets.subscription_state import SubscriptionState
from feeds.clock import elapsed_s, monotonic_s, now_ns
from feeds.deduplicator import TradeDeduplicator
from feeds.errors import (
    ExchangeUnreachable,
    FeedFailed,
    RestRefused,
    RestUnavailable,
    SubscriptionRejected,
    TrustInvalid,
    UnknownMarket,
    UrlInvalid,
)
from feeds.inbox import Inbox
from feeds.loss import Lost, is_final, is_ours, reason_of
from feeds.options import FeedOptions
from feeds.state import FeedState
from feeds.undecodable import undecodable

TAKE_RECORDS_MAX = 1024
"""The largest number of records that one `Feed.take` returns."""

_OPEN_TIMEOUT_S = 10.0
_CLOSE_TIMEOUT_S = 1.0
_PING_INTERVAL_S = 15.0
_CROSS_CHECKS = 5
"""Attempts of one comparison, which needs the same version of the book on both sides."""

_CLOCKS_S = 1.0
"""Time between two comparisons of the clocks."""

_BEAT_S = 0.1
_STALL_S = 0.4
"""How long the thread may stall beyond a beat before frames that it then reads count as old."""

_JUMP_S = 2.0
"""Difference of wall and monotonic clock between two comparisons that means a clock was set."""

_DOUBTS_MAX = 2
"""Resubscriptions to dead streams of a connection before the connection is replaced."""

_DOUBTED_S = 600.0
"""The shortest time between two connections that are replaced because of dead streams."""

_RETRY_S = 10.0
"""Pause before background work that failed is started again."""

_DROPPED = "the exchange dropped the subscription"


class Feed:
    """A feed of some markets, from entering the context until `stop`::

        with Feed("wss://socket.btcmarkets.net/v2", ["BTC-AUD"]) as feed:
            for record in feed.take(timeout_s=1.0):
                print(record)

    Args:
        url: of the exchange's websocket.
        markets: their ids, such as ``BTC-AUD``; at least one, none twice.
        rest: the client of the exchange's REST; without one, missed trades are not fetched.
        deduplicators: by market, the trades that are in its log already.
        options: timeouts and limits.

    Raises on entering:
        ExchangeUnreachable: if the exchange did not answer in time.
        UrlInvalid: if the URL is not one of a websocket.
        TrustInvalid: if the environment names certificates that cannot be read.
        UnknownMarket: if the exchange does not have one of the markets.
        SubscriptionRejected: if it refused the subscription for another reason.
    """

    def __init__(
        self,
        url: str,
        markets: Sequence[str],
        *,
        rest: Rest | None = None,
        deduplicators: Mapping[str, TradeDeduplicator] | None = None,
        options: FeedOptions = FeedOptions(),  # noqa: B008 - frozen
    ) -> None:
        hold("I10", bool(markets), "a feed has a market")
        hold("I10", len(set(markets)) == len(markets), "no market is given twice")
        self._url = url
        self._markets = tuple(markets)
        self._rest = rest
        self._options = options
        self._handshakes = Handshakes(
            first_s=options.backoff_first_s,
            most_s=options.backoff_most_s,
            window_s=options.handshake_window_s,
        )
        given = deduplicators or {}
        self._streams = {
            market: MarketStream(
                Inbox(
                    records_max=options.queue_records_max,
                    bytes_max=options.queue_bytes_max,
                    on_room=lambda: self._on_loop(self._room.set),
                ),
                given.get(market) or TradeDeduplicator(),
            )
            for market in markets
        }
        self._status_poller: StatusPoller | None = None
        self._backfill: Backfill | None = None
        if rest is not None:
            self._status_poller = StatusPoller(
                rest, self._markets, self._keep, interval_s=options.status_s
            )
            self._backfill = Backfill(
                rest,
                {market: channel.deduplicator for market, channel in self._streams.items()},
                self._keep,
                doubt=self._left_out,
                settle_s=options.settle_s,
                interval_s=options.audit_s,
            )
            self._silence = Silence(
                rest,
                self._markets,
                heard_s=self._heard_s,
                look=self._backfill.wake,
                doubt=self._doubt,
                silent_s=options.silent_s,
                settle_s=options.settle_s,
            )
        # Set by the thread, read by the callers for the status. Each assignment is atomic.
        self._connections = 0
        self._rotations = 0
        self._frames = 0
        self._undecodable = 0
        self._cross_checks = 0
        self._last_frame_s: float | None = None
        self._loop_lag_s = 0.0
        self._why = "nothing was heard yet"
        self._trouble = ""
        self._began_ns = now_ns()
        # Used by the thread only.
        self._awake = (0, 0.0)  # its last beat, on the wall clock and on `elapsed_s`
        self._links: list[Link] = []
        self._is_doubted = asyncio.Event()
        self._numbers = 0
        self._failures = 0
        self._last_received_ns: int | None = None
        self._tls: ssl.SSLContext | None = None
        # Used by both sides.
        self._stopping = False
        self._opened: Future[None] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listening: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
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

    def take(self, timeout_s: float, market: str | None = None) -> list[Input]:
        """Return what has arrived of a market, in order; wait up to ``timeout_s`` for the first.

        Returns at most `TAKE_RECORDS_MAX`, and an empty list after the time-out or when finished.
        Each market may be taken on its own thread. ``market`` may be left out if there is only one.

        Raises:
            FeedFailed: if the feed's thread ended with an exception, once all else is taken.
        """
        return self._stream(market).inbox.take(timeout_s, most=TAKE_RECORDS_MAX)

    def leave(self, market: str) -> None:
        """Stop collecting a market whose caller has gone; the others continue."""
        self._stream(market).inbox.discard()

    def stop(self) -> None:
        """Begin to close the connection; what has arrived can still be taken.

        Returns at once, and may be called from a signal handler and more than once.
        """
        self._stopping = True
        self._on_loop(lambda: self._listening.cancel() if self._listening else None)

    def finished(self, market: str | None = None) -> bool:
        """Return whether the feed was stopped and everything of this market was taken."""
        return self._stream(market).inbox.finished

    @property
    def state(self) -> FeedState:
        """The state of the connection and of each market."""
        statuses = {} if self._status_poller is None else self._status_poller.statuses
        markets = {
            market: channel.state(status=statuses.get(market))
            for market, channel in self._streams.items()
        }
        return FeedState(
            connected=any(link.connected for link in self._links),
            connections=self._connections,
            rotations=self._rotations,
            frames=self._frames,
            undecodable=self._undecodable,
            queued=sum(state.queued for state in markets.values()),
            last_frame_s=self._last_frame_s,
            why=self._why,
            trouble=self._trouble,
            loop_lag_s=self._loop_lag_s,
            skew_s=None if self._status_poller is None else self._status_poller.skew_s,
            rest_failures=0 if self._rest is None else self._rest.failures,
            cross_checks=self._cross_checks,
            markets=markets,
        )

    def resync(self, market: str | None = None) -> None:
        """Request a fresh snapshot of one market on the same socket.

        Call this repeatedly while the book is invalid: it does nothing within
        ``resync_interval_s`` of the last request, or without a connection. A new connection brings
        a snapshot anyway.
        """
        channel = self._stream(market)
        name = next(name for name, each in self._streams.items() if each is channel)
        self._on_loop(lambda: self._want(name))

    def _stream(self, market: str | None) -> MarketStream:
        if market is None:
            (channel,) = self._streams.values()
            return channel
        return self._streams[market]

    def _on_loop(self, call: Callable[[], object]) -> None:
        # After the thread has ended there is no loop, and nothing that it should do.
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(call)

    # The thread's side: start, replacement and end of connections.

    def _run(self) -> None:
        failure: Exception | None = None
        try:
            asyncio.run(self._listen())
        except asyncio.CancelledError:
            pass
        except Exception as error:  # noqa: BLE001 - any error is raised to the caller
            failure = error
        if failure is not None and not isinstance(
            failure, ExchangeUnreachable | SubscriptionRejected | TrustInvalid
        ):
            cause, failure = failure, FeedFailed(url=self._url, why=repr(failure))
            failure.__cause__ = cause
        is_open = self._opened.done()
        for channel in self._streams.values():
            channel.inbox.close(failure if is_open else None)
        if is_open:
            return
        if failure is None:
            self._opened.set_result(None)  # stopped while still connecting
        else:
            self._opened.set_exception(failure)

    async def _listen(self) -> None:
        self._listening = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        self._deadline = asyncio.timeout(self._options.connect_timeout_s)
        if self._stopping:
            return
        self._tls = _tls(self._url)
        self._awake = now_ns(), elapsed_s()
        self._beat()
        background = asyncio.create_task(self._work_in_background())
        try:
            async with self._deadline:
                await self._connect(background)
        except TimeoutError:
            raise ExchangeUnreachable(
                url=self._url, timeout_s=self._options.connect_timeout_s, why=self._why
            ) from None
        finally:
            for task in (background, *(link.task for link in self._links)):
                task.cancel()
            tasks = [link.task for link in self._links]
            await asyncio.gather(background, *tasks, return_exceptions=True)
            # The time from a loss to the stop is a gap, too.
            for channel in self._streams.values():
                at_ns = now_ns()
                left = channel.unfilled(at_ns, began_ns=self._began_ns) if self._backfill else []
                channel.inbox.put([*channel.missed(at_ns), *left])

    async def _connect(self, background: asyncio.Task[None]) -> None:
        """Keep one connection; replace it if it is lost or old, or if its streams are dead."""
        link, due_s, rest_s = self._begin(), self._options.rotate_after_s, 0.0
        while True:
            doubted = asyncio.create_task(self._doubted(rest_s))
            waited = {link.task, background, doubted}
            try:
                done, _ = await asyncio.wait(
                    waited, timeout=due_s, return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                doubted.cancel()
            if background in done:
                background.result()
            if link.task in done:
                link.task.result()
                link, due_s = self._begin(), self._options.rotate_after_s
            else:
                rest_s = _DOUBTED_S if doubted in done else 0.0
                before, link = link, await self._rotate(link)
                due_s = self._options.rotate_after_s if link is not before else min(300.0, due_s)

    async def _doubted(self, rest_s: float) -> None:
        """Wait until repeated resubscriptions have not revived a stream."""
        await asyncio.sleep(rest_s)
        await self._is_doubted.wait()
        self._is_doubted.clear()

    async def _work_in_background(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._retry_forever(self._compare_clocks))
            if self._rest is not None:
                group.create_task(self._retry_forever(self._call_rest))

    async def _call_rest(self) -> None:
        assert self._rest is not None
        assert self._status_poller is not None
        assert self._backfill is not None
        async with self._rest as rest, asyncio.TaskGroup() as calls:
            calls.create_task(self._status_poller.run())
            calls.create_task(self._backfill.run())
            calls.create_task(self._silence.run())
            calls.create_task(self._cross_check(rest))

    async def _retry_forever(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do some work for ever; after an error, report it in the state and start again."""
        while True:
            try:
                await work()
            except Exception as error:
                if is_ours(error):
                    raise
                self._trouble = reason_of(error)
            await asyncio.sleep(_RETRY_S)

    def _begin(self) -> Link:
        self._numbers += 1
        subscription = SubscriptionState(
            self._markets,
            answer_s=self._options.answer_s,
            resync_interval_s=self._options.resync_interval_s,
        )
        link = Link(self._numbers, subscription)
        self._links.append(link)
        link.task = asyncio.create_task(self._run_link(link))
        # If the task that awaits it is cancelled first, its result is not needed.
        link.task.add_done_callback(lambda task: task.cancelled() or task.exception())
        return link

    async def _rotate(self, old: Link) -> Link:
        """Replace a connection that still runs; return the one to use from now on.

        Both are read until every market has a snapshot on the new one, and the old one a moment
        longer, for trades that are in transit.
        """
        new = self._begin()
        taking_over = asyncio.create_task(new.took_over.wait())
        try:
            await asyncio.wait(
                {old.task, new.task, taking_over},
                timeout=self._options.connect_timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            taking_over.cancel()
        if new.task.done():
            new.task.result()
            return old
        if old.task.done():
            return new
        if not new.took_over.is_set():
            await new.end()
            return old
        await asyncio.wait({old.task}, timeout=self._options.drain_s)
        self._rotations += 1
        await old.end()
        return new

    async def _run_link(self, link: Link) -> None:
        """Run one connection from its handshake to its end."""
        why = "replaced"
        try:
            wait_s = self._handshakes.wait_s(
                monotonic_s(),
                failures=self._failures,
                draw=random.random(),  # noqa: S311 - spreads clients, hides nothing
            )
            await asyncio.sleep(wait_s)
            self._handshakes.made(monotonic_s())
            self._failures += 1
            async with bounded(
                self._url,
                # A proxy of the environment would decide where this connects to (`feeds.trust`).
                proxy=None,
                ssl=self._tls,
                compression=None,
                max_size=protocol.FRAME_BYTES_MAX,
                open_timeout=_OPEN_TIMEOUT_S,
                close_timeout=_CLOSE_TIMEOUT_S,
                # The exchange closes a socket that sent nothing for 60 s, hence the pings. Pongs
                # are not awaited: while an inbox is full they are not read, which is no failure.
                ping_interval=_PING_INTERVAL_S,
                ping_timeout=None,
            ) as socket:
                try:
                    await self._converse(link, socket)
                except asyncio.CancelledError:
                    await _close(socket)
                    raise
        except Exception as error:
            if is_final(error):
                raise
            why = _exceeded(link) or reason_of(error)
        finally:
            link.connected = False
            self._links.remove(link)
            self._why = self._why if any(each.connected for each in self._links) else why
            for channel in self._streams.values():
                if channel.source in (link, None) and not self._stopping:
                    channel.lose(why, heard_ns=self._last_received_ns)

    # The thread's side: one connection.

    async def _converse(self, link: Link, socket: ClientConnection) -> None:
        link.heard_s = monotonic_s()
        link.socket = socket
        tasks = [
            # First: the socket that it aborts ends the other two with a less precise error.
            asyncio.create_task(self._watch(link, socket)),
            asyncio.create_task(self._read(link, socket)),
            asyncio.create_task(self._ask(link, socket)),
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

    async def _read(self, link: Link, socket: ClientConnection) -> None:
        while True:
            frame, received_ns = await link.next(socket)
            link.heard_s = self._last_frame_s = monotonic_s()
            event = protocol.decode(frame, received_ns)
            self._frames += 1
            if isinstance(event, protocol.Rejection) and not link.connected:
                self._refused(link, event)
            gone = link.subscription.heard(event, link.heard_s)
            if not link.connected:
                self._confirm(link, event)
            if not isinstance(event, tuple) or _is_snapshot(event[1]):
                link.request_due.set()
            for market in gone:
                if self._streams[market].source is link:
                    self._streams[market].lose(_DROPPED, heard_ns=self._last_received_ns)
            if not self._arrive(link, frame, event, received_ns):
                await self._wait_for_room(link)

    def _confirm(self, link: Link, event: protocol.Event) -> None:
        """Check whether the exchange has accepted the subscription of this connection."""
        subscription = link.subscription
        refused = subscription.refused
        if refused and not subscription.confirmed and subscription.settled:
            market, rejection = next(iter(refused.items()))
            if self._opened.done() or self._streams[market].deduplicator.begun:
                # It was accepted before, so the refusal may be temporary, as during a deployment.
                raise Lost(_refusal(rejection))
        if refused and subscription.settled and not self._opened.done():
            market, rejection = next(iter(refused.items()))
            raise UnknownMarket(
                url=self._url, market=market, code=rejection.code, message=rejection.message
            )
        if link.refused_once and not subscription.settled and not self._opened.done():
            return  # one of the markets is unknown, and will be identified
        if not _confirms(event):
            return
        link.connected = True
        self._why = ""
        self._connections += 1
        self._failures = 0
        if not self._opened.done():
            self._deadline.reschedule(None)
            self._opened.set_result(None)

    def _refused(self, link: Link, rejection: protocol.Rejection) -> None:
        self._why = _refusal(rejection)
        link.refused_once = True
        if rejection.of_markets:
            return  # single requests determine which one
        if self._opened.done():
            raise Lost(self._why)
        raise SubscriptionRejected(url=self._url, code=rejection.code, message=rejection.message)

    def _arrive(self, link: Link, frame: bytes, event: protocol.Event, received_ns: int) -> bool:
        """Put the record of a frame into its inbox; return whether there is room for more."""
        if isinstance(event, protocol.Rejection) and not link.connected:
            return True
        self._last_received_ns = received_ns
        decoded = _as_record(frame, event, received_ns)
        if decoded is None:
            return True
        market, record = decoded
        if market is not None and market not in self._streams:
            market, record = (
                None,
                undecodable(frame, received_ns, f"{market} was not subscribed to"),
            )
        self._undecodable += isinstance(record, Undecodable)
        has_room = True
        # A record of no particular market goes into the log of every market.
        for name in self._markets if market is None else (market,):
            channel = self._streams[name]
            arrivals = self._accept(link, name, channel, record, received_ns)
            if arrivals:
                has_room &= channel.inbox.put(arrivals)
        return has_room

    def _accept(
        self, link: Link, market: str, channel: MarketStream, record: Input, received_ns: int
    ) -> list[Input]:
        if isinstance(record, Undecodable):
            return [record]
        arrivals: list[Input] = []
        channel.note(record, heard_s=link.heard_s)
        if not _is_snapshot(record):
            channel.is_doubted = False
        if channel.source is None:
            channel.source = link
            arrivals = channel.missed(received_ns)
            if self._backfill is not None:
                self._backfill.wake(market)
        elif channel.source is not link:
            # Two connections overlap. The newer one takes over with its snapshot. Trades are taken
            # from both, each once.
            if link.number > channel.source.number and _is_snapshot(record):
                channel.source = link
            elif not isinstance(record, Trade):
                return []
        if not channel.is_doubted:
            channel.why = ""
        if len(self._links) > 1 and all(
            each.source in (link, None) for each in self._streams.values()
        ):
            link.took_over.set()
        if isinstance(record, Trade) and not channel.deduplicator.add(record.trade_id):
            return arrivals
        if channel.check is not None and isinstance(record, BookUpdate):
            channel.check.add(record)
        return [*arrivals, record]

    def _beat(self) -> None:
        """Detect that the thread stalled, because the process was stopped or the machine slept.

        Frames that arrived meanwhile are read now, and must not count as received now. This is a
        callback and not a task, so that it runs before the task that waits for a frame.
        """
        (was_ns, was_s), self._awake = self._awake, (now_ns(), elapsed_s())
        if self._awake[1] - was_s > _BEAT_S + _STALL_S:
            self._hold(self._links, was_ns)
        asyncio.get_running_loop().call_later(_BEAT_S, self._beat)

    def _hold(self, links: Sequence[Link], since_ns: int) -> None:
        for link in links:
            # Frames are read in order: none is older than the last one that was read.
            link.hold(max(since_ns, self._last_received_ns or since_ns))

    async def _wait_for_room(self, link: Link | None) -> None:
        since_ns, since_s = now_ns(), monotonic_s()
        # The taking thread sets the event through this loop, so it is not missed in between.
        while any(channel.inbox.is_full for channel in self._streams.values()):
            self._room.clear()
            if link is not None:
                link.is_full = True
            await self._room.wait()
        if link is not None:
            link.is_full = False
            link.heard_s = link.read_since_s = monotonic_s()
            if link.heard_s - since_s > _STALL_S:
                self._hold([link], since_ns)

    async def _watch(self, link: Link, socket: ClientConnection) -> None:
        """Abort a silent socket, unless it is silent because we do not read it."""
        while True:
            silent_s = 0.0 if link.is_full else monotonic_s() - link.heard_s
            if silent_s >= self._options.stale_after_s:
                # A closing handshake would wait for an answer that does not come either.
                socket.transport.abort()
                raise Lost(f"nothing was heard for {self._options.stale_after_s:g} s")
            await asyncio.sleep(self._options.stale_after_s - silent_s)

    async def _ask(self, link: Link, socket: ClientConnection) -> None:
        while True:
            link.request_due.clear()
            request = link.subscription.next(monotonic_s())
            if request is not None:
                await socket.send(request)
            with suppress(TimeoutError):
                async with asyncio.timeout(link.subscription.wait_s(monotonic_s())):
                    await link.request_due.wait()

    def _want(self, market: str) -> None:
        source = self._streams[market].source
        if source is not None:
            source.subscription.want(market, monotonic_s())
            source.request_due.set()

    # The thread's side: work in the background.

    def _heard_s(self, market: str) -> float | None:
        """Return when a market's last record came; ``None`` if its age proves nothing now."""
        channel = self._streams[market]
        is_read = channel.source is not None and self._is_read(channel.source)
        return channel.last_record_s if is_read else None

    def _is_read(self, link: Link) -> bool:
        """Return whether a connection was read recently, so that silence is the exchange's."""
        return not link.is_full and monotonic_s() - link.read_since_s > 2 * self._options.settle_s

    def _left_out(self, market: str, trades: Sequence[Trade]) -> None:
        """Doubt a stream that left out trades, unless it may still bring them."""
        channel = self._streams[market]
        heard_s, passed_ns = self._heard_s(market), channel.last_exchange_ns
        if heard_s is None:
            return
        is_silent = monotonic_s() - heard_s >= self._options.settle_s
        passed = [
            trade
            for trade in trades
            if passed_ns is not None
            and trade.exchange_ns is not None
            and passed_ns > trade.exchange_ns
        ]
        left_out = len(trades if is_silent else passed)
        if left_out:
            self._doubt(market, f"the stream left out {left_out} trades that REST shows")

    def _doubt(self, market: str, why: str) -> None:
        """Treat a market's stream as lost: resubscribe, and finally replace the connection."""
        channel = self._streams[market]
        source = channel.source
        if source is None:
            return
        channel.doubt(why)
        source.subscription.want(market, monotonic_s())
        source.request_due.set()
        source.doubts += 1
        if source.doubts > _DOUBTS_MAX:
            self._is_doubted.set()

    async def _keep(self, market: str, records: Sequence[Input]) -> None:
        await self._wait_for_room(None)
        self._streams[market].fill(records)

    async def _compare_clocks(self) -> None:
        """Detect that the wall clock was set, or that the machine slept."""
        wall_ns, mono_s, elapsed = now_ns(), monotonic_s(), elapsed_s()
        while True:
            await asyncio.sleep(_CLOCKS_S)
            wall_before_ns, mono_before_s, elapsed_before = wall_ns, mono_s, elapsed
            wall_ns, mono_s, elapsed = now_ns(), monotonic_s(), elapsed_s()
            self._loop_lag_s = max(0.0, mono_s - mono_before_s - _CLOCKS_S)
            lasted_s = elapsed - elapsed_before
            set_s = (wall_ns - wall_before_ns) / 1e9 - lasted_s
            slept_s = lasted_s - (mono_s - mono_before_s)
            if slept_s >= _JUMP_S:
                self._slept(slept_s, wall_ns)
            if abs(set_s) >= _JUMP_S:
                self._clock_was_set(set_s, wall_ns)

    def _clock_was_set(self, set_s: float, at_ns: int) -> None:
        """Record a gap of no length: nothing was missed, but times across it do not compare."""
        why = f"the clock was set by {set_s:+,.1f} s"
        for market, channel in self._streams.items():
            if channel.source is not None:
                channel.interrupt(at_ns=at_ns, from_ns=at_ns, to_ns=at_ns, why=why)
                self._want(market)

    def _slept(self, slept_s: float, at_ns: int) -> None:
        why = f"the machine slept for {slept_s:,.1f} s"
        is_over = slept_s >= self._options.stale_after_s
        for market, channel in self._streams.items():
            if channel.source is None:
                continue
            if is_over:
                # The exchange's frames of that time are lost, and usually the connection, too.
                began_ns = at_ns - int(slept_s * 1e9)
                channel.lose(why, heard_ns=min(self._last_received_ns or began_ns, began_ns))
            else:
                from_ns = at_ns - int(slept_s * 1e9)
                channel.interrupt(at_ns=at_ns, from_ns=from_ns, to_ns=at_ns, why=why)
                self._want(market)
        for link in self._links:
            if is_over and link.socket is not None:
                link.socket.transport.abort()

    async def _cross_check(self, rest: Rest) -> None:
        """Compare every book with REST at intervals, each from a fresh snapshot on."""
        while True:
            await asyncio.sleep(self._options.cross_check_s)
            for market, channel in self._streams.items():
                channel.check = CrossCheck()
                self._want(market)
                with suppress(RestUnavailable, RestRefused):
                    await self._compare_book(rest, market, channel, channel.check)
                channel.check = None

    async def _compare_book(
        self, rest: Rest, market: str, channel: MarketStream, check: CrossCheck
    ) -> None:
        for _ in range(_CROSS_CHECKS):
            await asyncio.sleep(self._options.settle_s)
            orders = await rest.orders(market)
            await asyncio.sleep(self._options.settle_s)
            agrees = check.agrees(orders)
            if agrees is None:
                continue
            self._cross_checks += 1
            if not agrees and channel.source is not None:
                at_ns = now_ns()
                why = f"the book differs from REST's at version {orders.snapshot_id}"
                channel.interrupt(at_ns=at_ns, from_ns=at_ns, to_ns=at_ns, why=why)
                self._want(market)
            return


def _as_record(
    frame: bytes, event: protocol.Event, received_ns: int
) -> tuple[str | None, Input] | None:
    """Return the record of a frame and its market; ``None`` if it is not recorded."""
    if isinstance(event, protocol.Heartbeat):
        return None
    if isinstance(event, protocol.Orders):
        return None, undecodable(frame, received_ns, "the channel orderbook was not subscribed to")
    if isinstance(event, protocol.Rejection):
        why = f"a request was refused: {event.message!r} (code {event.code})"
        return None, undecodable(frame, received_ns, why)
    return event


def _refusal(rejection: protocol.Rejection) -> str:
    return f"the subscription was refused: {rejection.message!r} (code {rejection.code})"


def _is_snapshot(record: Input) -> bool:
    return isinstance(record, BookUpdate) and record.snapshot


def _confirms(event: protocol.Event) -> bool:
    if isinstance(event, tuple):
        return not isinstance(event[1], Undecodable)
    return isinstance(event, protocol.Heartbeat)


async def _close(socket: ClientConnection) -> None:
    closing = asyncio.create_task(socket.close())
    # The closing frame comes after all frames in transit, so those must be read first.
    with suppress(ConnectionClosed):
        while True:
            await socket.recv(decode=False)
    await closing


def _exceeded(link: Link) -> str:
    """Return which bound the other side of a connection has exceeded, or an empty string."""
    return link.socket.why if isinstance(link.socket, BoundedConnection) else ""


def _tls(url: str) -> ssl.SSLContext | None:
    """Return the certificates to trust for a URL; ``None`` if it is not encrypted."""
    try:
        parts = urls.checked(url, urls.SOCKET_SCHEMES)
    except ValueError as error:
        raise UrlInvalid(url=url, why=str(error)) from error
    return trust.tls() if parts.scheme == "wss" else None
