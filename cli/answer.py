"""How a command answers: one JSON object as its last line, or what a person reads."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from eventlog.printable import printable
from journal import console

LINE_CHARACTERS_MAX = 4_000
"""A line for a person is cut there, whatever foreign text is in it."""


T = TypeVar("T")


def echo_lines(lines: Iterable[str]) -> None:
    """Write lines one after the other."""
    for line in lines:
        console.echo(line)


def answer(
    result: T,
    *,
    as_json: bool,
    facts: Callable[[T], Mapping[str, object]],
    text: Callable[[T], Iterable[str]],
    allow_nan: bool = True,
) -> None:
    """Write a result: ``facts`` of it as the summary of ``--json``, or ``text`` of it as lines.

    Raises:
        OSError: if it cannot be written.
        ValueError: if a fact is a number that JSON does not have, unless ``allow_nan``.
    """
    if as_json:
        console.put({"message_type": "summary", **facts(result)}, allow_nan=allow_nan)
    else:
        echo_lines(_printable(text(result)))


def answer_all(
    results: Sequence[T],
    *,
    as_json: bool,
    facts: Callable[[T], Mapping[str, object]],
    text: Callable[[Sequence[T]], Iterable[str]],
    write: Callable[[Iterable[str]], None] = echo_lines,
) -> None:
    """Write several results: a summary each, or one text about all of them.

    Raises:
        OSError: if it cannot be written.
    """
    if as_json:
        for result in results:
            console.put({"message_type": "summary", **facts(result)})
    else:
        write(_printable(text(results)))


def _printable(lines: Iterable[str]) -> Iterator[str]:
    return (printable(line, LINE_CHARACTERS_MAX) for line in lines)
