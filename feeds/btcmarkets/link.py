"""One connection. While it is being replaced, the old and the new one are both read."""

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
        """Since when it has been read without a pause."""
        self.connected = False
        self.refused_once = False
        self.doubts = 0
        """The number of times one of its streams was found dead."""
        self.held_since_ns: int | None = None
        """Since when unread data may have been waiting; ``None`` if none waits."""
        self.request_due = asyncio.Event()  # set when the subscriptions may have a request to send
        self.took_over = (
            asyncio.Event()
        )  # set when this connection has every market that it can have

    def hold(self, since_ns: int) -> None:
        """Record that this process has read nothing since then."""
        if self.held_since_ns is None:
            self.held_since_ns = since_ns

    async def next(self, socket: ClientConnection) -> tuple[bytes, int]:
        """Return the next frame, undecoded, and when it was received.

        A frame that may have been waiting since this process stopped reading counts as received at
        that time, so that old data is not taken for new. That ends once nothing waits.
        """
        if self.held_since_ns is not None and not _waiting_bytes(socket):
            try:
                async with asyncio.timeout(0):
                    return await socket.recv(decode=False), self.held_since_ns
            except TimeoutError:
                if not _waiting_bytes(socket):
                    self.held_since_ns = None
        # Undecoded, so that a frame that is not UTF-8 is recorded and does not end the connection.
        frame = await socket.recv(decode=False)
        received_ns = now_ns()
        if self.held_since_ns is not None:
            received_ns = min(received_ns, self.held_since_ns)
        return frame, received_ns

    async def end(self) -> None:
        """End the connection, whatever it is doing, and wait until it has ended."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def _waiting_bytes(socket: ClientConnection) -> int:
    """Return the bytes of the connection that the system has received and we have not read."""
    held = array("i", [0])
    try:
        fcntl.ioctl(socket.transport.get_extra_info("socket").fileno(), termios.FIONREAD, held)
    except (OSError, ValueError, AttributeError):
        return 0  # it is closed
    return held[0]
