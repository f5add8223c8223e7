"""Servers on a thread of this process: a stand-in exchange, and one that does what a test says."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Queue
from ssl import SSLContext
from typing import Any, Protocol

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from feeds.simulator.server import Exchange
from feeds.simulator.source import Source

PATIENCE_S = 20.0
"""How long is waited for what must come. Nothing is ever slept for."""


@contextmanager
def serving(exchange: Exchange) -> Iterator[str]:
    """Run an exchange for a while; yield its URL. What it fails with is raised."""
    said: Queue[str | BaseException] = Queue()

    def run() -> None:
        try:
            asyncio.run(exchange.serve(said.put))
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            said.put(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        url = said.get(timeout=PATIENCE_S)
        if isinstance(url, BaseException):
            raise url
        yield url
    finally:
        exchange.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), f"the exchange did not end within {PATIENCE_S:g} s"
        if not said.empty() and isinstance(error := said.get(), BaseException):
            raise error


@contextmanager
def scripted(
    talk: Callable[[ServerConnection], object], *, ssl: SSLContext | None = None
) -> Iterator[str]:
    """Run a server whose every connection does what a function says; yield its URL."""

    def handle(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            talk(connection)

    options: dict[str, Any] = {"compression": None, "ping_interval": None, "ssl": ssl}
    with serve(handle, "127.0.0.1", 0, **options) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws{'s' if ssl else ''}://127.0.0.1:{server.socket.getsockname()[1]}/v2"
        finally:
            server.shutdown()
            thread.join(PATIENCE_S)


class Serve(Protocol):
    """Starts a stand-in exchange over a source; returns its URL."""

    def __call__(self, source: Source, **options: Any) -> str: ...


class Script(Protocol):
    """Starts a server whose every connection does what a function says; returns its URL."""

    def __call__(self, talk: Callable[[ServerConnection], object]) -> str: ...
