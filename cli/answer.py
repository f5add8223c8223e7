"""How a command answers: a line of JSON for a program, or what a person reads."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from eventlog.printable import printable, to_json
from journal import console
from journal.messages import line_of

LINE_CHARACTERS_MAX = 4_000
"""A line for a person is cut after so many, whatever foreign text is in it."""


def echo_lines(lines: Iterable[str], *, err: bool = False) -> None:
    """Write lines one after the other, on stderr if ``err``."""
    for line in lines:
        console.echo(line, err=err)


def answer(
    message: Any,
    lines: Iterable[str] = (),
    *,
    as_json: bool,
    err: bool = False,
    allow_nan: bool = True,
) -> None:
    """Write a message (`journal.messages`) as a line of ``--json``, or its lines for a person.

    Args:
        message: the result.
        lines: the same as text; computed only if it is written.
        as_json: which of the two is written.
        err: on stderr, where stdout has the data itself.
        allow_nan: whether numbers may be NaN or infinite, which JSON does not have.

    Raises:
        OSError: if it cannot be written.
        ValueError: if there is such a number, unless ``allow_nan``.
    """
    if as_json:
        console.echo(to_json(line_of(message), allow_nan=allow_nan), err=err)
        return
    echo_lines(_printable(lines), err=err)


def answer_all(
    messages: Iterable[Any],
    lines: Iterable[str],
    *,
    as_json: bool,
    write: Callable[[Iterable[str]], None] = echo_lines,
) -> None:
    """Write several messages, a line of ``--json`` each, or one text about all of them.

    Only the one that is written is computed.

    Raises:
        OSError: if it cannot be written.
    """
    if as_json:
        for message in messages:
            answer(message, as_json=True)
    else:
        write(_printable(lines))


def _printable(lines: Iterable[str]) -> Iterator[str]:
    return (printable(line, LINE_CHARACTERS_MAX) for line in lines)
