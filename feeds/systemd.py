"""Telling the service manager how it goes: ready, alive, stopping (sd_notify(3)).

A datagram to the socket that the manager names; without one, nothing is said. The manager's
watchdog is fed by whoever decides that all is well, not here.
"""

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
        self._address = address and ("\0" + address[1:] if address[0] == "@" else address)
        is_number = watchdog_us is not None and watchdog_us.isascii() and watchdog_us.isdigit()
        # Twice within the time, as the manual asks.
        self.alive_every_s = int(watchdog_us or 0) / 2e6 if is_number else None

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
        """Say that the end has begun."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if self._address is None:
            return
        # A manager that is gone is no reason to stop.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
            sending.setblocking(False)
            sending.sendto(text.encode(), self._address)


def _line(text: str) -> str:
    return printable(" ".join(text.split()))
