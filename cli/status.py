"""`trader status`: how a journal stands, from its files, while it runs or after it was killed."""

import sys
from collections.abc import Iterator
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated

import typer

from cli import console, options
from cli.exits import CommandError, Exit
from eventlog.printable import printable

if TYPE_CHECKING:
    from cli.standing import Standing

_WATCH_MOST_S = 86_400.0
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
    from cli import journal
    from cli.durations import seconds_of
    from cli.standing import look
    from eventlog.reader import Reader
    from feeds import clock

    max_age_s = None if max_age is None else seconds_of(max_age, "--max-age")
    if watch is not None and not (max_age_s is None and watch < _WATCH_MOST_S):
        problem = f"--watch {watch:g}: up to a day, and not with --max-age, which is one look"
        raise CommandError(Exit.USAGE, problem)
    several = journal.names(home) if name is None else []
    places = [journal.find(home, each) for each in several] or [journal.find(home, name)]
    logs = [Reader.open(place.log) for place in places]
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


def _lines(standings: "list[Standing]") -> Iterator[str]:
    """Yield a screen about one journal, or a row a market of several."""
    from cli import overview

    if len(standings) == 1:
        return to_lines(standings[0])
    return overview.to_lines(standings)


def _check_ages(standings: "list[Standing]", max_age_s: float) -> None:
    """Refuse to call well what is not being recorded, or has stalled.

    Raises:
        CommandError: (15) if a journal is not being recorded; (14) if its newest record is older.
    """
    from cli.score import span

    for standing in standings:
        age = "no record" if standing.age_s is None else f"newest record {span(standing.age_s)} old"
        if not standing.running:
            hint = "trader live goes on from there."
            problem = f"{standing.place.name}: {standing.state}, {age}"
            raise CommandError(Exit.NOT_RECORDING, problem, hint=hint)
    for standing in standings:
        if standing.age_s is None or standing.age_s > max_age_s:
            age = "no record" if standing.age_s is None else span(standing.age_s)
            problem = f"{standing.place.name}: newest record {age} old, --max-age {max_age_s:g}s"
            raise CommandError(Exit.STALE, problem)


def redrawn(lines: list[str]) -> str:
    """Return what puts lines where others stood, without a moment in which nothing does."""
    columns, rows = get_terminal_size()
    if len(lines) >= rows:
        lines = [*lines[: rows - 2], f"… {len(lines) - rows + 2} more lines"]
    lines = [line[: columns - 1] for line in lines]
    return _HOME + "".join(line + _REST_OF_LINE + "\n" for line in lines) + _REST_OF_SCREEN


def to_json(standing: "Standing") -> dict[str, object]:
    """Return the figures under the names that the schema documents."""
    from eventlog.records import format_e8

    facts, recent, last = standing.facts, standing.recent, standing.last
    scored = facts is not None and facts.scored > 0
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
        "action": None if last is None else last[1].action,
        "reason": None if last is None else last[1].reason,
        "last_decision_offset": None if last is None else last[0],
        "hold_reasons": dict(standing.holds.most_common()),
        "checkpoint_offset": None if facts is None else facts.offset,
        "labels": None if facts is None else facts.scored,
        "log_loss": facts.log_loss if facts and scored else None,
        "baseline_log_loss": facts.baseline_log_loss if facts and scored else None,
        "accuracy": facts.hits / facts.scored if facts and scored else None,
        "free_bytes": standing.free_bytes,
        "disk_days_left": standing.days_left,
        "health": standing.health,
        "verified": standing.verified,
    }


def to_lines(standing: "Standing") -> Iterator[str]:
    """Yield what a person reads, one screen of it."""
    from cli.lines import time_of
    from cli.score import fraction, money, percent, score_words, span
    from eventlog.records import format_e8

    facts, recent, last = standing.facts, standing.recent, standing.last
    yield f"PAPER {standing.place.name}: {standing.state}, session {standing.session or '-'}"

    def line(label: str, text: str) -> str:
        return f"  {label:13} {text}"

    if standing.state == "killed":
        yield line("killed", "nothing acknowledged is lost; trader live goes on from there")

    if standing.last_received_ns is not None and standing.age_s is not None:
        pace = standing.recent_ticks_per_s
        yield line(
            "last record",
            f"{time_of(standing.last_received_ns)}, {span(standing.age_s)} ago"
            + ("" if pace is None else f"; {pace:,.1f} ticks a second"),
        )
    kept = "-" if facts is None else f"{facts.offset:,}"
    yield line("durable", f"{standing.records:,} records, whole state after offset {kept}")
    free = f"{standing.free_bytes / 2**30:,.0f} GiB free"
    days = standing.days_left
    yield line("disk", free + ("" if days is None else f", for {span(days * 86_400)}"))
    if facts is not None and facts.scored:
        yield line(
            "learned",
            f"{facts.steps:,} training steps, {facts.scored:,} labels scored:"
            f" accuracy {facts.hits / facts.scored:.3f},",
        )
        yield line("", score_words(facts.log_loss, facts.baseline_log_loss))
    if recent.scored:
        yield line(
            "recently", f"{recent.scored:,} labels: accuracy {fraction(recent.accuracy, 3)},"
        )
        yield line("", score_words(recent.log_loss, recent.baseline_log_loss))
    if last is not None:
        position = format_e8(last[1].position_e8).rstrip("0").rstrip(".")
        yield line(
            "account",
            f"equity {money(last[1].equity_e8)} ({percent(standing.gain)}; buy and hold"
            f" {percent(standing.market_gain)})",
        )
        yield line("position", position)
        yield line("last decision", f"{last[1].action}: {last[1].reason} (offset {last[0]:,})")
    held = sum(standing.holds.values())
    for number, (reason, count) in enumerate(standing.holds.most_common(4)):
        yield line("" if number else "holds", f"{count / held:4.0%} {reason}")
    for number, words in enumerate(_health(standing.health)):
        yield line("" if number else "health", words)
    if standing.verified is not None:
        said = standing.verified
        when = said.get("time_ns")
        moment = time_of(when) if isinstance(when, int) else "?"
        yield line(
            "verified",
            f"{said.get('verdict')} ({said.get('depth')}) at {moment},"
            f" {said.get('records'):,} records",
        )


_HEALTH = {
    "feed": "feed {}",
    "gaps": "gaps {}",
    "reconnects": "reconnects {}",
    "undecodable": "undecodable {}",
    "memory_mib": "memory {} MiB",
    "clock_skew_ms": "exchange's clock {:+} ms",
    "loop_lag_ms": "loop {} ms late",
}
"""What is shown of a health sample, and how; all of it stands in --json."""


def _health(sample: dict[str, object]) -> list[str]:
    from textwrap import wrap

    said = [form.format(sample[name]) for name, form in _HEALTH.items() if name in sample]
    return wrap(", ".join(said), 62)
