"""The status of a journal on one screen, or of several journals as a row each."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from analysis.lines import time_of
from analysis.status import JournalStatus
from cli.render import overview
from eventlog.records import format_e8
from journal.reading.score import (
    fraction,
    late_words,
    money,
    percent,
    price,
    score_words,
    span,
    words_of,
)

SKEW_MS_MAX = 60_000.0
"""Ms. If clocks differ by more, the stream is a recording, or one of the clocks is wrong."""

_REASONS_SHOWN = 3
_HEALTH_COLUMNS = 62
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

_Facts = Iterator[tuple[str, str]]
"""Labels and texts; one without a label continues the one before."""


def to_lines(standings: Sequence[JournalStatus]) -> Iterator[str]:
    """Return a screen about one journal, or a row for each of several."""
    return _screen(standings[0]) if len(standings) == 1 else overview.to_lines(standings)


def clock_words(skew_ms: float) -> str:
    """Return how far the exchange's clock is from ours; more than `SKEW_MS_MAX` is no skew.

    >>> clock_words(-166.9), clock_words(5_770_801.7)
    ("exchange's clock -166.9 ms", "exchange's clock 96 min off (a replay, or a wrong clock)")
    """
    if abs(skew_ms) <= SKEW_MS_MAX:
        return f"exchange's clock {skew_ms:+} ms"
    return f"exchange's clock {span(abs(skew_ms) / 1e3)} off (a replay, or a wrong clock)"


def _screen(standing: JournalStatus) -> Iterator[str]:
    yield f"PAPER {standing.place.name}: {standing.state}, session {standing.session or '-'}"
    for part in (_alive, _learning, _account, _reasons, _condition):
        for label, text in part(standing):
            yield f"  {label:13} {text}"


def _alive(standing: JournalStatus) -> _Facts:
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


def _learning(standing: JournalStatus) -> _Facts:
    learned, total, recent = standing.learned, standing.total, standing.recent
    if learned is not None and learned.labels:
        ticks = "" if total is None else f"{words_of(total.decisions, 'tick')}, "
        until = standing.learned_until
        as_of = "" if until is None else f" up to offset {until:,}"
        labels = f"{words_of(learned.labels, 'label')} scored{as_of}"
        yield "learned", f"{ticks}{labels}: accuracy {fraction(learned.accuracy, 3)},"
        yield "", score_words(learned.log_loss, learned.baseline_log_loss)
    if recent.scored:
        labels = words_of(recent.scored, "label")
        yield "recently", f"{labels}: accuracy {fraction(recent.accuracy, 3)},"
        yield "", score_words(recent.log_loss, recent.baseline_log_loss)


def _account(standing: JournalStatus) -> _Facts:
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


def _reasons(standing: JournalStatus) -> _Facts:
    held = sum(standing.holds.values())
    shown = standing.holds.most_common(_REASONS_SHOWN)
    for number, (reason, count) in enumerate(shown):
        yield "" if number else "holds", f"{count / held:4.0%} {reason}"
    if rest := held - sum(count for _, count in shown):
        others = words_of(len(standing.holds) - len(shown), "other reason")
        yield "", f"{rest / held:4.0%} {others}"


def _condition(standing: JournalStatus) -> _Facts:
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


def _market(standing: JournalStatus) -> str:
    """Return the newest price and its move since the first, or why there is none."""
    if standing.price_first is None:
        return "no price yet: no bid and ask, and no trade"
    if standing.price is None:
        return "no price now: no valid bid and ask of late"
    return f"{price(standing.price)} ({percent(standing.market_gain)})"


def _health(sample: dict[str, object]) -> list[str]:
    said = [form.format(sample[name]) for name, form in _HEALTH.items() if name in sample]
    skew_ms = sample.get("clock_skew_ms")
    if isinstance(skew_ms, int | float):
        said.append(clock_words(skew_ms))
    return wrap(", ".join(said), _HEALTH_COLUMNS)
