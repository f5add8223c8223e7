"""A websocket of bounded appetite: what a hostile exchange may make us keep, in frames and bytes.

The library bounds a message in bytes, but not how many frames come between two of them: pings, each
of which is answered, pongs, fragments of nothing. And what we answer waits in memory for as long
as the other side does not read.
"""

from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import CTRL_OPCODES, Frame
from websockets.protocol import Event

from feeds.loss import reason_of

FRAMES_BETWEEN_MAX = 4_096
"""The most frames that may come until a message is whole. The exchange sends whole ones."""

ANSWERS_BYTES_MAX = 1 << 20
"""How much of what we say may wait for the other side to read it."""


class BoundedConnection(ClientConnection):
    """A connection that breaks off when the other side exceeds a bound; ``why`` says which."""

    why = ""
    _frames = 0

    def process_event(self, event: Event) -> None:
        """Count a frame, and hand it on unless the connection was given up."""
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
        """Take what has come in, and see that the answers are read."""
        try:
            super().data_received(data)
        except Exception as error:  # noqa: BLE001 - of a library, on what anybody may send
            self._give_up(reason_of(error))
        if not self.why and self.transport.get_write_buffer_size() > ANSWERS_BYTES_MAX:
            self._give_up(f"more than {ANSWERS_BYTES_MAX} bytes of answers are not read")

    def _give_up(self, why: str) -> None:
        self.why = why
        self.transport.abort()


class Unled(connect):
    """A connection attempt that no answer leads elsewhere: a redirect is a refusal."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Return why the attempt failed."""
        return exc


def bounded(url: str, **options: Any) -> connect:
    """Return an attempt to connect, as `websockets.asyncio.client.connect`, within these bounds."""
    return Unled(url, create_connection=BoundedConnection, **options)
