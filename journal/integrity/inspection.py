"""Read every byte of a log in a child process: a reader that dies of damaged bytes is a finding."""

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
    """Return what is wrong with a log, found by a process of its own.

    ``advance`` is told how many more records were read.

    Raises:
        NoLog: if there is no log.
        Incompatible: if a newer version wrote it.
    """
    # A child is started afresh, not forked: it shares nothing that a crash could leave locked.
    context = get_context("spawn")
    ours, childs = context.Pipe(duplex=False)
    look = integrity.check_quick if quick else partial(integrity.check, progress=_Teller(childs))
    child = context.Process(target=_look, args=(childs, look, log))
    child.start()
    childs.close()
    try:
        while isinstance(said := ours.recv(), int):
            advance(said)
    except EOFError:
        message = "the process that read it died: its bytes could not be judged"
        return [Finding(CRASHED, log, None, message, repairable=False)]
    finally:
        child.kill()  # it only reads, and has said what it has to say
        child.join()
    if isinstance(said, EventLogError):
        raise said
    findings: list[Finding] = said
    return findings


@dataclass(frozen=True)
class _Teller:
    """Tells the parent how many more records were read."""

    parent: "Connection[object, object]"

    def __call__(self, _: Path, count: int) -> None:
        self.parent.send(count)


def _look(
    parent: "Connection[object, object]", look: Callable[[Path], list[Finding]], log: Path
) -> None:
    """Tell the parent what is found, or what was raised."""
    try:
        parent.send(look(log))
    except EventLogError as error:
        parent.send(error)
