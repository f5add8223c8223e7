"""Checks a log in a child process: if damaged bytes crash the reader, that is a finding."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from eventlog import integrity
from eventlog.errors import EventLogError
from eventlog.integrity import Finding
from journal.progress import Advance

CRASHED = "reader.crashed"


def inspect(log: Path, *, quick: bool, advance: Advance) -> list[Finding]:
    """Return what is wrong with a log, as a child process finds it.

    ``advance`` is called with how many more records were read.

    Raises:
        NoLog: if there is no log.
        Incompatible: if a newer version wrote it.
    """
    # The child is spawned, not forked: it shares nothing that a crash could leave locked.
    context = get_context("spawn")
    ours, childs = context.Pipe(duplex=False)
    look = integrity.check_quick if quick else partial(integrity.check, progress=_Teller(childs))
    child = context.Process(target=_look, args=(childs, look, log))
    child.start()
    childs.close()
    try:
        while isinstance(received := ours.recv(), int):
            advance(received)
    except EOFError:
        message = "the process that read it died: its bytes could not be judged"
        return [Finding(CRASHED, log, None, message, repairable=False)]
    finally:
        child.kill()  # it only reads, and has sent its result
        child.join()
    if isinstance(received, EventLogError):
        raise received
    findings: list[Finding] = received
    return findings


@dataclass(frozen=True)
class _Teller:
    """Sends the parent how many more records were read."""

    parent: "Connection[object, object]"

    def __call__(self, _: Path, count: int) -> None:
        self.parent.send(count)


def _look(
    parent: "Connection[object, object]", look: Callable[[Path], list[Finding]], log: Path
) -> None:
    """Send the parent the findings, or the error that was raised."""
    try:
        parent.send(look(log))
    except EventLogError as error:
        parent.send(error)
