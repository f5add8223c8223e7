"""The live view on a terminal: the state of a session at a glance, redrawn without flicker.

One block at the end of the terminal is redrawn in place; sentences scroll by above it. All sessions
of a process share it. Without colours (``NO_COLOR``) it shows the same.
"""

from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from eventlog.printable import printable
from eventlog.records import ONLINE
from journal.live.counters import Panel
from journal.reading.score import (
    Score,
    fraction,
    gain_of,
    late_words,
    money,
    percent,
    price,
    span,
    words_of,
)

WIDE_COLUMNS = 120
"""From so many columns on, the facts stand in two columns."""

BEHIND_S = 2.0
"""If a tick waited longer, the session is not live but catching up."""

_BARS = "▁▂▃▄▅▆▇█"


class View:
    """The block at the end of one terminal."""

    def __init__(self, stream: TextIO) -> None:
        """Draw on a stream; nothing is drawn yet."""
        self._console = Console(file=stream)
        self._live: Live | None = None
        self._panels: dict[str, Panel] = {}
        self._left: set[str] = set()

    def draw(self, panel: Panel) -> None:
        """Show a session as it is now, and the others as they were."""
        self._panels[panel.name] = panel
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
            # If the process is killed, the terminal must not be left without a cursor.
            self._console.show_cursor(True)
        columns = self._console.width
        blocks = [block(each, columns) for each in self._panels.values()]
        self._live.update(Group(*blocks), refresh=True)

    def leave(self, name: str) -> None:
        """Note that a session has ended. After the last one, the picture stays on the terminal."""
        self._left.add(name)
        if self._live is not None and self._left >= self._panels.keys():
            self._live.stop()
            self._live = None


def block(panel: Panel, columns: int) -> RenderableType:
    """Return a session's block for a terminal of so many columns."""
    facts = [_fact(label, text) for label, text in _facts(panel)]
    table = Table.grid(padding=(0, 2))
    if columns >= WIDE_COLUMNS:
        half = (len(facts) + 1) // 2
        rest = [*facts[half:], (Text(), Text())]
        for left, right in zip(facts[:half], rest, strict=False):
            table.add_row(*left, *right)
    else:
        for fact in facts:
            table.add_row(*fact)
    return Group(_head(panel, columns), table)


def _head(panel: Panel, columns: int) -> Text:
    head = Text(no_wrap=True, overflow="ellipsis")
    head.append(" PAPER ", style="bold reverse")
    head.append(f" {printable(panel.name)}", style="bold")
    head.append(f"   {price(panel.figures.price)}")
    waited_s = panel.figures.waited_s
    late = waited_s is not None and waited_s > BEHIND_S
    if late and panel.feed == "ok":
        age = f", catching up, {span(waited_s or 0.0)} behind"
    else:
        age = "" if panel.age_s is None else f", {span(panel.age_s)} ago"
    market = panel.health.get("market_status", ONLINE)
    well = panel.feed == "ok" and not late and market == ONLINE
    if market != ONLINE:
        age = f"{age}   market {printable(str(market), 40)}"
    head.append(f"   feed {printable(panel.feed)}{age}", style="" if well else "bold yellow")
    head.truncate(columns - 1, overflow="ellipsis")
    return head


def _fact(label: str, text: Text) -> tuple[Text, Text]:
    return Text(f"{label:>10}", style="dim"), text


