"""Seals full segments to Parquet during a session: a child process prepares, this one publishes.

The heavy part needs nothing of the writer, the short part runs on the writer's thread. If a child
ends or cannot be started, or a prepared file no longer fits, nothing is lost: the segment is still
there, and is prepared again, after a pause that grows. Only a damaged closed segment, or a refusal
of the log's own device, ends the writer.
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
"""The pause after a failed preparation: at first, and at most."""


class Sealer:
    """Seals the closed segments of a log, one at a time, through repeated calls of `tend`."""

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
        # The next session seals the rest, so there is no need to wait for the child.
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
        result = self._child.prepared()
        if result is None:
            return
        self._is_preparing = False
        if isinstance(result, Corrupt | Unprepared):
            raise result
        if isinstance(result, Exception):
            raise _Lost(f"{type(result).__name__}: {result}")
        self._log.commit_seal(result)
        self._failures = 0

    def _put_off(self, why: str) -> None:
        """Try again later, with another child; log the first failure, and ever fewer later ones."""
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
    """A preparation failed, for a reason that is not in the log."""


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
        """Have a segment prepared; sends some hundred bytes, which a pipe takes without blocking.

        Raises:
            OSError: if it has ended.
        """
        self._ours.send(work)

    def prepared(self) -> Prepared | Exception | None:
        """Return the prepared segment, or why it failed; ``None`` while it is being prepared.

        Raises:
            _Lost: if the process has ended before.
        """
        try:
            if self._ours.poll():
                result: Prepared | Exception = self._ours.recv()
                return result
        except (OSError, EOFError) as error:
            raise _Lost("the child that prepares segments has ended") from error
        return None

    def end(self) -> None:
        """End the process, even if it is busy or stopped."""
        self._ours.close()
        with suppress(OSError, AttributeError):
            self.process.kill()
        self.process.join(1.0)


def _prepare_all(connection: Connection) -> None:
    """Prepare the segments that are sent, until the parent ends. Signals are left to the parent."""
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
            result: Prepared | Exception = prepare(work)
        except Exception as error:  # noqa: BLE001 - whatever it is, the parent decides
            result = error
        try:
            connection.send(result)
        except OSError:
            return
        except Exception:  # noqa: BLE001 - an error that cannot be sent as it is
            connection.send(RuntimeError(str(result)))
