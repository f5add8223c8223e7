"""Figures for Prometheus, on loopback and only when asked for (text exposition format 0.0.4)."""

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"

Figures = Mapping[str, Mapping[str, object]]
"""By market, the figures by name; what is no number is left out."""


class Metrics:
    """A server of ``/metrics`` for as long as the context lasts.

    Args:
        port: to listen on; 0 takes a free one.
        read: returns the figures now.

    Raises on construction:
        OSError: if the port cannot be listened on.
    """

    def __init__(self, port: int, read: Callable[[], Figures]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """Answer with the figures."""
                is_known = self.path.split("?")[0] == "/metrics"
                body = exposition(read()).encode() if is_known else b"see /metrics\n"
                self.send_response(200 if is_known else 404)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing of every scrape."""

        self._server = ThreadingHTTPServer((HOST, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where they are."""
        return f"http://{HOST}:{self._server.server_address[1]}/metrics"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def exposition(figures: Figures) -> str:
    """Return figures as text: one gauge a name, one sample a market.

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
            f'trader_{name}{{market="{market}"}} {value:g}'
            if isinstance(value, float)
            else f'trader_{name}{{market="{market}"}} {int(value)}'
            for market, of_market in figures.items()
            if isinstance(value := of_market.get(name), int | float)
        ]
        if samples:
            lines += [f"# TYPE trader_{name} gauge", *samples]
    return "\n".join(lines) + "\n"
