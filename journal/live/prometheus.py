"""Metrics for Prometheus and a health probe, on loopback and only on request.

``/metrics`` is in the text exposition format 0.0.4; ``/healthz`` answers 200 while all is well and
503 with the reason otherwise. One thread serves a few connections at a time, each with one request
of a few kilobytes within seconds. A client that exceeds a limit, or sends nothing, is disconnected,
so that it does not use up the files that this process may open.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

from eventlog.printable import printable

HOST = "127.0.0.1"

CONNECTIONS_MAX = 8
"""How many connections are served at a time; the next is closed at once (I10)."""

REQUEST_BYTES_MAX = 8 << 10
CONNECTION_S = 5.0
"""How long a connection may take from its first byte to its last."""

CLOSE_S = 2.0

Figures = Mapping[str, Mapping[str, object]]
"""By market, the figures by name; those that are not numbers are left out."""

_ENDS = (OSError, EOFError, ValueError, asyncio.LimitOverrunError, asyncio.CancelledError)
"""Exceptions that end one connection and have no other effect."""

_TEXT = "text/plain; charset=utf-8"
_EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}


def _nothing_wrong() -> str | None:
    return None


class Metrics:
    """A server of ``/metrics`` and ``/healthz`` for as long as the context lasts.

    Args:
        port: to listen on, from construction; 0 takes a free one.
        read: returns the present figures.
        trouble: returns the present problem, ``None`` if all is well.

    Raises on construction:
        OSError: if the port cannot be listened on; the error names it.
    """

    def __init__(
        self,
        port: int,
        read: Callable[[], Figures],
        trouble: Callable[[], str | None] = _nothing_wrong,
    ) -> None:
        self._read = read
        self._trouble = trouble
        self._served = 0
        self._socket = _listening(port)
        self._port: int = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        # The default one prints a message for each connection that finds no free descriptor.
        self._loop.set_exception_handler(lambda _loop, _context: None)
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        """Where the figures are."""
        return f"http://{HOST}:{self._port}/metrics"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(RuntimeError):  # it has ended by itself
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(CLOSE_S)

    def _serve(self) -> None:
        with suppress(OSError):
            self._loop.run_until_complete(self._until_ended())
        self._socket.close()
        self._loop.close()

    async def _until_ended(self) -> None:
        server = await asyncio.start_server(
            self._connected, sock=self._socket, limit=REQUEST_BYTES_MAX, backlog=CONNECTIONS_MAX
        )
        await self._ended.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._served += 1
        try:
            if self._served <= CONNECTIONS_MAX:
                # Whatever happens in a connection ends only that connection.
                with suppress(*_ENDS):
                    async with asyncio.timeout(CONNECTION_S):
                        await self._answer(reader, writer)
        finally:
            self._served -= 1
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        status, kind, text = self._response(request)
        body = text.encode("utf-8", "backslashreplace")
        head = (
            f"HTTP/1.1 {status} {_REASONS.get(status, 'Service Unavailable')}\r\n"
            f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        is_head = request.startswith(b"HEAD ")
        writer.write(head.encode() + (b"" if is_head else body))
        await writer.drain()
        writer.write_eof()
        while await reader.read(REQUEST_BYTES_MAX):  # an early close would reset what was sent
            pass

    def _response(self, request: bytes) -> tuple[int, str, str]:
        """Return the response to a request: status, content type and text."""
        words = request.partition(b"\r\n")[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return 400, _TEXT, "not a request\n"
        if words[0] not in (b"GET", b"HEAD"):
            return 405, _TEXT, "GET only\n"
        path = words[1].partition(b"?")[0]
        try:
            if path == b"/metrics":
                return 200, _EXPOSITION, exposition(self._read())
            if path == b"/healthz":
                trouble = self._trouble()
                return (
                    (200, _TEXT, "ok\n")
                    if trouble is None
                    else (503, _TEXT, f"{printable(trouble)}\n")
                )
        except Exception as error:  # noqa: BLE001 - other threads change what is read
            return 503, _TEXT, f"{type(error).__name__}\n"
        return 404, _TEXT, "see /metrics and /healthz\n"


def _listening(port: int) -> socket.socket:
    """Return a listening socket, so that no other process can take the port.

    Raises:
        OSError: with the address as its file's name.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen(CONNECTIONS_MAX)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise OSError(error.errno, error.strerror, f"{HOST}:{port}") from error
    return listening


def exposition(figures: Figures) -> str:
    """Return figures as text: a gauge for each name, with a sample for each market.

    >>> print(exposition({"A-B": {"gaps": 2, "hole": False}, "C-D": {"gaps": 0}}), end="")
    # TYPE trader_gaps gauge
    trader_gaps{market="A-B"} 2
    trader_gaps{market="C-D"} 0
    # TYPE trader_hole gauge
    trader_hole{market="A-B"} 0
    """
    names = dict.fromkeys(name for of_market in figures.values() for name in of_market)
    lines = []
    for name in names:
        samples = [
            f'trader_{name}{{market="{_escaped(market)}"}} {value:g}'
            if isinstance(value, float)
            else f'trader_{name}{{market="{_escaped(market)}"}} {int(value)}'
            for market, of_market in figures.items()
            if isinstance(value := of_market.get(name), int | float)
        ]
        if samples:
            lines += [f"# TYPE trader_{name} gauge", *samples]
    return "\n".join(lines) + "\n"


def _escaped(label: str) -> str:
    """Return a label's value, escaped as the format requires."""
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
