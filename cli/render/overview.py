"""The status of several journals: a row each, and a line below it where something is wrong."""

from collections.abc import Iterator, Sequence

from analysis.status import JournalStatus
from eventlog.printable import printable
from eventlog.records import ONLINE
from journal.reading.score import money, percent, span

_HEADS = ("PAPER", "state", "newest", "ticks/s", "skill", "equity", "gain", "does")
_WIDTHS = (17, 8, 8, 7, 8, 11, 9, 4)
_TROUBLE_CHARACTERS = 76
_STREAMING = "streaming"


def to_lines(standings: Sequence[JournalStatus]) -> Iterator[str]:
    """Yield a table that fits into eighty columns; ``skill`` is of all labels, as in a report."""
    yield _line(*_HEADS)
    for standing in standings:
        last, learned = standing.last, standing.learned
        skill = None if learned is None else learned.skill
        pace = standing.recent_ticks_per_s
        yield _line(
            _cut(standing.place.name, _WIDTHS[0]),
            standing.state,
            _age(standing.age_s),
            "-" if pace is None else f"{pace:,.1f}",
            "-" if skill is None else f"{skill:+.1%}",
            (None if last is None else money(last[1].equity_e8)) or "-",
            percent(standing.gain),
            "-" if last is None else printable(last[1].action, 4),
        )
        trouble = _trouble(standing)
        if trouble:
            yield "  " + _cut(printable(trouble), _TROUBLE_CHARACTERS)


def _trouble(standing: JournalStatus) -> str:
    """Return what is wrong with a journal that is being recorded or was killed; else nothing."""
    if standing.state == "killed":
        return "killed: nothing acknowledged is lost, and trader live goes on from there"
    feed, market = (standing.health.get(name) for name in ("feed", "market_status"))
    matters = [
        *([] if feed in (None, _STREAMING) else [f"feed {feed}"]),
        *([] if market in (None, ONLINE) else [f"market {market}"]),
    ]
    return ", ".join(matters) if standing.running else ""


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _line(*cells: str) -> str:
    first, *others = zip(cells, _WIDTHS, strict=True)
    said = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
    return " ".join(said).rstrip()


def _age(age_s: float | None) -> str:
    """Return the age of the newest record, or ``ahead`` if the clock was set back behind it."""
    if age_s is None:
        return "-"
    return span(age_s) if age_s >= 0 else "ahead"
