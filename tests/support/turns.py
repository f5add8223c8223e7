"""Writers that take turns: each runs in a thread of its own, and one call of one of them at a time.

Before each call to the filesystem a writer waits until it is its turn, so that a test draws the
interleaving: a writer that is not given a turn is stopped there, as by SIGSTOP, for as long as the
others like; one that is killed makes no call any more.
"""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eventlog.storage import DISK, Storage

WAIT_S = 60


class Killed(BaseException):
    """The writer makes no call any more."""


class Writer:
    """Something that runs in turns with others, over a filesystem that waits for the turn."""

    def __init__(self, work: Callable[[Storage], None], storage: Storage = DISK) -> None:
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._killed = False
        self.ended = False
        self.error: BaseException | None = None
        self._held: list[Any] = []
        self._work, self._storage = work, storage
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def turn(self) -> None:
        """Let it make one call, or come to its end."""
        self._go.release()
        assert self._back.acquire(timeout=WAIT_S)

    def kill(self) -> None:
        """Have it make no call any more, and let go of what the system would take back."""
        self._killed = True
        while not self.ended:
            self.turn()
        for held in self._held:
            if hasattr(held, "_descriptor"):
                os.close(held._descriptor)
        self._held.clear()

    def _run(self) -> None:
        self._go.acquire()
        try:
            self._work(_Turned(self, self._storage))
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - whatever it was is the test's to judge
            self.error = error
        self.ended = True
        self._back.release()

    def _wait(self) -> None:
        if not self._killed:
            self._back.release()
            self._go.acquire()
        if self._killed:
            raise Killed


_FILES = {"create", "open", "open_synced", "lock"}


class _Turned:
    """A filesystem, file or lock, each call to which waits for the writer's turn."""

    def __init__(self, writer: Writer, real: object) -> None:
        self._writer, self._real = writer, real

    def __getattr__(self, name: str) -> Any:
        there = getattr(self._real, name)
        if not callable(there):
            return there

        def call(*arguments: object) -> object:
            self._writer._wait()
            if name in ("close", "release"):
                self._writer._held.remove(self._real)
            result = there(*arguments)
            if name in _FILES and result is not None:
                self._writer._held.append(result)
                return _Turned(self._writer, result)
            return result

        return call


class WithoutLocks:
    """The real filesystem, if it kept no locks and did not say so."""

    def __getattr__(self, name: str) -> Any:
        return getattr(DISK, name)

    def lock(self, path: Path) -> "Granted":
        """Grant it to everybody."""
        path.touch()
        return Granted()

    def locked(self, path: Path) -> bool:
        """Say that nobody has it."""
        return False


class Granted:
    """A lock that others have, too, and that nothing is said of."""

    settled = True

    def is_named(self, path: Path) -> bool:
        """Say so."""
        return True

    def release(self) -> None:
        """Nothing is given back."""
