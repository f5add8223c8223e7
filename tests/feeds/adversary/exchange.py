"""A hostile exchange on loopback, by turns honest and in a mode drawn from a seed.

Its sockets are raw: what a library would not let it say it says. The honest part is a synthetic
market whose every trade is remembered, so that afterwards each can be looked for.
"""

import asyncio
import base64
import hashlib
import json
import random
import re
import threading
from bisect import bisect_right
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from queue import Queue
from typing import NamedTuple

from feeds.clock import monotonic_s, now_ns
from feeds.simulator.frames import timestamp
from feeds.simulator.market import SyntheticMarket
from feeds.simulator.rest import RestDesk
from feeds.simulator.scenario import SCENARIOS
from feeds.simulator.source import Frame
from tests.feeds.adversary.doors import DOORS, REST, TAKEOVERS, Line, reply
from tests.feeds.adversary.frames import CLOSE, MARKET, MESSAGES, PING, frame, heartbeat
from tests.support.loopback import PATIENCE_S

STEP_S = 0.01
HEARTBEAT_S = 0.05
PAGE_TRADES = 20
"""How many trades a page of REST holds: few, so that a hole is longer than a page."""

UNSENT_BYTES_MAX = 48 << 20
"""What may wait for a client before it is cut off."""

STREAM_DIES = "the stream dies, the heartbeat goes on"
SAME_PAGE = "REST: the same page for ever"
ENDLESS_PAGES = "REST: pages without end"
SILENT = (STREAM_DIES,)
PAGES = (SAME_PAGE, ENDLESS_PAGES)
MODES = (*MESSAGES, *TAKEOVERS, *DOORS, *REST, *SILENT, *PAGES)
HONEST = "honest"


class Stretch(NamedTuple):
    """Until when a mode lasts, in seconds since the start."""

    mode: str
    until_s: float


def schedule(draws: random.Random, *, seconds: float) -> list[Stretch]:
    """Return stretches, by turns honest and hostile; the last one is honest, and has no end."""
    stretches, at_s = [], 0.0
    modes: list[str] = []
    while at_s < seconds:
        at_s += draws.uniform(0.2, 0.5)
        stretches.append(Stretch(HONEST, at_s))
        at_s += draws.uniform(0.2, 0.6)
        modes = modes or draws.sample(MODES, len(MODES))
        stretches.append(Stretch(modes.pop(), at_s))
    return [*stretches, Stretch(HONEST, float("inf"))]


class HonestMarket:
    """A market in wall time, and what it has published."""

    def __init__(self, seed: int) -> None:
        self._made = SyntheticMarket(MARKET, SCENARIOS["calm"], seed=seed, start_ns=10**18)
        self._desk = RestDesk(self._made, now_s=lambda: now_ns() / 1e9, limits=False)
        self.trades: list[int] = []

    def advance(self) -> list[Frame]:
        """Go one step on."""
        frames = []
        for each in self._made.advance():
            stamped = f'"timestamp":"{timestamp(now_ns())}"'
            text = re.sub(r'"timestamp":"[^"]*"', stamped, each.text)
            frames.append(Frame(each.market, each.channel, text))
            self._desk.publish(frames[-1], now_ns())
            if each.channel == "trade":
                self.trades.append(json.loads(text)["tradeId"])
        return frames

    def snapshot(self) -> str:
        """Return the book as it stands."""
        stamped = f'"timestamp":"{timestamp(now_ns())}"'
        return re.sub(r'"timestamp":"[^"]*"', stamped, self._made.snapshot(MARKET))

    def answer(self, target: str) -> tuple[int, bytes]:
        """Return REST's reply to a path and query: a status and a body."""
        self._desk.at_ns = now_ns()
        asked = re.sub(r"limit=\d+", f"limit={PAGE_TRADES}", target)
        said = self._desk.answer(asked)
        return said.status, said.body.encode()


