"""A stand-in exchange on a thread of this process."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue

from feeds.simulator.server import Exchange

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
        assert not thread.is_alive()
        if not said.empty() and isinstance(error := said.get(), BaseException):
            raise error
