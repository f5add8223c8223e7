"""The simulator's sockets and its pace; loopback only.

Market time starts with the first subscriber. It then runs at a given speed, with or without
clients, or as fast as clients read, and then it pauses without them. Every frame goes to the
sockets that are subscribed to it at that moment, in order. If a socket's write buffer is full the
market waits, so the slowest reader sets the pace, nothing is dropped, and memory is bounded (I10).
After the end of a source the sockets stay open and the heartbeat continues.

REST is answered on the same port (`feeds.simulator.rest`).
"""

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from feeds.clock import monotonic_s, now_ns
from feeds.simulator import rest
from feeds.simulator.draws import Draws
from feeds.simulator.faults import AWAY, DESK_FAULTS, DOOR_FAULTS, PAST_FAULTS, REST_FAULTS, Fault
from feeds.simulator.line import Close, FaultyLine, Forget, Maintain, Send, Shut, Stall
from feeds.simulator.past import Past
from feeds.simulator.source import Frame, Source
from feeds.simulator.subscriptions import Subscriptions

HOST = "127.0.0.1"
"""The simulator serves this machine only."""

_WRITE_LIMIT_BYTES = 64 * 1024
_MESSAGE_BYTES_MAX = 64 * 1024
_CLOSE_TIMEOUT_S = 1.0
_ADVANCES_WITHOUT_YIELD = 32
_TLS_ALERT = b"\x15\x03\x01\x00\x02\x02\x28"
"""A fatal one: the handshake failed."""

_REJECTED = '{"messageType":"error","code":3,"message":"invalid marketIds"}'

# A client that disconnects during a handshake must not cause a traceback.
_LOGGER = logging.getLogger("feeds.simulator")
_LOGGER.addHandler(logging.NullHandler())
_LOGGER.propagate = False


