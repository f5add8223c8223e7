"""Standard output and standard error as a command needs them: open, and with errors reported.

Data goes to stdout: if it cannot be written there, the command fails with a code of its own, and
without a message if the reader has closed the pipe, as ``head`` does. Messages go to stderr: if
they cannot be written there, the command continues.
"""

import errno
import io
import os
import select
import sys
from contextlib import suppress
from typing import Any, TextIO

from cli.exit_codes import Exit, code_of
from journal.errors import OutputFailed, ReaderGone


class _Guarded(io.RawIOBase):
    """A descriptor whose first error is raised as `OutputFailed` or, on stderr, ignored."""

    def __init__(self, number: int, *, is_data: bool) -> None:
        self._number = number
        self._is_data = is_data
        self._is_gone = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def write(self, data: Any) -> int:
        size_bytes = memoryview(data).nbytes
        if self._is_gone:
            return size_bytes
        try:
            return self._written(data)
        except OSError as error:
            if not self._is_data:
                return size_bytes
            self._is_gone = True  # so that nothing is raised a second time, at the exit
            if error.errno == errno.EPIPE:
                raise ReaderGone("") from error
            raise OutputFailed(f"stdout: {os.strerror(error.errno or 0)}") from error

    def _written(self, data: Any) -> int:
        while True:
            try:
                return os.write(self._number, data)
            except BlockingIOError:  # the process that started this one made it so
                select.select([], [self._number], [])


def guard() -> None:
    """Guard stdout and stderr as this module says; streams that a caller has replaced stay."""
    _open_missing()
    for name, is_data in (("stdout", True), ("stderr", False)):
        stream: TextIO | None = getattr(sys, name)
        number = 1 if is_data else 2
        if stream is not getattr(sys, f"__{name}__") or isinstance(stream, _Text):
            continue
        if stream is not None:
            with suppress(OSError):
                stream.flush()
        guarded = _Guarded(number, is_data=is_data)
        setattr(sys, name, _Text(io.BufferedWriter(guarded), stream, is_data=is_data))


class _Text(io.TextIOWrapper):
    """The text of a guarded descriptor: what its encoding lacks is written as an escape."""

    def __init__(self, raw: io.BufferedWriter, like: TextIO | None, *, is_data: bool) -> None:
        is_terminal = raw.isatty()
        super().__init__(
            raw,
            encoding=getattr(like, "encoding", None) or "utf-8",
            errors="backslashreplace",
            line_buffering=is_terminal or not is_data,
        )


def _open_missing() -> None:
    """Open standard streams that were closed at the start: else the next file would become one.

    A stdout that was closed is opened for reading only, so that a command with data to write fails.
    """
    for number, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is taken, which is this one: those below are open by now.
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - it is there as long as we are


def finish() -> Exit | None:
    """Write what is buffered; return the exit code if that failed on stdout, else ``None``."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OutputFailed as error:
            return code_of(error)
        except (OSError, ValueError):
            continue
    return None