def _facts(panel: Panel) -> list[tuple[str, Text]]:
    score, seen = panel.score, panel.figures
    skill = score.learned.skill
    latency = "-"
    if panel.p50_ms is not None and panel.p99_ms is not None:
        latency = f"p50 {_ms(panel.p50_ms)}, p99 {_ms(panel.p99_ms)}"
    learning = Text(f"{fraction(score.log_loss)} (baseline {fraction(score.baseline_log_loss)})")
    if skill is not None:
        learning.append(f" {skill:+.1%}", style="green" if skill > 0 else "yellow")
    gain = gain_of(score.equity_e8, seen.cash_e8)
    account = f"{money(score.equity_e8) or '-'} net {percent(gain)}"
    gross_e8 = seen.others_e8.get("gross_equity")
    if gross_e8 is not None:
        account += f", gross {money(gross_e8)}"
    return [
        ("ticks", Text(f"{panel.ticks:,} at {panel.pace:,.0f}/s{_late(score)}")),
        *_session(panel),
        ("latency", Text(latency)),
        ("durable", Text(f"{panel.durable:,}, checkpoint {panel.behind:,} behind")),
        ("disk", Text(room_of(panel.health))),
        ("log-loss", learning),
        ("skill", Text(trend(panel.skills) or "-", style="cyan")),
        ("accuracy", Text(f"{fraction(score.accuracy, 3)}  {trend(panel.accuracies)}")),
        ("confidence", Text(_sure(panel))),
        ("account", Text(account)),
        (
            "market",
            Text(f"{percent(panel.market_gain)}; the same stake held {percent(panel.hold_gain)}"),
        ),
        (
            "position",
            Text(f"{_position(seen.position_e8)}, {words_of(score.fills, 'fill')} so far"),
        ),
        ("reason", Text(_because(panel))),
        ("model", Text(printable(_milestones(score)) or "no drift, no growth yet")),
    ]


def _late(score: Score) -> str:
    return f", {late_words(score.late)}" if score.late else ""


def _ms(value_ms: float) -> str:
    return f"{value_ms:.1f} ms" if value_ms < 1_000 else f"{value_ms / 1e3:,.1f} s"


def _position(position_e8: int | None) -> str:
    return "-" if position_e8 is None else f"{position_e8 / 1e8:g}"


def _session(panel: Panel) -> list[tuple[str, Text]]:
    """Return the facts of this session alone; all others are since the beginning of the journal."""
    mine = panel.session
    if mine is None:
        return []
    gain = gain_of(panel.score.equity_e8, panel.figures.session_equity_e8)
    words = f"{words_of(mine.decisions, 'tick')}, log-loss {fraction(mine.log_loss)}"
    return [("of these", Text(f"this session {words}, {percent(gain)}"))]


def room_of(health: dict[str, object]) -> str:
    """Return how much room the disk has, and for how long, from a health sample."""
    free, days = health.get("disk_free_mib"), health.get("disk_days_left")
    if not isinstance(free, int | float):
        return "not looked at yet"
    if not isinstance(days, int | float):
        return f"{free / 1024:,.0f} GiB free, growth not known yet"
    return f"{free / 1024:,.0f} GiB free, full in {span(days * 86_400)}"


def _milestones(score: Score) -> str:
    """Return how often each kind of milestone happened, and which was the last."""
    counts = ", ".join(f"{why} {count:,}" for why, count in score.milestones.most_common())
    return f"{counts}; last {score.milestone}" if counts else ""


def _sure(panel: Panel) -> str:
    """Return its recent confidence and its recent accuracy: the two should agree."""
    sure, recent = panel.figures.confidence, panel.recent
    if recent.accuracy is None or sure is None:
        return "-"
    return f"{sure:.2f} now, right in {recent.accuracy:.2f} of {recent.labels:,} recent"


def _because(panel: Panel) -> str:
    total = sum(panel.reasons.values())
    if not total:
        return "no tick yet"
    shown = panel.reasons.most_common(2)
    parts = [f"{printable(reason)} {count / total:.0%}" for reason, count in shown]
    if rest := total - sum(count for _, count in shown):
        parts.append(f"{words_of(len(panel.reasons) - len(shown), 'other')} {rest / total:.0%}")
    return ", ".join(parts)


def trend(values: list[float]) -> str:
    """Return a small picture of a series, scaled to itself.

    >>> trend([0.1, 0.2, 0.4])
    '▁▃█'
    """
    if not values:
        return ""
    low, high = min(values), max(values)
    step = (high - low) / (len(_BARS) - 1)
    return "".join(_BARS[round((value - low) / step)] if step else _BARS[3] for value in values)