class Exchange:
    """A simulated exchange over one source.

    Args:
        source: the frames, with their market times.
        port: the port to listen on; 0 takes a free one.
        speed: market time per real time; ``None`` is as fast as the clients read.
        faults: the faults of every client's line.
        seed: the seed of the faults.
        heartbeat_s: time between two heartbeats of a socket.
        close_at_end: whether the sockets are closed once the source has ended.
        once: whether the exchange ends once the source has and the last client has left.
        maintenance_s: how long handshakes are refused by the faults ``maintenance`` and ``shut``.
        pasts: what was before the start of a market, by market.
        slow_s: how long REST, or a handshake, takes with the faults ``rest-slow`` and ``hang``.
    """

    def __init__(
        self,
        source: Source,
        *,
        port: int = 0,
        speed: float | None = 1.0,
        faults: Sequence[Fault] = (),
        seed: int = 0,
        heartbeat_s: float = 5.0,
        close_at_end: bool = False,
        once: bool = False,
        maintenance_s: float = 3.0,
        slow_s: float = 15.0,
        pasts: Mapping[str, Past] | None = None,
    ) -> None:
        assert speed is None or speed > 0
        self._source = source
        self._port = port
        self._speed = speed
        self._faults = tuple(faults)
        self._seed = seed
        self._heartbeat_s = heartbeat_s
        self._close_at_end = close_at_end
        self._once = once
        self._maintenance_s = maintenance_s
        self._slow_s = slow_s
        self._desk = rest.RestDesk(
            source, now_s=lambda: now_ns() / 1e9, limits=speed == 1.0, pasts=pasts
        )
        self._doors = _Chances(self._faults, DOOR_FAULTS, seed=seed)
        self._calls = _Chances(self._faults, REST_FAULTS, seed=seed)
        self._answers = _Chances(self._faults, DESK_FAULTS, seed=seed)
        self._pages = _Chances(self._faults, PAST_FAULTS, seed=seed)
        self._away_steps = next((f.every_frames for f in faults if f.name == AWAY), 0)
        self._unheard_steps = 0
        self._closed_until_s = 0.0
        self._clients: list[_Client] = []
        self._client_count = 0
        self._listened_to = asyncio.Event()
        self._ended = False
        self._stopped = asyncio.Event()
        self._shut = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, on_listening: Callable[[str], None]) -> None:
        """Serve until stopped; ``on_listening`` is called with the URL once clients can connect.

        Raises:
            OSError: if the port cannot be listened on.
            RecordingUnreadable: if the source fails while it plays.
        """
        self._loop = asyncio.get_running_loop()
        stopped = asyncio.create_task(self._stopped.wait())
        playing: asyncio.Task[None] | None = None
        try:
            while not stopped.done():
                async with self._listening() as server:
                    if playing is None:
                        self._port = _port_of(server)
                        on_listening(f"ws://{HOST}:{self._port}/v2")
                        playing = asyncio.create_task(self._play())
                    await self._until_shut(playing, stopped)
                    await _stop_accepting(server)
                # The system refuses connections now, because there is no socket.
                await asyncio.wait({stopped}, timeout=self._maintenance_s)
        finally:
            tasks = [task for task in (playing, stopped) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _listening(self) -> AbstractAsyncContextManager[Server]:
        return listen(
            self._converse,
            HOST,
            self._port,
            compression=None,
            process_request=self._receive,
            ping_interval=None,  # the exchange sends no pings
            max_size=_MESSAGE_BYTES_MAX,
            write_limit=_WRITE_LIMIT_BYTES,
            close_timeout=_CLOSE_TIMEOUT_S,
            logger=_LOGGER,
        )

    async def _until_shut(self, playing: asyncio.Task[None], stopped: asyncio.Task[bool]) -> None:
        """Return when the listening socket must be closed, for a while or for ever."""
        self._shut.clear()
        shut = asyncio.create_task(self._shut.wait())
        waiting: set[asyncio.Task[Any]] = {playing, stopped, shut}
        try:
            while not (stopped.done() or shut.done()):
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if playing in waiting and playing.done():
                    playing.result()
                    waiting.remove(playing)  # the sockets stay open after the end
        finally:
            shut.cancel()

    def stop(self) -> None:
        """End `serve`; from any thread, and more than once."""
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(self._stopped.set)

    async def _play(self) -> None:
        await self._listened_to.wait()
        clock = asyncio.get_running_loop().time
        began_s, began_ns, advances = clock(), self._source.due_ns, 0
        while (due_ns := self._source.due_ns) is not None:
            assert began_ns is not None
            early_s = 0.0
            if self._unheard_steps:
                self._unheard_steps -= 1
            elif self._speed is None:
                await self._listened_to.wait()
            else:
                early_s = began_s + (due_ns - began_ns) / 1e9 / self._speed - clock()
            advances += 1
            # Sends do not yield while there is room, so give the loop's other work a turn.
            if early_s > 0 or advances % _ADVANCES_WITHOUT_YIELD == 0:
                await asyncio.sleep(max(0.0, early_s))
            frames = self._source.advance()
            for frame in frames:
                self._desk.publish(frame, due_ns)
            # The receivers are fixed before the first frame is sent: a client that subscribes
            # meanwhile gets a snapshot that includes these frames.
            deliveries = [
                (client, frame)
                for frame in frames
                for client in self._clients
                if client.wants(frame)
            ]
            for client, frame in deliveries:
                await self._deliver(client, frame)
            if deliveries:
                self._count_listeners()
        self._ended = True
        if self._close_at_end:
            for client in list(self._clients):
                await client.end(Close(abruptly=False))
        self._leave_if_done()

    async def _receive(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a call of REST, or refuse a handshake; ``None`` accepts it."""
        is_closed = monotonic_s() < self._closed_until_s
        if not request.path.startswith(rest.PREFIX):
            happening = self._doors.draw("refuse", "hang", "alert")
            if is_closed or "refuse" in happening:
                return _response(rest.UNAVAILABLE)
            if "hang" in happening:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._slow_s):
                        await self._stopped.wait()
            if "alert" in happening:
                connection.transport.write(_TLS_ALERT)
                connection.transport.close()
            return None
        happening = self._calls.draw(*REST_FAULTS)
        if is_closed:
            return _response(rest.UNAVAILABLE)
        if "rest-slow" in happening:
            await asyncio.sleep(self._slow_s)
        if "rest-429" in happening:
            return _response(rest.Reply(429, '{"code":"TooManyRequests","message":"slow down"}'))
        if "rest-403" in happening:
            return _response(rest.CHALLENGE)
        if "rest-500" in happening:
            return _response(rest.FAILED)
        return _response(self._reply(request.path), is_cut="rest-cut" in happening)

    def _reply(self, target: str) -> rest.Reply:
        """Answer a call of REST without a fault, from the present state."""
        if target.partition("?")[0] == f"{rest.PREFIX}/markets" and self._answers.draw("halt"):
            self._desk.halt()
        odd = bool(self._answers.draw("odd-row"))
        path = target.partition("?")[0]
        is_past = path.endswith(("/candles", "/trades"))
        faults = self._pages.draw(*PAST_FAULTS) if is_past else frozenset[str]()
        return self._desk.answer(target, has_odd_row=odd, past_faults=faults)

    async def _converse(self, socket: ServerConnection) -> None:
        faults = FaultyLine(self._faults, seed=self._seed, number=self._client_count)
        self._client_count += 1
        client = _Client(socket, Subscriptions(self._source.markets), faults)
        client.is_mute = "mute" in self._doors.draw("mute")
        self._clients.append(client)
        beating = asyncio.create_task(client.beat(self._heartbeat_s))
        try:
            async for message in socket:
                if not client.is_mute:
                    await self._answer(client, message)
        except ConnectionClosed:
            pass
        finally:
            beating.cancel()
            self._clients.remove(client)
            self._count_listeners()
            self._leave_if_done()

    async def _answer(self, client: "_Client", message: str | bytes) -> None:
        if "reject" in self._doors.draw("reject"):
            await client.send(_REJECTED)
            return
        answer = client.subscriptions.receive(message)
        self._count_listeners()
        if answer.error is not None:
            await client.send(answer.error)
        for market in answer.snapshots:
            snapshot = self._source.snapshot(market)
            if snapshot is not None:
                await self._deliver(client, Frame(market, "orderbookUpdate", snapshot))

    async def _deliver(self, client: "_Client", frame: Frame) -> None:
        for action in client.faults.carry(frame.text, frame.market):
            match action:
                case Send(payload):
                    await client.send(payload)
                    continue
                case Forget(market):
                    client.subscriptions.forget(market)
                    continue
                case Close():
                    await client.end(action)
                case Stall():
                    client.is_over = True
                case Maintain():
                    self._closed_until_s = monotonic_s() + self._maintenance_s
                    await self._end_all()
                case Shut():
                    self._shut.set()
                    await self._end_all()
            # At a given speed the market continues while a client is away. At full speed it would
            # wait for the client, and nothing would be missed; so advance it here.
            self._unheard_steps = self._away_steps

    async def _end_all(self) -> None:
        for client in list(self._clients):
            await client.end(Close(abruptly=True))

    def _count_listeners(self) -> None:
        if any(client.listens for client in self._clients):
            self._listened_to.set()
        else:
            self._listened_to.clear()

    def _leave_if_done(self) -> None:
        if self._once and self._ended and not self._clients:
            self._stopped.set()


class _Chances:
    """Draws faults of a kind, keyed by (seed, name, number of draws)."""

    def __init__(self, faults: Sequence[Fault], kind: Mapping[str, int], *, seed: int) -> None:
        self._every = {f.name: f.every_frames for f in faults if f.name in kind}
        self._draws = {name: Draws(seed=seed, stream=name, width=1) for name in self._every}
        self._asked = dict.fromkeys(self._every, 0)

    def draw(self, *names: str) -> frozenset[str]:
        """Return the faults that happen now."""
        happening = set()
        for name in names:
            if name in self._every:
                (draw,) = self._draws[name].row(self._asked[name])
                self._asked[name] += 1
                if draw < 1 / self._every[name]:
                    happening.add(name)
        return frozenset(happening)


class _Client:
    """One client's socket, its subscriptions and its line."""

    def __init__(
        self, socket: ServerConnection, subscriptions: Subscriptions, faults: FaultyLine
    ) -> None:
        self.subscriptions = subscriptions
        self.faults = faults
        self.is_mute = False
        self.is_over = False
        self._socket = socket

    @property
    def listens(self) -> bool:
        return self.subscriptions.has_market and not self.is_over

    def wants(self, frame: Frame) -> bool:
        return not self.is_over and self.subscriptions.wants(frame.channel, frame.market)

    async def send(self, payload: str | bytes) -> None:
        if not self.is_over:
            with suppress(ConnectionClosed):
                await self._socket.send(payload)

    async def end(self, close: Close) -> None:
        self.is_over = True
        if not close.abruptly:
            await self._socket.close()
            return
        if close.within is not None:
            body = close.within.encode()
            # A text frame's head with a length of 16 or 64 bits, and half of its payload.
            long = len(body) >= 1 << 16
            head = bytes([0x81, 127 if long else 126]) + len(body).to_bytes(8 if long else 2, "big")
            with suppress(RuntimeError):  # the client has just closed it
                self._socket.transport.write(head + body[: len(body) // 2])
            self._socket.transport.close()
            return
        self._socket.transport.abort()

    async def beat(self, interval_s: float) -> None:
        while True:
            await asyncio.sleep(interval_s)
            heartbeat = self.subscriptions.heartbeat()
            if heartbeat is not None and not self.is_mute:
                await self.send(heartbeat)


def run(
    exchange: Exchange, *, on_listening: Callable[[str], None], until_stdin_closes: bool = False
) -> None:
    """Serve until SIGINT, SIGTERM, or on request the end of standard input.

    Raises:
        OSError: if the port cannot be listened on.
        RecordingUnreadable: if the source fails while it plays.
    """

    async def serve_here() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, exchange.stop)
        if until_stdin_closes:
            threading.Thread(target=_await_stdin, args=(exchange.stop,), daemon=True).start()
        await exchange.serve(on_listening)

    asyncio.run(serve_here())


def _await_stdin(then: Callable[[], None]) -> None:
    # Unbuffered: a thread that holds the lock of a buffer would keep the process from ending.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    then()


def _response(reply: rest.Reply, *, is_cut: bool = False) -> Response:
    body = reply.body.encode()
    headers = Headers(
        {
            "Connection": "close",
            "Content-Type": reply.content_type,
            "Content-Length": str(len(body)),
            **reply.headers,
        }
    )
    phrase = HTTPStatus(reply.status).phrase
    return Response(reply.status, phrase, headers, body[: len(body) // 2] if is_cut else body)


async def _stop_accepting(server: Server) -> None:
    """Stop listening, after accepted sockets have become connections.

    Python loses the socket of a connection that was accepted in the iteration of the loop in which
    its server is closed (CPython issue 109564); it would never be closed.
    """
    for socket in server.sockets:
        asyncio.get_running_loop().remove_reader(socket.fileno())
    await asyncio.sleep(0)


def _port_of(server: Server) -> int:
    port: int = next(iter(server.sockets)).getsockname()[1]
    return port
