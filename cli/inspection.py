"""Read every byte of a log in a child process: a reader that dies of damaged bytes is a finding."""

from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from eventlog import integrity
from eventlog.integrity import Finding

CRASHED = "reader.crashed"


def inspect(log: Path, *, quick: bool) -> list[Finding]:
    """Return what is wrong with a log, found by a process of its own.

    Raises:
        NoLog: if there is no log.
        Incompatible: if a newer version wrote it.
    """
    look = integrity.check_quick if quick else integrity.check
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(look, log).result()
        except BrokenProcessPool:
            message = "the process that read it died: its bytes could not be judged"
            return [Finding(CRASHED, log, None, message, repairable=False)]
