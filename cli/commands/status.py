"""`trader status`: how a journal stands, from its files, while it runs or after it was killed."""

import sys
from collections.abc import Iterator
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from eventlog.printable import printable
from journal import console
from journal.errors import JournalStale, NotRecording, UsageError

if TYPE_CHECKING:
    from analysis.status import JournalStatus

_WATCH_MOST_S = 86_400.0
_REASONS_SHOWN = 3

_CLEAR, _HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[2J", "\x1b[H", "\x1b[K", "\x1b[J"


def status(
    watch: Annotated[
        float | None,
        typer.Option("--watch", metavar="SECONDS", min=0.2, help="Look again, until Ctrl-C."),
    ] = None,
    max_age: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Exit with 14 if the newest record is older, 15 if none records."
        ),
    ] = None,
    name: options.Journal = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Say how a journal stands: is it alive, is it learning, what does the account have, and why.

    Without --journal, all journals of the home, a row each if there are several. It reads their
    files and disturbs nobody; it works after a crash as well. --max-age 60s makes it a probe: it
    exits with 0 only if every journal is being recorded and has a record as new as that.
    """
    from analysis.status import look
    from cli import holes
    from cli.durations import seconds_of
    from feeds import clock
    from journal import layout

    max_age_s = None if max_age is None else seconds_of(max_age, "--max-age")
    if watch is not None and not (max_age_s is None and watch < _WATCH_MOST_S):
        problem = f"--watch {watch:g}: up to a day, and not with --max-age, which is one look"
        raise UsageError(problem)
    several = layout.names(home) if name is None else []
    places = [layout.find(home, each) for each in several] or [layout.find(home, name)]
    logs = [holes.opened(place.log) for place in places]
    in_place = watch is not None and sys.stdout.isatty() and not as_json
    if in_place:
        console.write(_CLEAR)
    while True:
        standings = [look(place, log) for place, log in zip(places, logs, strict=True)]
        if as_json:
            for standing in standings:
                console.put({"message_type": "summary", **to_json(standing)})
        else:
            lines = [printable(line) for line in _lines(standings)]
            console.write(redrawn(lines) if in_place else "\n".join(lines) + "\n")
        if watch is None:
            if max_age_s is not None:
                _check_ages(standings, max_age_s)
            return
        clock.sleep_s(watch)
        for log in logs:
            log.refresh()


def _lines(standings: "list[JournalStatus]") -> Iterator[str]:
    """Yield a screen about one journal, or a row a market of several."""
    from cli.render import overview

    if len(standings) == 1:
        return to_lines(standings[0])
    return overview.to_lines(standings)


def _check_ages(standings: "list[JournalStatus]", max_age_s: float) -> None:
    """Refuse to call well what is not being recorded, or has stalled.

    Raises:
        CommandError: (15) if a journal is not being recorded; (14) if its newest record is older.
    """
    from journal.reading.score import span

    for standing in standings:
        age = "no record" if standing.age_s is None else f"newest record {span(standing.age_s)} old"
        if not standing.running:
            hint = "trader live goes on from there."
            problem = f"{standing.place.name}: {standing.state}, {age}"
            raise NotRecording(problem, hint=hint)
    for standing in standings:
        # Far ahead of a clock that was set back, nobody knows how old it is.
        if standing.age_s is None or abs(standing.age_s) > max_age_s:
            age = "no record" if standing.age_s is None else span(standing.age_s)
            problem = f"{standing.place.name}: newest record {age} old, --max-age {max_age_s:g}s"
            raise JournalStale(problem)


def redrawn(lines: list[str]) -> str:
    """Return what puts lines where others stood, without a moment in which nothing does."""
    columns, rows = get_terminal_size()
    if len(lines) >= rows:
        lines = [*lines[: rows - 2], f"… {len(lines) - rows + 2} more lines"]
    lines = [line[: columns - 1] for line in lines]
    return _HOME + "".join(line + _REST_OF_LINE + "\n" for line in lines) + _REST_OF_SCREEN


def to_json(standing: "JournalStatus") -> dict[str, object]:
    """Return the figures under the names that the schema documents."""
    from eventlog.records import format_e8

    facts, recent, last = standing.facts, standing.recent, standing.last
    learned = standing.learned
    total = standing.total
    return {
        "journal": standing.place.name,
        "paper": True,
        "state": standing.state,
        "records": standing.records,
        "session": standing.session,
        "last_record_ns": standing.last_received_ns,
        "last_record_age_s": standing.age_s,
        "recent_ticks_per_s": standing.recent_ticks_per_s,
        "recent_labels": recent.scored,
        "recent_log_loss": recent.log_loss,
        "recent_baseline_log_loss": recent.baseline_log_loss,
        "recent_accuracy": recent.accuracy,
        "equity": None if last is None else format_e8(last[1].equity_e8),
        "position": None if last is None else format_e8(last[1].position_e8),
        "gain": standing.gain,
        "market_gain": standing.market_gain,
        "hold_gain": standing.hold_gain,
        "price": standing.price,
        "ticks": None if total is None else total.decisions,
        "fills": None if total is None else total.fills,
        "late": None if total is None else total.late,
        "milestones": None if total is None else dict(total.milestones),
        "action": None if last is None else last[1].action,
        "reason": None if last is None else last[1].reason,
        "last_decision_offset": None if last is None else last[0],
        "hold_reasons": dict(standing.holds.most_common()),
        "checkpoint_offset": None if facts is None else facts.offset,
        "labels": None if learned is None else learned.labels,
        "log_loss": None if learned is None else learned.log_loss,
        "baseline_log_loss": None if learned is None else learned.baseline_log_loss,
        "accuracy": None if learned is None else learned.accuracy,
        "free_bytes": standing.free_bytes,
        "disk_days_left": standing.days_left,
        "health": standing.health,
        "verified": standing.verified,
    }


def to_lines(standing: "JournalStatus") -> Iterator[str]:
    """Yield what a person reads, one screen of it."""
    yield f"PAPER {standing.place.name}: {standing.state}, session {standing.session or '-'}"
    for part in (_alive, _learning, _account, _reasons, _condition):
        for label, text in part(standing):
            yield f"  {label:13} {text}"


_Facts = Iterator[tuple[str, str]]
"""Labels and texts; one without a label goes on with the one before."""


def _alive(standing: "JournalStatus") -> _Facts:
    from analysis.lines import time_of
    from journal.reading.score import span, words_of

    if standing.state == "killed":
        yield "killed", "nothing acknowledged is lost; trader live goes on from there"
    age_s, pace, facts = standing.age_s, standing.recent_ticks_per_s, standing.facts
    if standing.last_received_ns is not None and age_s is not None:
        ago = f", {span(age_s)} ago" if age_s >= 0 else f", {span(-age_s)} ahead of this clock"
        yield (
            "last record",
            time_of(standing.last_received_ns)
            + (", of recorded data" if standing.imported else ago)
            + ("" if pace is None else f"; {pace:,.1f} ticks a second"),
        )
    kept = "-" if facts is None else f"{facts.offset:,}"
    yield "durable", f"{words_of(standing.records, 'record')}, whole state after offset {kept}"
    free = f"{standing.free_bytes / 2**30:,.0f} GiB free"
    if standing.days_left is not None:
        free += f", for {span(standing.days_left * 86_400)}"
    elif standing.running and not standing.imported:
        free += ", growth not known yet"
    yield "disk", free


def _learning(standing: "JournalStatus") -> _Facts:
    from journal.reading.score import fraction, score_words, words_of

    learned, total, recent = standing.learned, standing.total, standing.recent
    if learned is not None and learned.labels:
        ticks = "" if total is None else f"{words_of(total.decisions, 'tick')}, "
        labels = f"{words_of(learned.labels, 'label')} scored{learned.as_of}"
        yield "learned", f"{ticks}{labels}: accuracy {fraction(learned.accuracy, 3)},"
        yield "", score_words(learned.log_loss, learned.baseline_log_loss)
    if recent.scored:
        labels = words_of(recent.scored, "label")
        yield "recently", f"{labels}: accuracy {fraction(recent.accuracy, 3)},"
        yield "", score_words(recent.log_loss, recent.baseline_log_loss)


def _account(standing: "JournalStatus") -> _Facts:
    from eventlog.records import format_e8
    from journal.reading.score import late_words, money, percent, words_of

    if standing.last is None:
        return
    offset, last = standing.last
    fills = "" if standing.total is None else f", {words_of(standing.total.fills, 'fill')}"
    yield "account", f"equity {money(last.equity_e8)} ({percent(standing.gain)}){fills}"
    if standing.total is not None and standing.total.late:
        yield "late", late_words(standing.total.late)
    held = f"holding the same stake {percent(standing.hold_gain)}"
    yield "market", f"{_market(standing)}; {held}"
    yield "position", format_e8(last.position_e8).rstrip("0").rstrip(".")
    yield "last decision", f"{last.action}: {last.reason} (offset {offset:,})"


def _reasons(standing: "JournalStatus") -> _Facts:
    from journal.reading.score import words_of

    held = sum(standing.holds.values())
    shown = standing.holds.most_common(_REASONS_SHOWN)
    for number, (reason, count) in enumerate(shown):
        yield "" if number else "holds", f"{count / held:4.0%} {reason}"
    if rest := held - sum(count for _, count in shown):
        others = words_of(len(standing.holds) - len(shown), "other reason")
        yield "", f"{rest / held:4.0%} {others}"


def _condition(standing: "JournalStatus") -> _Facts:
    from analysis.lines import time_of

    for number, words in enumerate(_health(standing.health)):
        yield "" if number else "health", words
    if standing.verified is not None:
        said = standing.verified
        when = said.get("time_ns")
        moment = time_of(when) if isinstance(when, int) else "?"
        yield (
            "verified",
            (
                f"{said.get('verdict')} ({said.get('depth')}) at {moment},"
                f" {said.get('records'):,} records"
            ),
        )


SKEW_MS_MAX = 60_000.0
"""By more than that no clock is off that anybody keeps: what is streamed was recorded once."""


def clock_words(skew_ms: float) -> str:
    """Say how far the exchange's clock is from ours, if that says anything of a clock.

    >>> clock_words(-166.9), clock_words(5_770_801.7)
    ("exchange's clock -166.9 ms", "exchange's clock 96 min off (a replay, or a wrong clock)")
    """
    from journal.reading.score import span

    if abs(skew_ms) <= SKEW_MS_MAX:
        return f"exchange's clock {skew_ms:+} ms"
    return f"exchange's clock {span(abs(skew_ms) / 1e3)} off (a replay, or a wrong clock)"


def _market(standing: "JournalStatus") -> str:
    """Return the newest price and its move since the first, or why there is none."""
    from journal.reading.score import percent, price

    if standing.price_first is None:
        return "no price yet: no bid and ask, and no trade"
    if standing.price is None:
        return "no price now: no valid bid and ask of late"
    return f"{price(standing.price)} ({percent(standing.market_gain)})"


_HEALTH = {
    "feed": "feed {}",
    "market_status": "the exchange says {}",
    "gaps": "gaps {}",
    "reconnects": "reconnects {}",
    "undecodable": "undecodable {}",
    "memory_mib": "memory {} MiB",
    "loop_lag_ms": "loop {} ms late",
}
"""What is shown of a health sample, and how; all of it stands in --json."""


def _health(sample: dict[str, object]) -> list[str]:
    from textwrap import wrap

    said = [form.format(sample[name]) for name, form in _HEALTH.items() if name in sample]
    skew_ms = sample.get("clock_skew_ms")
    if isinstance(skew_ms, int | float):
        said.append(clock_words(skew_ms))
    return wrap(", ".join(said), 62)
