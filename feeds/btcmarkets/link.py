"""One connection of several that there may be at a time: while it is replaced, both are heard."""

import asyncio
import fcntl
import termios
from array import array

from websockets.asyncio.client import ClientConnection

from feeds.btcmarkets.subscription_state import SubscriptionState
from feeds.clock import now_ns


class Link:
    """One connection, from its handshake to its end."""

    def __init__(self, number: int, subscription: SubscriptionState) -> None:
        self.number = number
        self.subscription = subscription
        self.task: asyncio.Task[None]
        self.socket: ClientConnection | None = None
        self.heard_s = 0.0
        self.is_full = False
        self.read_since_s = float("-inf")
        """Since when it is read without a pause."""
        self.connected = False
        self.refused_once = False
        self.doubts = 0
        """How often one of its streams was found dead."""
        self.held_since_ns: int | None = None
        """Since when what is read now may have been there, unread; `None` if nothing waits."""
        self.told = asyncio.Event()  # the dialogue may have something to ask
        self.took_over = asyncio.Event()  # every market that can be is this one's

    def hold(self, since_ns: int) -> None:
        """Note that nothing was read since then, because of us."""
        if self.held_since_ns is None:
            self.held_since_ns = since_ns

    async def next(self, socket: ClientConnection) -> tuple[bytes, int]:
        """Return the next frame, undecoded, and when it was received.

        One that may have been waiting for us since we stood still counts as received then: what
        nobody knows is not taken for new. That ends once nothing waits any more.
        """
        if self.held_since_ns is not None and not _waiting_bytes(socket):
            try:
                async with asyncio.timeout(0):
                    return await socket.recv(decode=False), self.held_since_ns
            except TimeoutError:
                if not _waiting_bytes(socket):
                    self.held_since_ns = None
        # Undecoded, so that a frame that is not UTF-8 is a record and not the end.
        frame = await socket.recv(decode=False)
        received_ns = now_ns()
        if self.held_since_ns is not None:
            received_ns = min(received_ns, self.held_since_ns)
        return frame, received_ns

    async def end(self) -> None:
        """End it, whatever it is doing, and wait until it has."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def _waiting_bytes(socket: ClientConnection) -> int:
    """Return how much of the connection the system holds that we have not read."""
    held = array("i", [0])
    try:
        fcntl.ioctl(socket.transport.get_extra_info("socket").fileno(), termios.FIONREAD, held)
    except (OSError, ValueError, AttributeError):
        return 0  # it is closed
    return held[0]
