"""Full segments become Parquet beside the stream: prepared by a child process, put in place here.

The heavy part needs nothing of the writer, the short part belongs to its thread. A child that is
gone, or a file that no longer fits, is no loss: the segment is still there, and is prepared again.
"""

import os
import signal
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from types import TracebackType
from typing import Self

from eventlog.errors import Unprepared
from eventlog.log import Log
from eventlog.sealing import Prepared, prepare


class Sealer:
    """Seals the closed segments of a log, one at a time, whenever it is tended."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._pool: ProcessPoolExecutor | None = None
        self._preparing: Future[Prepared] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            # What is not done is done by the next session; the child need not be waited for.
            self._pool.shutdown(wait=False, cancel_futures=True)

    def tend(self) -> None:
        """Begin to prepare the oldest closed segment, or put a prepared one in its place.

        Returns at once.

        Raises:
            Corrupt: if a closed segment is not what was written.
            WriteFailed: if the device refuses.
        """
        if self._preparing is None:
            work = self._log.sealable()[:1]
            if work:
                self._preparing = self._child().submit(prepare, work[0])
        elif self._preparing.done():
            done, self._preparing = self._preparing, None
            try:
                self._log.commit_seal(done.result())
            except Unprepared:
                pass  # prepared again at the next tending
            except BrokenProcessPool:
                self._pool = None

    def _child(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                1, mp_context=get_context("spawn"), initializer=_begin_child
            )
        return self._pool


def _begin_child() -> None:
    """Leave Ctrl-C to the parent, and end when the parent does, however it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
