"""Lines that are drawn again and again, over those that stood there."""

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
    """Yield what is seen, again after so many seconds each, for ever; once without a time."""
    yield look()
    while every_s is not None:
        clock.sleep_s(every_s)
        yield look()


def screen() -> Callable[[Iterable[str]], None]:
    """Return what writes lines over those it wrote before; on what is no terminal, below them."""
    if not sys.stdout.isatty():
        return echo_lines
    console.write(_CLEAR)
    return lambda lines: console.write(redrawn([*lines]))


def redrawn(lines: list[str]) -> str:
    """Return what puts lines where others stood, without a moment in which nothing does."""
    columns, rows = get_terminal_size()
    if len(lines) >= rows:
        lines = [*lines[: rows - 2], f"… {len(lines) - rows + 2} more lines"]
    lines = [line[: columns - 1] for line in lines]
    return _HOME + "".join(line + _REST_OF_LINE + "\n" for line in lines) + _REST_OF_SCREEN
