"""The signals that end a session, from the first moment of its start: Ctrl-C, SIGTERM, SIGHUP.

While a session runs, its supervisor handles them. Before that, TensorFlow loads and compiles for
seconds in which Python runs no handler. So a thread waits for the signal's number on a pipe and
ends the process itself. Nothing is lost by that: the files on the disk are those of an earlier
session, or are written whole or not at all.

A closed terminal ends a session like SIGTERM, unless the process was started to ignore it, as by
``nohup``. A background process may write to its terminal without being stopped for it.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Self

from journal.live import outlets

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Stopping:
    """The signals that end a session; watched during the start, until they are handed over.

    Args:
        leave: called before the process ends; it must be quick.
    """

    def __init__(self, leave: Callable[[], None]) -> None:
        self._leave = leave
        self._numbers = tuple(_handled())
        self._before: dict[signal.Signals, object] = {}
        self._wakeup = -1
        self._reading = self._writing = -1
        self._is_starting = True
        self._seen = ""

    def __iter__(self) -> Iterator[signal.Signals]:
        return iter(self._numbers)

    def __enter__(self) -> Self:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._wakeup = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._on_signal) for number in self}
        if hasattr(signal, "SIGTTOU"):
            self._before[signal.SIGTTOU] = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_starting = False
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        os.close(self._writing)  # the thread reads the end, and closes the other

    def hand_over(self) -> str:
        """Leave the signals to the caller, whose handlers are set; return the first one's name.

        Empty if no signal has arrived yet.
        """
        self._is_starting = False
        return self._seen

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self._seen = self._seen or signal.Signals(number).name

    def _watch(self) -> None:
        while number := os.read(self._reading, 1):
            if self._is_starting and number[0] in self._numbers:
                self._end(signal.Signals(number[0]).name)
        os.close(self._reading)

    def _end(self, name: str) -> None:
        with suppress(Exception):
            sys.stderr.write(f"stopped by {name} before the session began\n")
            self._leave()
            outlets.finish()
        os._exit(0)


def _handled() -> Iterator[signal.Signals]:
    """Yield the signals that end a session: those of `NAMES`, but no ignored SIGHUP."""
    for name in NAMES:
        number = getattr(signal, name, None)
        is_ignored = number is not None and signal.getsignal(number) == signal.SIG_IGN
        if number is not None and not (is_ignored and name == "SIGHUP"):
            yield number
