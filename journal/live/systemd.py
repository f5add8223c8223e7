"""Notifies the service manager: ready, alive, stopping (sd_notify(3)).

It sends datagrams to the socket that the manager names; without a socket, nothing is sent. The
caller decides whether all is well, and so whether the manager's watchdog is fed.
"""

import re
import socket
from contextlib import suppress

from eventlog.printable import printable


class Notifier:
    """Notifies the manager at an address, ``@`` for an abstract one; ``None`` if there is none.

    Args:
        address: ``NOTIFY_SOCKET`` of the environment.
        watchdog_us: ``WATCHDOG_USEC``: how long the manager waits for a sign of life.
    """

    def __init__(self, address: str | None, *, watchdog_us: str | None = None) -> None:
        self._address = ("\0" + address[1:] if address[0] == "@" else address) if address else None
        is_number = re.fullmatch(r"0*[1-9][0-9]{0,17}", watchdog_us or "") is not None
        # Twice within the time, as the manual recommends.
        self.alive_every_s = int(watchdog_us or 0) / 2e6 if is_number else None
        self._unsent = ""
        self._socket: socket.socket | None = None
        if self._address is not None:
            # Opened now, since later there may be no descriptor left for it.
            with suppress(OSError):
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                self._socket.setblocking(False)

    def ready(self, status: str) -> None:
        """Notify that the start is over."""
        self._send(f"READY=1\nSTATUS={_line(status)}")

    def alive(self, status: str) -> None:
        """Notify that all is well, which feeds the watchdog."""
        self._send(f"WATCHDOG=1\nSTATUS={_line(status)}")

    def status(self, status: str) -> None:
        """Send a status, which does not feed the watchdog."""
        self._send(f"STATUS={_line(status)}")

    def stopping(self) -> None:
        """Notify that the end has begun; nothing is sent after that."""
        self._send("STOPPING=1")
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, text: str) -> None:
        if self._address is None or self._socket is None:
            return
        # A manager that is gone or busy is no reason to wait or to stop. If the notice that the
        # start is over could not be sent, it is sent with the next one.
        text, self._unsent = self._unsent + text, ""
        try:
            self._socket.sendto(text.encode("utf-8", "backslashreplace"), self._address)
        except (OSError, ValueError):
            self._unsent = "READY=1\n" if text.startswith("READY=1") else ""


def _line(text: str) -> str:
    return printable(" ".join(text.split()))
