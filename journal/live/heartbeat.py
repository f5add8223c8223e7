"""A heartbeat: a URL that is called while all is well, so that another service notices silence.

A call sends no data, and only the status of the response counts: no body is read and no redirect
followed. Whatever the response, a call takes some seconds at most, and blocks nothing.
"""

import asyncio
import threading

import httpx2

from feeds import trust

TIMEOUT_S = 10.0
"""How long a call may take, from its first step to the status of the response."""


class Heartbeat:
    """The heartbeat to a URL; ``None`` if there is none."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._calling: threading.Thread | None = None
        self.calls = 0
        self.failures = 0
        self.why = ""
        """Why the newest call failed; empty if it did not."""

    def ping(self) -> None:
        """Call the URL, unless the last call is still under way; returns at once."""
        if self._url is None or (self._calling is not None and self._calling.is_alive()):
            return
        self._calling = threading.Thread(target=self._call, args=(self._url,), daemon=True)
        self._calling.start()

    def wait(self, timeout_s: float = TIMEOUT_S) -> None:
        """Wait for a call that is under way, at most for the timeout."""
        if self._calling is not None:
            self._calling.join(timeout_s)

    def _call(self, url: str) -> None:
        self.calls += 1
        loop = asyncio.new_event_loop()
        try:
            self.why = loop.run_until_complete(asyncio.wait_for(_status(url), TIMEOUT_S))
        except Exception as error:  # noqa: BLE001 - the response may be anything
            self.why = str(error) or type(error).__name__
        finally:
            loop.close()  # and not the thread that may still wait for a name server
        self.failures += bool(self.why)


async def _status(url: str) -> str:
    """Call a URL; return why the call failed, from the status alone; empty if it succeeded."""
    async with (
        httpx2.AsyncClient(timeout=TIMEOUT_S, **trust.http_options(url)) as client,
        client.stream("GET", url) as response,
    ):
        return "" if response.is_success else f"status {response.status_code}"
