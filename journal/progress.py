"""The progress of long work and the duration of each stage: on stderr, also without a terminal.

A stage is named while it runs, and its seconds are printed when it ends. On a terminal the line is
redrawn; elsewhere a line is printed every minute, so that nobody has to guess whether it hangs.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from eventlog.printable import printable
from feeds import clock
from journal import console
from journal.reading.score import span

Advance = Callable[[int], None]
"""Reports how many more records are done."""

MINUTE_S = 60.0
"""How often progress is printed without a terminal."""

REDRAW_S = 1.0
"""How often a stage's line changes on a terminal."""

TOLD_S = 1.0
"""Work that took less is not given a line of its own when it has ended."""

_START_OF_LINE, _REST_OF_LINE = "\r", "\x1b[K"
_NAME_CHARACTERS = 12


@dataclass(slots=True)
class Stage:
    """A running stage; ``note`` is its result, printed after its seconds."""

    note: str = ""


@contextmanager
def stage(name: str) -> Iterator[Stage]:
    """Show that a stage runs; print how long it took, unless it fails."""
    running = Stage()
    on_terminal = sys.stderr.isatty()
    started_s = clock.monotonic_s()

    def line() -> str:
        return f"{printable(name, 40):{_NAME_CHARACTERS}} {clock.monotonic_s() - started_s:6.1f} s"

    def tick() -> None:
        if on_terminal:
            console.write(f"{_START_OF_LINE}{line()} …{_REST_OF_LINE}", err=True)
        else:
            console.echo(f"{line()} so far", err=True)

    try:
        with _every(REDRAW_S if on_terminal else MINUTE_S, tick):
            yield running
    except BaseException:
        if on_terminal:
            console.write(_START_OF_LINE + _REST_OF_LINE, err=True)
        raise
    start = _START_OF_LINE if on_terminal else ""
    end = _REST_OF_LINE if on_terminal else ""
    text = f"{line()}  {printable(running.note)}".rstrip()
    console.write(f"{start}{text}{end}\n", err=True)


@contextmanager
def _every(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Call ``act`` every ``seconds``, on a thread that ends with the context or the process."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(seconds):
            with suppress(OSError):  # work goes on without a stderr
                act()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class _Rate(ProgressColumn):
    """Records a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s")


@contextmanager
def progress(label: str, total: int | None) -> Iterator[Advance]:
    """Show the progress of work in records; with a ``total``, also the share and the time left."""
    started_s = clock.monotonic_s()
    show = _bar if sys.stderr.isatty() else _lines
    with show(label, total) as advance:
        yield advance
    took_s = clock.monotonic_s() - started_s
    if took_s >= TOLD_S:
        console.echo(f"{printable(label, 60)}: {took_s:,.1f} s", err=True)


@contextmanager
def _bar(label: str, total: int | None) -> Iterator[Advance]:
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task(printable(label, 60), total=total)
        yield lambda count: bar.advance(task, count)


@contextmanager
def _lines(label: str, total: int | None) -> Iterator[Advance]:
    """Print once a minute what is done, how fast, and the estimated time left."""
    started_s, done = clock.monotonic_s(), 0

    def advance(count: int) -> None:
        nonlocal done
        done += count

    def say() -> None:
        of = f" of {total:,} ({done / total:.0%})" if total else ""
        took_s = clock.monotonic_s() - started_s
        left = f", about {span(took_s * (total - done) / done)} left" if total and done else ""
        rate = f", {done / took_s:,.0f}/s" if done else ""
        text = f"{done:,}{of} in {span(took_s)}{rate}{left}"
        console.echo(f"{printable(label, 60)}: {text}", err=True)

    with _every(MINUTE_S, say):
        yield advance
