"""Lines that are redrawn in place, again and again."""

import sys
from collections.abc import Callable, Iterable, Iterator
from shutil import get_terminal_size
from typing import TypeVar

from cli.answer import echo_lines
from feeds import clock
from journal import console

_CLEAR, _HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[2J", "\x1b[H", "\x1b[K", "\x1b[J"
T = TypeVar("T")


def repeated(look: Callable[[], T], every_s: float | None) -> Iterator[T]:
    """Yield what ``look`` returns, every so many seconds for ever; without a time, once."""
    yield look()
    while every_s is not None:
        clock.sleep_s(every_s)
        yield look()


def screen() -> Callable[[Iterable[str]], None]:
    """Return a function that writes lines over its last ones or, without a terminal, below them."""
    if not sys.stdout.isatty():
        return echo_lines
    console.write(_CLEAR)
    return lambda lines: console.write(redrawn([*lines]))


def redrawn(lines: list[str]) -> str:
    """Return the text that replaces the lines on a terminal without clearing it in between."""
    columns, rows = get_terminal_size()
    if len(lines) >= rows:
        lines = [*lines[: rows - 2], f"… {len(lines) - rows + 2} more lines"]
    lines = [line[: columns - 1] for line in lines]
    return _HOME + "".join(line + _REST_OF_LINE + "\n" for line in lines) + _REST_OF_SCREEN
