"""A websocket with bounds on the frames and bytes that a hostile exchange can make us store.

The library bounds the bytes of a message, but not the number of frames between two messages: pings,
each of which is answered, pongs, empty fragments. Also, our answers wait in memory while the other
side does not read them.
"""

from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import CTRL_OPCODES, Frame
from websockets.protocol import Event

from feeds.loss import reason_of

FRAMES_BETWEEN_MAX = 4_096
"""The largest number of frames before a message is complete. The exchange sends a message in one
frame."""

ANSWERS_BYTES_MAX = 1 << 20
"""Bytes of our answers that may wait for the other side to read them."""


class BoundedConnection(ClientConnection):
    """A connection that ends when the other side exceeds a bound; ``why`` names the bound."""

    why = ""
    _frames = 0

    def process_event(self, event: Event) -> None:
        """Count a frame, and pass it on unless the connection was ended."""
        if self.why:
            return
        if isinstance(event, Frame):
            is_whole = event.fin and event.opcode not in CTRL_OPCODES
            self._frames = 0 if is_whole else self._frames + 1
            if self._frames > FRAMES_BETWEEN_MAX:
                what = "control frames" if event.opcode in CTRL_OPCODES else "fragments"
                self._give_up(f"more than {FRAMES_BETWEEN_MAX} {what} and no message")
                return
        super().process_event(event)

    def data_received(self, data: bytes) -> None:
        """Process received data, and check that our answers are read."""
        try:
            super().data_received(data)
        except Exception as error:  # noqa: BLE001 - a library's, on bytes that anybody may send
            self._give_up(reason_of(error))
        if not self.why and self.transport.get_write_buffer_size() > ANSWERS_BYTES_MAX:
            self._give_up(f"more than {ANSWERS_BYTES_MAX} bytes of answers are not read")

    def _give_up(self, why: str) -> None:
        self.why = why
        self.transport.abort()


class NotRedirected(connect):
    """A connection attempt that follows no redirect: a redirect counts as a refusal."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Return why the attempt failed."""
        return exc


def bounded(url: str, **options: Any) -> connect:
    """Return an attempt to connect, as `websockets.asyncio.client.connect`, within these bounds."""
    return NotRedirected(url, create_connection=BoundedConnection, **options)
