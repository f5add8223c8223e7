"""Seals full segments to Parquet during a session: a child process prepares, this one publishes.

The heavy part needs nothing of the writer, the short part belongs to its thread. A child that is
gone, one that cannot be started, or a file that no longer fits, is no loss: the segment is still
there, and is prepared again, after a pause that grows. Only what a closed segment holds, and what
the log's own device refuses, ends the writer.
"""

import os
import signal
import threading
from contextlib import suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Self

from eventlog.errors import Corrupt, Unprepared
from eventlog.log import Log
from eventlog.sealing import Prepared, SealWork, prepare
from feeds import clock
from journal.live import logging

PAUSE_S = 1.0
PAUSE_MOST_S = 60.0
"""How long a failed preparation is followed by none: at first, and after many."""


class Sealer:
    """Seals the closed segments of a log, one at a time, whenever it is tended."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._child: _Child | None = None
        self._is_preparing = False
        self._failures = 0
        self._not_before_s = float("-inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # What is not done is done by the next session; the child need not be waited for.
        self._give_up()

    def tend(self) -> None:
        """Begin to prepare the oldest closed segment, or put a prepared one in its place.

        Returns at once.

        Raises:
            Corrupt: if a closed segment is not what was written.
            WriteFailed: if the device refuses to put a prepared file in its place.
        """
        try:
            if self._is_preparing:
                self._take()
            elif clock.monotonic_s() >= self._not_before_s:
                self._begin()
        except Unprepared:
            self._is_preparing = False  # prepared again at the next tending
        except _Lost as error:
            self._put_off(str(error))

    def _begin(self) -> None:
        work = self._log.sealable()[:1]
        if not work:
            return
        try:
            if self._child is None:
                self._child = _Child()
            self._child.prepare(work[0])
        except (OSError, RuntimeError, MemoryError) as error:
            raise _Lost(f"{type(error).__name__}: {error}") from error
        self._is_preparing = True

    def _take(self) -> None:
        assert self._child is not None
        found = self._child.prepared()
        if found is None:
            return
        self._is_preparing = False
        if isinstance(found, Corrupt | Unprepared):
            raise found
        if isinstance(found, Exception):
            raise _Lost(f"{type(found).__name__}: {found}")
        self._log.commit_seal(found)
        self._failures = 0

    def _put_off(self, why: str) -> None:
        """Try again later, with another child; say so when it happens and when it goes on."""
        self._give_up()
        pause_s = min(PAUSE_S * 2**self._failures, PAUSE_MOST_S)
        self._not_before_s = clock.monotonic_s() + pause_s
        if self._failures & (self._failures + 1) == 0:  # the first, second, fourth ...
            logging.say("unsealed", {"level": "warning", "why": why, "again_in_s": pause_s})
        self._failures += 1

    def _give_up(self) -> None:
        self._is_preparing = False
        if self._child is not None:
            self._child.end()
            self._child = None


class _Lost(Exception):
    """A preparation came to nothing that has to do with the log."""


class _Child:
    """A process that prepares segments, one after the other.

    Raises on construction:
        OSError: if it cannot be started.
    """

    def __init__(self) -> None:
        context = get_context("spawn")
        self._ours, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_prepare_all, args=(theirs,))
        self.process.daemon = True
        try:
            self.process.start()
        except BaseException:
            self._ours.close()
            raise
        finally:
            theirs.close()

    def prepare(self, work: SealWork) -> None:
        """Have a segment prepared; some hundred bytes, which a pipe takes without waiting.

        Raises:
            OSError: if it has ended.
        """
        self._ours.send(work)

    def prepared(self) -> Prepared | Exception | None:
        """Return what became of the segment, ``None`` before it is known.

        Raises:
            _Lost: if the process has ended before.
        """
        try:
            if self._ours.poll():
                found: Prepared | Exception = self._ours.recv()
                return found
        except (OSError, EOFError) as error:
            raise _Lost("the child that prepares segments has ended") from error
        return None

    def end(self) -> None:
        """End it, however busy or stopped it is."""
        self._ours.close()
        with suppress(OSError, AttributeError):
            self.process.kill()
        self.process.join(1.0)


def _prepare_all(connection: Connection) -> None:
    """Prepare what is sent, until the parent ends, however it does; Ctrl-C is the parent's."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    while True:
        try:
            work = connection.recv()
        except (EOFError, OSError):
            return
        try:
            found: Prepared | Exception = prepare(work)
        except Exception as error:  # noqa: BLE001 - whatever it is, the parent decides
            found = error
        try:
            connection.send(found)
        except OSError:
            return
        except Exception:  # noqa: BLE001 - an error that cannot be sent as it is
            connection.send(RuntimeError(str(found)))
