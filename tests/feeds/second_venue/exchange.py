"""The second venue's server, on loopback: a quote and a trade in turn, for each market."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from feeds.clock import now_ns

MARKETS = ("btc_usd", "eth_usd")


@contextmanager
def serving(
    *, close_every: int | None = None, garbage_every: int | None = None, pause_s: float = 0.001
) -> Iterator[str]:
    """Serve both markets for a while; yield the URL.

    ``close_every`` frames a connection is closed, ``garbage_every`` frames one is no message.
    """
    numbers, stopping = count(1), threading.Event()

    def handle(socket: ServerConnection) -> None:
        asked: list[str] = []
        with suppress(ConnectionClosed, TimeoutError):
            while not asked or not stopping.is_set():
                asked.append(str(socket.recv(5.0 if not asked else 0.05)))
                known = "hello" if asked[-1] in MARKETS else "no"
                socket.send(json.dumps({"k": known, "m": asked[-1]}))
        with suppress(ConnectionClosed):
            stream(socket, asked)

    def stream(socket: ServerConnection, asked: list[str]) -> None:
        for sent in count(1):
            number = next(numbers)
            if stopping.wait(pause_s):
                return
            if close_every is not None and sent % close_every == 0:
                socket.close()
                return
            if garbage_every is not None and sent % garbage_every == 0:
                socket.send("{never closed")
                continue
            for market in asked:
                socket.send(json.dumps(_message(market, number)))

    with serve(handle, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/"
        finally:
            stopping.set()
            server.shutdown()
            thread.join()


def _message(market: str, number: int) -> dict[str, object]:
    at_ns, price = now_ns(), 100 + number * 7 % 11
    if number % 4:
        return {"k": "q", "m": market, "at": at_ns, "b": f"{price}.0", "a": f"{price}.5"}
    # Each trade is told twice, as some exchanges do.
    return {
        "k": "t", "m": market, "at": at_ns, "p": f"{price}.0", "v": "1.5", "id": number // 8,
    }  # fmt: skip
