"""The output of every command: text without anything that acts on a terminal.

Data goes to stdout, messages to stderr. Foreign text was escaped where it was put into a line
(`eventlog.printable`). This module escapes what was missed, and is the only one that writes.
"""

import io
import sys
from collections.abc import Mapping
from typing import BinaryIO, TextIO

from eventlog.printable import lines_of, to_json


def echo(text: str = "", *, err: bool = False, nl: bool = True) -> None:
    """Write text, and a newline unless ``nl`` is false; what cannot be encoded is escaped.

    Raises:
        OSError: if it cannot be written.
    """
    write(lines_of(text) + ("\n" if nl else ""), err=err)


def put(facts: Mapping[str, object], *, allow_nan: bool = True) -> None:
    """Write one line of ``--json``.

    Raises:
        OSError: if it cannot be written.
        ValueError: if there is a number that JSON does not have, unless ``allow_nan``.
    """
    write(to_json(facts, allow_nan=allow_nan) + "\n")


def binary() -> BinaryIO:
    """Return stdout as a stream of bytes, for data that is no text of ours."""
    sys.stdout.flush()
    stream: BinaryIO | None = getattr(sys.stdout, "buffer", None)
    return _Bytes(sys.stdout) if stream is None else stream


class _Bytes(io.BytesIO):
    """A stream of bytes over a text stream without one, such as that of a test."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def flush(self) -> None:
        self._stream.write(self.getvalue().decode("utf-8", "backslashreplace"))
        self.seek(0)
        self.truncate()


def write(text: str, *, err: bool = False) -> None:
    """Write text as it is: for escapes of our own, such as those that redraw a screen."""
    stream = sys.stderr if err else sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()