class _Wire(Line):
    """One websocket: honest frames go out on it until a mode takes it over."""

    def __init__(self, line: Line) -> None:
        super().__init__(line.reader, line.writer)
        self.subscribed = False
        self.taken: asyncio.Task[None] | None = None
        self.injected: tuple[str, Iterator[bytes]] | None = None

    def say(self, data: bytes) -> None:
        """Queue bytes; cut off who does not read them."""
        if self.writer.transport.get_write_buffer_size() > UNSENT_BYTES_MAX:
            self.abort()
        elif not self.writer.is_closing():
            self.writer.write(data)


class HostileExchange:
    """Serves one market until stopped.

    Args:
        seed: of the market, of the modes and of what they do.
        seconds: for how long modes are drawn; it is honest from then on.
        modes: the stretches, instead of drawn ones.
    """

    def __init__(
        self, seed: int, *, seconds: float, stretches: list[Stretch] | None = None
    ) -> None:
        self._draws = random.Random(f"{seed} hostile")
        self.market = HonestMarket(seed)
        drawn = schedule(random.Random(f"{seed} modes"), seconds=seconds)
        self._stretches = drawn if stretches is None else stretches
        self._ends_s = [stretch.until_s for stretch in self._stretches]
        self._wires: list[_Wire] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = threading.Event()
        self._calmed = False
        self._began_s = 0.0
        self.met: Counter[str] = Counter()
        """How often a client met a mode."""

    def calm(self) -> None:
        """Be honest from now on."""
        self._calmed = True

    def stop(self) -> None:
        """End, from any thread."""
        self._stopped.set()

    @property
    def mode(self) -> str:
        """The mode of this moment."""
        if self._calmed:
            return HONEST
        at_s = monotonic_s() - self._began_s
        return self._stretches[min(bisect_right(self._ends_s, at_s), len(self._ends_s) - 1)].mode

    async def serve(self, on_listening: Queue[str | BaseException]) -> None:
        """Serve until stopped; the URL is put into the queue."""
        self._began_s = monotonic_s()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=1 << 16)
        port = server.sockets[0].getsockname()[1]
        on_listening.put(f"ws://127.0.0.1:{port}/v2")
        try:
            await self._play()
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for wire in self._wires:
                wire.abort()

    async def _play(self) -> None:
        beat_s = monotonic_s()
        while not self._stopped.is_set():
            await asyncio.sleep(STEP_S)
            mode = self.mode
            said = [frame(each.text) for each in self.market.advance()]
            if monotonic_s() >= beat_s:
                beat_s += HEARTBEAT_S
                if mode != "silence":
                    self._tell([frame(heartbeat(MARKET))])
            if mode != STREAM_DIES:
                self._tell(said)
            elif self._wires:
                self.met[mode] += 1
            for wire in self._wires:
                self._disturb(wire, mode)

    def _tell(self, said: list[bytes]) -> None:
        for wire in self._wires:
            if wire.subscribed and wire.taken is None:
                for each in said:
                    wire.say(each)

    def _disturb(self, wire: _Wire, mode: str) -> None:
        if wire.taken is not None or not wire.subscribed:
            return
        if mode in DOORS:
            wire.abort()  # so that the client comes to the door
        elif mode in TAKEOVERS:
            self.met[mode] += 1
            wire.taken = self._start(self._take_over(wire, mode))
        elif mode in MESSAGES:
            if wire.injected is None or wire.injected[0] != mode:
                self.met[mode] += 1
                wire.injected = (mode, MESSAGES[mode](self._draws))
            if wire.writer.transport.get_write_buffer_size() < UNSENT_BYTES_MAX // 4:
                for _ in range(10):
                    wire.say(next(wire.injected[1], b""))

    async def _take_over(self, wire: _Wire, mode: str) -> None:
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(self._left_s()):
                await TAKEOVERS[mode](wire, self._draws, b"")
        wire.abort()

    def _left_s(self) -> float:
        """Return how long a mode has left, and a little more: longer than who waits for it."""
        at_s = monotonic_s() - self._began_s
        ends_s = self._ends_s[min(bisect_right(self._ends_s, at_s), len(self._ends_s) - 1)]
        return min(1.5, max(0.3, ends_s - at_s))

    def _start(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(reader, writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5.0)
            await self._answer(line, head.decode("latin-1"))
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError, ValueError):
            pass
        except asyncio.CancelledError:
            if not self._stopped.is_set():
                raise
        finally:
            self._tasks.discard(task)
            with suppress(ConnectionError):
                writer.close()

    async def _answer(self, line: Line, head: str) -> None:
        first, *rest = head.split("\r\n")
        named = {key.lower(): value.strip() for key, _, value in (x.partition(":") for x in rest)}
        if "sec-websocket-key" not in named:
            await self._call(line, first.split(" ")[1])
            return
        signed = named["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(signed.encode()).digest()).decode()
        honest = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n"
        ).encode()
        if (mode := self.mode) in DOORS:
            self.met[mode] += 1
            async with asyncio.timeout(self._left_s()):
                await DOORS[mode](line, self._draws, honest)
            line.abort()
            return
        await line.put(honest)
        wire = _Wire(line)
        self._wires.append(wire)
        try:
            await self._hear(wire)
        finally:
            self._wires.remove(wire)
            if wire.taken is not None:
                wire.taken.cancel()

    async def _hear(self, wire: _Wire) -> None:
        """Answer what a client says: every request by a snapshot, a close by a close."""
        while True:
            first, length = await wire.reader.readexactly(2)
            size = length & 0x7F
            if size >= 126:
                size = int.from_bytes(await wire.reader.readexactly(2 if size == 126 else 8))
            mask = await wire.reader.readexactly(4)
            payload = await wire.reader.readexactly(size)
            if wire.taken is not None:
                continue
            if first & 0x0F == CLOSE:
                wire.say(
                    frame(b"".join(bytes([b ^ mask[i % 4]]) for i, b in enumerate(payload)), CLOSE)
                )
                return
            if first & 0x0F in (1, 2) and self.mode != STREAM_DIES:
                wire.subscribed = True
                wire.say(frame(self.market.snapshot()))
            elif first & 0x0F == PING:
                wire.say(frame(payload, 10))

    async def _call(self, line: Line, target: str) -> None:
        mode = self.mode
        status, body = self.market.answer(target)
        if mode in REST:
            self.met[mode] += 1
            async with asyncio.timeout(self._left_s()):
                await REST[mode](line, self._draws, body)
            line.abort() if mode == "REST: no answer" else None
            return
        if mode in PAGES and "/trades" in target:
            self.met[mode] += 1
            body = self._lie_about_pages(mode, target, body)
        await reply(line, body, status=f"{status} as it is")

    def _lie_about_pages(self, mode: str, target: str, body: bytes) -> bytes:
        if mode == SAME_PAGE:
            return self.market.answer(re.sub(r"[?&]before=\d+", "", target))[1]
        found = re.search(r"before=(\d+)", target)
        top = int(found[1]) if found else 10**15
        stamp = timestamp(now_ns()).replace("Z", "000Z")
        plain = {"price": "1", "amount": "1", "timestamp": stamp}
        return json.dumps([{**plain, "id": str(top - 1 - n)} for n in range(PAGE_TRADES)]).encode()


@contextmanager
def serving(exchange: HostileExchange) -> Iterator[str]:
    """Run a hostile exchange on a thread for a while; yield its URL."""
    said: Queue[str | BaseException] = Queue()

    def run() -> None:
        try:
            asyncio.run(exchange.serve(said))
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            said.put(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        url = said.get(timeout=PATIENCE_S)
        if isinstance(url, BaseException):
            raise url
        yield url
    finally:
        exchange.stop()
        thread.join(PATIENCE_S)
        if not said.empty() and isinstance(error := said.get(), BaseException):
            raise error
