"""Real servers on loopback: the stand-in exchange, and servers that do just what a test says."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from ssl import SSLContext
from typing import Any, Protocol

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from feeds.simulator.server import Exchange
from feeds.simulator.source import Source
from tests.feeds.loopback import PATIENCE_S, serving


class Serve(Protocol):
    """Starts a stand-in exchange over a source; returns its URL."""

    def __call__(self, source: Source, **options: Any) -> str: ...


class Script(Protocol):
    """Starts a server whose every connection does what a function says; returns its URL."""

    def __call__(self, talk: Callable[[ServerConnection], object]) -> str: ...


@pytest.fixture
def serve_source() -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(source: Source, **options: Any) -> str:
            return stack.enter_context(serving(Exchange(source, **{"speed": None, **options})))

        yield start


@contextmanager
def scripted(
    talk: Callable[[ServerConnection], object], *, ssl: SSLContext | None = None
) -> Iterator[str]:
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


@pytest.fixture
def serve_script() -> Iterator[Script]:
    with ExitStack() as stack:
        yield lambda talk: stack.enter_context(scripted(talk))
