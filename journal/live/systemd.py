"""Telling the service manager how it goes: ready, alive, stopping (sd_notify(3)).

A datagram to the socket that the manager names; without one, nothing is said. The manager's
watchdog is fed by whoever decides that all is well, not here.
"""

import re
import socket
from contextlib import suppress

from eventlog.printable import printable


class Notifier:
    """Speaks to the manager at an address, ``@`` for an abstract one; ``None``: there is none.

    Args:
        address: ``NOTIFY_SOCKET`` of the environment.
        watchdog_us: ``WATCHDOG_USEC``: how long the manager waits for a sign of life.
    """

    def __init__(self, address: str | None, *, watchdog_us: str | None = None) -> None:
        self._address = ("\0" + address[1:] if address[0] == "@" else address) if address else None
        is_number = re.fullmatch(r"0*[1-9][0-9]{0,17}", watchdog_us or "") is not None
        # Twice within the time, as the manual asks.
        self.alive_every_s = int(watchdog_us or 0) / 2e6 if is_number else None
        self._unsaid = ""
        self._socket: socket.socket | None = None
        if self._address is not None:
            # Now, since later there may be no descriptor left to say that all is well with.
            with suppress(OSError):
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                self._socket.setblocking(False)

    def ready(self, status: str) -> None:
        """Say that the start is over."""
        self._send(f"READY=1\nSTATUS={_line(status)}")

    def alive(self, status: str) -> None:
        """Say that all is well."""
        self._send(f"WATCHDOG=1\nSTATUS={_line(status)}")

    def status(self, status: str) -> None:
        """Say how it is, which feeds no watchdog."""
        self._send(f"STATUS={_line(status)}")

    def stopping(self) -> None:
        """Say that the end has begun, which is the last that is said."""
        self._send("STOPPING=1")
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, text: str) -> None:
        if self._address is None or self._socket is None:
            return
        # A manager that is gone, or too busy to listen, is no reason to wait or to stop. That the
        # start is over is said again, with what comes next.
        text, self._unsaid = self._unsaid + text, ""
        try:
            self._socket.sendto(text.encode("utf-8", "backslashreplace"), self._address)
        except (OSError, ValueError):
            self._unsaid = "READY=1\n" if text.startswith("READY=1") else ""


def _line(text: str) -> str:
    return printable(" ".join(text.split()))
